//! Histories of calls that are made at once, and whether they can be explained by calls that are made one after another.
//!
//! Some callers make random calls on a few names of a fresh account, and what each was told is noted with the moments at
//! which it asked and was answered. A tester then looks for an order that keeps to those moments and in which every answer
//! is what the rules say. Where the architecture says that a call begins and ends at two moments, each is a point of its own.
//!
//! # How to run more
//! `WORKDISK_HISTORIES=3000` sets how many there are, `WORKDISK_SEED` which calls are drawn.

mod calls;
mod order;
mod points;
mod shaken;
mod spec;

use std::env;
use std::sync::Arc;
use std::time::Instant;

use workdisk::{Metadata, Volume, WorkspaceManager};
use workdisk_directory::DirectoryVolume;
use workdisk_memory::{MemoryMetadata, MemoryVolume};
use workdisk_sled::SledMetadata;

use self::calls::{Event, record};
use self::order::explain;
use self::shaken::{Flaw, Shaken};

/// How many histories there are, unless it is said otherwise, and how many with each flaw at most until it is found out.
const HISTORIES: usize = 20;
const FLAWED: usize = 5_000;

/// How many callers there are at most, and how many calls each makes.
const SIZE: (usize, usize) = (5, 4);

fn number(name: &str, otherwise: usize) -> usize {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

async fn manager(
    metadata: Arc<dyn Metadata>,
    volume: Arc<dyn Volume>,
    flaw: Flaw,
) -> WorkspaceManager {
    let metadata = Shaken::new(metadata, flaw);
    let opened = WorkspaceManager::open(Arc::new(metadata), volume).await;
    opened.unwrap()
}

/// Records a history of a fresh account.
async fn recorded(manager: &WorkspaceManager, history: usize) -> Vec<Event> {
    let seed = number("WORKDISK_SEED", 1);
    let account = manager.account(format!("history {history}")).unwrap();
    record(&account, SIZE, (seed as u64) << 32 | history as u64).await
}

async fn explain_all(name: &str, metadata: Arc<dyn Metadata>, volume: Arc<dyn Volume>) {
    let manager = manager(metadata, volume, Flaw::None).await;
    let (histories, began) = (number("WORKDISK_HISTORIES", HISTORIES), Instant::now());
    let mut calls = 0;
    for history in 0..histories {
        let events = recorded(&manager, history).await;
        calls += events.len() / 2;
        let explained = explain(&events);
        if !explained.is_whole {
            for (at, event) in events.iter().enumerate() {
                eprintln!("{at:3} {event:?}");
            }
            eprintln!("the longest beginning of an order:");
            for (asked, point) in explained.longest {
                eprintln!("{asked:3} {point:?}");
            }
            panic!("history {history} cannot be explained");
        }
    }
    eprintln!(
        "{name}: {histories} histories of {calls} calls are explained, in {:?}",
        began.elapsed()
    );
    assert!(manager.recover().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_at_once_are_as_if_one_after_another_on_sled_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = SledMetadata::open(folder.path().join("metadata")).await;
    let volume = MemoryVolume::new().unwrap();
    explain_all(
        "sled, memory",
        Arc::new(metadata.unwrap()),
        Arc::new(volume),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_at_once_are_as_if_one_after_another_on_sled_and_directories() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = SledMetadata::open(folder.path().join("metadata")).await;
    let volume = DirectoryVolume::open(folder.path().join("volumes")).await;
    let (metadata, volume) = (metadata.unwrap(), volume.unwrap());
    explain_all("sled, directories", Arc::new(metadata), Arc::new(volume)).await;
}

/// A tester that calls every history sound would be one that cannot fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn store_that_serves_what_was_or_writes_over_what_it_was_not_shown_is_found_out() {
    for flaw in [Flaw::StaleReads, Flaw::LostCompare] {
        let (metadata, volume) = (MemoryMetadata::new(), MemoryVolume::new().unwrap());
        let manager = manager(Arc::new(metadata), Arc::new(volume), flaw).await;
        let mut found_out = false;
        for history in 0..FLAWED {
            let events = recorded(&manager, history).await;
            // What the manager itself notices is not for the tester to find.
            if !events.iter().any(Event::is_of_storage) && !explain(&events).is_whole {
                eprintln!("{flaw:?} is found out by history {history}");
                found_out = true;
                break;
            }
        }
        assert!(found_out, "{flaw:?} was not found out");
    }
}
