//! Reading: one workspace, a page of them, and what a workspace measures.

use super::account::Account;
use super::core::{ATTEMPTS, Core, Step};
use super::options::{ListWorkspaces, WorkspacePage};
use super::wish::Wish;
use crate::error::Error;
use crate::metadata::SnapshotChange;
use crate::model::{
    AccountId, Cursor, NameKey, Selector, SnapshotRecord, Workspace, WorkspaceFilter, WorkspaceId,
};
use crate::session::rules::Action;

impl Account {
    /// The workspace that a selector means, in any state.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`WorkspaceNameAmbiguous`](Error::WorkspaceNameAmbiguous), and those
    /// of the storage.
    pub async fn get(&self, workspace: impl Into<Selector>) -> Result<Workspace, Error> {
        const VERB: &str = "get";
        let (core, workspace) = (self.core(), workspace.into());
        Core::spanned(VERB, Some(self.id()), async {
            let record = core.find(VERB, self.id(), &workspace).await?;
            Core::check_allowed(&record, Action::Read)?;
            Ok(core.view(&record))
        })
        .await
    }

    /// A page of the account's workspaces, in order of creation.
    ///
    /// A workspace that stays in the listing through all its pages is in it exactly once, whatever is created or deleted
    /// meanwhile.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) for a limit out of range or a cursor of another account, and those of the
    /// storage.
    pub async fn list(&self, options: ListWorkspaces) -> Result<WorkspacePage, Error> {
        Core::spanned("list", Some(self.id()), self.page(options)).await
    }

    async fn page(&self, options: ListWorkspaces) -> Result<WorkspacePage, Error> {
        if !(1..=ListWorkspaces::MAX_LIMIT).contains(&options.limit) {
            let (limit, max) = (options.limit, ListWorkspaces::MAX_LIMIT);
            return Err(Error::InvalidRequest {
                reason: format!("a limit is 1 to {max}, not {limit}"),
            });
        }
        let core = self.core();
        let after = options
            .cursor
            .as_ref()
            .map(|cursor| cursor.open(self.id()))
            .transpose()?;
        let filter = WorkspaceFilter {
            session_type: options.session_type,
            template: options.template,
            status: options.status,
            name_prefix: options.name_prefix.as_deref().map(NameKey::of),
        };
        // One more than is wanted tells whether there is a next page.
        let found = core
            .metadata
            .list(self.id(), &filter, after, options.limit + 1)
            .await;
        let mut found = found.map_err(|error| Error::storage("list", error))?;
        let more = found.len() > options.limit;
        found.truncate(options.limit);
        let last = found.last().filter(|_| more);
        Ok(WorkspacePage {
            next_cursor: last.map(|record| Cursor::after(self.id(), record.id)),
            workspaces: found.iter().map(|record| core.view(record)).collect(),
        })
    }

    /// Measures how much of the disk a workspace and its snapshots take, notes it on them, and answers the workspace.
    ///
    /// It walks what has changed since it was last asked, and so costs more than the other calls. What a running session
    /// writes meanwhile may be counted or not.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`WorkspaceBusy`](Error::WorkspaceBusy) while the workspace is being
    /// made or deleted, and those of the storage.
    pub async fn measure(&self, workspace: impl Into<Selector>) -> Result<Workspace, Error> {
        const VERB: &str = "measure";
        let (core, account) = (self.core(), self.id().clone());
        let mut target = self.target(workspace);
        Core::detached(VERB, self.id(), async move {
            let admitted = core.admit(VERB, &account, &mut target, &Wish::Edit);
            let found = admitted.await?.record;
            let target = target.holding(found.id);
            let head = core.volume.usage(found.head).await;
            let head = head
                .map_err(|error| Error::storage(VERB, error))?
                .total_bytes();
            let mut measured = Vec::new();
            for mut snapshot in core.all_snapshots(VERB, found.id).await? {
                if snapshot.size_bytes.is_some() {
                    continue;
                }
                match core.volume.usage(snapshot.volume).await {
                    Ok(usage) => snapshot.size_bytes = Some(usage.total_bytes()),
                    // It was deleted meanwhile.
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(Error::storage(VERB, error)),
                }
                measured.push(snapshot);
            }
            for snapshot in measured {
                core.note_size(VERB, &account, snapshot, found.id).await?;
            }
            let record = core
                .update(VERB, &account, &target, |before| {
                    target.expect(before)?;
                    let mut record = before.clone();
                    record.size_bytes = Some(head);
                    let current = before.head == found.head && record != *before;
                    Ok(current.then(|| Step::visible(record)))
                })
                .await?;
            Ok(core.view(&record))
        })
        .await
    }
}

impl Core {
    /// Notes what a snapshot measures, unless it was deleted meanwhile: it is looked up after the record on whose version
    /// the change is committed, and its deletion would have changed that.
    async fn note_size(
        &self,
        verb: &'static str,
        account: &AccountId,
        snapshot: SnapshotRecord,
        workspace: WorkspaceId,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let before = self.reread(verb, account, workspace).await?;
            let found = self.metadata.snapshot(workspace, snapshot.id).await;
            if found
                .map_err(|error| Error::storage(verb, error))?
                .is_none()
            {
                return Ok(());
            }
            let step = Step::hidden(before.clone());
            let step = step.with_snapshots(vec![SnapshotChange::Put(snapshot.clone())]);
            if self.commit(verb, &before, step).await?.is_some() {
                return Ok(());
            }
        }
        Err(Self::contended(verb))
    }
}
