//! Mending what can be mended without losing anything.

use std::sync::Arc;

use serde::Serialize;

use super::WorkspaceManager;
use super::account::Account;
use super::core::{Core, Step};
use super::fault::{Fault, FaultKind, Mend};
use super::recover::RecoveryReport;
use crate::error::{BackendError, Error};
use crate::model::{AccountId, VolumeId, WorkspaceId};

const VERB: &str = "repair";

/// What a repair did, and what it left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// What of dead processes was settled.
    #[serde(skip)]
    pub recovered: RecoveryReport,
    /// The faults that are mended.
    pub mended: Vec<Fault>,
    /// The faults that there are now, each with what a person can do.
    pub left: Vec<Fault>,
}

impl WorkspaceManager {
    /// Mends what loses nothing, and tells what else there is.
    ///
    /// It makes the indexes of the metadata agree with the records, settles what dead processes left, writes labels anew,
    /// lets go of volumes that clones would have started from and that are lost or not needed, and marks workspaces as
    /// failed whose disk is lost, so that a restore is their way out. It removes no file that anybody could miss. It may run
    /// while others work, and can be repeated.
    ///
    /// # Errors
    /// Those of the storage. What was mended until then is.
    pub async fn repair(&self) -> Result<RepairReport, Error> {
        let core = Arc::clone(&self.core);
        let repairing = Core::spanned(VERB, None, async move { core.repair(None).await });
        Core::unbroken(VERB, tokio::spawn(repairing)).await
    }
}

impl Account {
    /// As [`WorkspaceManager::repair`], of what is the account's.
    ///
    /// # Errors
    /// As [`WorkspaceManager::repair`].
    pub async fn repair(&self) -> Result<RepairReport, Error> {
        let (core, account) = (self.core(), self.id().clone());
        Core::detached(
            VERB,
            self.id(),
            async move { core.repair(Some(&account)).await },
        )
        .await
    }
}

impl Core {
    async fn repair(self: &Arc<Self>, scope: Option<&AccountId>) -> Result<RepairReport, Error> {
        let mended = self.metadata.repair(scope).await;
        let mended = mended.map_err(|error| Error::storage(VERB, error))?;
        let mut mended: Vec<Fault> = mended.into_iter().map(Fault::from).collect();
        let before = self.check(scope, &|_| ()).await?;
        let recovered = self.recover_within(scope).await?;
        for fault in &before.faults {
            if let Err(error) = self.mend(fault).await {
                tracing::warn!(%fault, %error, "a fault could not be mended");
            }
        }
        let left = self.check(scope, &|_| ()).await?.faults;
        let gone = |fault: &&Fault| fault.mend == Mend::Repair && !left.contains(fault);
        mended.extend(before.faults.iter().filter(gone).cloned());
        Ok(RepairReport {
            recovered,
            mended,
            left,
        })
    }

    /// Does what mends a fault, if that loses nothing. Each is looked at again before it is touched.
    async fn mend(&self, fault: &Fault) -> Result<(), Error> {
        match (fault.kind, fault.volume, &fault.account, fault.workspace) {
            (FaultKind::Orphan, Some(volume), Some(account), Some(id))
                if fault.mend == Mend::Repair =>
            {
                // That the record does not name it is made sure of by a commit.
                let record = self.still_there(VERB, account, id).await?;
                if let Some(record) = record {
                    self.commit_again(VERB, &record).await?;
                    self.remove_volumes(VERB, &[volume]).await?;
                }
                Ok(())
            }
            (FaultKind::Label, Some(volume), Some(account), Some(id)) => {
                self.label_again(account, id, volume).await
            }
            (FaultKind::FrozenHead, Some(volume), Some(account), Some(id)) => {
                self.let_go_of_frozen_head(account, id, volume).await
            }
            (FaultKind::Count, _, Some(account), Some(id)) => self.count_again(account, id).await,
            (FaultKind::Head, _, Some(account), Some(id)) => {
                let object = fault.object.clone();
                let error = BackendError::corrupt(object, fault.effect.clone());
                let error = Error::storage(VERB, error);
                self.note_lost_head(account, id, &error).await
            }
            _ => Ok(()),
        }
    }

    /// Writes what stands beside a volume that the workspace still names.
    async fn label_again(
        &self,
        account: &AccountId,
        id: WorkspaceId,
        volume: VolumeId,
    ) -> Result<(), Error> {
        let _lock = self.locks.lock(id).await;
        let _labels = self.labelling.lock(id).await;
        let Some(record) = self.still_there(VERB, account, id).await? else {
            return Ok(());
        };
        let snapshots = self.snapshots_if_readable(VERB, id).await?;
        let snapshots = snapshots.unwrap_or_default();
        let named = self.named(&record, &snapshots);
        match named.into_iter().find(|named| named.id == volume) {
            Some(named) => self.put_label(VERB, volume, &named.label).await,
            None => Ok(()),
        }
    }

    /// The next clone of the head freezes it anew.
    async fn let_go_of_frozen_head(
        &self,
        account: &AccountId,
        id: WorkspaceId,
        frozen: VolumeId,
    ) -> Result<(), Error> {
        let _lock = self.locks.lock(id).await;
        let record = self.update(VERB, account, id, |before| {
            let mut record = before.clone();
            if record.frozen_head == Some(frozen) && record.operation.is_none() {
                record.discard.extend(record.frozen_head.take());
            }
            // What is removed then is on its way out by this commit, whatever was changed.
            Ok(Some(Step::hidden(record)))
        });
        let record = record.await?;
        // A session's end removes what is on its way out.
        if record.session.is_none() && record.operation.is_none() {
            self.discard(VERB, record).await;
        }
        Ok(())
    }

    async fn count_again(&self, account: &AccountId, id: WorkspaceId) -> Result<(), Error> {
        for _ in 0..super::core::ATTEMPTS {
            let Some(before) = self.still_there(VERB, account, id).await? else {
                return Ok(());
            };
            let snapshots = self.all_snapshots(VERB, id).await?;
            let mut record = before.clone();
            record.snapshot_count = snapshots.len() as u64;
            let next = snapshots.last().map_or(1, |last| last.sequence + 1);
            record.next_sequence = record.next_sequence.max(next);
            if self
                .commit(VERB, &before, Step::visible(record))
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Self::contended(VERB))
    }

    /// Marks a workspace as failed whose head is not there or none that can be written.
    async fn note_lost_head(
        &self,
        account: &AccountId,
        id: WorkspaceId,
        error: &Error,
    ) -> Result<(), Error> {
        let record = self.still_there(VERB, account, id).await?;
        if record.is_some_and(|record| record.failure.is_none()) {
            self.note_corruption(VERB, account, id, error).await;
        }
        Ok(())
    }
}
