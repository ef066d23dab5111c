//! Cloning a workspace.

use std::sync::Arc;

use super::account::Account;
use super::core::{ATTEMPTS, Core};
use super::create::Head;
use super::label::Label;
use super::once::Turn;
use super::options::CloneWorkspace;
use super::target::Target;
use super::wish::Wish;
use crate::error::{BackendErrorKind, Error};
use crate::model::{
    AccountId, Intent, Selector, SnapshotRecord, SnapshotSelector, Source, VolumeId, Workspace,
    WorkspaceId, WorkspaceName, WorkspaceRecord,
};

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
    /// The copy and the source are independent from then on, whichever is changed or deleted first. The source is what the
    /// selector means when it is looked at, before the copy shows. On a volume that shares layers it costs the same for ten
    /// files and for a million.
    ///
    /// # Errors
    /// - [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`SnapshotNotFound`](Error::SnapshotNotFound);
    /// - [`WorkspaceNameInvalid`](Error::WorkspaceNameInvalid), [`WorkspaceNameTaken`](Error::WorkspaceNameTaken);
    /// - from the head: [`WorkspaceActive`](Error::WorkspaceActive), [`WorkspaceBusy`](Error::WorkspaceBusy),
    ///   [`WorkspaceFailed`](Error::WorkspaceFailed). A snapshot can be cloned at any time but while its workspace is being
    ///   deleted;
    /// - those of the storage.
    ///
    /// After any error but those of the storage there is no clone. After one of those there is none, or a whole one, once
    /// [`recover`](crate::WorkspaceManager::recover) has run. The source is as it was.
    pub async fn clone_workspace(
        &self,
        source: impl Into<Selector>,
        options: CloneWorkspace,
    ) -> Result<Workspace, Error> {
        let (core, account) = (self.core(), self.id().clone());
        let (source, request) = (self.expecting_nothing().target(source), self.request());
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
            Box::pin(core.clone_workspace(&account, &source, name, &options, &turn)).await
        })
        .await
    }
}

impl Core {
    async fn clone_workspace(
        self: &Arc<Self>,
        account: &AccountId,
        source: &Target,
        name: Option<WorkspaceName>,
        options: &CloneWorkspace,
        turn: &Turn,
    ) -> Result<Workspace, Error> {
        let mut failure = Self::contended(VERB);
        for _ in 0..ATTEMPTS {
            let find = || self.origin(account, source, options.snapshot.as_ref(), &name);
            let origin = Box::pin(find()).await?;
            let record = self.record_of_clone(&origin, options);
            let head = Head::ForkOf(origin.frozen);
            let made = self.make(VERB, record, name.clone(), head, turn.key());
            match Box::pin(made).await {
                // What was to be forked was removed meanwhile: the source has moved on, and is looked at again. If it
                // still names the same volume, that volume is lost.
                Err(error) if is_missing_parent(&error) => {
                    let again = Box::pin(find()).await?;
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
        source: &Target,
        snapshot: Option<&SnapshotSelector>,
        name: &Option<WorkspaceName>,
    ) -> Result<Origin, Error> {
        if let Some(snapshot) = snapshot {
            return self
                .origin_in_snapshot(account, source, snapshot, name)
                .await;
        }
        let mut target = source.clone();
        let admitted = self.admit(VERB, account, &mut target, &Wish::CloneHead);
        let (admitted, free) = tokio::join!(admitted, self.check_free(account, name));
        let record = admitted?.record;
        free?;
        let (source, frozen) = match self.frozen_head(&record).await? {
            Some(frozen) => (record, frozen),
            None => self.freeze_head(account, target).await?,
        };
        Ok(Origin {
            source,
            snapshot: None,
            frozen,
        })
    }

    async fn origin_in_snapshot(
        self: &Arc<Self>,
        account: &AccountId,
        source: &Target,
        snapshot: &SnapshotSelector,
        name: &Option<WorkspaceName>,
    ) -> Result<Origin, Error> {
        let (mut target, wish) = (source.clone(), Wish::CloneSnapshot);
        for _ in 0..ATTEMPTS {
            let record = self.admit(VERB, account, &mut target, &wish).await?.record;
            self.check_free(account, name).await?;
            let snapshot = self.find_snapshot(VERB, record.id, snapshot).await;
            if snapshot.is_err() && !self.is_current(VERB, account, &target, &record).await? {
                continue;
            }
            let snapshot = snapshot?;
            return Ok(Origin {
                source: record,
                frozen: snapshot.volume,
                snapshot: Some(snapshot),
            });
        }
        Err(Self::contended(VERB))
    }

    /// Refuses a name that is taken before any work is done for it. The insertion decides.
    async fn check_free(
        &self,
        account: &AccountId,
        name: &Option<WorkspaceName>,
    ) -> Result<(), Error> {
        let Some(name) = name else { return Ok(()) };
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
        mut source: Target,
    ) -> Result<(WorkspaceRecord, VolumeId), Error> {
        let begun = self.begin(VERB, account, &mut source, &Wish::CloneHead, None);
        let (mut ticket, froze) = begun.await?;
        // Another clone may have frozen it while this one waited for its turn.
        if let Some(frozen) = self.frozen_head(&ticket.record).await? {
            let record = self.finish_with_nothing(&ticket).await?;
            return Ok((record, frozen));
        }
        let Intent::Freeze { frozen } = ticket.operation.intent else {
            return Err(Self::contended(VERB));
        };
        if let Err(error) = froze.and_then(|()| ticket.check_cancelled()) {
            let (id, error) = (ticket.record.id, self.undo(&ticket, error).await);
            drop(ticket);
            self.note_corruption(VERB, account, id, &error).await;
            return Err(error);
        }
        match self.finish(&mut ticket).await {
            Ok(record) => Ok((record, frozen)),
            Err(error) => Err(self.undo(&ticket, error).await),
        }
    }

    /// Freezes the head if nothing frozen holds its files.
    pub(super) async fn freeze_for_clones(
        &self,
        record: &WorkspaceRecord,
        frozen: VolumeId,
    ) -> Result<(), Error> {
        if self.frozen_head(record).await?.is_some() {
            return Ok(());
        }
        let label = Label::of_frozen_head(record, self.now()).text();
        let froze = self.volume.freeze_labelled(record.head, frozen, &label);
        froze.await.map_err(|error| Error::storage(VERB, error))
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
