//! Where the workspaces are: in a data folder of this machine, or on a server.
//!
//! A command is written once, over [`Place`]. What comes back is in the JSON form, which both have in common.

mod failure;
mod folder;
mod held;
mod import;
mod recovered;
mod server;

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot};
use workdisk::model::{SessionId, Timestamp};

pub(crate) use failure::Failure;
pub(crate) use folder::{Folder, FolderTarget, Missing};
pub(crate) use held::{Held, end_by_force};
pub(crate) use import::{Wanted, Watch};
pub(crate) use recovered::Recovered;
pub(crate) use server::{Server, ServerTarget};

use crate::views::{Snapshot, Workspace};

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// How many workspaces a bulk delete takes at a time.
const BULK_LIMIT: usize = 1_000;

/// Which place is meant. Nothing is opened yet.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Folder(FolderTarget),
    Server(ServerTarget),
}

impl Target {
    /// Opens the place.
    pub(crate) async fn open(&self, missing: Missing) -> Result<Box<dyn Place>> {
        Ok(match self {
            Target::Folder(folder) => Box::new(Folder::open(folder, missing).await?),
            Target::Server(server) => Box::new(Server::new(server)),
        })
    }

    /// The same place, to import from a GitHub Enterprise if a data folder is told of one.
    pub(crate) fn importing_from(&self, site: Option<String>) -> Result<Self> {
        let mut target = self.clone();
        if let Target::Folder(folder) = &mut target {
            if cfg!(not(feature = "github")) {
                let detail = "this workdisk was built without the feature `github`";
                let failure = Failure::usage("unsupported", detail);
                return Err(failure
                    .with_advice("build it with --features github, or ask a server with --url"));
            }
            folder.github_site = site;
        }
        Ok(target)
    }

    /// The data folder, for what only works on one.
    pub(crate) fn folder(&self, command: &str) -> Result<&FolderTarget> {
        match self {
            Target::Folder(folder) => Ok(folder),
            Target::Server(_) => Err(Failure::usage(
                "unsupported",
                format!("`{command}` works on a data folder, not on a server"),
            )
            .with_advice(
                "run it on the server's machine with --data-dir, while the server is stopped",
            )),
        }
    }
}

/// A running session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) path: PathBuf,
    pub(crate) epoch: u64,
    pub(crate) expires_at: Option<Timestamp>,
}

/// How the deletion of one workspace went.
#[derive(Debug)]
pub(crate) struct Deleted {
    /// The selector as it was given.
    pub(crate) workspace: String,
    pub(crate) result: Result<()>,
}

/// The workspaces of one account. A workspace or snapshot is named by its name or id.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    async fn create(&self, options: CreateWorkspace) -> Result<Workspace>;

    async fn clone_workspace(&self, source: &str, options: CloneWorkspace) -> Result<Workspace>;

    /// Imports a repository, until it is told to stop.
    async fn import(&self, wanted: Wanted, watch: Watch<'_>) -> Result<Workspace>;

    /// All workspaces that the options name, through all pages.
    async fn list(&self, options: ListWorkspaces) -> Result<Vec<Workspace>>;

    async fn get(&self, workspace: &str) -> Result<Workspace>;

    /// Measures what a workspace takes on the disk, where the place can be asked to.
    async fn measure(&self, workspace: &str) -> Result<Workspace>;

    /// Gives a workspace a name, or takes it away.
    async fn set_name(&self, workspace: &str, name: Option<&str>) -> Result<Workspace>;

    async fn set_template(&self, workspace: &str, template: bool) -> Result<Workspace>;

    async fn snapshots(&self, workspace: &str) -> Result<Vec<Snapshot>>;

    async fn create_snapshot(&self, workspace: &str, name: &str, force: Force) -> Result<Snapshot>;

    async fn restore(
        &self,
        workspace: &str,
        snapshot: &str,
        options: RestoreSnapshot,
    ) -> Result<Workspace>;

    async fn delete_snapshot(&self, workspace: &str, snapshot: &str) -> Result<()>;

    /// Deletes what it can, and answers for each in the order given; what was named twice once.
    async fn delete(&self, workspaces: &[String], force: Force) -> Result<Vec<Deleted>>;

    /// Starts a session of the workspace's own type that this process keeps.
    async fn start_session(&self, workspace: &str) -> Result<Session>;

    async fn session(&self, workspace: &str, session: SessionId) -> Result<Session>;

    async fn renew_session(&self, workspace: &str, session: SessionId) -> Result<Session>;

    async fn end_session(&self, workspace: &str, session: SessionId) -> Result<Workspace>;

    /// What opening the place settled that dead processes had left.
    fn recovered(&self) -> Option<Recovered>;

    /// Waits until the space of what was deleted is given back, before this process ends.
    async fn reclaim(&self) -> Result<()>;
}
