//! Creating a workspace.

use std::sync::Arc;

use super::account::Account;
use super::core::{Core, Step};
use super::label::Label;
use super::operation::Ticket;
use super::options::CreateWorkspace;
use crate::error::{BackendError, Error};
use crate::metadata::{Change, Outcome};
use crate::model::{
    AccountId, ImageRef, Intent, Operation, RequestKey, SessionType, VolumeId, Workspace,
    WorkspaceId, WorkspaceName, WorkspaceRecord,
};

const VERB: &str = "create";

/// How many names are made up before it is given up that one is free.
const MADE_UP_NAMES: usize = 16;

/// What the disk of a new workspace begins with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head {
    Empty,
    /// The files of a frozen volume.
    ForkOf(VolumeId),
    /// It is made once the workspace is there.
    #[cfg(feature = "github")]
    Later,
}

impl Head {
    /// What is made beside the record.
    fn made(self, record: &WorkspaceRecord) -> Vec<VolumeId> {
        match self {
            Head::Empty | Head::ForkOf(_) => vec![record.head],
            #[cfg(feature = "github")]
            Head::Later => Vec::new(),
        }
    }
}

impl Account {
    /// Creates an empty workspace.
    ///
    /// # Errors
    /// - [`WorkspaceNameInvalid`](Error::WorkspaceNameInvalid), [`ImageInvalid`](Error::ImageInvalid);
    /// - [`ImageNotAllowed`](Error::ImageNotAllowed) for a browser workspace with an image;
    /// - [`WorkspaceNameTaken`](Error::WorkspaceNameTaken);
    /// - [`StorageFull`](Error::StorageFull) and the other errors of the storage.
    ///
    /// After any error but those of the storage there is no workspace. After one of those there is none, or a whole one, once
    /// [`recover`](crate::WorkspaceManager::recover) has run.
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
            core.make(VERB, record, name, Head::Empty, turn.key()).await
        })
        .await
    }
}

impl Core {
    /// Makes a workspace whose disk is empty or has the files of a frozen volume. The record and the disk wait for storage
    /// together.
    pub(super) async fn make(
        self: &Arc<Self>,
        verb: &'static str,
        mut record: WorkspaceRecord,
        name: Option<WorkspaceName>,
        head: Head,
        request: Option<RequestKey>,
    ) -> Result<Workspace, Error> {
        let mut reserved = self.reserve(verb).await?;
        record.head = reserved.take();
        let operation = self.operation(Intent::Create, request);
        let inserted = self.insert(verb, record, name, operation, head);
        let (ticket, made) = inserted.await?;
        let mut ticket = ticket.with_reserved(reserved);
        if let Err(error) = made.and_then(|()| ticket.check_cancelled()) {
            return Err(self.unmake(&ticket, error).await);
        }
        match self.finish(&mut ticket).await {
            Ok(record) => Ok(self.view(&record)),
            Err(error) => Err(self.unmake(&ticket, error).await),
        }
    }

    /// Inserts the record of a workspace that is being made, under its name or one that is made up, and makes its
    /// head at the same time. Answers what came of that, too. If it is not inserted, its head is removed.
    pub(super) async fn insert(
        self: &Arc<Self>,
        verb: &'static str,
        mut record: WorkspaceRecord,
        name: Option<WorkspaceName>,
        operation: Operation,
        head: Head,
    ) -> Result<(Ticket, Result<(), Error>), Error> {
        record.operation = Some(operation.clone());
        let tries = if name.is_some() { 1 } else { MADE_UP_NAMES };
        let (mut made, mut failure) = (None, Self::name_taken(&record));
        for _ in 0..tries {
            record.name = Some(name.clone().unwrap_or_else(WorkspaceName::made_up));
            let ticket = Ticket::of_new(verb, record.clone(), operation.clone());
            let change = Change::Insert {
                record: record.clone(),
            };
            let insertion = self.apply(verb, change);
            let inserted = if made.is_some() {
                insertion.await
            } else {
                let both = tokio::join!(insertion, self.make_head(verb, &record, head));
                made = Some(both.1);
                both.0
            };
            match inserted {
                Ok(Outcome::Done) => return Ok((ticket, made.unwrap_or(Ok(())))),
                Ok(Outcome::NameTaken) => failure = Self::name_taken(&record),
                Ok(_) => {
                    let object = format!("workspace {}", record.id);
                    let error = BackendError::corrupt(object, "a fresh id is in use");
                    failure = Error::storage(verb, error);
                    break;
                }
                Err(error) => {
                    failure = error;
                    break;
                }
            }
        }
        self.remove_or_leave(verb, &head.made(&record)).await;
        Err(failure)
    }

    /// Makes the head of a workspace that is to be, empty or from a frozen volume.
    async fn make_head(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        head: Head,
    ) -> Result<(), Error> {
        let label = Label::of_head(record, self.now()).text();
        let made = match head {
            #[cfg(feature = "github")]
            Head::Later => return Ok(()),
            Head::Empty => self.volume.create_labelled(record.head, &label).await,
            Head::ForkOf(parent) => self.volume.fork_labelled(parent, record.head, &label).await,
        };
        made.map_err(|error| Error::storage(verb, error))
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
