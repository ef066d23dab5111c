//! A million workspaces in one store: opening it, finding, reading, listing and creating, and what it takes of memory.

use std::fs;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use workdisk::Account;
use workdisk::manager::{CreateWorkspace, ListWorkspaces};
use workdisk::model::{AccountId, SessionType, StoreId, WorkspaceId};
use workdisk_conformance::FileSystem;
use workdisk_sled::SledMetadata;

use crate::Result;
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::process::run;
use crate::records::{name, record};
use crate::report::Figure;
use crate::samples::Samples;
use crate::store::Store;

/// How many finds after opening are told apart: afterwards sled has most of its inner pages in memory.
const FIRST_FINDS: u64 = 200;

/// What a process that did nothing else found in a store.
#[derive(Serialize, Deserialize)]
struct Found {
    open: Vec<Duration>,
    first: Vec<Duration>,
    find: Vec<Duration>,
    get: Vec<Duration>,
    page: Vec<Duration>,
    create: Vec<Duration>,
    resident_mib: f64,
    greatest_mib: f64,
}

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let workspaces = options.scaled(1_000, 1_000_000);
    let title = format!("{workspaces} workspaces in one store");
    let mut figure = Figure::new("store", title);
    let disk = Disk::new(FileSystem::Ext4)?;
    let (empty, full) = (disk.path().join("empty"), disk.path().join("full"));
    fill(&full.join("metadata"), workspaces).await?;
    disk.settle()?;
    // In a process each, whose memory is all the store's.
    let look = |folder: &Path, workspaces: u64, variable: Option<(&str, &str)>| {
        let told = run(Command::new(std::env::current_exe()?)
            .arg("--look-into-store")
            .arg(folder)
            .args(["--workspaces", &workspaces.to_string()])
            .envs(variable))?;
        Ok::<Found, crate::Error>(serde_json::from_str(&told)?)
    };
    let alone = look(&empty, 0, None)?;
    let among = look(&full, workspaces, None)?;
    let in_one_arena = look(&full, workspaces, Some(("MALLOC_ARENA_MAX", "1")))?;
    let place = "ext4";
    let mut row = |what: &str, times: &[Duration]| {
        let samples: Samples = times.iter().copied().collect();
        figure.times(what, Peer::Workdisk, place, None, &samples)
    };
    let created_alone = row("create in an empty store", &alone.create);
    let created = row("create", &among.create);
    let open = row("open", &among.open);
    row("find by name, just opened", &among.first);
    let find = row("find by name", &among.find);
    row("get by id what was just found", &among.get);
    let page = row("page of 100", &among.page);
    figure.number("memory", Peer::Workdisk, place, (among.resident_mib, "MiB"));
    figure.number(
        "memory, after all were listed",
        Peer::Workdisk,
        place,
        (among.greatest_mib, "MiB"),
    );
    figure.number(
        "the same, malloc held to one arena",
        Peer::Workdisk,
        place,
        (in_one_arena.greatest_mib, "MiB"),
    );
    figure.at_most("open", open, 1_000.0, " ms");
    figure.at_most("find by name", find * 1e3, 50.0, " µs");
    figure.at_most("page of 100", page, 5.0, " ms");
    figure.at_most(
        "create over the same in an empty store",
        created / created_alone,
        1.5,
        "×",
    );
    figure.at_most(
        "memory, after all were listed",
        among.greatest_mib,
        300.0,
        " MiB",
    );
    figure.note(
        "glibc keeps what a thread freed for that thread's arena, which differs from run to run: MALLOC_ARENA_MAX=1 gives it \
         back to all",
    );
    figure.note(
        "the records are read in as an export; their disks, which cost no memory, are not made",
    );
    figure.note(format!(
        "each name is asked for once. A find reads two pages of sled, of the names and of the records, from the kernel's cache, \
         some 12 µs each, in a thread that may block, 6 µs away. The first {FIRST_FINDS} after opening find the pages above \
         these outside sled's cache as well, with 256 keys each to take apart",
    ));
    Ok(figure)
}

/// Reads as many records into a new store as an export of it would have.
async fn fill(folder: &Path, workspaces: u64) -> Result<()> {
    fs::create_dir_all(folder)?;
    let (reader, writer) = std::io::pipe()?;
    let written = std::thread::spawn(move || export(writer, workspaces));
    let store = SledMetadata::open(folder).await?;
    let store = store.import(BufReader::new(reader)).await?;
    drop(store);
    written.join().map_err(|_| "the export broke off")?
}

fn export(to: std::io::PipeWriter, workspaces: u64) -> Result<()> {
    let mut to = std::io::BufWriter::with_capacity(1 << 16, to);
    let store = serde_json::to_string(&StoreId::new())?;
    writeln!(
        to,
        r#"{{"line":"header","version":1,"store":{store},"generation":1}}"#
    )?;
    let account = AccountId::parse("bench")?;
    for number in 0..workspaces {
        let record = serde_json::to_string(&record(&account, number)?)?;
        writeln!(to, r#"{{"line":"workspace","record":{record}}}"#)?;
    }
    writeln!(
        to,
        r#"{{"line":"end","workspaces":{workspaces},"snapshots":0}}"#
    )?;
    Ok(to.flush()?)
}

/// The process that works in the store, and tells what it found.
pub(crate) async fn look_into(folder: &Path, workspaces: u64) -> Result<()> {
    let mut found = [(); 6].map(|()| Vec::new());
    let [open, first, find, get, page, create] = &mut found;
    let begin = Instant::now();
    let store = Store::open(folder).await?;
    open.push(begin.elapsed());
    let account = &store.account;
    for number in spread(FIRST_FINDS, workspaces) {
        first.push(time_find(account, number).await?.1);
    }
    for number in spread(10 * FIRST_FINDS, workspaces) {
        let (id, time) = time_find(account, number).await?;
        find.push(time);
        let begin = Instant::now();
        account.get(id).await?;
        get.push(begin.elapsed());
    }
    let rounds = 200;
    let pages = ListWorkspaces::default().with_limit(100);
    let mut options = pages.clone();
    for _ in 0..rounds {
        let begin = Instant::now();
        let next = account.list(options.clone()).await?.next_cursor;
        page.push(begin.elapsed());
        if let Some(cursor) = next {
            options = options.with_cursor(cursor);
        }
    }
    for round in 0..rounds {
        // Another process may have made its own here.
        let name = format!("new {} {round}", std::process::id());
        let asked = CreateWorkspace::new(SessionType::Sandbox).with_name(name);
        let begin = Instant::now();
        account.create(asked).await?;
        create.push(begin.elapsed());
    }
    let resident_mib = memory_mib("VmRSS")?;
    // What was read stays in a cache, as far as its bound allows.
    let mut options = pages.with_limit(ListWorkspaces::MAX_LIMIT);
    while let Some(cursor) = account.list(options.clone()).await?.next_cursor {
        options = options.with_cursor(cursor);
    }
    let [open, first, find, get, page, create] = found;
    let found = Found {
        open,
        first,
        find,
        get,
        page,
        create,
        resident_mib,
        greatest_mib: memory_mib("VmHWM")?,
    };
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

/// The middles of as many equal parts of the workspaces. Those of ten times as many parts are all others.
fn spread(parts: u64, workspaces: u64) -> impl Iterator<Item = u64> {
    let parts = parts.min(workspaces);
    (0..parts).map(move |part| (2 * part + 1) * workspaces / (2 * parts))
}

async fn time_find(account: &Account, number: u64) -> Result<(WorkspaceId, Duration)> {
    let wanted = name(number);
    let begin = Instant::now();
    let id = account.get(wanted.as_str()).await?.id;
    Ok((id, begin.elapsed()))
}

/// What this process takes of the memory.
fn memory_mib(field: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("the kernel does not say")?.parse::<f64>()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_found_twice() {
        let first: Vec<u64> = spread(200, 1_000_000).collect();
        let then: Vec<u64> = spread(2_000, 1_000_000).collect();
        assert_eq!((first.len(), then.len()), (200, 2_000));
        assert!(then.is_sorted_by(|one, next| one < next));
        assert!(first.iter().all(|number| !then.contains(number)));
    }

    #[test]
    fn no_more_are_found_than_there_are() {
        assert_eq!(spread(2_000, 0).count(), 0);
        assert!(spread(2_000, 3).eq([0, 1, 2]));
    }
}
