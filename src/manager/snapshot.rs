//! Snapshots: taking, listing and deleting them.

use std::sync::Arc;

use super::account::Account;
use super::core::{Core, Step};
use super::expected::Expected;
use super::once::{Thing, snapshot_made};
use super::options::Force;
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
        let (core, account, workspace) = (self.core(), self.id().clone(), workspace.into());
        let name = SnapshotName::parse(name)?;
        let terms = (self.expected(), self.request());
        Core::detached("create_snapshot", self.id(), async move {
            core.create_snapshot(&account, &workspace, terms, name, force)
                .await
        })
        .await
    }

    /// A workspace's snapshots, oldest first.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), and those of the storage.
    pub async fn snapshots(&self, workspace: impl Into<Selector>) -> Result<Vec<Snapshot>, Error> {
        const VERB: &str = "list_snapshots";
        let (core, workspace) = (self.core(), workspace.into());
        Core::spanned(VERB, Some(self.id()), async {
            let record = core.find(VERB, self.id(), &workspace).await?;
            Core::check_allowed(&record, Action::Read)?;
            let snapshots = core.all_snapshots(VERB, record.id).await?;
            Ok(snapshots.iter().map(Snapshot::from).collect())
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
        let (workspace, snapshot) = (workspace.into(), snapshot.into());
        let expected = self.expected();
        Core::detached("delete_snapshot", self.id(), async move {
            core.delete_snapshot(&account, &workspace, expected, &snapshot)
                .await
        })
        .await
    }
}

impl Core {
    async fn create_snapshot(
        self: &Arc<Self>,
        account: &AccountId,
        workspace: &Selector,
        (expected, request): (Expected, Option<RequestKey>),
        name: SnapshotName,
        force: Force,
    ) -> Result<Snapshot, Error> {
        const VERB: &str = "create_snapshot";
        let action = Action::CreateSnapshot {
            force: force.is_yes(),
        };
        let turn = self.turn(VERB, account, request).await?;
        if let Some(made) = turn.made() {
            return snapshot_made(made);
        }
        // A name that is taken ends no session.
        let found = self.find(VERB, account, workspace).await?;
        self.check_snapshot_free(VERB, found.id, &name).await?;
        let intent = |record: &WorkspaceRecord| Intent::Snapshot {
            snapshot: self.record_of_snapshot(record, &name),
        };
        let ticket = self
            .begin(VERB, account, &found.id.into(), expected, action, intent)
            .await?;
        let Intent::Snapshot { snapshot } = ticket.operation.intent.clone() else {
            return Err(Self::contended(VERB));
        };
        let ticket = ticket.with_draft(turn.draft(Thing::Snapshot(snapshot.clone())));
        let taken = async {
            self.check_snapshot_free(VERB, found.id, &name).await?;
            let froze = self
                .volume
                .freeze(ticket.record.head, snapshot.volume)
                .await;
            froze.map_err(|error| Error::storage(VERB, error))?;
            ticket.check_cancelled()
        };
        if let Err(error) = taken.await {
            let error = self.undo(&ticket, error).await;
            drop(ticket);
            self.note_corruption(VERB, account, found.id, &error).await;
            return Err(error);
        }
        let put = vec![SnapshotChange::Put(snapshot.clone())];
        let finished = self.finish(&ticket, put, |record| {
            add_snapshot(record, &snapshot);
            base_on(record, snapshot.id);
            record.saved_at = Some(snapshot.created_at);
        });
        match finished.await {
            Ok(record) => {
                self.discard(VERB, record).await;
                Ok(Snapshot::from(&snapshot))
            }
            Err(error) => Err(self.undo(&ticket, error).await),
        }
    }

    async fn delete_snapshot(
        self: &Arc<Self>,
        account: &AccountId,
        workspace: &Selector,
        mut expected: Expected,
        selector: &SnapshotSelector,
    ) -> Result<Workspace, Error> {
        const VERB: &str = "delete_snapshot";
        let id = self
            .admit(VERB, account, workspace, &mut expected, |_| {
                Action::DeleteSnapshot
            })
            .await?
            .id;
        let snapshot = self.find_snapshot(VERB, account, id, selector).await?;
        // The count tells whether somebody else has deleted the snapshot since it was found: only the change that takes
        // it away counts it off, and it is looked up again when another change came between.
        for _ in 0..super::core::ATTEMPTS {
            let before = self.reread(VERB, account, id).await?;
            Self::check_allowed(&before, Action::DeleteSnapshot)?;
            expected.check(&before)?;
            self.find_snapshot(VERB, account, id, &SnapshotSelector::Id(snapshot.id))
                .await?;
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
    ) -> SnapshotRecord {
        SnapshotRecord {
            parent: record.base_snapshot,
            ..SnapshotRecord::new(
                SnapshotId::new(),
                record.next_sequence,
                name.clone(),
                VolumeId::new(),
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
        let mut all: Vec<SnapshotRecord> = Vec::new();
        loop {
            let after = all.last().map(|snapshot| snapshot.sequence);
            let page = self.metadata.snapshots(workspace, after, PAGE).await;
            let page = page.map_err(|error| Error::storage(verb, error))?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }
}

/// Counts a snapshot in.
pub(super) fn add_snapshot(record: &mut WorkspaceRecord, snapshot: &SnapshotRecord) {
    record.snapshot_count += 1;
    record.next_sequence = record.next_sequence.max(snapshot.sequence + 1);
}

/// Notes that the head's files are a snapshot's.
pub(super) fn base_on(record: &mut WorkspaceRecord, snapshot: SnapshotId) {
    record.base_snapshot = Some(snapshot);
    record.at_base = true;
    record.discard.extend(record.frozen_head.take());
}
