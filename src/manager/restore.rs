//! Restoring a snapshot.

use std::sync::Arc;

use super::account::Account;
use super::core::Core;
use super::operation::Ticket;
use super::options::RestoreSnapshot;
use super::snapshot::{add_snapshot, base_on};
use super::target::Target;
use super::wish::Wish;
use crate::error::Error;
use crate::metadata::SnapshotChange;
use crate::model::{
    AccountId, Intent, Selector, SnapshotId, SnapshotName, SnapshotRecord, SnapshotSelector,
    VolumeId, Workspace,
};

const VERB: &str = "restore";

impl Account {
    /// Replaces a workspace's files by a snapshot's.
    ///
    /// It deletes no snapshot, newer ones included. The files that it replaces are gone, unless
    /// [`save_head_as`](RestoreSnapshot::save_head_as) makes a snapshot of them first, in the same step. It is a way out for
    /// a failed workspace.
    ///
    /// # Errors
    /// - [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`SnapshotNotFound`](Error::SnapshotNotFound);
    /// - [`SnapshotNameInvalid`](Error::SnapshotNameInvalid), [`SnapshotNameTaken`](Error::SnapshotNameTaken) for
    ///   `save_head_as`;
    /// - [`WorkspaceActive`](Error::WorkspaceActive), [`WorkspaceBusy`](Error::WorkspaceBusy);
    /// - [`SessionTerminationFailed`](Error::SessionTerminationFailed) if the session could not be ended;
    /// - those of the storage.
    ///
    /// After any error the files are as they were.
    pub async fn restore(
        &self,
        workspace: impl Into<Selector>,
        snapshot: impl Into<SnapshotSelector>,
        options: RestoreSnapshot,
    ) -> Result<Workspace, Error> {
        let (core, account) = (self.core(), self.id().clone());
        let (target, snapshot) = (self.target(workspace), snapshot.into());
        Core::detached(VERB, self.id(), async move {
            core.restore(&account, target, snapshot, &options).await
        })
        .await
    }
}

impl Core {
    async fn restore(
        self: &Arc<Self>,
        account: &AccountId,
        mut target: Target,
        snapshot: SnapshotSelector,
        options: &RestoreSnapshot,
    ) -> Result<Workspace, Error> {
        let save_head_as = options
            .save_head_as
            .as_deref()
            .map(SnapshotName::parse)
            .transpose()?;
        let wish = Wish::Restore {
            snapshot,
            save_head_as,
            force: options.force,
        };
        let ticket = self.begin(VERB, account, &mut target, &wish).await?;
        let Intent::Restore {
            snapshot,
            head,
            save_head_as,
        } = ticket.operation.intent.clone()
        else {
            return Err(Self::contended(VERB));
        };
        let forked = self.fork_snapshot(&ticket, snapshot, head, &save_head_as);
        let snapshot = match forked.await {
            Ok(snapshot) => snapshot,
            Err(error) => return Err(self.undo(&ticket, error).await),
        };
        let put = save_head_as
            .iter()
            .cloned()
            .map(SnapshotChange::Put)
            .collect();
        let now = self.now();
        let finished = self.finish(&ticket, put, |record| {
            record.discard.push(record.head);
            record.head = head;
            record.failure = None;
            record.saved_at = Some(now);
            record.size_bytes = snapshot.size_bytes;
            if let Some(saved) = &save_head_as {
                add_snapshot(record, saved);
            }
            base_on(record, snapshot.id);
        });
        match finished.await {
            Ok(record) => Ok(self.view(&self.discard(VERB, record).await)),
            Err(error) => Err(self.undo(&ticket, error).await),
        }
    }

    /// Saves the present head if that was asked for, and makes the new one. Answers the snapshot that it is made of.
    async fn fork_snapshot(
        &self,
        ticket: &Ticket,
        snapshot: SnapshotId,
        head: VolumeId,
        save_head_as: &Option<SnapshotRecord>,
    ) -> Result<SnapshotRecord, Error> {
        // Nothing deletes a snapshot while an operation runs, so that what is found now stays.
        let snapshot = self
            .find_snapshot(VERB, ticket.record.id, &snapshot.into())
            .await?;
        if let Some(saved) = save_head_as {
            let froze = self.volume.freeze(ticket.record.head, saved.volume).await;
            froze.map_err(|error| Error::storage(VERB, error))?;
            self.label_snapshot(VERB, &ticket.record, saved).await?;
        }
        ticket.check_cancelled()?;
        let forked = self.volume.fork(snapshot.volume, head).await;
        forked.map_err(|error| Error::storage(VERB, error))?;
        let mut restored = ticket.record.clone();
        base_on(&mut restored, snapshot.id);
        self.label_head(VERB, head, &restored).await?;
        ticket.check_cancelled()?;
        Ok(snapshot)
    }
}
