//! Cloning a workspace.

use std::sync::Arc;

use super::account::Account;
use super::core::{ATTEMPTS, Core};
use super::expected::Expected;
use super::once::{Thing, Turn};
use super::options::CloneWorkspace;
use crate::error::{BackendErrorKind, Error};
use crate::model::{
    AccountId, Intent, Selector, SnapshotRecord, SnapshotSelector, Source, VolumeId, Workspace,
    WorkspaceId, WorkspaceName, WorkspaceRecord,
};
use crate::session::rules::Action;

const VERB: &str = "clone";

/// Where a clone starts.
struct Origin {
    source: WorkspaceRecord,
    snapshot: Option<SnapshotRecord>,
    /// The frozen volume to fork.
    frozen: VolumeId,
}

impl Account {
    /// Clones a workspace: its metadata and its files, from its head or from one of its snapshots.
    ///
    /// The copy and the source are independent from then on, whichever is changed or deleted first. On a volume that
    /// shares layers it costs the same for ten files and for a million.
    ///
    /// # Errors
    /// - [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`SnapshotNotFound`](Error::SnapshotNotFound);
    /// - [`WorkspaceNameInvalid`](Error::WorkspaceNameInvalid), [`WorkspaceNameTaken`](Error::WorkspaceNameTaken);
    /// - from the head: [`WorkspaceActive`](Error::WorkspaceActive), [`WorkspaceBusy`](Error::WorkspaceBusy),
    ///   [`WorkspaceFailed`](Error::WorkspaceFailed). A snapshot can be cloned at any time but while its workspace is being
    ///   deleted;
    /// - those of the storage.
    ///
    /// After any error there is no clone, or there is none after `recover()`; the source is as it was.
    pub async fn clone_workspace(
        &self,
        source: impl Into<Selector>,
        options: CloneWorkspace,
    ) -> Result<Workspace, Error> {
        let (core, account, source) = (self.core(), self.id().clone(), source.into());
        let request = self.request();
        Core::detached(VERB, self.id(), async move {
            let turn = core.turn(VERB, &account, request).await?;
            if let Some(made) = turn.made() {
                return core.workspace_made(made);
            }
            let name = options
                .name
                .as_deref()
                .map(WorkspaceName::parse)
                .transpose()?;
            core.clone_workspace(&account, &source, name, &options, &turn)
                .await
        })
        .await
    }
}

impl Core {
    async fn clone_workspace(
        self: &Arc<Self>,
        account: &AccountId,
        source: &Selector,
        name: Option<WorkspaceName>,
        options: &CloneWorkspace,
        turn: &Turn,
    ) -> Result<Workspace, Error> {
        let mut source = source.clone();
        let mut failure = Self::contended(VERB);
        for _ in 0..ATTEMPTS {
            let origin = self
                .origin(account, &source, options.snapshot.as_ref(), &name)
                .await?;
            source = Selector::Id(origin.source.id);
            let ticket = self.insert(
                VERB,
                self.record_of_clone(&origin, options),
                name.clone(),
                Intent::Create,
            );
            let ticket = ticket.await?.with_draft(turn.draft(Thing::Workspace));
            match self.make_head(ticket, Some(origin.frozen)).await {
                // What was to be forked was removed meanwhile: the source has moved on, and is looked at again. If it
                // still names the same volume, that volume is lost.
                Err(error) if is_missing_parent(&error) => {
                    let again = self
                        .origin(account, &source, options.snapshot.as_ref(), &name)
                        .await?;
                    if again.frozen == origin.frozen {
                        return Err(error);
                    }
                    failure = error;
                }
                made => return made,
            }
        }
        Err(failure)
    }

    /// Finds what a clone starts from, and freezes the source's head if nothing frozen holds its files.
    async fn origin(
        self: &Arc<Self>,
        account: &AccountId,
        source: &Selector,
        snapshot: Option<&SnapshotSelector>,
        name: &Option<WorkspaceName>,
    ) -> Result<Origin, Error> {
        let action = if snapshot.is_some() {
            Action::CloneSnapshot
        } else {
            Action::CloneHead
        };
        let record = self
            .admit(VERB, account, source, &mut Expected::default(), |_| action)
            .await?;
        if let Some(name) = name {
            self.check_free(account, name).await?;
        }
        if let Some(selector) = snapshot {
            let snapshot = self
                .find_snapshot(VERB, account, record.id, selector)
                .await?;
            let frozen = snapshot.volume;
            return Ok(Origin {
                source: record,
                snapshot: Some(snapshot),
                frozen,
            });
        }
        let (source, frozen) = match self.frozen_head(&record).await? {
            Some(frozen) => (record, frozen),
            None => self.freeze_head(account, record.id).await?,
        };
        Ok(Origin {
            source,
            snapshot: None,
            frozen,
        })
    }

    /// Refuses a name that is taken before any work is done for it. The insertion decides.
    async fn check_free(&self, account: &AccountId, name: &WorkspaceName) -> Result<(), Error> {
        let found = self.metadata.workspaces_named(account, name.key()).await;
        if found
            .map_err(|error| Error::storage(VERB, error))?
            .is_empty()
        {
            return Ok(());
        }
        Err(Error::WorkspaceNameTaken {
            name: name.to_string(),
        })
    }

    /// The frozen volume that holds the head's files already, if there is one.
    async fn frozen_head(&self, record: &WorkspaceRecord) -> Result<Option<VolumeId>, Error> {
        if record.frozen_head.is_some() {
            return Ok(record.frozen_head);
        }
        let Some(base) = record.base_snapshot.filter(|_| record.at_base) else {
            return Ok(None);
        };
        let base = self.metadata.snapshot(record.id, base).await;
        Ok(base
            .map_err(|error| Error::storage(VERB, error))?
            .map(|snapshot| snapshot.volume))
    }

    /// Freezes the head, for this clone and those to come until the next session.
    async fn freeze_head(
        self: &Arc<Self>,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<(WorkspaceRecord, VolumeId), Error> {
        let intent = |_: &WorkspaceRecord| Intent::Freeze {
            frozen: VolumeId::new(),
        };
        let ticket = self
            .begin(
                VERB,
                account,
                &id.into(),
                Expected::default(),
                Action::CloneHead,
                intent,
            )
            .await?;
        // Another clone may have frozen it while this one waited for its turn.
        if let Some(frozen) = self.frozen_head(&ticket.record).await? {
            let record = self.finish(&ticket, Vec::new(), |_| ()).await?;
            return Ok((record, frozen));
        }
        let Intent::Freeze { frozen } = ticket.operation.intent else {
            return Err(Self::contended(VERB));
        };
        let froze = self.volume.freeze(ticket.record.head, frozen).await;
        let froze = froze.map_err(|error| Error::storage(VERB, error));
        if let Err(error) = froze.and_then(|()| ticket.check_cancelled()) {
            let error = self.undo(&ticket, error).await;
            drop(ticket);
            self.note_corruption(VERB, account, id, &error).await;
            return Err(error);
        }
        match self
            .finish(&ticket, Vec::new(), |record| {
                record.frozen_head = Some(frozen)
            })
            .await
        {
            Ok(record) => Ok((record, frozen)),
            Err(error) => Err(self.undo(&ticket, error).await),
        }
    }

    fn record_of_clone(&self, origin: &Origin, options: &CloneWorkspace) -> WorkspaceRecord {
        let source = &origin.source;
        WorkspaceRecord {
            image: source.image.clone(),
            template: options.template,
            source: Some(Source::Clone {
                clone_of: source.id,
                snapshot: origin.snapshot.as_ref().map(|snapshot| snapshot.id),
            }),
            size_bytes: match &origin.snapshot {
                Some(snapshot) => snapshot.size_bytes,
                None => source.size_bytes,
            },
            ..WorkspaceRecord::new(
                WorkspaceId::new(),
                source.account.clone(),
                source.session_type,
                VolumeId::new(),
                self.now(),
            )
        }
    }
}

/// Whether making a head failed because the volume to fork is not there.
fn is_missing_parent(error: &Error) -> bool {
    matches!(error, Error::StorageCorrupt { source, .. } if *source.kind() == BackendErrorKind::NotFound)
}
