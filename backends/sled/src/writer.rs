//! The one thread that writes: it takes all changes that wait, applies them, and makes them durable together.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use workdisk::metadata::{Change, Generation, MetadataFault, Outcome};
use workdisk::model::Timestamp;

use crate::apply::{self, Judged, begin, forget_receipts, judge, take_back};
use crate::audit::{self, Mending, Suspect};
use crate::error::{Result, StoreError};
use crate::room::Room;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Before it is answered.
    Now,
    /// With the next that is durable before it is answered.
    Soon,
}

/// How much the writer has done.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) syncs: AtomicU64,
}

/// How a group is made durable.
pub(crate) type Sync = Box<dyn FnMut(&sled::Db) -> std::io::Result<()> + Send>;

/// How a batch is written.
pub(crate) type Write = Box<dyn FnMut(&sled::Db, sled::Batch) -> sled::Result<()> + Send>;

/// What touches the disk, for tests to break.
pub(crate) struct Disk {
    pub(crate) write: Write,
    pub(crate) sync: Sync,
}

impl Disk {
    /// The store's own files.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            write: Box::new(|db, batch| db.apply_batch(batch)),
            sync: sync_to(folder),
        }
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
        folder: PathBuf,
    ) -> std::io::Result<Self> {
        let (requests, waiting) = channel();
        let mut state = State {
            db,
            disk,
            counters,
            room: Room::in_folder(&folder),
            folder,
            poisoned: false,
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
    disk: Disk,
    counters: Arc<Counters>,
    room: Room,
    folder: PathBuf,
    /// After a failed write or sync nobody knows what is on the disk, and the kernel forgets the failure: nothing is
    /// written any more until the store is opened again.
    poisoned: bool,
}

impl State {
    fn serve(&mut self, waiting: &Receiver<Request>) {
        while let Ok(first) = waiting.recv() {
            let group: Vec<Request> = std::iter::once(first).chain(waiting.try_iter()).collect();
            self.serve_group(group);
        }
        if self.counters.syncs.load(Ordering::Relaxed) > 0
            && !self.poisoned
            && let Err(error) = self.close()
        {
            // All that was answered is kept. It is only that damage of it might go unnoticed.
            tracing::warn!(%error, "the store could not note that it was closed");
        }
    }

    /// Notes that nothing is written after this. The log comes first, so that it is never behind the marker.
    fn close(&mut self) -> Result<()> {
        let marker = self.guarded(false, apply::close)?;
        if let Some(reason) = self.make_durable() {
            let step = "its closing";
            return Err(StoreError::Unsure { step, reason });
        }
        let written = marker.write(&self.folder);
        written.map_err(StoreError::io("note that the store was closed"))
    }

    /// Applies a group, makes it durable, and only then answers. A refusal waits too: what it was refused for may be in
    /// the same group. What is to be kept soon is answered at once if it is done, and alone needs no sync.
    fn serve_group(&mut self, group: Vec<Request>) {
        let mut answers: Vec<Box<dyn FnOnce(Option<String>)>> = Vec::new();
        let mut written = false;
        for request in group {
            match request {
                Request::Begin(answer) => {
                    let result = self.guarded(false, begin);
                    written |= result.is_ok();
                    answers.push(Box::new(move |failed| reply(answer, result, failed)));
                }
                Request::TakeBack(generation, answer) => {
                    let result = self.guarded(false, |db| take_back(db, generation));
                    written |= result.is_ok();
                    answers.push(Box::new(move |failed| reply(answer, result, failed)));
                }
                Request::ForgetReceipts(before, limit, answer) => {
                    let result = self.guarded(false, |db| forget_receipts(db, before, limit));
                    written |= matches!(result, Ok(forgotten) if forgotten > 0);
                    answers.push(Box::new(move |failed| reply(answer, result, failed)));
                }
                Request::Commit(change, kept, answer) => {
                    let grows = matches!(*change, Change::Insert { .. });
                    let result = self.guarded(grows, |db| judge(db, *change));
                    let done = matches!(result, Ok(Outcome::Done));
                    if done {
                        self.counters.commits.fetch_add(1, Ordering::Relaxed);
                    }
                    if done && kept == Kept::Soon {
                        reply(answer, result, None);
                        continue;
                    }
                    written |= done;
                    answers.push(Box::new(move |failed| reply(answer, result, failed)));
                }
                Request::Audit(suspects, mending, answer) => {
                    let result = match mending {
                        // A look is answered by a store that refuses writes, too.
                        Mending::No => audit::confirm(&self.db, &suspects),
                        Mending::Yes => self.guarded(false, |db| audit::mend(db, &suspects)),
                    };
                    written |= mending == Mending::Yes && result.is_ok();
                    answers.push(Box::new(move |failed| reply(answer, result, failed)));
                }
            }
        }
        let failed = if written { self.make_durable() } else { None };
        for answer in answers {
            answer(failed.clone());
        }
    }

    fn guarded<T>(
        &mut self,
        grows: bool,
        judge: impl FnOnce(&sled::Db) -> Result<Judged<T>>,
    ) -> Result<T> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        self.room.check(grows)?;
        let Self { db, disk, .. } = self;
        let done = catch_unwind(AssertUnwindSafe(|| {
            let (answer, batch) = judge(db)?;
            let written = batch.map_or(Ok(()), |batch| (disk.write)(db, batch));
            Ok((answer, written))
        }));
        match done {
            Ok(Ok((answer, Ok(())))) => Ok(answer),
            // What could not be judged wrote nothing.
            Ok(Err(error)) => Err(error),
            Ok(Ok((_, Err(error)))) => {
                self.poisoned = true;
                tracing::error!(%error, "the store could not write; it refuses writes until reopened");
                Err(StoreError::Unsure {
                    step: "its write",
                    reason: error.to_string(),
                })
            }
            Err(_) => {
                self.poisoned = true;
                Err(StoreError::damaged_file(
                    &self.folder,
                    "sled panicked on a write",
                ))
            }
        }
    }

    fn make_durable(&mut self) -> Option<String> {
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        let synced = catch_unwind(AssertUnwindSafe(|| (self.disk.sync)(&self.db)));
        let error = match synced {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "sled panicked".to_owned(),
        };
        self.poisoned = true;
        tracing::error!(
            error,
            "the store could not be made durable; it refuses writes until reopened"
        );
        Some(error)
    }
}

fn reply<T>(answer: Answer<T>, result: Result<T>, failed: Option<String>) {
    let result = match failed {
        Some(reason) => Err(StoreError::Unsure {
            step: "its sync",
            reason,
        }),
        None => result,
    };
    // A caller that has gone does not want the answer.
    let _ = answer.send(result);
}

/// Makes all that was written durable: `sled::Db::flush` hands the log to the kernel without an fsync, so the log's file
/// is synced after it, and so is each file that holds a large page.
pub(crate) fn sync_to(folder: &Path) -> Sync {
    let (log, blobs) = (folder.join("db"), folder.join("blobs"));
    Box::new(move |db| {
        db.flush().map_err(std::io::Error::other)?;
        let mut large = false;
        let found = match std::fs::read_dir(&blobs) {
            // sled makes the folder with the first of them.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            found => Some(found?),
        };
        for blob in found.into_iter().flatten() {
            large = true;
            match File::open(blob?.path()) {
                // sled removes such a file by itself once its page has been written again.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                blob => blob?.sync_all()?,
            }
        }
        if large {
            File::open(&blobs)?.sync_all()?;
        }
        File::open(&log)?.sync_data()
    })
}
