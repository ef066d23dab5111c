//! Restoring a snapshot.

use std::sync::Arc;

use super::account::Account;
use super::core::Core;
use super::expected::Expected;
use super::operation::Ticket;
use super::options::RestoreSnapshot;
use super::snapshot::{add_snapshot, base_on};
use crate::error::Error;
use crate::metadata::SnapshotChange;
use crate::model::{
    AccountId, Intent, Selector, SnapshotName, SnapshotRecord, SnapshotSelector, VolumeId,
    Workspace, WorkspaceRecord,
};
use crate::session::rules::Action;

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
        let (workspace, snapshot) = (workspace.into(), snapshot.into());
        let expected = self.expected();
        Core::detached(VERB, self.id(), async move {
            core.restore(&account, &workspace, expected, &snapshot, &options)
                .await
        })
        .await
    }
}

impl Core {
    async fn restore(
        self: &Arc<Self>,
        account: &AccountId,
        workspace: &Selector,
        expected: Expected,
        selector: &SnapshotSelector,
        options: &RestoreSnapshot,
    ) -> Result<Workspace, Error> {
        let action = Action::Restore {
            force: options.force.is_yes(),
        };
        let save_as = options
            .save_head_as
            .as_deref()
            .map(SnapshotName::parse)
            .transpose()?;
        // A request that can't succeed ends no session.
        let id = self.find(VERB, account, workspace).await?.id;
        let snapshot = self.find_snapshot(VERB, account, id, selector).await?;
        if let Some(name) = &save_as {
            self.check_snapshot_free(VERB, id, name).await?;
        }
        let intent = |record: &WorkspaceRecord| Intent::Restore {
            snapshot: snapshot.id,
            head: VolumeId::new(),
            save_head_as: save_as
                .as_ref()
                .map(|name| self.record_of_snapshot(record, name)),
        };
        let ticket = self
            .begin(VERB, account, &id.into(), expected, action, intent)
            .await?;
        let Intent::Restore {
            head, save_head_as, ..
        } = ticket.operation.intent.clone()
        else {
            return Err(Self::contended(VERB));
        };
        if let Err(error) = self
            .fork_snapshot(&ticket, snapshot.id.into(), head, &save_head_as)
            .await
        {
            return Err(self.undo(&ticket, error).await);
        }
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

    /// Saves the present head if that was asked for, and makes the new one.
    async fn fork_snapshot(
        &self,
        ticket: &Ticket,
        snapshot: SnapshotSelector,
        head: VolumeId,
        save_head_as: &Option<SnapshotRecord>,
    ) -> Result<(), Error> {
        // Nothing deletes a snapshot while an operation runs, so that what is found now stays.
        let snapshot = self
            .find_snapshot(VERB, &ticket.record.account, ticket.record.id, &snapshot)
            .await?;
        if let Some(saved) = save_head_as {
            self.check_snapshot_free(VERB, ticket.record.id, &saved.name)
                .await?;
            let froze = self.volume.freeze(ticket.record.head, saved.volume).await;
            froze.map_err(|error| Error::storage(VERB, error))?;
        }
        ticket.check_cancelled()?;
        let forked = self.volume.fork(snapshot.volume, head).await;
        forked.map_err(|error| Error::storage(VERB, error))?;
        ticket.check_cancelled()
    }
}
