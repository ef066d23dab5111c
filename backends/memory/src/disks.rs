//! The volumes and their folders.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::session::{holders_under, lasting_holders};
use workdisk::volume::{MAX_LABEL, Usage, VolumeFault, VolumeKind, VolumeStatus};
use workdisk::{BackendError, BackendErrorKind, Holder};

use crate::copy::copy_tree;
use crate::digest::digest;

/// Every volume, in one temporary folder.
#[derive(Debug)]
pub(crate) struct Disks {
    root: TempDir,
    volumes: BTreeMap<VolumeId, Disk>,
    labels: BTreeMap<VolumeId, String>,
    bound: Option<Generation>,
}

#[derive(Clone, Copy, Debug)]
enum Disk {
    Active {
        mounted: bool,
    },
    /// With the digest of its tree when it was frozen.
    Frozen {
        digest: u64,
    },
}

/// Why a call on the disks failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error("{operation}: no volume {id}")]
    NotFound {
        operation: &'static str,
        id: VolumeId,
    },
    #[error("{operation}: volume {id} exists already")]
    Exists {
        operation: &'static str,
        id: VolumeId,
    },
    #[error("{operation}: volume {id} is of the other kind")]
    WrongState {
        operation: &'static str,
        id: VolumeId,
    },
    #[error("{operation}: volume {id} is in use")]
    Busy {
        operation: &'static str,
        id: VolumeId,
        holders: Vec<Holder>,
    },
    #[error("frozen volume {id} was written to")]
    Written { id: VolumeId },
    #[error("the label of volume {id} has more than {MAX_LABEL} bytes")]
    LongLabel { id: VolumeId },
    #[error("bind: {reason}")]
    Mismatch { reason: &'static str },
    #[error("{operation} of volume {id}")]
    Io {
        operation: &'static str,
        id: VolumeId,
        source: io::Error,
    },
}

impl From<DiskError> for BackendError {
    fn from(error: DiskError) -> Self {
        let message = error.to_string();
        let kind = match error {
            DiskError::NotFound { .. } => BackendErrorKind::NotFound,
            DiskError::Exists { .. } => BackendErrorKind::AlreadyExists,
            DiskError::WrongState { .. } => BackendErrorKind::WrongState,
            DiskError::Busy { holders, .. } => BackendErrorKind::Busy { holders },
            DiskError::Written { id } => BackendErrorKind::Corrupt {
                object: id.to_string(),
            },
            DiskError::LongLabel { .. } => BackendErrorKind::InvalidInput,
            DiskError::Mismatch { .. } => BackendErrorKind::Mismatch,
            DiskError::Io { source, .. } => return BackendError::io(message, source),
        };
        BackendError::new(kind, message)
    }
}

impl Disks {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            root: tempfile::tempdir()?,
            volumes: BTreeMap::new(),
            labels: BTreeMap::new(),
            bound: None,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.root().join(id.to_string())
    }

    pub(crate) fn bind(&mut self, generation: Generation, adopt: bool) -> Result<(), DiskError> {
        let refused = match self.bound {
            _ if adopt => None,
            None if self.volumes.is_empty() => None,
            None => Some("there are volumes that were never tied to a store"),
            Some(bound) if bound.store != generation.store => {
                Some("the volumes know another store")
            }
            Some(bound) if bound.number >= generation.number => {
                Some("the store is older than the volumes")
            }
            Some(_) => None,
        };
        if let Some(reason) = refused {
            return Err(DiskError::Mismatch { reason });
        }
        self.bound = Some(generation);
        Ok(())
    }

    pub(crate) fn create(&mut self, id: VolumeId) -> Result<(), DiskError> {
        self.expect_free("create", id)?;
        let path = self.path(id);
        let made = fs::create_dir(&path)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
        self.undo_unless(made, "create", id)?;
        self.volumes.insert(id, Disk::Active { mounted: false });
        Ok(())
    }

    pub(crate) fn fork(&mut self, parent: VolumeId, id: VolumeId) -> Result<(), DiskError> {
        let Disk::Frozen { .. } = self.find("fork", parent)? else {
            return Err(DiskError::WrongState {
                operation: "fork",
                id: parent,
            });
        };
        self.expect_free("fork", id)?;
        self.expect_unchanged(parent)?;
        let copied = copy_tree(&self.path(parent), &self.path(id));
        self.undo_unless(copied, "fork", id)?;
        self.volumes.insert(id, Disk::Active { mounted: false });
        Ok(())
    }

    pub(crate) fn freeze(&mut self, id: VolumeId, frozen: VolumeId) -> Result<(), DiskError> {
        self.expect_active("freeze", id)?;
        self.expect_free("freeze", frozen)?;
        self.expect_idle("freeze", id)?;
        let path = self.path(frozen);
        let copied = copy_tree(&self.path(id), &path).and_then(|()| digest(&path));
        let digest = self.undo_unless(copied, "freeze", frozen)?;
        self.volumes.insert(frozen, Disk::Frozen { digest });
        Ok(())
    }

    pub(crate) fn mount(&mut self, id: VolumeId) -> Result<PathBuf, DiskError> {
        if self.expect_active("mount", id)? {
            return Err(DiskError::Busy {
                operation: "mount",
                id,
                holders: Vec::new(),
            });
        }
        self.volumes.insert(id, Disk::Active { mounted: true });
        Ok(self.path(id))
    }

    /// The folder itself. It is not noted as mounted, so that the volume can be removed.
    pub(crate) fn fill(&mut self, id: VolumeId) -> Result<PathBuf, DiskError> {
        self.expect_active("fill", id)?;
        self.expect_idle("fill", id)?;
        Ok(self.path(id))
    }

    pub(crate) fn unmount(&mut self, id: VolumeId) -> Result<(), DiskError> {
        self.expect_active("unmount", id)?;
        self.expect_unheld("unmount", id)?;
        self.volumes.insert(id, Disk::Active { mounted: false });
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: VolumeId) -> Result<(), DiskError> {
        match self.volumes.get(&id) {
            None => return Ok(()),
            Some(Disk::Frozen { .. }) => {}
            Some(Disk::Active { .. }) => self.expect_idle("remove", id)?,
        }
        fs::remove_dir_all(self.path(id)).map_err(|source| DiskError::Io {
            operation: "remove",
            id,
            source,
        })?;
        self.volumes.remove(&id);
        self.labels.remove(&id);
        Ok(())
    }

    pub(crate) fn set_label(&mut self, id: VolumeId, label: String) -> Result<(), DiskError> {
        self.find("set_label", id)?;
        if label.len() > MAX_LABEL {
            return Err(DiskError::LongLabel { id });
        }
        self.labels.insert(id, label);
        Ok(())
    }

    pub(crate) fn label(&self, id: VolumeId) -> Option<String> {
        self.labels.get(&id).cloned()
    }

    pub(crate) fn status(&self, id: VolumeId) -> Option<VolumeStatus> {
        let (kind, mounted) = match self.volumes.get(&id)? {
            Disk::Active { mounted } => (VolumeKind::Active, *mounted),
            Disk::Frozen { .. } => (VolumeKind::Frozen, false),
        };
        Some(VolumeStatus::new(id, kind, mounted))
    }

    pub(crate) fn list(&self, after: Option<VolumeId>, limit: usize) -> Vec<VolumeStatus> {
        let ids = self
            .volumes
            .keys()
            .filter(|id| after.is_none_or(|after| **id > after));
        ids.take(limit).filter_map(|id| self.status(*id)).collect()
    }

    pub(crate) fn usage(&self, id: VolumeId) -> Result<Usage, DiskError> {
        if let Disk::Frozen { .. } = self.find("usage", id)? {
            self.expect_unchanged(id)?;
        }
        let bytes =
            allocated(&self.path(id), &mut HashSet::new()).map_err(|source| DiskError::Io {
                operation: "usage",
                id,
                source,
            })?;
        Ok(Usage::new(bytes, 0))
    }

    pub(crate) fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, DiskError> {
        if let Disk::Active { .. } = self.find("check", id)? {
            return Ok(Vec::new());
        }
        match self.expect_unchanged(id) {
            Err(error @ DiskError::Written { .. }) => Ok(vec![VolumeFault::new(
                id.to_string(),
                format!("{error}; no fork can be made of it"),
            )]),
            other => other.map(|()| Vec::new()),
        }
    }

    fn find(&self, operation: &'static str, id: VolumeId) -> Result<Disk, DiskError> {
        self.volumes
            .get(&id)
            .copied()
            .ok_or(DiskError::NotFound { operation, id })
    }

    /// Answers whether it is mounted.
    fn expect_active(&self, operation: &'static str, id: VolumeId) -> Result<bool, DiskError> {
        match self.find(operation, id)? {
            Disk::Active { mounted } => Ok(mounted),
            Disk::Frozen { .. } => Err(DiskError::WrongState { operation, id }),
        }
    }

    fn expect_free(&self, operation: &'static str, id: VolumeId) -> Result<(), DiskError> {
        if self.volumes.contains_key(&id) {
            return Err(DiskError::Exists { operation, id });
        }
        Ok(())
    }

    fn expect_idle(&self, operation: &'static str, id: VolumeId) -> Result<(), DiskError> {
        if self.expect_active(operation, id)? {
            let holders = holders_under(&self.path(id));
            return Err(DiskError::Busy {
                operation,
                id,
                holders,
            });
        }
        self.expect_unheld(operation, id)
    }

    fn expect_unheld(&self, operation: &'static str, id: VolumeId) -> Result<(), DiskError> {
        let path = self.path(id);
        let held = lasting_holders(|| {
            let holders = holders_under(&path);
            Ok((!holders.is_empty()).then_some(holders))
        });
        match held? {
            None => Ok(()),
            Some(holders) => Err(DiskError::Busy {
                operation,
                id,
                holders,
            }),
        }
    }

    fn expect_unchanged(&self, id: VolumeId) -> Result<(), DiskError> {
        let now = digest(&self.path(id)).map_err(|source| DiskError::Io {
            operation: "check",
            id,
            source,
        })?;
        match self.volumes.get(&id) {
            Some(Disk::Frozen { digest }) if *digest != now => Err(DiskError::Written { id }),
            _ => Ok(()),
        }
    }

    /// Takes away what a failed call made.
    fn undo_unless<T>(
        &self,
        made: io::Result<T>,
        operation: &'static str,
        id: VolumeId,
    ) -> Result<T, DiskError> {
        made.map_err(|source| {
            // The first error says more than that of the removal, and the folder is nobody's volume either way.
            let _ = fs::remove_dir_all(self.path(id));
            DiskError::Io {
                operation,
                id,
                source,
            }
        })
    }
}

/// The bytes of allocated blocks below `path`, each file once.
fn allocated(path: &Path, seen: &mut HashSet<u64>) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let mut bytes = if seen.insert(metadata.ino()) {
        metadata.blocks() * 512
    } else {
        0
    };
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            bytes += allocated(&entry?.path(), seen)?;
        }
    }
    Ok(bytes)
}
