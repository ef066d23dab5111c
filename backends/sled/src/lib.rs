#![doc = include_str!("../README.md")]

mod apply;
mod audit;
mod closing;
mod encoding;
mod error;
mod keys;
mod leftovers;
mod lock;
mod marker;
mod open;
mod read;
mod room;
mod syncer;
mod transfer;
mod watch;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::sync::oneshot;
use workdisk::Metadata;
use workdisk::error::BackendError;
use workdisk::journal::Journal;
use workdisk::metadata::{
    Change, Generation, MetadataFault, Outcome, RecordPosition, SessionPosition,
};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, Timestamp, VolumeId,
    WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};

use crate::audit::Mending;
use crate::closing::Closing;
#[doc(hidden)]
pub use crate::encoding::codec;
use crate::error::{Result, StoreError};
use crate::lock::FolderLock;
use crate::watch::{Calls, Watch};
use crate::writer::{Counters, Disk, Kept, Request, Writer};

/// Metadata in a sled store.
///
/// # Requirements
/// A folder on a local file system that honours fsync. One process, and one handle in it, opens a store at a time.
///
/// # Durability
/// A change is durable against power loss when it is answered: one thread writes, and another syncs the log once for all
/// changes that wait, together with volumes that share its [`journal`](Self::journal). A read can see a change that is not
/// durable yet, up to one sync before it is. What is committed to be kept soon is synced with the next change that is waited
/// for, or when the store is closed. After a failed write or sync every write is refused until the store is opened again;
/// reads and [`export`](Self::export) go on.
///
/// # A full disk
/// With less than 8 MiB free, an insertion is refused as [`Full`](workdisk::BackendErrorKind::Full); other changes go on, at
/// the end by 4 MiB that the store keeps in the file `reserve`, so that workspaces can be deleted. Nothing has to be
/// reopened.
///
/// # Limitations
/// - sled keeps an index in memory, some 150 bytes a workspace, and a cache of some 60 MiB. A record has at most 8 KiB.
///   glibc's `malloc` keeps 40 to 130 MiB of what was freed on top once a million workspaces were listed; with
///   `MALLOC_ARENA_MAX=1` in the process's environment it does not.
/// - sled notices damage by checksums, but takes a damaged stretch of its log for the end that a crash cut off, and forgets
///   what came after it. A store that lost anything of what was written before it was last closed is an error; damage of
///   what was written since, by a process that then died, is taken for what the crash cut off. The volumes notice a store
///   that went back behind its last opening. Only a copy or an export brings records back.
#[derive(Debug)]
pub struct SledMetadata {
    // Dropped in this order: the writer ends, then the watch, sled closes, and only then is the lock let go.
    writer: Writer,
    _watch: Watch,
    calls: Arc<Calls>,
    journal: Option<Journal>,
    db: Closing,
    counters: Arc<Counters>,
    folder: PathBuf,
    _lock: FolderLock,
}

/// How much a store has written since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Changes that were done.
    pub commits: u64,
    /// Times that the disk was asked to make them durable.
    pub syncs: u64,
}

impl SledMetadata {
    /// Opens the store in a folder, which is made if it is missing.
    ///
    /// # Errors
    /// [`InUse`](workdisk::BackendErrorKind::InUse) if it is open elsewhere,
    /// [`Corrupt`](workdisk::BackendErrorKind::Corrupt) if it is damaged,
    /// [`Mismatch`](workdisk::BackendErrorKind::Mismatch) if another release wrote it in a form that this one can't keep up.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, BackendError> {
        let folder = folder.as_ref().to_owned();
        blocking(folder.clone(), move || {
            open::open(&folder, Disk::of(&folder))
        })
        .await
    }

    /// How much was written since the store was opened.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            commits: self.counters.commits.load(Ordering::Relaxed),
            syncs: self.counters.syncs.load(Ordering::Relaxed),
        }
    }

    /// The journal of the file system in which the store is, if that keeps all changes in order: volumes in the same one wait
    /// for the disk together with the records.
    pub fn journal(&self) -> Option<Journal> {
        self.journal.clone()
    }

    /// Reads in a thread that may block. A panic of sled is an error of the store.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&sled::Db) -> Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let (db, calls) = (self.db.clone(), Arc::clone(&self.calls));
        blocking(self.folder.clone(), move || calls.during(|| read(&db))).await
    }

    /// Looks for faults beside the writer, and has it look again at what was found: it alone knows that nothing is being
    /// written.
    async fn audit(
        &self,
        account: Option<&AccountId>,
        mending: Mending,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        let account = account.cloned();
        let suspects = self
            .read(move |db| audit::suspects(db, account.as_ref()))
            .await?;
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(|answer| Request::Audit(suspects, mending, answer))
            .await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request,
    ) -> Result<T, BackendError> {
        let (answer, answered) = oneshot::channel();
        let asked = self.writer.send(request(answer));
        let answer = match asked {
            Ok(()) => answered.await.unwrap_or(Err(StoreError::WriterEnded)),
            Err(error) => Err(error),
        };
        answer.map_err(|error| error.of_store(&self.folder))
    }
}

/// Works on the store in a folder, in a thread that may block.
async fn blocking<T: Send + 'static>(
    folder: PathBuf,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T, BackendError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| match error.is_panic() {
        true => Err(StoreError::damaged_file(&folder, "sled panicked on a read")),
        false => Err(StoreError::BrokenOff),
    });
    done.map_err(|error| error.of_store(&folder))
}

#[async_trait]
impl Metadata for SledMetadata {
    async fn begin(&self) -> Result<Generation, BackendError> {
        self.ask(Request::Begin).await
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        self.ask(|answer| Request::TakeBack(generation, answer))
            .await
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        let work = self.journal.as_ref().map(Journal::records);
        self.ask(|answer| Request::Commit(Box::new(change), Kept::Now(work), answer))
            .await
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        self.ask(|answer| Request::Commit(Box::new(change), Kept::Soon, answer))
            .await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        self.read(move |db| read::reservations(db, after, limit))
            .await
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError> {
        let account = account.clone();
        self.read(move |db| read::workspace(db, &account, id)).await
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let (account, key) = (account.clone(), key.clone());
        self.read(move |db| read::workspaces_named(db, &account, &key))
            .await
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let (account, filter) = (account.clone(), filter.clone());
        self.read(move |db| read::list(db, &account, &filter, after, limit))
            .await
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        self.read(move |db| apply::snapshot_of_id(db, workspace, id))
            .await
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        let key = key.clone();
        self.read(move |db| apply::snapshot_of_name(db, workspace, &key))
            .await
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError> {
        self.read(move |db| read::snapshots(db, workspace, after, limit))
            .await
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.read(move |db| read::in_flight(db, after, limit)).await
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.read(move |db| read::sessions(db, until, after, limit))
            .await
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.read(move |db| read::all(db, after, limit)).await
    }

    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError> {
        self.audit(account, Mending::No).await
    }

    async fn repair(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        let mended = self.audit(account, Mending::Yes).await?;
        Ok(mended.into_iter().filter(|fault| fault.mendable).collect())
    }

    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError> {
        let (account, key) = (account.clone(), key.to_owned());
        self.read(move |db| read::receipt(db, &account, &key)).await
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        self.ask(|answer| Request::ForgetReceipts(before, limit, answer))
            .await
    }
}
