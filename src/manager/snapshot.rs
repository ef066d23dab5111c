//! Snapshots: taking, listing and deleting them.

use std::sync::Arc;

use super::account::Account;
use super::core::{ATTEMPTS, Core, Step};
use super::label::Label;
use super::once::snapshot_made;
use super::options::Force;
use super::pages;
use super::target::Target;
use super::wish::Wish;
use crate::error::Error;
use crate::metadata::SnapshotChange;
use crate::model::{
    AccountId, Intent, RequestKey, Selector, Snapshot, SnapshotId, SnapshotName, SnapshotRecord,
    SnapshotSelector, VolumeId, Workspace, WorkspaceId, WorkspaceRecord,
};
use crate::session::rules::Action;

impl Account {
    /// Takes a snapshot of a workspace's files under a name that is unique in the workspace, ignoring case.
    ///
    /// With [`Force::Yes`] a running session is ended first.
    ///
    /// # Errors
    /// - [`WorkspaceNotFound`](Error::WorkspaceNotFound);
    /// - [`SnapshotNameInvalid`](Error::SnapshotNameInvalid), [`SnapshotNameTaken`](Error::SnapshotNameTaken);
    /// - [`WorkspaceActive`](Error::WorkspaceActive), [`WorkspaceBusy`](Error::WorkspaceBusy),
    ///   [`WorkspaceFailed`](Error::WorkspaceFailed);
    /// - [`SessionTerminationFailed`](Error::SessionTerminationFailed) if the session could not be ended;
    /// - those of the storage.
    pub async fn create_snapshot(
        &self,
        workspace: impl Into<Selector>,
        name: &str,
        force: Force,
    ) -> Result<Snapshot, Error> {
        let (core, account, target) = (self.core(), self.id().clone(), self.target(workspace));
        let name = SnapshotName::parse(name)?;
        let (request, wish) = (self.request(), Wish::Snapshot { name, force });
        Core::detached("create_snapshot", self.id(), async move {
            Box::pin(core.create_snapshot(&account, target, request, &wish)).await
        })
        .await
    }

    /// A workspace's snapshots at one moment, oldest first.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), and those of the storage.
    pub async fn snapshots(&self, workspace: impl Into<Selector>) -> Result<Vec<Snapshot>, Error> {
        const VERB: &str = "list_snapshots";
        let (core, target) = (self.core(), self.target(workspace));
        Core::spanned(VERB, Some(self.id()), async {
            for _ in 0..ATTEMPTS {
                let record = core.look_up(VERB, self.id(), &target).await?;
                Core::check_allowed(&record, Action::Read)?;
                let snapshots = core.all_snapshots(VERB, record.id).await?;
                if core.is_current(VERB, self.id(), &target, &record).await? {
                    return Ok(snapshots.iter().map(Snapshot::from).collect());
                }
            }
            Err(Core::contended(VERB))
        })
        .await
    }

    /// Deletes a snapshot. Clones that started from it keep their files.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`SnapshotNotFound`](Error::SnapshotNotFound),
    /// [`WorkspaceBusy`](Error::WorkspaceBusy), and those of the storage.
    pub async fn delete_snapshot(
        &self,
        workspace: impl Into<Selector>,
        snapshot: impl Into<SnapshotSelector>,
    ) -> Result<Workspace, Error> {
        let (core, account) = (self.core(), self.id().clone());
        let (target, snapshot) = (self.target(workspace), snapshot.into());
        Core::detached("delete_snapshot", self.id(), async move {
            core.delete_snapshot(&account, target, &snapshot).await
        })
        .await
    }
}

impl Core {
    async fn create_snapshot(
        self: &Arc<Self>,
        account: &AccountId,
        mut target: Target,
        request: Option<RequestKey>,
        wish: &Wish,
    ) -> Result<Snapshot, Error> {
        const VERB: &str = "create_snapshot";
        let turn = self.turn(VERB, account, request).await?;
        if let Some(made) = turn.made() {
            return snapshot_made(made);
        }
        let request = turn.key();
        let begun = self.begin(VERB, account, &mut target, wish, request.as_ref());
        let (mut ticket, froze) = begun.await?;
        let Intent::Snapshot { snapshot } = ticket.operation.intent.clone() else {
            return Err(Self::contended(VERB));
        };
        if let Err(error) = froze.and_then(|()| ticket.check_cancelled()) {
            let (id, error) = (ticket.record.id, self.undo(&ticket, error).await);
            drop(ticket);
            self.note_corruption(VERB, account, id, &error).await;
            return Err(error);
        }
        match self.finish(&mut ticket).await {
            Ok(record) => {
                self.discard(VERB, record).await;
                Ok(Snapshot::from(&snapshot))
            }
            Err(error) => Err(self.undo(&ticket, error).await),
        }
    }

    /// Freezes the head as a snapshot that is to be.
    pub(super) async fn freeze_as(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        snapshot: &SnapshotRecord,
    ) -> Result<(), Error> {
        let label = Label::of_snapshot(record, snapshot, self.now()).text();
        let froze = self
            .volume
            .freeze_labelled(record.head, snapshot.volume, &label);
        froze.await.map_err(|error| Error::storage(verb, error))
    }

    async fn delete_snapshot(
        self: &Arc<Self>,
        account: &AccountId,
        mut target: Target,
        selector: &SnapshotSelector,
    ) -> Result<Workspace, Error> {
        const VERB: &str = "delete_snapshot";
        // Only the change that takes the snapshot away counts it off, and it is looked up again when another change came
        // between.
        for _ in 0..ATTEMPTS {
            let wish = Wish::DeleteSnapshot;
            let before = self.admit(VERB, account, &mut target, &wish).await?.record;
            let snapshot = match self.find_snapshot(VERB, before.id, selector).await {
                Ok(snapshot) => snapshot,
                Err(error) => match self.is_current(VERB, account, &target, &before).await? {
                    true => return Err(error),
                    false => continue,
                },
            };
            let mut record = before.clone();
            record.snapshot_count = record.snapshot_count.saturating_sub(1);
            record.discard.push(snapshot.volume);
            if record.base_snapshot == Some(snapshot.id) {
                record.at_base = false;
            }
            let step = Step::visible(record);
            let step = step.with_snapshots(vec![SnapshotChange::Remove(snapshot.id)]);
            if let Some(record) = self.commit(VERB, &before, step).await? {
                return Ok(self.view(&self.discard(VERB, record).await));
            }
        }
        Err(Self::contended(VERB))
    }

    pub(super) fn record_of_snapshot(
        &self,
        record: &WorkspaceRecord,
        name: &SnapshotName,
        volume: VolumeId,
    ) -> SnapshotRecord {
        SnapshotRecord {
            parent: record.base_snapshot,
            ..SnapshotRecord::new(
                SnapshotId::new(),
                record.next_sequence,
                name.clone(),
                volume,
                self.now(),
            )
        }
    }

    pub(super) async fn check_snapshot_free(
        &self,
        verb: &'static str,
        workspace: WorkspaceId,
        name: &SnapshotName,
    ) -> Result<(), Error> {
        let found = self.metadata.snapshot_named(workspace, name.key()).await;
        match found.map_err(|error| Error::storage(verb, error))? {
            None => Ok(()),
            Some(_) => Err(Error::SnapshotNameTaken {
                name: name.to_string(),
            }),
        }
    }

    /// All snapshots of a workspace, oldest first.
    pub(super) async fn all_snapshots(
        &self,
        verb: &'static str,
        workspace: WorkspaceId,
    ) -> Result<Vec<SnapshotRecord>, Error> {
        const PAGE: usize = 1_000;
        let place = |last: &SnapshotRecord| last.sequence;
        pages::all(verb, PAGE, place, |after| {
            self.metadata.snapshots(workspace, after, PAGE)
        })
        .await
    }
}
