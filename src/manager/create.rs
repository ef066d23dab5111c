//! Creating a workspace.

use std::sync::Arc;

use super::account::Account;
use super::core::{Core, Step};
use super::once::Thing;
use super::operation::Ticket;
use super::options::CreateWorkspace;
use crate::error::{BackendError, Error};
use crate::metadata::{Change, Outcome};
use crate::model::{
    AccountId, ImageRef, Intent, Operation, SessionType, VolumeId, Workspace, WorkspaceId,
    WorkspaceName, WorkspaceRecord,
};

const VERB: &str = "create";

/// How many names are made up before it is given up that one is free.
const MADE_UP_NAMES: usize = 16;

impl Account {
    /// Creates an empty workspace.
    ///
    /// # Errors
    /// - [`WorkspaceNameInvalid`](Error::WorkspaceNameInvalid), [`ImageInvalid`](Error::ImageInvalid);
    /// - [`ImageNotAllowed`](Error::ImageNotAllowed) for a browser workspace with an image;
    /// - [`WorkspaceNameTaken`](Error::WorkspaceNameTaken);
    /// - [`StorageFull`](Error::StorageFull) and the other errors of the storage.
    ///
    /// After any error there is no workspace, or there is none after `recover()`.
    pub async fn create(&self, options: CreateWorkspace) -> Result<Workspace, Error> {
        let (core, account, request) = (self.core(), self.id().clone(), self.request());
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
            let image = options.image.as_deref().map(ImageRef::parse).transpose()?;
            if image.is_some() && options.session_type == SessionType::Browser {
                return Err(Error::ImageNotAllowed);
            }
            let now = core.now();
            let record = WorkspaceRecord {
                image,
                template: options.template,
                ..WorkspaceRecord::new(
                    WorkspaceId::new(),
                    account,
                    options.session_type,
                    VolumeId::new(),
                    now,
                )
            };
            let ticket = core.insert(VERB, record, name, Intent::Create).await?;
            core.make_head(ticket.with_draft(turn.draft(Thing::Workspace)), None)
                .await
        })
        .await
    }
}

impl Core {
    /// Inserts the record of a workspace that is being made, under its name or one that is made up.
    pub(super) async fn insert(
        self: &Arc<Self>,
        verb: &'static str,
        mut record: WorkspaceRecord,
        name: Option<WorkspaceName>,
        intent: Intent,
    ) -> Result<Ticket, Error> {
        let operation = Operation::new(intent, self.host.owner(), self.now());
        record.operation = Some(operation.clone());
        let tries = if name.is_some() { 1 } else { MADE_UP_NAMES };
        for _ in 0..tries {
            record.name = Some(name.clone().unwrap_or_else(WorkspaceName::made_up));
            let ticket = Ticket::of_new(verb, record.clone(), operation.clone());
            match self
                .apply(
                    verb,
                    Change::Insert {
                        record: record.clone(),
                    },
                )
                .await?
            {
                Outcome::Done => return Ok(ticket),
                Outcome::NameTaken => {}
                Outcome::VersionConflict | Outcome::SnapshotNameTaken | Outcome::ReceiptTaken => {
                    let object = format!("workspace {}", record.id);
                    let error = BackendError::corrupt(object, "a fresh id is in use");
                    return Err(Error::storage(verb, error));
                }
            }
        }
        Err(Self::name_taken(&record))
    }

    /// Makes the head of an inserted workspace, empty or from a frozen volume, and makes it ready.
    pub(super) async fn make_head(
        self: &Arc<Self>,
        ticket: Ticket,
        parent: Option<VolumeId>,
    ) -> Result<Workspace, Error> {
        let head = ticket.record.head;
        let made = match parent {
            None => self.volume.create(head).await,
            Some(parent) => self.volume.fork(parent, head).await,
        };
        let made = match made {
            Ok(()) => self.label_head(ticket.verb, head, &ticket.record).await,
            Err(error) => Err(Error::storage(ticket.verb, error)),
        };
        if let Err(error) = made.and_then(|()| ticket.check_cancelled()) {
            return Err(self.unmake(&ticket, error).await);
        }
        let now = self.now();
        match self
            .finish(&ticket, Vec::new(), |record| record.saved_at = Some(now))
            .await
        {
            Ok(record) => Ok(self.view(&record)),
            Err(error) => Err(self.unmake(&ticket, error).await),
        }
    }

    /// Removes a workspace that could not be made, and gives the failure back.
    pub(super) async fn unmake(self: &Arc<Self>, ticket: &Ticket, failure: Error) -> Error {
        let (account, id) = (&ticket.record.account, ticket.record.id);
        if let Err(error) = self
            .remove_unmade(ticket.verb, account, id, ticket.operation.id)
            .await
        {
            tracing::warn!(workspace = %id, %error, "could not undo; left to recovery");
        }
        failure
    }

    /// Turns the creation of a workspace into its deletion, and finishes that. Nothing is touched if the workspace has
    /// been made after all.
    pub(super) async fn remove_unmade(
        self: &Arc<Self>,
        verb: &'static str,
        account: &AccountId,
        id: WorkspaceId,
        creation: uuid::Uuid,
    ) -> Result<(), Error> {
        let record = self
            .update(verb, account, id, |before| {
                let mut record = before.clone();
                match &mut record.operation {
                    Some(operation) if operation.id == creation => {
                        operation.intent = Intent::Delete
                    }
                    _ => {
                        return Err(Error::WorkspaceNotFound {
                            selector: id.to_string(),
                        });
                    }
                }
                Ok(Some(Step::visible(record)))
            })
            .await?;
        self.remove_everything(verb, &record).await
    }
}
