//! Where records are kept.
//!
//! # Words
//! A *record* is a [`WorkspaceRecord`]; its *snapshots* are [`SnapshotRecord`]s that stand beside it and come and go with
//! it. A *change* touches one workspace, or the *reservations*: ids of volumes that may be there although no record names
//! them. A *receipt* tells what a request came to that was made under a key. A *generation* is one opening of the store by a
//! manager.
//!
//! # Lifecycle
//! A manager calls [`begin`](Metadata::begin) once, and [`take_back`](Metadata::take_back) if the volumes refuse the store;
//! then it reads and commits. Every decision is the manager's: it reads a
//! record, decides, and commits a change that says which version it decided on. The store's part is to apply the change
//! whole or not at all, only if the version still holds and the names are still free, and to find records again by id,
//! by name, by account, and by what is in flight.
//!
//! # What a crash leaves
//! A change that [`commit`](Metadata::commit) answered with [`Outcome::Done`] MUST survive the death of the process, and power
//! loss too unless the backend documents that it does not, and with it every change before. One that
//! [`commit_soon`](Metadata::commit_soon) answered so may be lost by a crash, together with those after it. A change whose future was dropped, or that ended in an error, is done or not done,
//! never half; after [`BackendErrorKind::Full`] and [`BackendErrorKind::InvalidInput`] it is not done.
//!
//! [`BackendErrorKind::Full`]: crate::BackendErrorKind::Full
//! [`BackendErrorKind::InvalidInput`]: crate::BackendErrorKind::InvalidInput

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::BackendError;
use crate::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, StoreId, Timestamp,
    VolumeId, WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};

/// One opening of a metadata store, to be compared with what the volumes have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Generation {
    /// The store, by an id that it was given when it was created and keeps for life, in every copy.
    pub store: StoreId,
    /// How often the store was opened, this time included. Durable before it is answered.
    pub number: u64,
}

impl Generation {
    /// Names the opening `number` of `store`.
    pub fn new(store: StoreId, number: u64) -> Self {
        Self { store, number }
    }
}

/// A change of one workspace or of the reservations: applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Adds a record. Its version is 1.
    Insert {
        /// The record.
        record: WorkspaceRecord,
    },
    /// Replaces a record, and changes its snapshots in the same step.
    Update {
        /// The version that the change was decided on. The record's own is one more.
        expected: u64,
        /// The record as it is to be.
        record: WorkspaceRecord,
        /// What becomes of its snapshots, in order.
        snapshots: Vec<SnapshotChange>,
        /// A receipt to keep in the same step.
        receipt: Option<Box<Receipt>>,
        /// Reservations of volumes that the record lets go of, noted in the same step as by [`Reserve`](Self::Reserve).
        reserved: Vec<Reservation>,
    },
    /// Removes a record and every snapshot of it.
    Remove {
        /// The account.
        account: AccountId,
        /// The workspace.
        id: WorkspaceId,
        /// The version that the change was decided on.
        expected: u64,
    },
    /// Notes reservations, and forgets others. It is always done.
    Reserve {
        /// What is noted, instead of what was noted of the same volumes.
        reserved: Vec<Reservation>,
        /// The volumes that are forgotten after that. Nothing happens to those of which nothing was noted.
        released: Vec<VolumeId>,
    },
}

/// What becomes of a snapshot within a [`Change::Update`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotChange {
    /// Adds it, or replaces the one of the same id.
    Put(SnapshotRecord),
    /// Removes it. Nothing happens if there is none.
    Remove(SnapshotId),
}

impl SnapshotChange {
    /// The name that the change puts in.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            SnapshotChange::Put(record) => Some(record.name.to_string()),
            SnapshotChange::Remove(_) => None,
        }
    }
}

/// How the store answered a [`Change`]. Only [`Done`](Outcome::Done) changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a change that was not done must be decided again or refused"]
#[non_exhaustive]
pub enum Outcome {
    /// It is done, and durable if it was [committed](Metadata::commit) as such.
    Done,
    /// The record is not of the expected version: another one, gone, of another account than the removal names, or there
    /// already for an insertion.
    VersionConflict,
    /// Another workspace of the account has the name.
    NameTaken,
    /// Another snapshot of the workspace has the name.
    SnapshotNameTaken,
    /// The account has a receipt of that key.
    ReceiptTaken,
}

/// Where a page of all records begins: after the record of that workspace, which may be gone.
pub type RecordPosition = (AccountId, WorkspaceId);

/// Where a page of sessions begins: after the session that ends then, on that workspace.
pub type SessionPosition = (Timestamp, WorkspaceId);

/// What is wrong with a metadata store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataFault {
    /// The account whose data it touches, if that can be told.
    pub account: Option<AccountId>,
    /// The workspace, if that can be told.
    pub workspace: Option<WorkspaceId>,
    /// The record or the entry of an index.
    pub object: String,
    /// What is wrong with it and what follows from that.
    pub effect: String,
    /// Whether [`Metadata::repair`] mends it, from what the store holds besides.
    pub mendable: bool,
}

impl MetadataFault {
    /// Reports a fault that cannot be mended from what the store holds.
    pub fn new(object: impl Into<String>, effect: impl Into<String>) -> Self {
        Self {
            account: None,
            workspace: None,
            object: object.into(),
            effect: effect.into(),
            mendable: false,
        }
    }

    /// Says what it touches.
    #[must_use]
    pub fn of(mut self, account: Option<AccountId>, workspace: Option<WorkspaceId>) -> Self {
        self.account = account;
        self.workspace = workspace;
        self
    }

    /// Says that [`Metadata::repair`] mends it.
    #[must_use]
    pub fn with_mend(mut self) -> Self {
        self.mendable = true;
        self
    }
}

/// A store of workspace records.
///
/// It holds no policy: it judges no state, makes no id and reads no clock. Object-safe, and used as
/// [`Arc<dyn Metadata>`](std::sync::Arc). There are no default methods, so that a wrapper that forgets to forward one does
/// not compile.
///
/// # Contract
/// - **Atomic.** [`commit`](Self::commit) applies its change whole or not at all, and every read sees all of a change or
///   none of it.
/// - **Unique.** Within an account no two records have names of one key, and within a workspace no two snapshots have;
///   checked and written in one step, so that of two racing changes exactly one is [`Outcome::Done`].
/// - **Ordered.** A change that is decided on an old version is a [`Outcome::VersionConflict`].
/// - **Apart.** What is asked for one account is answered from that account alone.
/// - **Immediate.** A read that begins after a commit has been answered sees it.
/// - **Faithful.** A record and a snapshot come back equal to what was committed.
/// - Reads answer absence with `None` or an empty page, never with an error.
/// - No method blocks the runtime, and each may be dropped at any await point.
///
/// # Errors
/// Every method fails with [`Unavailable`](crate::BackendErrorKind::Unavailable) when the storage does not answer, and with
/// [`Corrupt`](crate::BackendErrorKind::Corrupt) naming the object when it holds what it was not given. A store whose
/// write failed in a way that leaves it unsure of its own state MUST refuse every later write until it is reopened.
#[async_trait]
pub trait Metadata: fmt::Debug + Send + Sync + 'static {
    /// Begins a generation: counts the opening and answers its number.
    ///
    /// The number MUST be durable before it is answered and greater than every earlier one of the store that was not taken
    /// back. The store id is the same in every generation.
    async fn begin(&self) -> Result<Generation, BackendError>;

    /// Takes back a generation that the volumes refused, durably, as if it had not begun: a store that is older than its
    /// volumes must not catch up with them by being opened again and again. Nothing happens if it is not the store's last.
    async fn take_back(&self, generation: Generation) -> Result<(), BackendError>;

    /// Applies a change, or says why not.
    ///
    /// The version is judged first, then the workspace's name, then the snapshots' names in the order of their changes, and
    /// the receipt's key last.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::BackendErrorKind::InvalidInput) if the record's version does not follow, its account or id
    /// differs from the stored one's, or the record is too large for the store.
    async fn commit(&self, change: Change) -> Result<Outcome, BackendError>;

    /// As [`commit`](Self::commit), but answers without waiting for the disk.
    ///
    /// Every read sees the change from then on, and it is durable once a later [`commit`](Self::commit) is answered. A crash
    /// before that may lose it and all changes after it, in the order in which they were applied, never one of them alone.
    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError>;

    /// The record of that id, if it is of that account.
    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError>;

    /// The records of the account whose name has that key: none or one, or more in a store that was filled from elsewhere.
    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError>;

    /// The account's records that match the filter, in ascending order of id, those after `after` only, `limit` at most.
    ///
    /// Fewer than `limit` are answered only if there are no more.
    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError>;

    /// The snapshot of that id, if it is of that workspace.
    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError>;

    /// The snapshot of the workspace whose name has that key.
    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError>;

    /// The workspace's snapshots in ascending order of sequence, those after `after` only, `limit` at most.
    ///
    /// Fewer than `limit` are answered only if there are no more.
    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError>;

    /// The records of all accounts that are [in flight](WorkspaceRecord::is_in_flight), in ascending order of id, those
    /// after `after` only, `limit` at most.
    ///
    /// Its cost MUST grow with the number that is answered, not with the size of the store.
    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError>;

    /// The reservations in ascending order of their volume, those after `after` only, `limit` at most.
    ///
    /// Fewer than `limit` are answered only if there are no more.
    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError>;

    /// The records of all accounts that have a session whose lease ends at `until` or before, or every one that has a
    /// session if `until` is `None`; those after `after` only, `limit` at most, in ascending order of
    /// [`position`](session_position). A session without a lease ends at [`Timestamp::MAX`].
    ///
    /// Its cost MUST grow with the number that is answered, not with the size of the store.
    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError>;

    /// The records of all accounts, in an order of the store's own that stays the same, those after the place of `after`
    /// only, `limit` at most.
    ///
    /// A record that cannot be read is left out, and is for [`check`](Self::check) to name. Fewer than `limit` are answered
    /// only if there are no more.
    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError>;

    /// Looks through everything, or through all of one account, for faults of the store itself, and changes nothing: what
    /// cannot be read, and indexes that do not agree with the records. It goes on past each fault. No fault is an empty list,
    /// also while others commit.
    ///
    /// What is asked for one account tells nothing of another.
    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError>;

    /// Mends the faults that [`check`](Self::check) calls mendable, durably, and answers those that it mended. It loses
    /// nothing: it makes indexes agree with the records, and touches no record.
    async fn repair(&self, account: Option<&AccountId>)
    -> Result<Vec<MetadataFault>, BackendError>;

    /// The account's receipt of that key. It is kept whatever becomes of the workspace that it was committed with.
    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError>;

    /// Removes the receipts of all accounts that were made before then, the oldest first, `limit` at most, and answers how
    /// many. Fewer than `limit` are removed only if there are no more.
    ///
    /// Its cost MUST grow with the number that is removed, not with the size of the store.
    async fn forget_receipts(&self, before: Timestamp, limit: usize)
    -> Result<usize, BackendError>;
}

/// Where a record stands among the [`sessions`](Metadata::sessions), or `None` without a session.
pub fn session_position(record: &WorkspaceRecord) -> Option<SessionPosition> {
    let session = record.session.as_ref()?;
    Some((session.expires_at().unwrap_or(Timestamp::MAX), record.id))
}

/// Every volume that a record names, its snapshots' aside.
pub fn volumes_of(record: &WorkspaceRecord) -> Vec<VolumeId> {
    let mut volumes = vec![record.head];
    volumes.extend(record.frozen_head);
    volumes.extend(&record.discard);
    if let Some(operation) = &record.operation {
        volumes.extend(operation.intent.fresh_volumes());
    }
    volumes
}

#[async_trait]
impl<M: Metadata + ?Sized> Metadata for Arc<M> {
    async fn begin(&self) -> Result<Generation, BackendError> {
        (**self).begin().await
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        (**self).take_back(generation).await
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        (**self).commit(change).await
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        (**self).commit_soon(change).await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        (**self).reservations(after, limit).await
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError> {
        (**self).workspace(account, id).await
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        (**self).workspaces_named(account, key).await
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        (**self).list(account, filter, after, limit).await
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        (**self).snapshot(workspace, id).await
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        (**self).snapshot_named(workspace, key).await
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError> {
        (**self).snapshots(workspace, after, limit).await
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        (**self).in_flight(after, limit).await
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        (**self).sessions(until, after, limit).await
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        (**self).all(after, limit).await
    }

    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError> {
        (**self).check(account).await
    }

    async fn repair(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        (**self).repair(account).await
    }

    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError> {
        (**self).receipt(account, key).await
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        (**self).forget_receipts(before, limit).await
    }
}
