//! Deleting workspaces, one or many.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::account::Account;
use super::core::Core;
use super::options::{BulkDeleted, Force};
use super::target::Target;
use super::wish::Wish;
use crate::error::{BackendError, Error};
use crate::metadata::{Change, Outcome, volumes_of};
use crate::model::{AccountId, Selector, WorkspaceId, WorkspaceRecord};

const VERB: &str = "delete";

/// The greatest number of selectors of one bulk delete.
const BULK_LIMIT: usize = 1_000;

/// How many workspaces of a bulk delete are deleted at a time.
const BULK_WIDTH: usize = 8;

impl Account {
    /// Deletes a workspace, its snapshots and its files. Files shared with clones stay until their last user goes.
    ///
    /// With [`Force::Yes`] a running session is ended and a running operation is cancelled first. Space may be given back a
    /// little later: [`reclaim`](crate::WorkspaceManager::reclaim) waits for it.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`WorkspaceActive`](Error::WorkspaceActive),
    /// [`WorkspaceBusy`](Error::WorkspaceBusy), [`SessionTerminationFailed`](Error::SessionTerminationFailed), and those of
    /// the storage. If the storage fails half way, the workspace stays in status `deleting`, and the same call or
    /// `recover()` goes on.
    pub async fn delete(&self, workspace: impl Into<Selector>, force: Force) -> Result<(), Error> {
        let target = self.target(workspace);
        self.delete_target(target, force).await
    }

    /// Deletes up to 1,000 workspaces, and answers for each in the order of the selectors. What was named more than once,
    /// by its name and its id too, is deleted and answered once.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) for more than 1,000 selectors. All else is the matter of an item: one that
    /// fails stops no other.
    pub async fn bulk_delete<S: Into<Selector>>(
        &self,
        workspaces: impl IntoIterator<Item = S>,
        force: Force,
    ) -> Result<Vec<BulkDeleted>, Error> {
        let selectors: Vec<Selector> = workspaces.into_iter().map(Into::into).collect();
        if selectors.len() > BULK_LIMIT {
            let reason = format!(
                "a bulk delete takes {BULK_LIMIT} workspaces, not {}",
                selectors.len()
            );
            return Err(Error::InvalidRequest { reason });
        }
        let account = self.expecting_nothing();
        Core::detached("bulk_delete", self.id(), async move {
            Ok(account
                .delete_each(account.resolve_once(selectors).await, force)
                .await)
        })
        .await
    }

    async fn delete_target(&self, target: Target, force: Force) -> Result<(), Error> {
        let (core, account) = (self.core(), self.id().clone());
        Core::detached(VERB, self.id(), async move {
            core.delete(&account, target, force).await
        })
        .await
    }

    /// Finds each workspace, and leaves out those that were found before.
    async fn resolve_once(
        &self,
        selectors: Vec<Selector>,
    ) -> Vec<(Selector, Result<WorkspaceId, Error>)> {
        let (mut given, mut found, mut once) = (HashSet::new(), HashSet::new(), Vec::new());
        for selector in selectors {
            if !given.insert(selector.clone()) {
                continue;
            }
            let record = self.core().find(VERB, self.id(), &selector).await;
            match record.map(|record| record.id) {
                Ok(id) if !found.insert(id) => {}
                result => once.push((selector, result)),
            }
        }
        once
    }

    async fn delete_each(
        &self,
        workspaces: Vec<(Selector, Result<WorkspaceId, Error>)>,
        force: Force,
    ) -> Vec<BulkDeleted> {
        let (mut tasks, width) = (JoinSet::new(), Arc::new(Semaphore::new(BULK_WIDTH)));
        let mut answers = Vec::new();
        for (index, (selector, found)) in workspaces.into_iter().enumerate() {
            let (target, selector) = (self.target(&selector), selector.to_string());
            let workspace = found.as_ref().ok().copied();
            let mut result = found.map(|_| ());
            if let Some(id) = workspace {
                let (account, width) = (self.clone(), Arc::clone(&width));
                result = Err(broken_off());
                let target = target.holding(id);
                tasks.spawn(async move {
                    let _place = width.acquire_owned().await;
                    (index, account.delete_target(target, force).await)
                });
            }
            answers.push(BulkDeleted {
                selector,
                workspace,
                result,
            });
        }
        while let Some(joined) = tasks.join_next().await {
            if let Ok((index, result)) = joined
                && let Some(answer) = answers.get_mut(index)
            {
                answer.result = result;
            }
        }
        answers
    }
}

fn broken_off() -> Error {
    Error::storage(
        VERB,
        BackendError::unavailable("the deletion was broken off"),
    )
}

impl Core {
    async fn delete(
        self: &Arc<Self>,
        account: &AccountId,
        mut target: Target,
        force: Force,
    ) -> Result<(), Error> {
        let wish = Wish::Delete { force };
        match self.begin(VERB, account, &mut target, &wish, None).await {
            Ok((ticket, _)) => self.remove_everything(VERB, &ticket.record).await,
            // What was being made is gone as soon as its making is cancelled.
            Err(Error::WorkspaceNotFound { .. }) if self.is_unmade(account, &target).await? => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the workspace is gone whose making a call has cancelled.
    async fn is_unmade(&self, account: &AccountId, target: &Target) -> Result<bool, Error> {
        let Some(id) = target.unmade() else {
            return Ok(false);
        };
        let found = self.metadata.workspace(account, id).await;
        Ok(found
            .map_err(|error| Error::storage(VERB, error))?
            .is_none())
    }

    /// Removes every volume of a workspace that is being deleted, then its record and its snapshots.
    ///
    /// That it is being deleted is durable by then, so that recovery comes to the same, and nobody waits for the disk. It can be
    /// repeated after a failure at any point.
    pub(super) async fn remove_everything(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<(), Error> {
        let mut volumes = volumes_of(record);
        let snapshots = self.all_snapshots(verb, record.id).await?;
        volumes.extend(snapshots.iter().map(|snapshot| snapshot.volume));
        self.remove_volumes(verb, &volumes).await?;
        let mut expected = record.version;
        loop {
            let (account, id) = (record.account.clone(), record.id);
            match self
                .apply_soon(
                    verb,
                    Change::Remove {
                        account,
                        id,
                        expected,
                    },
                )
                .await?
            {
                Outcome::Done => return Ok(()),
                // Nothing changes a record that is being deleted, but that it can be gone.
                _ => match self.reread(verb, &record.account, record.id).await {
                    Err(Error::WorkspaceNotFound { .. }) => return Ok(()),
                    Err(error) => return Err(error),
                    Ok(now) if now.version == expected => return Err(Self::contended(verb)),
                    Ok(now) => expected = now.version,
                },
            }
        }
    }
}
