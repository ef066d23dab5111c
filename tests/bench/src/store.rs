//! A data folder of our own, as an application opens it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use workdisk::Account;
use workdisk::manager::{CreateWorkspace, StartSession};
use workdisk::model::{SessionType, WorkspaceId};
use workdisk_local::{Local, VolumePreference};

use crate::Result;
use crate::disk::settle;

const SANDBOX: SessionType = SessionType::Sandbox;

const LAYERS: &str = "overlayfs/layers";

const TRASH: &str = "overlayfs/trash";

/// A data folder with one account.
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) local: Local,
    pub(crate) account: Account,
}

impl Store {
    /// Opens the folder, which is made if it is not there, with volumes on overlayfs.
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        let local =
            workdisk_local::open_with(folder, VolumePreference::Overlayfs, |builder| builder)
                .await?;
        let account = local.manager().account("bench")?;
        Ok(Self {
            folder: folder.to_owned(),
            local,
            account,
        })
    }

    /// Makes a workspace, and works in its files in a session.
    pub(crate) async fn workspace(
        &self,
        name: &str,
        work: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<WorkspaceId> {
        let create = CreateWorkspace::new(SANDBOX).with_name(name);
        let id = self.account.create(create).await?.id;
        self.work(id, work).await?;
        Ok(id)
    }

    /// Works in a workspace's files in a session.
    pub(crate) async fn work(
        &self,
        id: WorkspaceId,
        work: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<()> {
        let session = self.start(id).await?;
        work(session.path())?;
        session.end().await?;
        Ok(())
    }

    pub(crate) async fn start(&self, id: WorkspaceId) -> Result<workdisk::Session> {
        Ok(self
            .account
            .start_session(id, SANDBOX, StartSession::default())
            .await?)
    }

    /// Waits until the space of what was deleted is given back and nothing is left to be written.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.local.manager().reclaim().await?;
        settle(&self.folder)
    }

    /// The name of the layer that holds the most folders: each layer is a folder whose `fs` has plain files.
    pub(crate) fn largest_layer(&self) -> Result<OsString> {
        let mut largest = None;
        for layer in fs::read_dir(self.folder.join(LAYERS))? {
            let layer = layer?;
            let folders = fs::read_dir(layer.path().join("fs"))?.count();
            largest = largest.max(Some((folders, layer.file_name())));
        }
        let (_, name) = largest.ok_or("the store has no layer")?;
        Ok(name)
    }

    /// Where the files of a layer are.
    pub(crate) fn files_of(&self, layer: &OsStr) -> PathBuf {
        self.folder.join(LAYERS).join(layer).join("fs")
    }

    /// Whether a layer, or what is left of it, still takes space.
    pub(crate) fn holds_layer(&self, layer: &OsStr) -> bool {
        [LAYERS, TRASH]
            .iter()
            .any(|place| self.folder.join(place).join(layer).exists())
    }
}
