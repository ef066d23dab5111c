//! From a volume to its layers.

use rustix::fd::OwnedFd;
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::store::{Store, exists};

impl Store {
    /// Whether the volume is there and of which kind. The layers are not looked at.
    pub(crate) fn kind(&self, volume: VolumeId) -> Result<Option<VolumeKind>> {
        let name = volume.to_string();
        if exists(&self.active, &name)? {
            return Ok(Some(VolumeKind::Active));
        }
        Ok(exists(&self.frozen, &name)?.then_some(VolumeKind::Frozen))
    }

    /// The volume's kind, which must be there.
    pub(crate) fn existing(&self, volume: VolumeId) -> Result<VolumeKind> {
        self.kind(volume)?.ok_or(OverlayError::NotFound(volume))
    }

    pub(crate) fn must_be(&self, volume: VolumeId, wanted: VolumeKind) -> Result<()> {
        let is = self.existing(volume)?;
        if is == wanted {
            return Ok(());
        }
        Err(OverlayError::WrongState {
            volume,
            is: word(is),
            wanted: word(wanted),
        })
    }

    pub(crate) fn must_be_free(&self, volume: VolumeId) -> Result<()> {
        match self.kind(volume)? {
            None => Ok(()),
            Some(_) => Err(OverlayError::AlreadyExists(volume)),
        }
    }

    /// The layer that a volume refers to.
    pub(crate) fn top(&self, volume: VolumeId, kind: VolumeKind) -> Result<LayerId> {
        self.layer_at(self.folder(kind), &volume.to_string())?
            .ok_or(OverlayError::NotFound(volume))
    }

    pub(crate) fn folder(&self, kind: VolumeKind) -> &OwnedFd {
        match kind {
            VolumeKind::Active => &self.active,
            VolumeKind::Frozen => &self.frozen,
        }
    }
}

fn word(kind: VolumeKind) -> &'static str {
    match kind {
        VolumeKind::Active => "active",
        VolumeKind::Frozen => "frozen",
    }
}
