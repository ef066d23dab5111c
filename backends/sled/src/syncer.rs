//! The one thread that makes durable: it takes all answers that wait, syncs once for all of them, and only then gives them.
//!
//! The writer goes on meanwhile. What it writes during a sync is of the next one.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use workdisk::journal::{Journal, Work};

use crate::error::{Result, StoreError};
use crate::open::LOG;
use crate::watch::Calls;

/// How sled's log is handed to the kernel.
pub(crate) type Flush = Box<dyn FnMut(&sled::Db) -> io::Result<()> + Send>;

/// How what the kernel was handed is made durable.
pub(crate) type Sync = Box<dyn FnMut(Option<Work>) -> io::Result<()> + Send>;

/// Gives an answer; or, if the disk could not sync, the reason.
pub(crate) type Give = Box<dyn FnOnce(Option<&str>) + Send>;

/// An answer that waits for the disk.
pub(crate) struct Held {
    /// Whether something was written for it.
    pub(crate) written: bool,
    /// What others in the file system wait for.
    pub(crate) work: Option<Work>,
    pub(crate) give: Give,
}

/// The syncing thread's end that the writer holds.
pub(crate) struct Syncer {
    answers: Sender<Held>,
    thread: JoinHandle<Syncing>,
}

/// What the syncing thread works with.
pub(crate) struct Syncing {
    pub(crate) db: sled::Db,
    pub(crate) flush: Flush,
    pub(crate) sync: Sync,
    pub(crate) journal: Option<Journal>,
    /// Held while the log is written to or handed over. sled keeps the two apart by a lock for which its readers wait, too.
    pub(crate) log: Arc<Mutex<()>>,
    pub(crate) calls: Arc<Calls>,
    /// How often it has synced.
    pub(crate) syncs: Arc<AtomicU64>,
    /// Set after a failure, since nobody knows then what is on the disk and the kernel forgets the failure: nothing is
    /// written any more until the store is opened again.
    pub(crate) poisoned: Arc<AtomicBool>,
    /// Why it could not sync. It is not tried again.
    pub(crate) failed: Option<String>,
}

impl Syncer {
    pub(crate) fn start(mut syncing: Syncing) -> io::Result<Self> {
        let (answers, waiting) = channel();
        let thread = Builder::new()
            .name("workdisk-sled-sync".to_owned())
            .spawn(move || {
                syncing.serve(&waiting);
                syncing
            })?;
        Ok(Self { answers, thread })
    }

    /// Gives an answer once all that was written before is durable.
    pub(crate) fn hold(&self, answer: Held) {
        // A thread that has ended panicked, and a caller learns that nobody answers.
        drop(self.answers.send(answer));
    }

    /// Gives the answers that wait, ends the thread, and answers what it worked with.
    pub(crate) fn end(self) -> Result<Syncing> {
        drop(self.answers);
        self.thread.join().map_err(|_| StoreError::WriterEnded)
    }
}

impl Syncing {
    fn serve(&mut self, waiting: &Receiver<Held>) {
        while let Ok(first) = waiting.recv() {
            let mut group: Vec<Held> = std::iter::once(first).chain(waiting.try_iter()).collect();
            let mut works = group.iter_mut().filter_map(|answer| answer.work.take());
            let work = works.next();
            // One arrives for all.
            works.for_each(drop);
            if group.iter().any(|answer| answer.written) {
                self.make_durable(work);
            } else {
                drop(work);
            }
            for answer in group {
                (answer.give)(self.failed.as_deref());
            }
        }
    }

    /// Makes all that was written durable, unless that has failed before. Answers why it failed.
    pub(crate) fn make_durable(&mut self, work: Option<Work>) -> Option<&str> {
        if self.failed.is_none() {
            self.syncs.fetch_add(1, Ordering::Relaxed);
            let work = work.or_else(|| self.journal.as_ref().map(Journal::records));
            self.failed = self.try_sync(work);
        }
        self.failed.as_deref()
    }

    fn try_sync(&mut self, work: Option<Work>) -> Option<String> {
        let synced = catch_unwind(AssertUnwindSafe(|| {
            let log = lock(&self.log);
            self.calls.during(|| (self.flush)(&self.db))?;
            drop(log);
            (self.sync)(work)
        }));
        let error = match synced {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "sled panicked".to_owned(),
        };
        self.poisoned.store(true, Ordering::Release);
        tracing::error!(
            error,
            "the store could not be made durable; it refuses writes until reopened"
        );
        Some(error)
    }
}

pub(crate) fn lock(log: &Mutex<()>) -> MutexGuard<'_, ()> {
    // It guards nothing that a panic could leave half done: a store after one refuses writes.
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands the log to the kernel.
pub(crate) fn flush() -> Flush {
    Box::new(|db| db.flush().map(drop).map_err(io::Error::other))
}

/// Makes durable what the kernel was handed: `sled::Db::flush` does no fsync, so the log's file is synced after it, and so
/// is each file that holds a large page.
pub(crate) fn sync_to(folder: &Path) -> Sync {
    let (log, blobs) = (folder.join(LOG), folder.join("blobs"));
    Box::new(move |work| {
        let mut large = false;
        let found = match std::fs::read_dir(&blobs) {
            // sled makes the folder with the first of them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => Some(found?),
        };
        for blob in found.into_iter().flatten() {
            large = true;
            match File::open(blob?.path()) {
                // sled removes such a file by itself once its page has been written again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                blob => blob?.sync_all()?,
            }
        }
        if large {
            File::open(&blobs)?.sync_all()?;
        }
        match work {
            Some(work) => work.sync(),
            None => File::open(&log)?.sync_data(),
        }
    })
}
