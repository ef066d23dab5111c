//! What the tests share.

use std::path::PathBuf;

use tempfile::TempDir;
use workdisk::model::VolumeId;
use workdisk::volume::Volume;
use workdisk_directory::DirectoryVolume;

/// Volumes in a folder of their own.
pub(crate) struct Place {
    pub(crate) volumes: DirectoryVolume,
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volumes = DirectoryVolume::open(folder.path().join("volumes"))
            .await
            .unwrap();
        Self { volumes, folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("volumes")
    }

    /// A new volume and the folder of its files.
    pub(crate) async fn disk(&self) -> (VolumeId, PathBuf) {
        let id = VolumeId::new();
        self.volumes.create(id).await.unwrap();
        (id, self.volumes.path(id))
    }

    /// Freezes the volume, forks that, and answers the folder of the fork's files.
    pub(crate) async fn copied(&self, id: VolumeId) -> PathBuf {
        let (frozen, copy) = (VolumeId::new(), VolumeId::new());
        self.volumes.freeze(id, frozen).await.unwrap();
        self.volumes.fork(frozen, copy).await.unwrap();
        self.volumes.path(copy)
    }

    /// How many entries a folder of the layout has.
    pub(crate) fn count(&self, folder: &str) -> usize {
        std::fs::read_dir(self.root().join(folder)).unwrap().count()
    }
}
