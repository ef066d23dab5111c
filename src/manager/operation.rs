//! How a verb that needs both stores begins, ends and is undone.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::core::{ATTEMPTS, Core, Step};
use super::once::Draft;
use super::running::{RunningOperation, wait_for};
use super::target::Target;
use super::wish::Wish;
use crate::error::{BackendError, Error};
use crate::metadata::SnapshotChange;
use crate::model::{AccountId, Operation, OperationKind, VolumeId, WorkspaceId, WorkspaceRecord};
use crate::session::rules::{Action, State, Verdict, decide};

/// An operation that runs: its intent is on the record, and the workspace's lock is held.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) verb: &'static str,
    /// The record with the intent on it, as it was when the operation began.
    pub(super) record: WorkspaceRecord,
    pub(super) operation: Operation,
    pub(super) running: RunningOperation,
    /// What is to be kept of the request, once the operation is done.
    draft: Option<Draft>,
    _lock: Option<OwnedMutexGuard<()>>,
}

impl Ticket {
    /// Takes charge of an operation whose record is about to be inserted.
    pub(super) fn of_new(
        verb: &'static str,
        record: WorkspaceRecord,
        operation: Operation,
    ) -> Self {
        let running = RunningOperation::enter(operation.id);
        Self {
            verb,
            record,
            operation,
            draft: None,
            running,
            _lock: None,
        }
    }

    pub(super) fn with_draft(mut self, draft: Option<Draft>) -> Self {
        self.draft = draft;
        self
    }

    /// Fails if a forced delete wants the operation to stop.
    pub(super) fn check_cancelled(&self) -> Result<(), Error> {
        if self.running.is_cancelled() {
            return Err(self.overtaken());
        }
        Ok(())
    }

    /// What the operation's caller is told when a forced delete takes its place.
    fn overtaken(&self) -> Error {
        Error::WorkspaceBusy {
            workspace: self.record.id,
            operation: OperationKind::Delete,
        }
    }
}

impl Core {
    /// Waits and forces until a wish is allowed, and answers the record on which it was.
    ///
    /// A wish that the workspace's snapshots refuse forces nothing. What a dead process left on the workspace is settled
    /// first. What is expected of the record is judged before anything is forced, and is met by then.
    pub(super) async fn admit(
        self: &Arc<Self>,
        verb: &'static str,
        account: &AccountId,
        target: &mut Target,
        wish: &Wish,
    ) -> Result<WorkspaceRecord, Error> {
        for _ in 0..ATTEMPTS {
            let record = self.look_up(verb, account, target).await?;
            if let Err(refused) = self.intent(verb, &record, wish).await {
                if self.is_current(verb, account, target, &record).await? {
                    return Err(refused);
                }
                continue;
            }
            target.expect(&record)?;
            if self.settle(verb, &record).await? {
                continue;
            }
            let wanted = wish.action(&record);
            match decide(State::of(&record), wanted) {
                Verdict::Allow => return Ok(record),
                Verdict::EndSessionFirst => {
                    self.force_out(verb, &record, target, |_| true).await?;
                }
                Verdict::CancelFirst => {
                    target.cancel(&record);
                    self.cancel(&record).await?;
                }
                // A head that is being frozen for one clone is about to serve the next.
                Verdict::RefuseBusy(OperationKind::Freeze) if wanted == Action::CloneHead => {
                    self.await_operation(&record, false).await?;
                }
                verdict => return Err(refusal(verdict, &record, wanted)),
            }
        }
        Err(Self::contended(verb))
    }

    /// Puts the intent of a wish on the workspace as soon as it is allowed.
    ///
    /// From then on the operation is that workspace's, whatever its name means.
    pub(super) async fn begin(
        self: &Arc<Self>,
        verb: &'static str,
        account: &AccountId,
        target: &mut Target,
        wish: &Wish,
    ) -> Result<Ticket, Error> {
        for _ in 0..ATTEMPTS {
            // What it takes to force others out makes no call as large as it is.
            let admitted = Box::pin(self.admit(verb, account, target, wish)).await?;
            let (lock, before) = self.lock(verb, account, target, admitted.id).await?;
            target.expect(&before)?;
            if decide(State::of(&before), wish.action(&before)) != Verdict::Allow {
                continue;
            }
            // What refuses it now refused nothing a moment ago: it is asked again whether that is so.
            let Ok(Some(intent)) = self.intent(verb, &before, wish).await else {
                continue;
            };
            let operation = Operation::new(intent, self.host.owner(), self.now());
            let running = RunningOperation::enter(operation.id);
            let mut record = before.clone();
            record.operation = Some(operation.clone());
            if let Some(record) = self.commit(verb, &before, Step::visible(record)).await? {
                return Ok(Ticket {
                    verb,
                    record,
                    operation,
                    draft: None,
                    running,
                    _lock: Some(lock),
                });
            }
        }
        Err(Self::contended(verb))
    }

    /// Takes the intent off the record and applies what came of it, in one step.
    ///
    /// The record may have been renamed meanwhile; `apply` works on what it is now.
    pub(super) async fn finish(
        &self,
        ticket: &Ticket,
        snapshots: Vec<SnapshotChange>,
        apply: impl Fn(&mut WorkspaceRecord) + Send + Sync,
    ) -> Result<WorkspaceRecord, Error> {
        self.end_operation(ticket, snapshots, ticket.draft.as_ref(), apply)
            .await
    }

    async fn end_operation(
        &self,
        ticket: &Ticket,
        snapshots: Vec<SnapshotChange>,
        draft: Option<&Draft>,
        apply: impl Fn(&mut WorkspaceRecord) + Send + Sync,
    ) -> Result<WorkspaceRecord, Error> {
        let (account, id) = (&ticket.record.account, ticket.record.id);
        let _change = self.changes.read().await;
        let ended = self.update(ticket.verb, account, id, |before| {
            if before.operation.as_ref().map(|operation| operation.id) != Some(ticket.operation.id)
            {
                return Err(ticket.overtaken());
            }
            let mut record = before.clone();
            record.operation = None;
            apply(&mut record);
            let step = Step::visible(record).with_snapshots(snapshots.clone());
            Ok(Some(step.with_draft(draft.cloned())))
        });
        let record = ended.await?;
        self.relabel(account, id).await;
        Ok(record)
    }

    /// Takes a failed operation's intent off the record, removes what it made, and gives the failure back.
    ///
    /// The record lets go of the volumes before they are removed: if the operation's own last step is in the store after
    /// all, this fails and touches nothing. If it fails otherwise, the intent stays, and `recover()` or the next call that
    /// needs the workspace undoes it.
    pub(super) async fn undo(&self, ticket: &Ticket, failure: Error) -> Error {
        let made = ticket.operation.intent.fresh_volumes();
        let undone = self.end_operation(ticket, Vec::new(), None, |record| {
            record.discard.extend(&made)
        });
        match undone.await {
            Ok(record) => drop(self.discard(ticket.verb, record).await),
            Err(error) => {
                let workspace = ticket.record.id;
                tracing::warn!(%workspace, %error, "could not undo; left to recovery");
            }
        }
        failure
    }

    /// Removes volumes that nothing needs.
    pub(super) async fn remove_volumes(
        &self,
        verb: &'static str,
        volumes: &[VolumeId],
    ) -> Result<(), Error> {
        for volume in volumes {
            self.volume
                .remove(*volume)
                .await
                .map_err(|error| Error::storage(verb, error))?;
        }
        Ok(())
    }

    /// Commits a record as it is.
    ///
    /// A store whose last sync failed can show a change that it does not keep, and one that syncs shows what it has not
    /// kept yet. Volumes are removed on the word of a record only when a commit after it has succeeded.
    pub(super) async fn commit_again(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<WorkspaceRecord, Error> {
        self.update(verb, &record.account, record.id, |before| {
            Ok(Some(Step::hidden(before.clone())))
        })
        .await
    }

    /// Removes the volumes that a record, as it was just committed, has on its way out. What can't be removed now stays
    /// noted, for the next change of the workspace or for `recover()`.
    pub(super) async fn discard(
        &self,
        verb: &'static str,
        record: WorkspaceRecord,
    ) -> WorkspaceRecord {
        if record.discard.is_empty() {
            return record;
        }
        let removed = record.discard.clone();
        let discarded = async {
            self.remove_volumes(verb, &removed).await?;
            self.update(verb, &record.account, record.id, |before| {
                let mut record = before.clone();
                record.discard.retain(|volume| !removed.contains(volume));
                Ok(Some(Step::hidden(record)))
            })
            .await
        };
        match discarded.await {
            Ok(record) => record,
            Err(error) => {
                tracing::warn!(workspace = %record.id, %error, "could not discard; left to recovery");
                record
            }
        }
    }

    /// Refuses an action that the rules do not allow on a record as it is, whatever force could do.
    pub(super) fn check_allowed(record: &WorkspaceRecord, action: Action) -> Result<(), Error> {
        match decide(State::of(record), action) {
            Verdict::Allow => Ok(()),
            verdict => Err(refusal(verdict, record, action)),
        }
    }

    /// Stops the operation that runs on a record, and waits until it has.
    pub(super) async fn cancel(&self, record: &WorkspaceRecord) -> Result<(), Error> {
        self.await_operation(record, true).await
    }

    async fn await_operation(&self, record: &WorkspaceRecord, cancel: bool) -> Result<(), Error> {
        let Some(operation) = &record.operation else {
            return Ok(());
        };
        let is_here = operation.owner.is_same_process(&self.host.owner());
        if is_here && wait_for(operation.id, cancel).await {
            return Ok(());
        }
        let (account, id) = (&record.account, record.id);
        let now = self.metadata.workspace(account, id).await;
        let now = now.map_err(|error| Error::storage("wait", error))?;
        let current = now.as_ref().and_then(|record| record.operation.as_ref());
        if current.map(|current| current.id) != Some(operation.id) {
            return Ok(());
        }
        // It runs in another process, which alone can stop it.
        Err(Error::WorkspaceBusy {
            workspace: id,
            operation: operation.intent.kind(),
        })
    }

    /// Notes on the workspace that its files can't be used, if that is what the error says.
    pub(super) async fn note_corruption(
        &self,
        verb: &'static str,
        account: &AccountId,
        id: WorkspaceId,
        error: &Error,
    ) {
        if !matches!(error, Error::StorageCorrupt { .. }) {
            return;
        }
        let failure = crate::error::Failure::new(error.code(), error.to_string(), self.now());
        let noted = self.update(verb, account, id, |before| {
            if before.operation.is_some() || before.session.is_some() {
                return Ok(None);
            }
            let mut record = before.clone();
            record.failure = Some(failure.clone());
            Ok(Some(Step::visible(record)))
        });
        if let Err(error) = noted.await {
            tracing::warn!(workspace = %id, %error, "could not note the failure");
        }
    }
}

fn refusal(verdict: Verdict, record: &WorkspaceRecord, wanted: Action) -> Error {
    let workspace = record.id;
    let refused = match verdict {
        Verdict::RefuseType => Some(Error::SessionTypeMismatch {
            workspace,
            locked_to: record.session_type,
            requested: record.session_type.other(),
        }),
        Verdict::RefuseBusy(operation) => Some(Error::WorkspaceBusy {
            workspace,
            operation,
        }),
        Verdict::RefuseActive { force_would_help } => record.session.as_ref().map(|session| {
            let active_session_id = session.id;
            Error::WorkspaceActive {
                workspace,
                active_session_id,
                force_would_help,
            }
        }),
        Verdict::RefuseFailed => record
            .failure
            .clone()
            .map(|failure| Error::WorkspaceFailed { workspace, failure }),
        Verdict::Allow | Verdict::EndSessionFirst | Verdict::CancelFirst => None,
    };
    refused.unwrap_or_else(|| {
        let message =
            format!("the rules and the record of workspace {workspace} disagree on {wanted:?}");
        Error::storage(
            "decide",
            BackendError::corrupt(format!("workspace {workspace}"), message),
        )
    })
}
