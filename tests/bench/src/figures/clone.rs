//! Clone, snapshot, restore, session start and deletion, against the size of the tree.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use workdisk::manager::{CloneWorkspace, Force, RestoreSnapshot};
use workdisk::model::WorkspaceId;
use workdisk_conformance::FileSystem;

use crate::Result;
use crate::disk::Disk;
use crate::options::{Form, Options};
use crate::peers::Peer;
use crate::process::run;
use crate::report::{Figure, Row};
use crate::samples::Samples;
use crate::store::Store;
use crate::tree;

const NAME: &str = "clone";

/// The calls that have the bar.
const CALLS: [&str; 5] = ["clone", "snapshot", "restore", "session start", "delete"];

/// How many rounds there are at least, however long they take.
const ENOUGH: usize = 30;

/// How long the rounds of one size go on after that.
const PATIENCE: Duration = Duration::from_secs(12);

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let mut figure = Figure::new(NAME, "a call's time, against the size of the tree");
    for system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        for files in sizes(options) {
            measure_one(&mut figure, options, system, files).await?;
        }
        hold_against_bars(&mut figure, system);
    }
    figure.note(
        "the times of our calls are of whole calls of the manager, with name, record and lock",
    );
    Ok(figure)
}

fn sizes(options: &Options) -> Vec<u64> {
    options.scaled(vec![100, 1_000], vec![1_000, 10_000, 100_000, 1_000_000])
}

/// Ours and the peers', on one fresh file system.
async fn measure_one(
    figure: &mut Figure,
    options: &Options,
    system: FileSystem,
    files: u64,
) -> Result<()> {
    eprintln!("  {files} files on {system}");
    let disk = Disk::new(system)?;
    let folder = disk.path().join("data");
    if system == FileSystem::Btrfs {
        // A subvolume, so that the peer can take a snapshot of the same tree.
        run(Command::new("btrfs")
            .args(["-q", "subvolume", "create"])
            .arg(&folder))?;
    }
    let store = Store::open(&folder).await?;
    let template = store
        .workspace("template", |root| tree::write(root, files))
        .await?;
    store.settle().await?;
    let place = system.to_string();
    let mut first = Samples::default();
    first
        .time(store.account.create_snapshot(template, "first", Force::No))
        .await?;
    figure.times(
        "snapshot of what was just written",
        Peer::Workdisk,
        &place,
        Some(files),
        &first,
    );
    let calls = our_calls(&store, template, options.scaled(10, 200)).await?;
    for (call, samples) in CALLS.iter().zip(&calls) {
        figure.times(call, Peer::Workdisk, &place, Some(files), samples);
    }
    store.settle().await?;
    copies(figure, options, &disk, &store, files)?;
    let mut deletion = Samples::default();
    deletion
        .time(store.account.delete(template, Force::No))
        .await?;
    figure.times(
        "delete of the template",
        Peer::Workdisk,
        &place,
        Some(files),
        &deletion,
    );
    Ok(())
}

/// Clones a template, works a little in the clone, and so on, some times over.
async fn our_calls(store: &Store, template: WorkspaceId, rounds: usize) -> Result<[Samples; 5]> {
    let mut calls: [Samples; 5] = Default::default();
    let [clone, snapshot, restore, start, delete] = &mut calls;
    let account = &store.account;
    let begin = Instant::now();
    for round in 0..rounds {
        if round >= ENOUGH && begin.elapsed() > PATIENCE {
            break;
        }
        let options = CloneWorkspace::of_head().with_name(format!("clone {round}"));
        let copy = clone
            .time(account.clone_workspace(template, options))
            .await?
            .id;
        let session = start.time(store.start(copy)).await?;
        fs::write(session.path().join("written"), round.to_string())?;
        session.end().await?;
        snapshot
            .time(account.create_snapshot(copy, "snapshot", Force::No))
            .await?;
        let back = RestoreSnapshot::default();
        restore
            .time(account.restore(copy, "snapshot", back))
            .await?;
        delete.time(account.delete(copy, Force::No)).await?;
    }
    Ok(calls)
}

/// What the file system's own tools take for a copy of the same tree.
fn copies(
    figure: &mut Figure,
    options: &Options,
    disk: &Disk,
    store: &Store,
    files: u64,
) -> Result<()> {
    let place = disk.system.to_string();
    if disk.system == FileSystem::Btrfs {
        let mut samples = Samples::default();
        for round in 0..options.scaled(3, 20) {
            let to = disk.path().join(format!("snapshot {round}"));
            let mut snapshot = Command::new("btrfs");
            snapshot
                .args(["-q", "subvolume", "snapshot"])
                .arg(&store.folder)
                .arg(to);
            samples.time_blocking(|| run(&mut snapshot))?;
        }
        figure.times("clone", Peer::Subvolume, &place, Some(files), &samples);
        return Ok(());
    }
    if files > 100_000 && options.form() < Form::Full {
        figure.note(format!(
            "{place}: nobody copied {files} files, which the full form does"
        ));
        return Ok(());
    }
    let (peer, synced, how) = match disk.system {
        FileSystem::Xfs => (Peer::Reflink, Peer::SyncedReflink, "--reflink=always"),
        _ => (Peer::Copy, Peer::SyncedCopy, "--reflink=never"),
    };
    let source = store.files_of(&store.largest_layer()?);
    let (mut plain, mut durable, mut removal) = Default::default();
    for round in 0..rounds_of_copies(files) {
        let to = disk.path().join(format!("copy {round}"));
        let begin = Instant::now();
        Samples::time_blocking(&mut plain, || {
            run(Command::new("cp").args(["-a", how]).arg(&source).arg(&to))
        })?;
        disk.settle()?;
        Samples::add(&mut durable, begin.elapsed());
        Samples::time_blocking(&mut removal, || run(Command::new("rm").arg("-rf").arg(&to)))?;
        disk.settle()?;
    }
    figure.times("clone", peer, &place, Some(files), &plain);
    figure.times("clone", synced, &place, Some(files), &durable);
    figure.times("delete", Peer::Remove, &place, Some(files), &removal);
    Ok(())
}

/// A copy of many files is not made often.
fn rounds_of_copies(files: u64) -> u64 {
    (20_000 / files).clamp(1, 10)
}

/// Times as flat as the bar asks, and short at every size.
fn hold_against_bars(figure: &mut Figure, system: FileSystem) {
    let place = system.to_string();
    for call in CALLS {
        let ours = figure.rows.iter().filter(|row| {
            row.what == call && row.who == Peer::Workdisk.name() && row.place == place
        });
        let rows: Vec<Row> = ours.cloned().collect();
        let (Some(few), Some(many)) = (rows.first(), rows.last()) else {
            continue;
        };
        let ratio = many.median / few.median;
        let greatest = |of: fn(&Row) -> f64| rows.iter().map(of).fold(0.0, f64::max);
        let (median, p99) = (
            greatest(|row| row.median),
            greatest(|row| row.p99.unwrap_or_default()),
        );
        figure.at_most(
            &format!("{call} on {place}, most files over fewest"),
            ratio,
            1.5,
            "×",
        );
        figure.at_most(
            &format!("{call} on {place}, median at any size"),
            median,
            2.0,
            " ms",
        );
        figure.at_most(
            &format!("{call} on {place}, p99 at any size"),
            p99,
            10.0,
            " ms",
        );
    }
}
