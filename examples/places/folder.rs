//! Workspaces in a data folder of this machine.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};
use workdisk::manager::WorkspaceManagerBuilder;
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, LeaseTerm, ListWorkspaces, RestoreSnapshot,
    SessionInfo, StartSession,
};
use workdisk::model::SessionId;
use workdisk::{Account, BackendErrorKind, Error, WorkspaceManager};
use workdisk_local::{Local, Rebuilt, VolumePreference};
use workdisk_sled::SledMetadata;

use super::failure::REBUILD;
use super::{BULK_LIMIT, Deleted, Failure, Place, Recovered, Result, Session, Wanted, Watch};
use crate::views::{Snapshot, Workspace};

/// How often another process that has the folder open is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// A session that is kept while the folder is not open runs until its process ends: a year stands for that.
const LEASE: LeaseTerm = LeaseTerm::Renewing(Duration::from_secs(365 * 24 * 60 * 60));

/// Which data folder is meant, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct FolderTarget {
    pub(crate) path: PathBuf,
    pub(crate) account: String,
    pub(crate) volume: VolumePreference,
    /// A GitHub Enterprise to import from, if not from GitHub.
    pub(crate) github_site: Option<String>,
    /// How long to wait for another process to let go of it.
    pub(crate) wait: Duration,
}

/// What to do if the folder is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Refuse,
    Make,
}

/// A data folder that is open.
pub(crate) struct Folder {
    local: Local,
    account: Account,
}

impl FolderTarget {
    /// Refuses a folder that holds no workspaces, so that looking makes none.
    pub(crate) fn check_there(&self) -> Result<()> {
        if self.path.join("metadata").is_dir() {
            return Ok(());
        }
        if self.check_volumes().is_ok() {
            let detail = format!("the metadata of {} is gone", self.path.display());
            let failure = Failure::usage("metadata_lost", detail);
            return Err(failure.with_advice(REBUILD));
        }
        let detail = format!("there is no data folder at {}", self.path.display());
        Err(Failure::usage("data_dir_not_found", detail).with_advice(
            "name it with --data-dir or WORKDISK_DATA_DIR, or make it with `workdisk create`",
        ))
    }

    /// Refuses a folder without files to make records from.
    pub(crate) fn check_volumes(&self) -> Result<()> {
        let has = |backend: &str| self.path.join(backend).join("format.json").is_file();
        if ["overlayfs", "directory"].into_iter().any(has) {
            return Ok(());
        }
        let detail = format!(
            "there are no files of workspaces in {}",
            self.path.display()
        );
        Err(Failure::usage("data_dir_not_found", detail)
            .with_advice("name the data folder with --data-dir or WORKDISK_DATA_DIR"))
    }

    /// Makes the records anew.
    pub(crate) async fn rebuild(&self) -> Result<Rebuilt> {
        self.when_free(|| workdisk_local::rebuild(&self.path)).await
    }

    /// Opens both stores, once no other process has them.
    pub(crate) async fn open(&self) -> Result<Local> {
        let set_up = self.set_up()?;
        let open = || workdisk_local::open_with(&self.path, self.volume, set_up.clone());
        self.when_free(open).await
    }

    /// How the manager is to be made.
    #[cfg(feature = "github")]
    fn set_up(
        &self,
    ) -> Result<impl FnOnce(WorkspaceManagerBuilder) -> WorkspaceManagerBuilder + Clone> {
        let github = super::import::folder::options(self.github_site.as_deref())?;
        Ok(|builder: WorkspaceManagerBuilder| builder.with_github(github))
    }

    /// How the manager is to be made.
    #[cfg(not(feature = "github"))]
    fn set_up(
        &self,
    ) -> Result<impl FnOnce(WorkspaceManagerBuilder) -> WorkspaceManagerBuilder + Clone> {
        Ok(|builder| builder)
    }

    /// Takes the files over for records that were brought back from a copy. What the copy has in flight is not settled yet.
    pub(crate) async fn adopt(&self) -> Result<()> {
        let opened = workdisk_local::open_with(&self.path, self.volume, |builder| {
            builder.with_adopted_volumes()
        });
        opened.await?;
        Ok(())
    }

    /// Opens the records alone.
    pub(crate) async fn open_metadata(&self) -> Result<SledMetadata> {
        let open = async || {
            let opened = SledMetadata::open(self.path.join("metadata")).await;
            opened.map_err(|error| Error::storage("open the data folder", error))
        };
        self.when_free(open).await
    }

    async fn when_free<T>(&self, open: impl AsyncFn() -> Result<T, Error>) -> Result<T> {
        let end = Instant::now() + self.wait;
        loop {
            match open().await {
                Err(error) if is_in_use(&error) && Instant::now() < end => sleep(PAUSE).await,
                opened => return Ok(opened?),
            }
        }
    }
}

fn is_in_use(error: &Error) -> bool {
    matches!(error, Error::StorageUnavailable { source, .. } if *source.kind() == BackendErrorKind::InUse)
}

impl Folder {
    pub(crate) async fn open(target: &FolderTarget, missing: Missing) -> Result<Self> {
        if missing == Missing::Refuse {
            target.check_there()?;
        }
        let local = target.open().await?;
        let account = local.manager().account(&target.account)?;
        Ok(Self { local, account })
    }

    pub(crate) fn manager(&self) -> &WorkspaceManager {
        self.local.manager()
    }
}

#[async_trait]
impl Place for Folder {
    async fn create(&self, options: CreateWorkspace) -> Result<Workspace> {
        seen(&self.account.create(options).await?)
    }

    async fn clone_workspace(&self, source: &str, options: CloneWorkspace) -> Result<Workspace> {
        seen(&self.account.clone_workspace(source, options).await?)
    }

    #[cfg(feature = "github")]
    async fn import(&self, wanted: Wanted, watch: Watch<'_>) -> Result<Workspace> {
        seen(&super::import::folder::import(&self.account, wanted, watch).await?)
    }

    /// No target opens a place to import into without the feature.
    #[cfg(not(feature = "github"))]
    async fn import(&self, wanted: Wanted, _watch: Watch<'_>) -> Result<Workspace> {
        let detail = format!("{wanted:?} cannot be imported without the feature `github`");
        Err(Failure::usage("unsupported", detail))
    }

    async fn list(&self, options: ListWorkspaces) -> Result<Vec<Workspace>> {
        let mut options = options.with_limit(ListWorkspaces::MAX_LIMIT);
        let mut all = Vec::new();
        loop {
            let page = self.account.list(options.clone()).await?;
            for workspace in &page.workspaces {
                all.push(seen(workspace)?);
            }
            let Some(cursor) = page.next_cursor else {
                return Ok(all);
            };
            options = options.with_cursor(cursor);
        }
    }

    async fn get(&self, workspace: &str) -> Result<Workspace> {
        seen(&self.account.get(workspace).await?)
    }

    async fn measure(&self, workspace: &str) -> Result<Workspace> {
        seen(&self.account.measure(workspace).await?)
    }

    async fn set_name(&self, workspace: &str, name: Option<&str>) -> Result<Workspace> {
        seen(&match name {
            Some(name) => self.account.set_name(workspace, name).await?,
            None => self.account.clear_name(workspace).await?,
        })
    }

    async fn set_template(&self, workspace: &str, template: bool) -> Result<Workspace> {
        seen(&self.account.set_template(workspace, template).await?)
    }

    async fn snapshots(&self, workspace: &str) -> Result<Vec<Snapshot>> {
        let snapshots = self.account.snapshots(workspace).await?;
        let snapshots = snapshots.iter().map(Snapshot::of);
        Ok(snapshots.collect::<Result<_, _>>()?)
    }

    async fn create_snapshot(&self, workspace: &str, name: &str, force: Force) -> Result<Snapshot> {
        let snapshot = self.account.create_snapshot(workspace, name, force).await?;
        Ok(Snapshot::of(&snapshot)?)
    }

    async fn restore(
        &self,
        workspace: &str,
        snapshot: &str,
        options: RestoreSnapshot,
    ) -> Result<Workspace> {
        seen(&self.account.restore(workspace, snapshot, options).await?)
    }

    async fn delete_snapshot(&self, workspace: &str, snapshot: &str) -> Result<()> {
        self.account.delete_snapshot(workspace, snapshot).await?;
        Ok(())
    }

    async fn delete(&self, workspaces: &[String], force: Force) -> Result<Vec<Deleted>> {
        let mut deleted = Vec::new();
        for some in workspaces.chunks(BULK_LIMIT) {
            let answers = self.account.bulk_delete(some, force).await?;
            deleted.extend(answers.into_iter().map(|item| Deleted {
                workspace: item.selector,
                result: item.result.map_err(Failure::from),
            }));
        }
        Ok(deleted)
    }

    async fn start_session(&self, workspace: &str) -> Result<Session> {
        let workspace = self.account.get(workspace).await?;
        let options = StartSession::default().with_lease(LEASE);
        let session_type = workspace.session_type;
        let session = self
            .account
            .start_session(workspace.id, session_type, options);
        Ok(Session::from(session.await?.detach()))
    }

    async fn session(&self, workspace: &str, session: SessionId) -> Result<Session> {
        Ok(self.account.session(workspace, session).await?.into())
    }

    async fn renew_session(&self, workspace: &str, session: SessionId) -> Result<Session> {
        Ok(self.account.renew_session(workspace, session).await?.into())
    }

    async fn end_session(&self, workspace: &str, session: SessionId) -> Result<Workspace> {
        seen(&self.account.end_session(workspace, session).await?)
    }

    fn recovered(&self) -> Option<Recovered> {
        let report = self.local.manager().recovered();
        (!report.is_empty()).then(|| Recovered::of(report))
    }

    async fn reclaim(&self) -> Result<()> {
        Ok(self.local.manager().reclaim().await?)
    }
}

impl From<SessionInfo> for Session {
    fn from(session: SessionInfo) -> Self {
        Self {
            id: session.id,
            path: session.path,
            epoch: session.epoch,
            expires_at: session.expires_at,
        }
    }
}

fn seen(workspace: &workdisk::model::Workspace) -> Result<Workspace> {
    Ok(Workspace::of(workspace)?)
}
