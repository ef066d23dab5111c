//! Settling what dead processes left.

use std::sync::Arc;

use super::core::{Core, Step};
use super::once::Draft;
use super::outcome::{complete, snapshots_made, volumes_needed};
use super::running::is_running;
use super::session::running;
use super::target::Target;
use crate::error::Error;
use crate::metadata::{SnapshotChange, session_position};
use crate::model::{
    AccountId, Intent, Operation, SessionRecord, VolumeId, WorkspaceId, WorkspaceRecord,
};
use crate::session::lease::{Hold, judge};
use crate::session::{Host, Liveness};

const VERB: &str = "recover";
const PAGE: usize = 256;

/// What a recovery did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Workspaces whose operation lacked nothing but its last step, which was taken.
    pub finished: Vec<WorkspaceId>,
    /// Workspaces whose unfinished operation was undone.
    pub undone: Vec<WorkspaceId>,
    /// Workspaces whose deletion was finished.
    pub deleted: Vec<WorkspaceId>,
    /// Workspaces whose leftover volumes were removed.
    pub discarded: Vec<WorkspaceId>,
    /// Volumes that a crash left and that no record named. They were removed.
    pub unnamed: Vec<VolumeId>,
    /// Workspaces whose session was ended, because its lease ran out or its owner is dead.
    pub sessions_ended: Vec<WorkspaceId>,
    /// Workspaces that could not be settled, and why. The next recovery tries again.
    pub failures: Vec<(WorkspaceId, String)>,
}

impl RecoveryReport {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What settling a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Finished,
    Undone,
    Deleted,
    Discarded,
    SessionEnded,
}

impl Core {
    /// Settles everything that dead processes left, in all accounts.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<RecoveryReport, Error> {
        self.recover_within(None).await
    }

    /// The same, in one account alone if one is given.
    pub(super) async fn recover_within(
        self: &Arc<Self>,
        scope: Option<&AccountId>,
    ) -> Result<RecoveryReport, Error> {
        let within = |record: &&WorkspaceRecord| scope.is_none_or(|it| *it == record.account);
        let mut report = RecoveryReport::default();
        let mut after = None;
        loop {
            let page = self.metadata.in_flight(after, PAGE).await;
            let page = page.map_err(|error| Error::storage(VERB, error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for record in page.iter().filter(within) {
                let settled = self.settle_in_flight(VERB, record).await;
                report.note(record.id, settled);
            }
        }
        let mut after = None;
        loop {
            let page = self.metadata.sessions(None, after, PAGE).await;
            let page = page.map_err(|error| Error::storage(VERB, error))?;
            let Some(last) = page.last() else { break };
            after = session_position(last);
            for record in page.iter().filter(within) {
                let settled = self.settle_session(VERB, record).await;
                report.note(record.id, settled);
            }
        }
        if scope.is_none() {
            report.unnamed = self.settle_reservations(VERB).await?;
        }
        self.forget_receipts(VERB).await?;
        tracing::info!(
            finished = report.finished.len(),
            unnamed = report.unnamed.len(),
            undone = report.undone.len(),
            deleted = report.deleted.len(),
            discarded = report.discarded.len(),
            sessions_ended = report.sessions_ended.len(),
            failures = report.failures.len(),
            "recovered"
        );
        Ok(report)
    }

    /// Counts the sessions of all accounts.
    pub(super) async fn count_sessions(&self, verb: &'static str) -> Result<u64, Error> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.metadata.sessions(None, after, PAGE).await;
            let page = page.map_err(|error| Error::storage(verb, error))?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after = session_position(last);
            count += page.len() as u64;
        }
    }

    /// Settles what a dead process left on one workspace, before a call that needs it. Answers whether there was anything.
    pub(super) async fn settle(
        self: &Arc<Self>,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<bool, Error> {
        if record.operation.is_some() {
            return Ok(self.settle_operation(verb, record).await?.is_some());
        }
        Ok(self.settle_session(verb, record).await?.is_some())
    }

    async fn settle_in_flight(
        self: &Arc<Self>,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<Option<Settled>, Error> {
        if record.operation.is_some() {
            return self.settle_operation(verb, record).await;
        }
        let _lock = self.locks.lock(record.id).await;
        let now = self.reread(verb, &record.account, record.id).await?;
        if now.operation.is_some() || now.discard.is_empty() {
            return Ok(None);
        }
        let confirmed = self.commit_again(verb, &now).await?;
        let left = self.discard(verb, confirmed).await;
        Ok(left.discard.is_empty().then_some(Settled::Discarded))
    }

    /// Finishes an operation whose process is dead, if it lacks nothing but its last step or is a deletion; undoes it
    /// otherwise.
    async fn settle_operation(
        self: &Arc<Self>,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<Option<Settled>, Error> {
        let abandoned = |record: &WorkspaceRecord| {
            record
                .operation
                .as_ref()
                .is_some_and(|operation| self.is_abandoned(operation))
        };
        if !abandoned(record) {
            return Ok(None);
        }
        let _lock = self.locks.lock(record.id).await;
        let (account, id) = (&record.account, record.id);
        let Some(now) = self.still_there(verb, account, id).await? else {
            return Ok(None);
        };
        let Some(operation) = now.operation.clone().filter(|_| abandoned(&now)) else {
            return Ok(None);
        };
        if self.is_made(verb, &now, &operation).await? {
            self.finish_for(verb, &now, &operation).await?;
            return Ok(Some(Settled::Finished));
        }
        match operation.intent {
            Intent::Create => {
                self.remove_unmade(verb, account, id, operation.id).await?;
                Ok(Some(Settled::Undone))
            }
            Intent::Import => {
                // What the dead process mounted is unmounted before the record lets go of it.
                let unmounted = self.unmount(&now).await;
                unmounted.map_err(|error| Error::storage(verb, error))?;
                self.remove_unmade(verb, account, id, operation.id).await?;
                Ok(Some(Settled::Undone))
            }
            Intent::Delete => {
                let confirmed = self.commit_again(verb, &now).await?;
                self.remove_everything(verb, &confirmed).await?;
                Ok(Some(Settled::Deleted))
            }
            Intent::Freeze { .. } | Intent::Snapshot { .. } | Intent::Restore { .. } => {
                let made = operation.intent.fresh_volumes();
                let undone = self.end_for(verb, &now, &operation, Vec::new(), None, |record| {
                    record.discard.extend(&made);
                });
                undone.await?;
                Ok(Some(Settled::Undone))
            }
        }
    }

    /// Whether all volumes that an operation makes are there, so that it lacks nothing but its last step. A request that was
    /// done elsewhere meanwhile is not done again.
    async fn is_made(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        operation: &Operation,
    ) -> Result<bool, Error> {
        let needed = volumes_needed(record, &operation.intent);
        for volume in &needed {
            let status = self.volume.status(*volume).await;
            let status = status.map_err(|error| Error::storage(verb, error))?;
            if status.is_none() {
                return Ok(false);
            }
        }
        Ok(!needed.is_empty()
            && !self
                .is_done_elsewhere(verb, &record.account, operation)
                .await?)
    }

    /// Takes the last step of an operation whose process is dead.
    async fn finish_for(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        operation: &Operation,
    ) -> Result<(), Error> {
        self.label_made(verb, record, &operation.intent).await?;
        let (made, draft) = (snapshots_made(&operation.intent), Draft::of(operation));
        self.end_for(verb, record, operation, made, draft, |record| {
            complete(record, operation);
        })
        .await
    }

    /// Takes the operation of a dead process off its record, with what comes of it, and removes what that lets go of.
    async fn end_for(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        operation: &Operation,
        snapshots: Vec<SnapshotChange>,
        draft: Option<Draft>,
        apply: impl Fn(&mut WorkspaceRecord) + Send + Sync,
    ) -> Result<(), Error> {
        let (account, id) = (&record.account, record.id);
        let change = self.changes.read().await;
        let ended = self.update(verb, account, id, |before| {
            if before.operation.as_ref().map(|current| current.id) != Some(operation.id) {
                // It is over. What has to go is read off a record that is kept all the same.
                return Ok(Some(Step::hidden(before.clone())));
            }
            let mut record = before.clone();
            record.operation = None;
            apply(&mut record);
            let step = Step::visible(record).with_snapshots(snapshots.clone());
            Ok(Some(step.with_draft(draft.clone())))
        });
        let record = ended.await?;
        // Somebody may have renamed the workspace meanwhile.
        self.relabel(account, id).await;
        drop(change);
        self.discard(verb, record).await;
        Ok(())
    }

    pub(super) async fn still_there(
        &self,
        verb: &'static str,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, Error> {
        self.metadata
            .workspace(account, id)
            .await
            .map_err(|error| Error::storage(verb, error))
    }

    /// Whether nobody runs an operation any more: it is asked, never guessed by age.
    pub(super) fn is_abandoned(&self, operation: &Operation) -> bool {
        if operation.owner.is_same_process(&self.host.owner()) {
            return !is_running(operation.id);
        }
        self.host.liveness(&operation.owner) == Liveness::Dead
    }

    /// Judges a session. One that is starting and that nobody starts here any more was left behind by this process.
    pub(super) fn hold(&self, session: &SessionRecord) -> Hold {
        let host: &dyn Host = &*self.host;
        let ours = session.owner.is_same_process(&host.owner());
        if session.starting && ours && !is_running(*session.id.as_uuid()) {
            return Hold::OwnerDead;
        }
        judge(session, host)
    }

    /// Ends a session whose lease ran out or whose owner is dead.
    async fn settle_session(
        self: &Arc<Self>,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<Option<Settled>, Error> {
        let seen = record.session.as_ref();
        let Some(seen) = seen.filter(|session| self.hold(session) != Hold::Live) else {
            return Ok(None);
        };
        // The record may be of before the session was renewed, or was ready: it is looked at again after it was asked whether
        // anybody starts it.
        let now = self.still_there(verb, &record.account, record.id).await?;
        let Some(record) = now else { return Ok(None) };
        let Ok(session) = running(&record, seen.id) else {
            return Ok(None);
        };
        let mut target = Target::from(record.id);
        let ended = match self.hold(session) {
            Hold::Live => return Ok(None),
            Hold::OwnerDead => {
                // What the dead process mounted is unmounted at once, unless something that it started still runs there.
                match self
                    .end(verb, &record.account, &target, session.id, None)
                    .await
                {
                    Err(Error::SessionTerminationFailed { .. }) => {
                        Box::pin(self.force_out(verb, &record, &mut target, |_| true)).await
                    }
                    result => result.map(|_| true),
                }
            }
            Hold::Expired => {
                let is_over = |session: &SessionRecord| self.hold(session) == Hold::Expired;
                Box::pin(self.force_out(verb, &record, &mut target, is_over)).await
            }
        };
        match ended {
            Ok(ended) => Ok(ended.then_some(Settled::SessionEnded)),
            Err(Error::SessionNotFound { .. } | Error::WorkspaceNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl RecoveryReport {
    fn note(&mut self, id: WorkspaceId, settled: Result<Option<Settled>, Error>) {
        match settled {
            Ok(None) => {}
            Ok(Some(Settled::Finished)) => self.finished.push(id),
            Ok(Some(Settled::Undone)) => self.undone.push(id),
            Ok(Some(Settled::Deleted)) => self.deleted.push(id),
            Ok(Some(Settled::Discarded)) => self.discarded.push(id),
            Ok(Some(Settled::SessionEnded)) => self.sessions_ended.push(id),
            Err(error) => self.failures.push((id, error.to_string())),
        }
    }
}
