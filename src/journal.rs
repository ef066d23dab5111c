//! One wait for the disk for stores that share a file system.
//!
//! ext4 and xfs write changes of all kinds to one journal, in order, so that whoever makes one durable makes all before it
//! so. A store of records and one of files that are on the same file system and are changed together need one such wait, and
//! not one after the other, which a disk does not do at the same time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::stat::{futimens, major, minor};
use nix::sys::statfs::{EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, fstatfs};
use nix::sys::time::TimeSpec;

/// The journal of a file system, and those who are about to wait for it.
///
/// Work is announced by [`records`](Self::records) or [`files`](Self::files) and ends with [`Work::sync`]. Each kind waits
/// until the work of the other kind arrives that was announced before, and one sync serves all that have arrived. So a record
/// and its files, which are written at the same time, wait once. That they often do is all it is for: what each is answered
/// is durable whether they did or not.
///
/// After a sync that failed, each later one fails: nobody knows what is on the disk, and the kernel forgets the failure.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

/// Work that has begun and that a sync is to end. It is given up when this is dropped.
#[derive(Debug)]
#[must_use = "others wait until it is synced or dropped"]
pub struct Work {
    journal: Journal,
    kind: Kind,
    ticket: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Records,
    Files,
}

/// What a sync has to make durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wanted {
    /// The bytes of the file.
    #[default]
    Bytes,
    /// All that was changed in the file system.
    All,
}

struct Shared {
    device: u64,
    sync: Box<dyn Fn(Wanted) -> io::Result<()> + Send + Sync>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the next work.
    next: u64,
    /// The work that has begun and not arrived.
    begun: BTreeMap<u64, Kind>,
    /// How many syncs were begun. One serves those who arrived before it was.
    started: u64,
    ended: u64,
    /// What those want who have arrived since.
    wanted: Wanted,
    /// The system's number of the error.
    failed: Option<i32>,
}

impl State {
    /// Whether work of another kind than this that began before then is yet to arrive.
    fn lacks(&self, kind: Kind, before: u64) -> bool {
        self.begun.range(..before).any(|(_, other)| *other != kind)
    }

    fn is_syncing(&self) -> bool {
        self.started > self.ended
    }

    fn outcome(&self) -> io::Result<()> {
        match self.failed {
            None => Ok(()),
            Some(number) => Err(io::Error::from_raw_os_error(number)),
        }
    }
}

impl Journal {
    /// The journal of the file system that a file is on, or `None` if that has none which keeps all changes in order. The file
    /// is what each sync is of, so that its bytes are durable too, and its times change.
    ///
    /// # Errors
    /// That the file cannot be opened or looked at.
    pub fn of(file: impl AsRef<Path>) -> io::Result<Option<Self>> {
        let file = File::open(file)?;
        if !keeps_order(&file) {
            return Ok(None);
        }
        let device = file.metadata()?.dev();
        Ok(Some(Self::with(device, move |wanted| sync(&file, wanted))))
    }

    fn with(device: u64, sync: impl Fn(Wanted) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            device,
            sync: Box::new(sync),
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Whether a file or folder is on this file system.
    pub fn has(&self, file: &impl AsFd) -> bool {
        let stat = nix::sys::stat::fstat(file.as_fd());
        stat.is_ok_and(|stat| stat.st_dev == self.0.device)
    }

    /// Announces that records are about to be written.
    pub fn records(&self) -> Work {
        self.begin(Kind::Records)
    }

    /// Announces that files are about to be made or moved. From then on until it is synced the work must wait for no other
    /// work.
    pub fn files(&self) -> Work {
        self.begin(Kind::Files)
    }

    fn begin(&self, kind: Kind) -> Work {
        let mut state = self.state();
        let ticket = state.next;
        state.next += 1;
        state.begun.insert(ticket, kind);
        Work {
            journal: self.clone(),
            kind,
            ticket,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each critical section leaves it whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&self, ticket: u64) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.begun.remove(&ticket);
        self.0.changed.notify_all();
        state
    }
}

impl Work {
    /// Makes durable what was written before: by work in files, all in the file system; by work in records, the bytes of the
    /// journal's file. It blocks.
    ///
    /// # Errors
    /// That the file system could not sync, now or before.
    pub fn sync(self) -> io::Result<()> {
        let shared = &*self.journal.0;
        let mut state = self.journal.arrive(self.ticket);
        if self.kind == Kind::Files {
            state.wanted = Wanted::All;
        }
        // A sync that runs may have begun before this was written.
        let (before, needed) = (state.next, state.started + 1);
        while state.ended < needed {
            if state.is_syncing() || state.lacks(self.kind, before) {
                let waited = shared.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.started += 1;
            let (wanted, failed) = (std::mem::take(&mut state.wanted), state.failed);
            drop(state);
            let sync = || (shared.sync)(wanted).err().map(|error| number(&error));
            let failed = failed.or_else(sync);
            state = self.journal.state();
            state.ended += 1;
            state.failed = failed;
            shared.changed.notify_all();
        }
        state.outcome()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        drop(self.journal.arrive(self.ticket));
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("device", &self.0.device)
            .finish_non_exhaustive()
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(nix::libc::EIO)
}

/// For all that was changed in the file system, a change of the file's times comes last, and an `fsync` of the file ends the
/// transaction in which that is.
fn sync(file: &File, wanted: Wanted) -> io::Result<()> {
    match wanted {
        Wanted::Bytes => file.sync_data(),
        Wanted::All => {
            futimens(file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)?;
            file.sync_all()
        }
    }
}

/// Whether the file system of a file or folder has one journal for all changes of names, sizes, modes, owners, times and
/// attributes, so that a power loss keeps those made before some moment and none made later, and to make one of them durable
/// makes all before it so.
///
/// - xfs always does: the log is written in the order of the transactions, and recovery replays whole checkpoints of it.
/// - ext4 does if it has a journal: an `fsync` commits the running transaction, in which everything since the last commit
///   is. The kernel tells whether there is one; `ext2` and `ext3` have the same number.
/// - btrfs does not: an `fsync` of a folder logs that folder, and not what was moved to another one before.
///
/// Where it cannot be known it does not.
pub fn keeps_order(file: &impl AsFd) -> bool {
    match fstatfs(file).map(|system| system.filesystem_type()) {
        Ok(XFS_SUPER_MAGIC) => true,
        Ok(EXT4_SUPER_MAGIC) => has_journal(file).unwrap_or(false),
        _ => false,
    }
}

/// Whether an ext4 has a journal; `None` where sysfs does not tell.
fn has_journal(file: &impl AsFd) -> Option<bool> {
    let device = nix::sys::stat::fstat(file.as_fd()).ok()?.st_dev;
    let link = format!("/sys/dev/block/{}:{}", major(device), minor(device));
    let target = std::fs::read_link(link).ok()?;
    let task = PathBuf::from("/sys/fs/ext4")
        .join(target.file_name().map(Path::new)?)
        .join("journal_task");
    // The number of the journal's thread, or `<none>`.
    let task = std::fs::read_to_string(task).ok()?;
    Some(task.trim().parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    /// A journal whose syncs say when they begin, and end when and as they are told.
    fn slow() -> (Journal, Receiver<Wanted>, Sender<io::Result<()>>) {
        let ((entered, begun), (end, ended)) = (channel(), channel());
        let ended = Mutex::new(ended);
        let journal = Journal::with(0, move |wanted| {
            entered.send(wanted).map_err(io::Error::other)?;
            let ended: MutexGuard<'_, Receiver<io::Result<()>>> =
                ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.recv().map_err(io::Error::other)?
        });
        (journal, begun, end)
    }

    fn arrived(journal: &Journal, count: usize) {
        while journal.state().begun.len() > count {
            thread::yield_now();
        }
    }

    #[test]
    fn records_wait_for_files_that_have_begun_and_one_sync_serves_both() {
        let (journal, begun, end) = slow();
        let (records, files) = (journal.records(), journal.files());
        thread::scope(|scope| {
            let first = scope.spawn(|| records.sync());
            arrived(&journal, 1);
            assert!(begun.try_recv().is_err());
            let second = scope.spawn(|| files.sync());
            assert_eq!(begun.recv().unwrap(), Wanted::All);
            end.send(Ok(())).unwrap();
            assert!(first.join().unwrap().is_ok());
            assert!(second.join().unwrap().is_ok());
        });
        assert_eq!(journal.state().started, 1);
    }

    #[test]
    fn nobody_waits_for_work_of_the_same_kind_or_for_work_that_was_given_up() {
        let (journal, begun, end) = slow();
        let (files, other, records) = (journal.files(), journal.files(), journal.records());
        thread::scope(|scope| {
            let synced = scope.spawn(|| files.sync());
            arrived(&journal, 2);
            drop(records);
            begun.recv().unwrap();
            end.send(Ok(())).unwrap();
            assert!(synced.join().unwrap().is_ok());
        });
        drop(other);
    }

    /// What arrives while a sync runs may have been written after that began.
    #[test]
    fn who_arrives_during_a_sync_is_served_by_the_next() {
        let (journal, begun, end) = slow();
        let (early, late) = (journal.records(), journal.files());
        thread::scope(|scope| {
            let early = scope.spawn(|| early.sync());
            drop(late);
            assert_eq!(begun.recv().unwrap(), Wanted::Bytes);
            let late = journal.files();
            let late = scope.spawn(|| late.sync());
            arrived(&journal, 0);
            end.send(Ok(())).unwrap();
            assert!(early.join().unwrap().is_ok());
            assert_eq!(begun.recv().unwrap(), Wanted::All);
            assert!(!late.is_finished());
            end.send(Ok(())).unwrap();
            assert!(late.join().unwrap().is_ok());
        });
        assert_eq!(journal.state().started, 2);
    }

    #[test]
    fn after_a_sync_that_failed_all_fail_and_the_disk_is_not_asked() {
        let (journal, begun, end) = slow();
        let full = io::Error::from_raw_os_error(nix::libc::ENOSPC);
        end.send(Err(full)).unwrap();
        for _ in 0..2 {
            let failed = journal.records().sync().unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(begun.try_iter().count(), 1);
    }
}
