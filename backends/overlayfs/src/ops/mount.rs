//! Mounting and unmounting.

use std::path::PathBuf;

use rustix::fs::{Mode, StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use workdisk::model::VolumeId;
use workdisk::session::{holders_under, lasting_holders};
use workdisk::volume::{MountRecipe, VolumeKind};

use crate::error::{OverlayError, Result};
use crate::overlay::{Stack, mount_stack};
use crate::store::Store;

impl Store {
    pub(crate) fn mount(&self, volume: VolumeId) -> Result<PathBuf> {
        self.volumes.with(&[volume], || {
            let recipe = self.prepare_mount(volume)?;
            let path = self.mount_path(volume);
            let failed = |errno| OverlayError::io("mount", format!("volume {volume}"), errno);
            match rustix::fs::mkdir(&path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
            mount_stack(&recipe, &path, &self.attachment().into()).map_err(failed)?;
            // The kernel mounts for reading alone, without an error, where there is no room for what it works in.
            let flags = statvfs(&path).map_err(failed)?.f_flag;
            if flags.contains(StatVfsMountFlags::RDONLY) {
                unmount(&path, UnmountFlags::NOFOLLOW).map_err(failed)?;
                return Err(failed(Errno::NOSPC));
            }
            Ok(path)
        })
    }

    pub(crate) fn recipe(&self, volume: VolumeId) -> Result<MountRecipe> {
        self.volumes.with(&[volume], || {
            let recipe = self.prepare_mount(volume)?;
            self.lent.add(volume);
            self.merges.lend(volume);
            Ok(recipe)
        })
    }

    pub(crate) fn unmount(&self, volume: VolumeId) -> Result<()> {
        self.volumes.with(&[volume], || {
            self.must_be(volume, VolumeKind::Active)?;
            let path = self.mount_path(volume);
            // More than one, if something was mounted over it.
            while self.is_mounted(volume)? {
                let held = lasting_holders(|| match unmount(&path, UnmountFlags::NOFOLLOW) {
                    Ok(()) => Ok(None),
                    Err(Errno::BUSY) => Ok(Some(holders_under(&path))),
                    Err(errno) => Err(OverlayError::io("unmount", volume.to_string(), errno)),
                })?;
                if let Some(holders) = held {
                    return Err(OverlayError::Busy {
                        volume,
                        reason: "is mounted and in use",
                        holders,
                    });
                }
            }
            let upper = self.top(volume, VolumeKind::Active)?;
            self.must_be_unused(volume, &upper)?;
            if !self.lent.has(volume) {
                self.idle.add(volume);
            }
            self.merges.take_back(volume);
            // The unmount has written everything; this also tells of what could not be written. It comes after the last
            // writer is gone, so that nothing is left for a freeze to wait for.
            self.disk.sync_all(&self.root_fd)?;
            self.saved.add(volume);
            if let Err(error) = self.take_ready(volume) {
                tracing::warn!(%volume, %error, "the layers are merged at a later freeze");
            }
            Ok(())
        })
    }

    fn prepare_mount(&self, volume: VolumeId) -> Result<MountRecipe> {
        self.must_be(volume, VolumeKind::Active)?;
        let upper = self.settled(volume)?;
        let chain = self.chain(upper)?;
        self.must_be_unused(volume, &upper)?;
        self.idle.forget(volume);
        self.fresh.forget(volume);
        self.saved.forget(volume);
        let mut lowers: Vec<PathBuf> = chain[1..]
            .iter()
            .map(|layer| self.layer_path(&layer.files()))
            .collect();
        if lowers.is_empty() {
            // The kernel asks for a lower layer.
            lowers.push(self.root.join("empty"));
        }
        let stack = Stack {
            lowers,
            upper: self.layer_path(&upper.files()),
            work: self.layer_path(&upper.work()),
        };
        stack.recipe(self.attachment()).ok_or_else(|| {
            OverlayError::Unusable("the path of the volumes is not UTF-8".to_owned())
        })
    }
}
