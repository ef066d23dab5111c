//! The one thread that writes: it applies changes in the order in which they come, and leaves it to the [`Syncer`] to make
//! them durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use workdisk::journal::{Journal, Work};
use workdisk::metadata::{Change, Generation, MetadataFault, Outcome};
use workdisk::model::Timestamp;

use crate::apply::{self, Judged, begin, forget_receipts, judge, take_back};
use crate::audit::{self, Mending, Suspect};
use crate::error::{Result, StoreError};
use crate::room::Room;
use crate::syncer::{Flush, Held, Sync, Syncer, Syncing, flush, lock, sync_to};
use crate::watch::Calls;

type Answer<T> = oneshot::Sender<Result<T>>;

/// What is asked of the writer.
#[derive(Debug)]
pub(crate) enum Request {
    Begin(Answer<Generation>),
    TakeBack(Generation, Answer<()>),
    Commit(Box<Change>, Kept, Answer<Outcome>),
    Audit(Vec<Suspect>, Mending, Answer<Vec<MetadataFault>>),
    ForgetReceipts(Timestamp, usize, Answer<usize>),
}

/// When a change is durable.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Before it is answered.
    Now(Option<Work>),
    /// With the next that is durable before it is answered.
    Soon,
}

/// How much the writer has done.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) syncs: Arc<AtomicU64>,
}

/// How a batch is written.
pub(crate) type Write = Box<dyn FnMut(&sled::Db, sled::Batch) -> sled::Result<()> + Send>;

/// What touches the disk, for tests to break.
pub(crate) struct Disk {
    pub(crate) write: Write,
    pub(crate) flush: Flush,
    pub(crate) sync: Sync,
}

impl Disk {
    /// The store's own files.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            write: Box::new(|db, batch| db.apply_batch(batch)),
            flush: flush(),
            sync: sync_to(folder),
        }
    }

    /// Makes all that was written durable, while nobody writes.
    pub(crate) fn make_durable(&mut self, db: &sled::Db) -> std::io::Result<()> {
        (self.flush)(db)?;
        (self.sync)(None)
    }
}

/// The writer's end that others hold. Its thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        db: sled::Db,
        disk: Disk,
        counters: Arc<Counters>,
        calls: Arc<Calls>,
        journal: Option<Journal>,
        folder: PathBuf,
    ) -> std::io::Result<Self> {
        let (requests, waiting) = channel();
        let poisoned = Arc::new(AtomicBool::new(false));
        let log = Arc::new(Mutex::new(()));
        let syncer = Syncer::start(Syncing {
            db: db.clone(),
            flush: disk.flush,
            sync: disk.sync,
            journal,
            log: Arc::clone(&log),
            calls: Arc::clone(&calls),
            syncs: Arc::clone(&counters.syncs),
            poisoned: Arc::clone(&poisoned),
            failed: None,
        })?;
        let state = State {
            db,
            write: disk.write,
            log,
            syncer,
            counters,
            calls,
            room: Room::in_folder(&folder),
            folder,
            poisoned,
        };
        let thread = std::thread::Builder::new()
            .name("workdisk-sled".to_owned())
            .spawn(move || state.serve(&waiting))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    pub(crate) fn send(&self, request: Request) -> Result<()> {
        let requests = self.requests.as_ref().ok_or(StoreError::WriterEnded)?;
        requests.send(request).map_err(|_| StoreError::WriterEnded)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It panics only where it is not expected to, and has then said so.
            let _ = thread.join();
        }
    }
}

struct State {
    db: sled::Db,
    write: Write,
    /// Held while something is written.
    log: Arc<Mutex<()>>,
    syncer: Syncer,
    counters: Arc<Counters>,
    calls: Arc<Calls>,
    room: Room,
    folder: PathBuf,
    /// After a failed write or sync nobody knows what is on the disk: nothing is written any more until the store is opened
    /// again.
    poisoned: Arc<AtomicBool>,
}

impl State {
    fn serve(mut self, waiting: &Receiver<Request>) {
        while let Ok(request) = waiting.recv() {
            self.serve_one(request);
        }
        if let Err(error) = self.close() {
            // All that was answered is kept. It is only that damage of it might go unnoticed.
            tracing::warn!(%error, "the store could not note that it was closed");
        }
    }

    /// Notes that nothing is written after this, if something was. The log comes first, so that it is never behind the
    /// marker.
    fn close(mut self) -> Result<()> {
        let marker = match self.counters.syncs.load(Ordering::Relaxed) {
            0 => Ok(None),
            _ if self.is_poisoned() => Ok(None),
            _ => self.guarded(false, apply::close).map(Some),
        };
        // Whatever came of it, the other thread lets go of the store.
        let mut syncing = self.syncer.end()?;
        let Some(marker) = marker? else { return Ok(()) };
        if let Some(reason) = syncing.make_durable(None) {
            let (step, reason) = ("its closing", reason.to_owned());
            return Err(StoreError::Unsure { step, reason });
        }
        let written = marker.write(&self.folder);
        written.map_err(StoreError::io("note that the store was closed"))
    }

    /// Applies what is asked for, and has it answered once it is durable. A refusal waits too: what it was refused for may
    /// not be durable yet. What is to be kept soon is answered at once if it is done.
    fn serve_one(&mut self, request: Request) {
        match request {
            Request::Begin(answer) => {
                let result = self.guarded(false, begin);
                let written = result.is_ok();
                self.answer(answer, result, written);
            }
            Request::TakeBack(generation, answer) => {
                let result = self.guarded(false, |db| take_back(db, generation));
                let written = result.is_ok();
                self.answer(answer, result, written);
            }
            Request::ForgetReceipts(before, limit, answer) => {
                let result = self.guarded(false, |db| forget_receipts(db, before, limit));
                let written = matches!(result, Ok(forgotten) if forgotten > 0);
                self.answer(answer, result, written);
            }
            Request::Commit(change, kept, answer) => {
                let grows = matches!(*change, Change::Insert { .. });
                let result = self.guarded(grows, |db| judge(db, *change));
                let done = matches!(result, Ok(Outcome::Done));
                if done {
                    self.counters.commits.fetch_add(1, Ordering::Relaxed);
                }
                match kept {
                    Kept::Soon if done => reply(answer, result, None),
                    Kept::Soon => self.answer(answer, result, false),
                    Kept::Now(work) => self.answer_after(answer, result, done, work),
                }
            }
            Request::Audit(suspects, Mending::No, answer) if self.is_poisoned() => {
                // A look is answered by a store that refuses writes, too.
                reply(answer, audit::confirm(&self.db, &suspects), None);
            }
            Request::Audit(suspects, mending, answer) => {
                let result = match mending {
                    Mending::No => audit::confirm(&self.db, &suspects),
                    Mending::Yes => self.guarded(false, |db| audit::mend(db, &suspects)),
                };
                let written = mending == Mending::Yes && result.is_ok();
                self.answer(answer, result, written);
            }
        }
    }

    fn answer<T: Send + 'static>(&self, answer: Answer<T>, result: Result<T>, written: bool) {
        self.answer_after(answer, result, written, None);
    }

    /// Answers once all that was written until now is durable; at once if nothing was judged.
    fn answer_after<T: Send + 'static>(
        &self,
        answer: Answer<T>,
        result: Result<T>,
        written: bool,
        work: Option<Work>,
    ) {
        if matches!(result, Err(StoreError::Poisoned)) {
            return reply(answer, result, None);
        }
        let give = Box::new(move |failed: Option<&str>| reply(answer, result, failed));
        self.syncer.hold(Held {
            written,
            work,
            give,
        });
    }

    fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    fn guarded<T>(
        &mut self,
        grows: bool,
        judge: impl FnOnce(&sled::Db) -> Result<Judged<T>>,
    ) -> Result<T> {
        if self.is_poisoned() {
            return Err(StoreError::Poisoned);
        }
        self.room.check(grows)?;
        let Self { db, write, log, .. } = self;
        let act = || {
            let (answer, batch) = judge(db)?;
            let _log = lock(log);
            let written = batch.map_or(Ok(()), |batch| write(db, batch));
            Ok((answer, written))
        };
        let done = catch_unwind(AssertUnwindSafe(|| self.calls.during(act)));
        match done {
            Ok(Ok((answer, Ok(())))) => Ok(answer),
            // What could not be judged wrote nothing.
            Ok(Err(error)) => Err(error),
            Ok(Ok((_, Err(error)))) => {
                self.poisoned.store(true, Ordering::Release);
                tracing::error!(%error, "the store could not write; it refuses writes until reopened");
                Err(StoreError::Unsure {
                    step: "its write",
                    reason: error.to_string(),
                })
            }
            Err(_) => {
                self.poisoned.store(true, Ordering::Release);
                Err(StoreError::damaged_file(
                    &self.folder,
                    "sled panicked on a write",
                ))
            }
        }
    }
}

fn reply<T>(answer: Answer<T>, result: Result<T>, failed: Option<&str>) {
    let result = match failed {
        Some(reason) => Err(StoreError::Unsure {
            step: "its sync",
            reason: reason.to_owned(),
        }),
        None => result,
    };
    // A caller that has gone does not want the answer.
    let _ = answer.send(result);
}
