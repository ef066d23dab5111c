//! How a verb that needs both stores begins, ends and is undone.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::core::{ATTEMPTS, Core, Step};
use super::once::Draft;
use super::outcome::{complete, snapshots_made};
use super::reserve::Reserved;
use super::running::{RunningOperation, wait_for};
use super::target::Target;
use super::wish::{Admitted, Said, Wish};
use crate::error::{BackendError, Error};
use crate::metadata::SnapshotChange;
use crate::model::{
    AccountId, Intent, Operation, OperationKind, RequestKey, VolumeId, WorkspaceId, WorkspaceRecord,
};
use crate::session::rules::{Action, State, Verdict, decide};

/// An operation that runs: its intent is on the record, and the workspace's lock is held.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) verb: &'static str,
    /// The record with the intent on it, as it was when the operation began.
    pub(super) record: WorkspaceRecord,
    pub(super) operation: Operation,
    pub(super) running: RunningOperation,
    /// The ids under which it makes volumes.
    reserved: Vec<Reserved>,
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
            running,
            reserved: Vec::new(),
            _lock: None,
        }
    }

    pub(super) fn with_reserved(mut self, reserved: Reserved) -> Self {
        self.reserved.push(reserved);
        self
    }

    /// Fails if a forced delete wants the operation to stop.
    pub(super) fn check_cancelled(&self) -> Result<(), Error> {
        if self.running.is_cancelled() {
            return Err(self.overtaken());
        }
        Ok(())
    }

    /// Whether its end changes what the label of the head tells, or undoes such an end. All others have labelled what they
    /// made.
    fn labels_head_at_its_end(&self) -> bool {
        matches!(self.operation.intent, Intent::Snapshot { .. })
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
    ) -> Result<Admitted, Error> {
        for _ in 0..ATTEMPTS {
            let record = self.look_up(verb, account, target).await?;
            let said = match self.ask_snapshots(verb, &record, wish).await {
                Ok(said) => said,
                Err(refused) => match self.is_current(verb, account, target, &record).await? {
                    true => return Err(refused),
                    false => continue,
                },
            };
            target.expect(&record)?;
            if self.settle(verb, &record).await? {
                continue;
            }
            let wanted = wish.action(&record);
            match decide(State::of(&record), wanted) {
                Verdict::Allow => return Ok(Admitted { record, said }),
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
                verdict => {
                    // The snapshots that were asked may have come or gone after the record was read: what the two refuse
                    // together may have been refused at no moment.
                    if !wish.depends_on_snapshots()
                        || self.is_current(verb, account, target, &record).await?
                    {
                        return Err(refusal(verdict, &record, wanted));
                    }
                }
            }
        }
        Err(Self::contended(verb))
    }

    /// Puts the intent of a wish on the workspace as soon as it is allowed, and does what it intends to the volumes at the
    /// same time. Answers what came of that, too.
    ///
    /// From then on the operation is that workspace's, whatever its name means. The intent and the volumes wait for the disk
    /// together: the volumes' ids are reserved, so that either can be all that a crash leaves.
    pub(super) async fn begin(
        self: &Arc<Self>,
        verb: &'static str,
        account: &AccountId,
        target: &mut Target,
        wish: &Wish,
        request: Option<&RequestKey>,
    ) -> Result<(Ticket, Result<(), Error>), Error> {
        for _ in 0..ATTEMPTS {
            // What it takes to force others out makes no call as large as it is.
            let admitted = Box::pin(self.admit(verb, account, target, wish)).await?;
            let mut reserved = Vec::new();
            for _ in 0..wish.volumes() {
                reserved.push(self.reserve(verb).await?);
            }
            let (lock, before) = self.lock(verb, account, target, admitted.record.id).await?;
            target.expect(&before)?;
            if decide(State::of(&before), wish.action(&before)) != Verdict::Allow {
                continue;
            }
            let seen = &admitted.record;
            let said = match (before.id, before.version) == (seen.id, seen.version) {
                true => admitted.said,
                // What refuses it now refused nothing a moment ago: it is asked again whether that is so.
                false => match self.ask_snapshots(verb, &before, wish).await {
                    Ok(said) => said,
                    Err(_) => continue,
                },
            };
            let mut ids = reserved.iter_mut();
            let intent = self.intent(&before, wish, &said, || {
                let reserved = ids.next();
                let reserved = reserved.expect("because a wish says how many volumes it makes");
                reserved.take()
            });
            let Some(intent) = intent else {
                return Err(Self::contended(verb));
            };
            let operation = self.operation(intent, request.cloned());
            let running = RunningOperation::enter(operation.id);
            let mut record = before.clone();
            record.operation = Some(operation.clone());
            let (begun, worked) = tokio::join!(
                self.commit(verb, &before, Step::visible(record)),
                self.make_volumes(verb, &before, &operation.intent, &said),
            );
            if let Ok(Some(record)) = begun {
                let ticket = Ticket {
                    verb,
                    record,
                    operation,
                    running,
                    reserved,
                    _lock: Some(lock),
                };
                return Ok((ticket, worked));
            }
            self.remove_or_leave(verb, &operation.intent.fresh_volumes())
                .await;
            begun?;
        }
        Err(Self::contended(verb))
    }

    /// Begins an operation of this process.
    pub(super) fn operation(&self, intent: Intent, request: Option<RequestKey>) -> Operation {
        Operation::new(intent, self.host.owner(), self.now()).with_request(request)
    }

    /// Makes the volumes of an operation on a workspace that is there, each with its label.
    async fn make_volumes(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        intent: &Intent,
        said: &Said,
    ) -> Result<(), Error> {
        match intent {
            Intent::Freeze { frozen } => self.freeze_for_clones(record, *frozen).await,
            Intent::Snapshot { snapshot } => self.freeze_as(verb, record, snapshot).await,
            Intent::Restore {
                head, save_head_as, ..
            } => {
                let restored = said.restored.as_ref();
                self.fork_snapshot(record, restored, *head, save_head_as.as_ref())
                    .await
            }
            Intent::Create | Intent::Import | Intent::Delete => Ok(()),
        }
    }

    /// Removes what was made for an intent that is not on the record. What stays is left to recovery.
    pub(super) async fn remove_or_leave(&self, verb: &'static str, made: &[VolumeId]) {
        if let Err(error) = self.remove_volumes(verb, made).await {
            tracing::warn!(%error, "could not take volumes back; left to recovery");
        }
    }

    /// Takes the intent off the record and applies what came of it, in one step.
    ///
    /// The record may have been renamed meanwhile; what is applied is applied to what it is now. Nobody waits for the disk
    /// if all that was made is durable, because recovery would come to the same.
    pub(super) async fn finish(&self, ticket: &mut Ticket) -> Result<WorkspaceRecord, Error> {
        let snapshots = snapshots_made(&ticket.operation.intent);
        let operation = ticket.operation.clone();
        let draft = Draft::of(&operation);
        let ended = self.end_operation(ticket, snapshots, draft, true, |record| {
            complete(record, &operation);
        });
        let record = ended.await?;
        ticket.reserved.iter_mut().for_each(Reserved::named);
        Ok(record)
    }

    /// Takes the intent off the record of an operation that had nothing to do.
    pub(super) async fn finish_with_nothing(
        &self,
        ticket: &Ticket,
    ) -> Result<WorkspaceRecord, Error> {
        self.end_operation(ticket, Vec::new(), None, true, |_| ())
            .await
    }

    /// As [`finish`](Self::finish), of what recovery could not finish: it is durable when this is answered.
    #[cfg(feature = "github")]
    pub(super) async fn finish_at_once(
        &self,
        ticket: &Ticket,
        apply: impl Fn(&mut WorkspaceRecord) + Send + Sync,
    ) -> Result<WorkspaceRecord, Error> {
        let draft = Draft::of(&ticket.operation);
        self.end_operation(ticket, Vec::new(), draft, false, apply)
            .await
    }

    async fn end_operation(
        &self,
        ticket: &Ticket,
        snapshots: Vec<SnapshotChange>,
        draft: Option<Draft>,
        soon: bool,
        apply: impl Fn(&mut WorkspaceRecord) + Send + Sync,
    ) -> Result<WorkspaceRecord, Error> {
        let (account, id) = (&ticket.record.account, ticket.record.id);
        let after = |before: &WorkspaceRecord| {
            let mut record = before.clone();
            record.operation = None;
            apply(&mut record);
            record
        };
        let _change = self.changes.read().await;
        let labelling = match ticket.labels_head_at_its_end() {
            true => Some(self.labelling.lock(id).await),
            false => None,
        };
        let ended = self.update_known(ticket.verb, &ticket.record, |before| {
            if before.operation.as_ref().map(|operation| operation.id) != Some(ticket.operation.id)
            {
                return Err(ticket.overtaken());
            }
            let record = after(before);
            let step = Step::visible(record).with_snapshots(snapshots.clone());
            let step = step.with_draft(draft.clone());
            Ok(Some(if soon { step.soon() } else { step }))
        });
        let expected = after(&ticket.record);
        let (ended, is_labelled) = tokio::join!(ended, self.label_ahead(ticket, &expected));
        drop(labelling);
        let record = ended?;
        // The labels are those of the next change, and another may have come between.
        if !is_labelled || record.version != ticket.record.version + 1 {
            self.relabel(account, id).await;
        }
        Ok(record)
    }

    /// Labels the head as the record will be, beside the commit that makes it so. Answers whether the label is right if
    /// that commit is the next. Nobody else may label the head meanwhile.
    async fn label_ahead(&self, ticket: &Ticket, after: &WorkspaceRecord) -> bool {
        !ticket.labels_head_at_its_end()
            || self
                .label_head(ticket.verb, after.head, after)
                .await
                .is_ok()
    }

    /// Takes a failed operation's intent off the record, removes what it made, and gives the failure back.
    ///
    /// The record lets go of the volumes before they are removed: if the operation's own last step is in the store after
    /// all, this fails and touches nothing. If it fails otherwise, the intent stays, and `recover()` or the next call that
    /// needs the workspace undoes it.
    pub(super) async fn undo(&self, ticket: &Ticket, failure: Error) -> Error {
        let made = ticket.operation.intent.fresh_volumes();
        let undone = self.end_operation(ticket, Vec::new(), None, false, |record| {
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

    /// Removes the volumes that a record, as it was just committed, has on its way out. What can't be removed now stays noted
    /// for `recover()`, on the record or as a reservation.
    pub(super) async fn discard(
        &self,
        verb: &'static str,
        record: WorkspaceRecord,
    ) -> WorkspaceRecord {
        if record.discard.is_empty() {
            return record;
        }
        match Box::pin(self.remove_discarded(verb, &record)).await {
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
