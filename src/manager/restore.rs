//! Restoring a snapshot.

use std::sync::Arc;

use super::account::Account;
use super::core::Core;
use super::label::Label;
use super::options::RestoreSnapshot;
use super::outcome::base_on;
use super::target::Target;
use super::wish::Wish;
use crate::error::Error;
use crate::model::{
    AccountId, Selector, SnapshotName, SnapshotRecord, SnapshotSelector, VolumeId, Workspace,
    WorkspaceRecord,
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
    /// After any error but those of the storage the files are as they were. After one of those, they are as they were or
    /// restored, once [`recover`](crate::WorkspaceManager::recover) has run.
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
        let (mut ticket, forked) = self.begin(VERB, account, &mut target, &wish, None).await?;
        if let Err(error) = forked.and_then(|()| ticket.check_cancelled()) {
            return Err(self.undo(&ticket, error).await);
        }
        match self.finish(&mut ticket).await {
            Ok(record) => Ok(self.view(&self.discard(VERB, record).await)),
            Err(error) => Err(self.undo(&ticket, error).await),
        }
    }

    /// Saves the present head if that was asked for, and makes the new one.
    pub(super) async fn fork_snapshot(
        &self,
        record: &WorkspaceRecord,
        restored: Option<&SnapshotRecord>,
        head: VolumeId,
        save_head_as: Option<&SnapshotRecord>,
    ) -> Result<(), Error> {
        // Nothing deletes a snapshot while the operation runs.
        let snapshot = restored.ok_or_else(|| Self::contended(VERB))?;
        if let Some(saved) = save_head_as {
            self.freeze_as(VERB, record, saved).await?;
        }
        let mut after = record.clone();
        base_on(&mut after, snapshot.id);
        let label = Label::of_head(&after, self.now()).text();
        let forked = self.volume.fork_labelled(snapshot.volume, head, &label);
        forked.await.map_err(|error| Error::storage(VERB, error))
    }
}
