//! A data folder that is opened and closed, and damaged meanwhile.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Fault, FaultKind, Force, Mend};
use workdisk::metadata::{Change, Outcome};
use workdisk::model::{VolumeId, WorkspaceId, WorkspaceRecord};
use workdisk::{Account, BackendError, BackendErrorKind, Metadata, Volume, WorkspaceManager};
use workdisk_conformance::Skip;
use workdisk_directory::DirectoryVolume;
use workdisk_overlayfs::OverlayVolume;
use workdisk_sled::SledMetadata;

use crate::support::{Backing, SANDBOX, write};

/// A folder with a sled store in `metadata` and volumes in `volumes`.
pub(crate) struct Folder {
    place: TempDir,
    backing: Backing,
}

/// The folder while it is open.
pub(crate) struct Opened {
    pub(crate) manager: WorkspaceManager,
    pub(crate) account: Account,
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) volume: Arc<dyn Volume>,
}

impl Folder {
    /// One of each kind that the host allows.
    pub(crate) async fn each() -> Vec<Self> {
        let mut folders = Vec::new();
        for backing in [Backing::Directory, Backing::Overlayfs] {
            let place = tempfile::tempdir().unwrap();
            let folder = Self { place, backing };
            match folder.volumes().await {
                Ok(_) => folders.push(folder),
                Err(error) if *error.kind() == BackendErrorKind::Unsupported => {
                    Skip::new(error.to_string()).announce();
                }
                Err(error) => panic!("{error}"),
            }
        }
        folders
    }

    pub(crate) fn backing(&self) -> Backing {
        self.backing
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) async fn volumes(&self) -> Result<Arc<dyn Volume>, BackendError> {
        let path = self.path("volumes");
        Ok(match self.backing {
            Backing::Directory => {
                Arc::new(once_free(async || DirectoryVolume::open(&path).await).await?)
            }
            Backing::Overlayfs => {
                Arc::new(once_free(async || OverlayVolume::open(&path).await).await?)
            }
        })
    }

    pub(crate) async fn metadata(&self) -> Result<Arc<dyn Metadata>, BackendError> {
        let path = self.path("metadata");
        let metadata = once_free(async || SledMetadata::open(&path).await);
        Ok(Arc::new(metadata.await?))
    }

    pub(crate) async fn open(&self) -> Opened {
        let metadata = self.metadata().await.unwrap();
        let volume = self.volumes().await.unwrap();
        let manager = WorkspaceManager::open(metadata.clone(), volume.clone()).await;
        let manager = manager.unwrap();
        Opened {
            account: manager.account("acme").unwrap(),
            manager,
            metadata,
            volume,
        }
    }

    /// Closes the folder. The tasks of its sessions may hold the store a little longer, and a store that is closed writes that
    /// it was.
    pub(crate) async fn close(&self, opened: Opened) {
        drop(opened);
        drop(self.metadata().await.unwrap());
    }

    /// Changes the closed store behind its back.
    pub(crate) fn by_hand(&self, work: impl FnOnce(&sled::Db)) {
        let config = sled::Config::new().path(self.path("metadata"));
        let db = config.flush_every_ms(None).open().unwrap();
        work(&db);
        db.flush().unwrap();
    }

    /// Changes the stored record of a workspace behind the store's back.
    pub(crate) fn change_record(&self, id: WorkspaceId, change: impl FnOnce(&mut Value)) {
        self.by_hand(|db| {
            let key = record_key(db, id);
            let bytes = db.get(&key).unwrap().unwrap();
            let mut record: Value = serde_json::from_slice(&bytes[1..]).unwrap();
            change(&mut record);
            let text = serde_json::to_vec(&record).unwrap();
            db.insert(key, [&bytes[..1], &text].concat()).unwrap();
        });
    }
}

/// Opens what was just closed: the tasks of its sessions let go of it once they are polled.
async fn once_free<T>(open: impl AsyncFn() -> Result<T, BackendError>) -> Result<T, BackendError> {
    loop {
        match open().await {
            Err(error) if *error.kind() == BackendErrorKind::InUse => {
                tokio::task::yield_now().await;
            }
            opened => return opened,
        }
    }
}

/// Where a workspace's record stands in the store.
pub(crate) fn record_key(db: &sled::Db, id: WorkspaceId) -> sled::IVec {
    let mut keys = db.scan_prefix(b"r").keys().map(Result::unwrap);
    let key = keys.find(|key| key.ends_with(id.as_uuid().as_bytes()));
    key.expect("the workspace has a record")
}

impl Opened {
    pub(crate) async fn sandbox(&self, name: &str) -> WorkspaceId {
        let new = CreateWorkspace::new(SANDBOX).with_name(name);
        self.account.create(new).await.unwrap().id
    }

    pub(crate) async fn record(&self, id: WorkspaceId) -> WorkspaceRecord {
        let found = self.metadata.workspace(self.account.id(), id).await;
        found.unwrap().unwrap()
    }

    pub(crate) async fn snapshot_volumes(&self, id: WorkspaceId) -> Vec<VolumeId> {
        let snapshots = self.metadata.snapshots(id, None, 1_000).await.unwrap();
        snapshots.iter().map(|snapshot| snapshot.volume).collect()
    }
}

/// What is said of a fault: what it is, how it is mended, and of which workspace.
pub(crate) type Said = (FaultKind, Mend, Option<WorkspaceId>);

pub(crate) fn said(faults: &[Fault]) -> Vec<Said> {
    let of = |fault: &Fault| (fault.kind, fault.mend, fault.workspace);
    faults.iter().map(of).collect()
}

/// A workspace "w" with a frozen head, a clone, and a snapshot "s".
pub(crate) async fn furnish(opened: &Opened) -> WorkspaceId {
    let id = opened.sandbox("w").await;
    write(&opened.account, id, "one").await;
    let snapshot = opened.account.create_snapshot(id, "s", Force::No).await;
    snapshot.unwrap();
    write(&opened.account, id, "two").await;
    let clone = CloneWorkspace::of_head().with_name("c");
    opened.account.clone_workspace(id, clone).await.unwrap();
    id
}

/// Commits what no call would.
pub(crate) async fn rewrite(
    opened: &Opened,
    id: WorkspaceId,
    change: impl FnOnce(&mut WorkspaceRecord),
) {
    let mut record = opened.record(id).await;
    let expected = record.version;
    change(&mut record);
    record.version += 1;
    let change = Change::Update {
        expected,
        record,
        snapshots: Vec::new(),
        receipt: None,
        reserved: Vec::new(),
    };
    let done = opened.metadata.commit(change).await.unwrap();
    assert_eq!(done, Outcome::Done);
}
