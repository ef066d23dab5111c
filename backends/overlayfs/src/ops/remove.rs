//! Removing volumes.

use rustix::fs::{AtFlags, CWD, unlinkat};
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::error::{OverlayError, Result};
use crate::references::read_reference;
use crate::store::{Store, exists};

impl Store {
    /// The volume is gone once its name is in the trash. Its layers follow when the trash is emptied. Where a full disk
    /// refuses even that, all is removed at once.
    ///
    /// A power cut may bring the name back, but never without its layers: those go after it, and in that order.
    pub(crate) fn remove(&self, volume: VolumeId) -> Result<()> {
        self.volumes.with(&[volume], || {
            let Some(kind) = self.kind(volume)? else {
                return self.disk.must_have_kept_all();
            };
            let name = volume.to_string();
            if kind == VolumeKind::Active {
                self.must_be_removable(volume, &name)?;
            }
            let folder = self.folder(kind);
            self.drop_label(&name);
            match self.throw_away(folder, &name) {
                Ok(()) => {
                    self.disk.order(&self.trash, "trash")?;
                    self.disk.order(folder, "the volumes")?;
                }
                Err(error) if error.is_full() => self.remove_in_place(folder, &name)?,
                Err(error) => return Err(error),
            }
            if kind == VolumeKind::Active {
                self.merges.take_back(volume);
                self.saved.forget(volume);
                self.fresh.forget(volume);
                self.idle.forget(volume);
                self.lent.forget(volume);
                self.drop_ready(volume);
                // Nothing is mounted there, and nothing uses it; a folder that stays does no harm.
                if let Err(errno) = unlinkat(CWD, self.mount_path(volume), AtFlags::REMOVEDIR) {
                    tracing::trace!(%volume, %errno, "the volume had no folder to mount at");
                }
            }
            Ok(())
        })
    }

    /// Makes all removals durable.
    pub(crate) fn sync_removals(&self) -> Result<()> {
        self.disk.order(&self.trash, "trash")?;
        self.disk.order(&self.active, "the volumes")?;
        self.disk.sync(&self.frozen, "the volumes")
    }

    /// A damaged volume can be removed too: one whose layer is missing cannot be in use.
    fn must_be_removable(&self, volume: VolumeId, name: &str) -> Result<()> {
        match read_reference(&self.active, name) {
            Ok(Some(upper)) if exists(&self.layers, &upper.files())? => {
                self.must_be_unused(volume, &upper)
            }
            Ok(_) | Err(OverlayError::Corrupt { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
