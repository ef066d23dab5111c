//! Importing a repository from GitHub into a new workspace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::account::Account;
use super::core::Core;
use super::create::Head;
use super::import_handle::{Import, Imported};
use super::once::Turn;
use super::operation::Ticket;
use super::options::ImportRepository;
use crate::error::Error;
use crate::github::{Failure, Fetched, ImportPhase, ImportWatch, Job, Publisher};
use crate::model::{
    GitRef, GithubRepo, ImageRef, Intent, Selector, SessionType, Source, Status, VolumeId,
    WorkspaceId, WorkspaceName, WorkspaceRecord,
};

const VERB: &str = "import";

/// The folder of the disk that becomes the repository.
const FOLDER: &str = "workspace";

/// The imports that this manager runs.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<HashMap<WorkspaceId, Publisher>>);

impl Imports {
    fn map(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Publisher>> {
        // Each critical section is one call of the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows an import to those who watch, until it is dropped: at the latest with its task, however that ends.
struct Listed {
    core: Arc<Core>,
    workspace: WorkspaceId,
}

impl Listed {
    fn new(core: Arc<Core>, workspace: WorkspaceId, publisher: Publisher) -> Self {
        core.imports.map().insert(workspace, publisher);
        Self { core, workspace }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.core.imports.map().remove(&self.workspace);
    }
}

/// What a caller asked for, parsed.
struct Wanted {
    repo: GithubRepo,
    reference: Option<GitRef>,
    name: Option<WorkspaceName>,
    image: Option<ImageRef>,
}

impl Wanted {
    fn parse(options: &ImportRepository) -> Result<Self, Error> {
        Ok(Self {
            repo: GithubRepo::parse(&options.github_repo)?,
            reference: options
                .reference
                .as_deref()
                .map(GitRef::parse)
                .transpose()?,
            name: options
                .name
                .as_deref()
                .map(WorkspaceName::parse)
                .transpose()?,
            image: options.image.as_deref().map(ImageRef::parse).transpose()?,
        })
    }
}

impl Account {
    /// Begins to import a repository into the folder `workspace` of a new sandbox workspace's disk.
    ///
    /// What stands there afterwards is what `git clone` would have made: the default branch or what was asked for is checked
    /// out, submodules are empty folders, and `origin` is the public URL. An empty repository makes a workspace with an
    /// empty repository. While the import runs, the workspace shows as `importing`; it can be deleted by force.
    ///
    /// The import ends with its handle: see [`Import`].
    ///
    /// # Errors
    /// - [`GithubRepoInvalid`](Error::GithubRepoInvalid), [`WorkspaceNameInvalid`](Error::WorkspaceNameInvalid),
    ///   [`ImageInvalid`](Error::ImageInvalid), and [`InvalidRequest`](Error::InvalidRequest) for a ref that can be none;
    /// - [`WorkspaceNameTaken`](Error::WorkspaceNameTaken);
    /// - those of the storage.
    ///
    /// Nothing is connected to before all of that is known. How the import itself fails is what
    /// [`Import::finish`] answers.
    pub async fn import(&self, options: ImportRepository) -> Result<Import, Error> {
        let (core, account, request) = (self.core(), self.id().clone(), self.request());
        Core::detached(VERB, self.id(), async move {
            let turn = core.turn(VERB, &account, request).await?;
            if let Some(made) = turn.made() {
                return Ok(Import::made_before(core.workspace_made(made)?));
            }
            let wanted = Wanted::parse(&options)?;
            let source = Source::Github {
                github_repo: wanted.repo.clone(),
                reference: wanted.reference.as_ref().map(ToString::to_string),
                commit: None,
            };
            let record = WorkspaceRecord {
                image: wanted.image,
                template: options.template,
                source: Some(source),
                ..WorkspaceRecord::new(
                    WorkspaceId::new(),
                    account,
                    SessionType::Sandbox,
                    VolumeId::new(),
                    core.now(),
                )
            };
            let operation = core.operation(Intent::Import, turn.key());
            let inserted = core.insert(VERB, record, wanted.name, operation, Head::Later);
            let (ticket, _) = inserted.await?;
            let job = Job {
                account: ticket.record.account.clone(),
                repo: wanted.repo,
                reference: wanted.reference,
                depth: options.depth,
            };
            Ok(core.spawn_import(ticket, job, turn))
        })
        .await
    }

    /// Watches an import. `None` if the workspace is not being imported by this manager.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), and those of the storage.
    pub async fn import_progress(
        &self,
        workspace: impl Into<Selector>,
    ) -> Result<Option<ImportWatch>, Error> {
        let (core, workspace) = (self.core(), workspace.into());
        Core::spanned("import_progress", Some(self.id()), async {
            let record = core.find("import_progress", self.id(), &workspace).await?;
            let imports = core.imports.map();
            Ok(imports.get(&record.id).map(Publisher::watch))
        })
        .await
    }

    /// Cancels an import, and waits until nothing is left of it. It stops within moments, also while the server is silent.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound); [`InvalidRequest`](Error::InvalidRequest) for a workspace that is not
    /// being imported, or no longer; [`WorkspaceBusy`](Error::WorkspaceBusy) if another process imports it, which alone can
    /// stop it; those of the storage.
    pub async fn cancel_import(&self, workspace: impl Into<Selector>) -> Result<(), Error> {
        const VERB: &str = "cancel_import";
        let (core, account, workspace) = (self.core(), self.id().clone(), workspace.into());
        Core::detached(VERB, self.id(), async move {
            let record = core.find(VERB, &account, &workspace).await?;
            if record.status() != Status::Importing {
                let reason = format!("workspace {} is not being imported", record.id);
                return Err(Error::InvalidRequest { reason });
            }
            // What a dead process left is removed as if it were cancelled.
            match core.settle(VERB, &record).await? {
                true => Ok(()),
                false => core.cancel(&record).await,
            }
        })
        .await
    }
}

impl Core {
    /// Runs an import in a task of its own, which its handle can stop. The request has its turn until that ends.
    fn spawn_import(self: &Arc<Self>, ticket: Ticket, job: Job, turn: Turn) -> Import {
        let (core, publisher) = (Arc::clone(self), Publisher::new());
        let (workspace, operation) = (ticket.record.id, ticket.operation.id);
        let watch = publisher.watch();
        let listed = Listed::new(Arc::clone(self), workspace, publisher.clone());
        let account = ticket.record.account.clone();
        let task = tokio::spawn(Self::spanned("run_import", Some(&account), async move {
            let result = core.run_import(ticket, job, &publisher).await;
            drop((listed, turn));
            match &result {
                Ok(_) => publisher.enter(ImportPhase::Done, None),
                Err(error) => publisher.enter(ImportPhase::Failed, Some(error.code())),
            }
            result
        }));
        Import::new(workspace, operation, watch, task)
    }

    async fn run_import(
        self: &Arc<Self>,
        ticket: Ticket,
        job: Job,
        publisher: &Publisher,
    ) -> Result<Imported, Error> {
        let repo = job.repo.clone();
        let fetched = match self.fill_head(&ticket, job, publisher).await {
            Ok(fetched) => fetched,
            Err(error) => return Err(self.unmake(&ticket, error).await),
        };
        let now = self.now();
        let source = Source::Github {
            github_repo: repo,
            reference: fetched.reference,
            commit: fetched.commit,
        };
        let imported = WorkspaceRecord {
            source: Some(source.clone()),
            ..ticket.record.clone()
        };
        if let Err(error) = self.label_head(VERB, imported.head, &imported).await {
            return Err(self.unmake(&ticket, error).await);
        }
        let finished = self.finish_at_once(&ticket, |record| {
            record.source = Some(source.clone());
            record.saved_at = Some(now);
        });
        match finished.await {
            Ok(record) => Ok(Imported {
                workspace: self.view(&record),
                files: fetched.files,
                lfs_pointers: fetched.lfs_pointers,
                submodules: fetched.submodules,
            }),
            Err(error) => Err(self.unmake(&ticket, error).await),
        }
    }

    /// Makes the head, writes the repository into it, and makes it durable.
    async fn fill_head(
        &self,
        ticket: &Ticket,
        job: Job,
        publisher: &Publisher,
    ) -> Result<Fetched, Error> {
        let (head, repo) = (ticket.record.head, job.repo.clone());
        let storage = |error| Error::storage(VERB, error);
        self.volume.create(head).await.map_err(storage)?;
        let root = self.volume.fill(head).await.map_err(storage)?;
        let (folder, cancelled) = (root.join(FOLDER), ticket.running.cancelled());
        let fetched = self.github.run(job, folder, publisher, cancelled).await;
        let fetched = fetched.map_err(|failure| failure.of(VERB, repo.clone()))?;
        publisher.enter(ImportPhase::Saving, None);
        self.unmount(&ticket.record).await.map_err(storage)?;
        match ticket.check_cancelled() {
            Ok(()) => Ok(fetched),
            Err(_) => Err(Failure::Cancelled.of(VERB, repo)),
        }
    }
}
