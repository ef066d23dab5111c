//! Renaming a workspace, clearing its name, and making it a template.

use super::account::Account;
use super::core::{Core, Step};
use super::wish::Wish;
use crate::error::Error;
use crate::model::{Selector, Workspace, WorkspaceName, WorkspaceRecord};
use crate::session::rules::Action;

impl Account {
    /// Gives a workspace a name. Its own name in another case is a rename.
    ///
    /// Allowed in every state but while the workspace is being deleted.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`WorkspaceNameInvalid`](Error::WorkspaceNameInvalid),
    /// [`WorkspaceNameTaken`](Error::WorkspaceNameTaken), [`WorkspaceBusy`](Error::WorkspaceBusy), and those of the storage.
    pub async fn set_name(
        &self,
        workspace: impl Into<Selector>,
        name: &str,
    ) -> Result<Workspace, Error> {
        let name = WorkspaceName::parse(name)?;
        self.edit("rename", workspace.into(), move |record| {
            record.name = Some(name.clone())
        })
        .await
    }

    /// Takes a workspace's name away. It is then reached by its id alone.
    ///
    /// # Errors
    /// As [`set_name`](Self::set_name).
    pub async fn clear_name(&self, workspace: impl Into<Selector>) -> Result<Workspace, Error> {
        self.edit("clear_name", workspace.into(), |record| record.name = None)
            .await
    }

    /// Makes a workspace a template, or no longer one. The flag marks what is meant to be cloned; cloning needs no flag.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`WorkspaceBusy`](Error::WorkspaceBusy), and those of the storage.
    pub async fn set_template(
        &self,
        workspace: impl Into<Selector>,
        template: bool,
    ) -> Result<Workspace, Error> {
        self.edit("template", workspace.into(), move |record| {
            record.template = template
        })
        .await
    }

    async fn edit(
        &self,
        verb: &'static str,
        workspace: Selector,
        change: impl Fn(&mut WorkspaceRecord) + Send + Sync + 'static,
    ) -> Result<Workspace, Error> {
        let (core, account) = (self.core(), self.id().clone());
        let mut target = self.target(workspace);
        Core::detached(verb, self.id(), async move {
            core.admit(verb, &account, &mut target, &Wish::Edit).await?;
            let _change = core.changes.read().await;
            let record = core
                .update(verb, &account, &target, |before| {
                    Core::check_allowed(before, Action::Edit)?;
                    target.expect(before)?;
                    let mut record = before.clone();
                    change(&mut record);
                    // What is read may not be durable yet, and after a failed write it never will be. That it is as it
                    // was asked to be is therefore committed too.
                    Ok(Some(match record == *before {
                        true => Step::hidden(record),
                        false => Step::visible(record),
                    }))
                })
                .await?;
            core.relabel(&account, record.id).await;
            Ok(core.view(&record))
        })
        .await
    }
}
