//! Little of what a process or a disk has, and much of what a store holds.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, ListWorkspaces};
use workdisk::model::SessionType;
use workdisk_conformance::{FileSystem, LoopDisk};

use super::{Fault, Faults, embedded, is_kept};
use crate::call::in_session;
use crate::dice::Dice;
use crate::journal::{self, Promises};
use crate::own::Own;
use crate::place::{AWKWARD, Place};
use crate::state::State;
use crate::store::Store;
use crate::work::Work;
use crate::{Result, files};

pub(super) const ALL: [(&str, Fault); 6] = [
    ("64 open files", |_| few_open_files()),
    ("no space", |faults| {
        full(faults, FileSystem::Ext4, |disk| Ok(disk.fill()?), drain)
    }),
    ("no inodes", |faults| {
        let fill: Change = |disk| use_up_inodes(disk.path());
        full(faults, FileSystem::Ext4, fill, drain)
    }),
    ("501 snapshots", |_| embedded(deep())),
    ("clones deleted in any order", |faults| {
        embedded(shared(faults.seed))
    }),
    ("many workspaces of one account", |faults| {
        embedded(many(faults.workspaces))
    }),
];

/// Takes room of a disk, or gives it back.
pub(super) type Change = fn(&LoopDisk) -> Result<()>;

fn drain(disk: &LoopDisk) -> Result<()> {
    Ok(disk.drain()?)
}

fn few_open_files() -> Result<String> {
    let place = Place::new()?;
    let work = Work {
        folder: place.folder().to_owned(),
        callers: 4,
        ..Work::default()
    };
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 64 && exec "$0" "$@""#]);
    command.arg(std::env::current_exe()?);
    let mut own = Own::start_by(command, &work.arguments())?;
    own.tell(&State::default())?;
    let lines = journal::parse(&own.end()?)?;
    is_kept(place.folder(), &Promises::of(State::default(), &lines))
}

/// Takes every inode of the disk, and leaves bytes.
fn use_up_inodes(disk: &Path) -> Result<()> {
    let filler = disk.join("filler");
    fs::create_dir(&filler)?;
    for number in 0.. {
        match File::create(filler.join(number.to_string())) {
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            file => drop(file?),
        }
    }
    Ok(())
}

/// The disk of both stores fills up while it is worked on. The worker is told so; once there is room again, all is there.
pub(super) fn full(faults: &Faults, on: FileSystem, fill: Change, drain: Change) -> Result<String> {
    let mut dice = Dice::new((faults.seed, "full"));
    let mut kept = 0;
    for _ in 0..faults.points {
        let disk = LoopDisk::new(on, 64).map_err(|lacks| lacks.to_string())?;
        let folder = disk.path().join(AWKWARD);
        let work = Work {
            folder: folder.clone(),
            calls: usize::MAX,
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        own.tell(&State::default())?;
        let mut said = own.said_until(1 + dice.below(60))?;
        fill(&disk)?;
        if own.child.wait()?.success() {
            return Err("it ended without a failure".into());
        }
        said += &own.said()?;
        let complaint = own.complaint()?;
        if !["full", "No space left", "quota", "an earlier write failed"]
            .iter()
            .any(|it| complaint.contains(it))
        {
            return Err(format!("it was told {complaint}").into());
        }
        drain(&disk)?;
        let promises = Promises::of(State::default(), &journal::parse(&said)?);
        is_kept(&folder, &promises)?;
        kept += promises.answered;
    }
    Ok(format!("{} times, {kept} calls kept", faults.points))
}

/// More snapshots in a row than the kernel stacks layers.
async fn deep() -> Result<String> {
    const DEPTH: usize = 501;
    let place = Place::new()?;
    let store = Store::open(place.folder()).await?;
    let account = store.account_of(0)?;
    let new = CreateWorkspace::new(SessionType::Sandbox);
    let workspace = account.create(new).await?.id;
    for number in 1..=DEPTH {
        let name = number.to_string();
        in_session(&account, workspace, |disk| {
            fs::write(disk.join(&name), &name)
        })
        .await??;
        account.create_snapshot(workspace, &name, Force::No).await?;
    }
    for number in [1, 70, 300, 400, DEPTH] {
        let options = CloneWorkspace::of_snapshot(number.to_string());
        let clone = account.clone_workspace(workspace, options).await?.id;
        let names = |disk: &Path| -> Result<BTreeSet<String>> {
            let entries = fs::read_dir(disk)?;
            entries
                .map(|it| Ok(it?.file_name().to_string_lossy().into_owned()))
                .collect()
        };
        let found = in_session(&account, clone, names).await??;
        if found != (1..=number).map(|it| it.to_string()).collect() {
            return Err(format!("snapshot {number} holds {found:?}").into());
        }
    }
    account.delete(workspace, Force::No).await?;
    Ok(format!("{DEPTH} snapshots, each as it was"))
}

/// A line of clones, deleted in any order while others are made: what is left is whole, and in the end the space is back.
async fn shared(seed: u64) -> Result<String> {
    const CLONES: usize = 50;
    let disk = LoopDisk::new(FileSystem::Ext4, 128).map_err(|lacks| lacks.to_string())?;
    let mut dice = Dice::new((seed, "shared"));
    let store = Store::open(&disk.path().join(AWKWARD)).await?;
    let account = store.account_of(0)?;
    let before = disk.free_bytes()?;
    let new = || CreateWorkspace::new(SessionType::Sandbox);
    let mut left = vec![(account.create(new()).await?.id, String::new())];
    for turn in 0..2 * CLONES {
        // First each is a clone of the one before, and then of any.
        let at = match turn < CLONES {
            true => left.len() - 1,
            false => dice.below(left.len()),
        };
        let id = left[at].0;
        let next = turn.to_string();
        in_session(&account, id, |disk| files::write(disk, &next)).await??;
        left[at].1.clone_from(&next);
        let cloned = account
            .clone_workspace(id, CloneWorkspace::of_head())
            .await?
            .id;
        left.push((cloned, next));
        if turn >= CLONES {
            // A clone is made of one while another one that shares its layers goes.
            let (gone, _) = left.swap_remove(dice.below(left.len() - 1));
            let source = left[dice.below(left.len())].clone();
            let options = CloneWorkspace::of_head();
            let (deleted, made) = tokio::join!(
                account.delete(gone, Force::No),
                account.clone_workspace(source.0, options)
            );
            deleted?;
            left.push((made?.id, source.1));
            let (gone, _) = left.swap_remove(dice.below(left.len()));
            account.delete(gone, Force::No).await?;
        }
    }
    let number = left.len();
    while !left.is_empty() {
        let (id, word) = left.swap_remove(dice.below(left.len()));
        let found = in_session(&account, id, files::read).await??;
        if found != word {
            return Err(format!("a clone holds {found}, not {word}").into());
        }
        account.delete(id, Force::No).await?;
    }
    store.manager.reclaim().await?;
    let taken = before.saturating_sub(disk.free_bytes()?);
    // What the file system itself and the log of the records have grown by.
    if taken > 8 << 20 {
        return Err(format!("{taken} bytes did not come back").into());
    }
    Ok(format!(
        "{number} clones whole, and the space back but for {taken} bytes"
    ))
}

/// As many workspaces as a large account has.
async fn many(workspaces: usize) -> Result<String> {
    let place = Place::new()?;
    let store = Store::open(place.folder()).await?;
    let account = store.account_of(0)?;
    for number in 0..workspaces {
        let new = CreateWorkspace::new(SessionType::Sandbox).with_name(format!("w{number}"));
        account.create(new).await?;
    }
    drop((account, store));
    let store = Store::open(place.folder()).await?;
    let account = store.account_of(0)?;
    let mut options = ListWorkspaces::default().with_limit(ListWorkspaces::MAX_LIMIT);
    let mut found = BTreeSet::new();
    loop {
        let page = account.list(options.clone()).await?;
        found.extend(page.workspaces.iter().map(|it| it.id));
        match page.next_cursor {
            Some(cursor) => options = options.with_cursor(cursor),
            None => break,
        }
    }
    let last = format!("W{}", workspaces - 1);
    if found.len() != workspaces || !found.contains(&account.get(last.as_str()).await?.id) {
        return Err(format!("{} of {workspaces} are listed", found.len()).into());
    }
    account.delete(last.as_str(), Force::No).await?;
    Ok(format!(
        "{workspaces} created, listed after another opening, and found by name"
    ))
}
