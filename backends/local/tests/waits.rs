//! How often a whole call has the disk keep what was written, counted by the disk: what the calls of the stores add up to,
//! and what the kernel does beside them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, RestoreSnapshot, StartSession};
use workdisk::model::SessionType;
use workdisk_conformance::{FileSystem, LoopDisk, Skip};
use workdisk_local::VolumePreference;
use workdisk_overlayfs::OverlayVolume;

const SANDBOX: SessionType = SessionType::Sandbox;

/// A wait ends a transaction of the file system's journal, which flushes the disk before its last block and after it.
const FLUSHES_A_WAIT: u64 = 2;

fn flushes(folder: &Path) -> u64 {
    let device = fs::metadata(folder).unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let counts = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).unwrap();
    counts.split_whitespace().nth(15).unwrap().parse().unwrap()
}

/// The counts of each call over the rounds.
#[derive(Default)]
struct Counts(Vec<(&'static str, Vec<u64>)>);

impl Counts {
    async fn of<T, E: std::fmt::Debug>(
        &mut self,
        call: &'static str,
        folder: &Path,
        work: impl Future<Output = Result<T, E>>,
    ) -> T {
        let before = flushes(folder);
        let done = work.await.unwrap();
        let count = flushes(folder) - before;
        match self.0.iter_mut().find(|(known, _)| *known == call) {
            Some((_, counts)) => counts.push(count),
            None => self.0.push((call, vec![count])),
        }
        done
    }

    /// A round may meet the journal or the store at work on their own.
    fn medians(mut self) -> Vec<(&'static str, u64)> {
        let median = |counts: &mut Vec<u64>| {
            counts.sort_unstable();
            counts[counts.len() / 2]
        };
        let medians = self.0.iter_mut();
        medians
            .map(|(call, counts)| (*call, median(counts)))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_call_waits_for_the_journal_once() {
    let disk = match LoopDisk::new(FileSystem::Ext4, 256) {
        Ok(disk) => disk,
        Err(skip) => return skip.announce(),
    };
    if let Err(error) = OverlayVolume::probe(disk.path().join("probe")) {
        return Skip::new(error.to_string()).announce();
    }
    let remounted = Command::new("mount")
        .args(["-o", "remount,commit=1000"])
        .arg(disk.path())
        .status()
        .unwrap();
    assert!(remounted.success());
    let folder = disk.path().join("data");
    let preference = VolumePreference::Overlayfs;
    let local = workdisk_local::open_with(&folder, preference, |builder| builder);
    let local = local.await.unwrap();
    let account = local.manager().account("a").unwrap();
    let template = account.create(CreateWorkspace::new(SANDBOX)).await.unwrap();
    let mut counts = Counts::default();
    for _ in 0..9 {
        local.manager().reclaim().await.unwrap();
        rustix::fs::syncfs(File::open(&folder).unwrap()).unwrap();
        let clone = account.clone_workspace(template.id, CloneWorkspace::of_head());
        let id = counts.of("clone", &folder, clone).await.id;
        let start = account.start_session(id, SANDBOX, StartSession::default());
        let session = counts.of("session start", &folder, start).await;
        fs::write(session.path().join("file"), "content").unwrap();
        session.end().await.unwrap();
        let snapshot = account.create_snapshot(id, "s", Force::No);
        counts.of("snapshot", &folder, snapshot).await;
        let restore = account.restore(id, "s", RestoreSnapshot::default());
        counts.of("restore", &folder, restore).await;
        counts
            .of("delete", &folder, account.delete(id, Force::No))
            .await;
    }
    let medians = counts.medians();
    println!("{medians:?}");
    // The record with its intent and the volume wait for the file system's journal together.
    for (call, flushes) in medians {
        assert!(flushes <= FLUSHES_A_WAIT, "{call}: {flushes}");
    }
}
