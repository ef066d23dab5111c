//! What every verb shares: reading a record, and committing a decision about it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, RwLock};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::once::{Draft, overtaken};
use super::reserve::Reserve;
use super::running::Locks;
use super::target::Target;
use crate::error::{BackendError, Error};
use crate::metadata::{Change, Metadata, Outcome, SnapshotChange};
use crate::model::{
    AccountId, Reservation, Selector, SnapshotRecord, SnapshotSelector, Timestamp, Workspace,
    WorkspaceId, WorkspaceRecord,
};
use crate::session::{Host, SessionHost};
use crate::volume::Volume;

/// How often a decision is taken again when others change the record meanwhile. Each time, one of them got on, so that
/// only a store that answers wrongly reaches it.
pub(super) const ATTEMPTS: usize = 1_000;

/// How long what keeps a disk is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For how long a disk that is still in use is asked again to let go.
    pub(super) unmount: Duration,
    /// How long the application may take to stop a session.
    pub(super) stop: Duration,
}

/// The two stores, the machine and the application: shared by the manager, its accounts' handles and their sessions.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) metadata: Arc<dyn Metadata>,
    pub(super) volume: Arc<dyn Volume>,
    pub(super) host: Arc<dyn Host>,
    pub(super) session_host: Arc<dyn SessionHost>,
    pub(super) backend: &'static str,
    pub(super) patience: Patience,
    #[cfg(feature = "github")]
    pub(super) github: crate::github::GithubOptions,
    #[cfg(feature = "github")]
    pub(super) imports: super::import::Imports,
    pub(super) locks: Locks<WorkspaceId>,
    /// The workspaces whose head is being labelled.
    pub(super) labelling: Locks<WorkspaceId>,
    /// Held, with others, from before a commit that changes what a label tells until that is written.
    pub(super) changes: RwLock<()>,
    /// Ids for volumes that are to be made.
    pub(super) reserved: Reserve,
    /// The requests under keys that are being done.
    pub(super) turns: Locks<(AccountId, String)>,
}

/// A decision about a record: what it is to be.
pub(super) struct Step {
    pub(super) record: WorkspaceRecord,
    pub(super) snapshots: Vec<SnapshotChange>,
    /// What is to be kept of the request that it is for.
    pub(super) draft: Option<Draft>,
    /// What is noted of volumes that the record lets go of.
    pub(super) reserved: Vec<Reservation>,
    /// Whether a caller can see it, so that the revision grows.
    pub(super) visible: bool,
    /// Whether it need not be durable at once, because recovery would come to the same.
    pub(super) soon: bool,
}

impl Step {
    /// A change that callers can see.
    pub(super) fn visible(record: WorkspaceRecord) -> Self {
        Self {
            record,
            snapshots: Vec::new(),
            draft: None,
            reserved: Vec::new(),
            visible: true,
            soon: false,
        }
    }

    /// A change that is the library's own affair.
    pub(super) fn hidden(record: WorkspaceRecord) -> Self {
        Self {
            visible: false,
            ..Self::visible(record)
        }
    }

    pub(super) fn with_snapshots(mut self, snapshots: Vec<SnapshotChange>) -> Self {
        self.snapshots = snapshots;
        self
    }

    pub(super) fn with_draft(mut self, draft: Option<Draft>) -> Self {
        self.draft = draft;
        self
    }

    pub(super) fn with_reserved(mut self, reserved: Vec<Reservation>) -> Self {
        self.reserved = reserved;
        self
    }

    /// Has nobody wait until it is durable.
    pub(super) fn soon(mut self) -> Self {
        self.soon = true;
        self
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("record", &self.record.id)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Runs a verb's body in a task of its own, so that a caller that drops its future does not drop the verb half way.
    ///
    /// The task is spawned before the future is made, which is therefore small whatever the body is.
    pub(super) fn detached<T, B>(
        verb: &'static str,
        account: &AccountId,
        body: B,
    ) -> impl Future<Output = Result<T, Error>> + Send + use<T, B>
    where
        T: Send + 'static,
        B: Future<Output = Result<T, Error>> + Send + 'static,
    {
        Self::unbroken(verb, tokio::spawn(Self::spanned(verb, Some(account), body)))
    }

    /// What a task of its own answers.
    pub(super) async fn unbroken<T>(
        verb: &'static str,
        task: JoinHandle<Result<T, Error>>,
    ) -> Result<T, Error> {
        task.await.unwrap_or_else(|error| {
            let source = BackendError::unavailable("the operation was broken off");
            Err(Error::storage(verb, source.with_source(error)))
        })
    }

    /// Runs a verb's body in a span of its own, and notes how it ended. What stands in a span or an event is a name or an id,
    /// a code or a number; never a file's content or a credential.
    pub(super) fn spanned<T, B>(
        verb: &'static str,
        account: Option<&AccountId>,
        body: B,
    ) -> impl Future<Output = Result<T, Error>> + use<T, B>
    where
        B: Future<Output = Result<T, Error>>,
    {
        let account = account.map(tracing::field::display);
        let span = tracing::info_span!("workdisk", verb, account);
        async move {
            let result = body.await;
            match &result {
                Ok(_) => tracing::debug!("done"),
                Err(error) => tracing::debug!(code = %error.code(), "refused or failed"),
            }
            result
        }
        .instrument(span)
    }

    pub(super) fn view(&self, record: &WorkspaceRecord) -> Workspace {
        Workspace::of(record, self.backend)
    }

    /// The record that a selector means.
    pub(super) async fn find(
        &self,
        verb: &'static str,
        account: &AccountId,
        selector: &Selector,
    ) -> Result<WorkspaceRecord, Error> {
        let missing = || Error::WorkspaceNotFound {
            selector: selector.to_string(),
        };
        match selector {
            Selector::Id(id) => {
                let found = self.metadata.workspace(account, *id).await;
                found
                    .map_err(|error| Error::storage(verb, error))?
                    .ok_or_else(missing)
            }
            Selector::Name { text, key } => {
                let found = self.metadata.workspaces_named(account, key).await;
                let mut found = found.map_err(|error| Error::storage(verb, error))?;
                match found.len() {
                    0 => Err(missing()),
                    1 => Ok(found.remove(0)),
                    _ => Err(Error::WorkspaceNameAmbiguous {
                        name: text.clone(),
                        candidates: found.iter().map(|record| record.id).collect(),
                    }),
                }
            }
        }
    }

    /// The record that a call is about, as it is now.
    pub(super) async fn look_up(
        &self,
        verb: &'static str,
        account: &AccountId,
        target: &Target,
    ) -> Result<WorkspaceRecord, Error> {
        let record = self.find(verb, account, target.selector()).await?;
        if !target.admits(&record) {
            return Err(Error::WorkspaceNotFound {
                selector: target.selector().to_string(),
            });
        }
        Ok(record)
    }

    /// Whether the record that a call is about is still the one that was found, unchanged.
    pub(super) async fn is_current(
        &self,
        verb: &'static str,
        account: &AccountId,
        target: &Target,
        found: &WorkspaceRecord,
    ) -> Result<bool, Error> {
        let now = self.look_up(verb, account, target).await?;
        Ok((now.id, now.version) == (found.id, found.version))
    }

    /// Locks the workspace that a call is about, which is probably `id`, and answers its record as it is then.
    pub(super) async fn lock(
        &self,
        verb: &'static str,
        account: &AccountId,
        target: &Target,
        mut id: WorkspaceId,
    ) -> Result<(OwnedMutexGuard<()>, WorkspaceRecord), Error> {
        for _ in 0..ATTEMPTS {
            let lock = self.locks.lock(id).await;
            let record = self.look_up(verb, account, target).await?;
            if record.id == id {
                return Ok((lock, record));
            }
            id = record.id;
        }
        Err(Self::contended(verb))
    }

    /// The record of an id that was found before.
    pub(super) async fn reread(
        &self,
        verb: &'static str,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<WorkspaceRecord, Error> {
        self.find(verb, account, &Selector::Id(id)).await
    }

    /// The snapshot of a workspace that a selector means.
    pub(super) async fn find_snapshot(
        &self,
        verb: &'static str,
        workspace: WorkspaceId,
        selector: &SnapshotSelector,
    ) -> Result<SnapshotRecord, Error> {
        let found = match selector {
            SnapshotSelector::Id(id) => self.metadata.snapshot(workspace, *id).await,
            SnapshotSelector::Name { key, .. } => {
                self.metadata.snapshot_named(workspace, key).await
            }
        };
        let found = found.map_err(|error| Error::storage(verb, error))?;
        found.ok_or_else(|| Error::SnapshotNotFound {
            snapshot: selector.to_string(),
        })
    }

    /// Takes a decision about the record that a call is about, and again whenever somebody else has changed it meanwhile,
    /// until it is committed.
    ///
    /// `decide` answers `None` if nothing needs to change. It may be called many times and must have no effect.
    pub(super) async fn update(
        &self,
        verb: &'static str,
        account: &AccountId,
        target: impl Into<Target>,
        decide: impl FnMut(&WorkspaceRecord) -> Result<Option<Step>, Error> + Send,
    ) -> Result<WorkspaceRecord, Error> {
        let target = target.into();
        let before = self.look_up(verb, account, &target).await?;
        self.update_from(verb, before, &target, decide).await
    }

    /// As [`update`](Self::update), of a record that the caller has: it is read only if somebody has changed it since.
    pub(super) async fn update_known(
        &self,
        verb: &'static str,
        known: &WorkspaceRecord,
        decide: impl FnMut(&WorkspaceRecord) -> Result<Option<Step>, Error> + Send,
    ) -> Result<WorkspaceRecord, Error> {
        self.update_from(verb, known.clone(), &known.id.into(), decide)
            .await
    }

    async fn update_from(
        &self,
        verb: &'static str,
        mut before: WorkspaceRecord,
        target: &Target,
        mut decide: impl FnMut(&WorkspaceRecord) -> Result<Option<Step>, Error> + Send,
    ) -> Result<WorkspaceRecord, Error> {
        for _ in 0..ATTEMPTS {
            let Some(step) = decide(&before)? else {
                return Ok(before);
            };
            if let Some(record) = self.commit(verb, &before, step).await? {
                return Ok(record);
            }
            before = self.look_up(verb, &before.account, target).await?;
        }
        Err(Self::contended(verb))
    }

    /// Commits one decision about `before`; `None` if the record has changed meanwhile.
    pub(super) async fn commit(
        &self,
        verb: &'static str,
        before: &WorkspaceRecord,
        step: Step,
    ) -> Result<Option<WorkspaceRecord>, Error> {
        let Step {
            mut record,
            snapshots,
            draft,
            reserved,
            visible,
            soon,
        } = step;
        record.version = before.version + 1;
        if visible {
            record.revision = before.revision + 1;
            record.updated_at = self.host.now();
        }
        let taken = snapshots
            .iter()
            .find_map(SnapshotChange::name)
            .unwrap_or_default();
        let change = Change::Update {
            expected: before.version,
            record: record.clone(),
            snapshots,
            receipt: draft.and_then(|draft| draft.receipt(&record, self.now())),
            reserved,
        };
        let outcome = match soon {
            true => self.apply_soon(verb, change).await?,
            false => self.apply(verb, change).await?,
        };
        match outcome {
            Outcome::Done => Ok(Some(record)),
            Outcome::NameTaken => Err(Self::name_taken(&record)),
            Outcome::SnapshotNameTaken => Err(Error::SnapshotNameTaken { name: taken }),
            Outcome::ReceiptTaken => Err(overtaken(verb)),
            Outcome::VersionConflict => Ok(None),
        }
    }

    /// Commits a change.
    ///
    /// After an error it may have happened. The record is not asked whether it has: what a store shows after it could not
    /// write is not what it will show after a power cut.
    pub(super) async fn apply(&self, verb: &'static str, change: Change) -> Result<Outcome, Error> {
        self.metadata
            .commit(change)
            .await
            .map_err(|error| Error::storage(verb, error))
    }

    /// As [`apply`](Self::apply), of a change that is not waited for. A crash that loses it leaves what recovery finishes.
    pub(super) async fn apply_soon(
        &self,
        verb: &'static str,
        change: Change,
    ) -> Result<Outcome, Error> {
        self.metadata
            .commit_soon(change)
            .await
            .map_err(|error| Error::storage(verb, error))
    }

    pub(super) fn name_taken(record: &WorkspaceRecord) -> Error {
        let name = record
            .name
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        Error::WorkspaceNameTaken { name }
    }

    pub(super) fn contended(verb: &'static str) -> Error {
        Error::storage(
            verb,
            BackendError::unavailable("the record changes without end"),
        )
    }

    pub(super) fn now(&self) -> Timestamp {
        self.host.now()
    }
}
