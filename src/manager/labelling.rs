//! Writing what stands beside the volumes.
//!
//! A volume gets its label before the commit that makes it the workspace's, so that none is without. What a later commit
//! changes is written after it, and costs no call its success: such a label can be stale.

use super::core::Core;
use super::label::Label;
use crate::error::{BackendError, Error};
use crate::model::{AccountId, Intent, SnapshotRecord, VolumeId, WorkspaceId, WorkspaceRecord};

impl Core {
    /// Labels a volume that is to be the head of a record that is to be.
    pub(super) async fn label_head(
        &self,
        verb: &'static str,
        head: VolumeId,
        record: &WorkspaceRecord,
    ) -> Result<(), Error> {
        self.put_label(verb, head, &Label::of_head(record, self.now()))
            .await
    }

    /// Labels the volume of a snapshot that is to be.
    pub(super) async fn label_snapshot(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        snapshot: &SnapshotRecord,
    ) -> Result<(), Error> {
        let label = Label::of_snapshot(record, snapshot, self.now());
        self.put_label(verb, snapshot.volume, &label).await
    }

    /// Labels a volume that clones of the head are to start from.
    pub(super) async fn label_frozen_head(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        frozen: VolumeId,
    ) -> Result<(), Error> {
        let label = Label::of_frozen_head(record, self.now());
        self.put_label(verb, frozen, &label).await
    }

    /// Labels what an operation made that recovery finishes: a crash may have come before its labels.
    pub(super) async fn label_made(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        intent: &Intent,
    ) -> Result<(), Error> {
        match intent {
            Intent::Freeze { frozen } => self.label_frozen_head(verb, record, *frozen).await,
            Intent::Snapshot { snapshot } => self.label_snapshot(verb, record, snapshot).await,
            Intent::Restore {
                save_head_as: Some(saved),
                ..
            } => self.label_snapshot(verb, record, saved).await,
            // A head is labelled anew after the change that makes it one.
            Intent::Restore { .. } | Intent::Create | Intent::Import | Intent::Delete => Ok(()),
        }
    }

    pub(super) async fn put_label(
        &self,
        verb: &'static str,
        volume: VolumeId,
        label: &Label,
    ) -> Result<(), Error> {
        let put = self.volume.set_label(volume, &label.text()).await;
        put.map_err(|error| Error::storage(verb, error))
    }

    /// Renews the head's label after a commit that changed what it tells. What cannot be written stays stale until the next
    /// change or a repair.
    ///
    /// Whoever commits such a change holds [`changes`](Core::changes) since before, so that a check can wait for the label.
    pub(super) async fn relabel(&self, account: &AccountId, id: WorkspaceId) {
        if let Err(error) = self.renew_label(account, id).await {
            tracing::warn!(workspace = %id, %error, "a label is stale; a repair renews it");
        }
    }

    /// The record is read after whoever labelled before, so that the label of the last change stands. While an operation is
    /// on the record nothing is done: its end does this too, and until then it may hold the volume for long.
    async fn renew_label(&self, account: &AccountId, id: WorkspaceId) -> Result<(), BackendError> {
        let _turn = self.labelling.lock(id).await;
        let Some(record) = self.metadata.workspace(account, id).await? else {
            return Ok(());
        };
        if record.operation.is_some() {
            return Ok(());
        }
        let label = Label::of_head(&record, self.now());
        if let Ok(Some(text)) = self.volume.label(record.head).await
            && Label::parse(&text).is_ok_and(|stands| stands.tells(&label))
        {
            return Ok(());
        }
        match self.volume.set_label(record.head, &label.text()).await {
            // It has been replaced or deleted since.
            Err(error) if error.is_not_found() => Ok(()),
            put => put,
        }
    }
}
