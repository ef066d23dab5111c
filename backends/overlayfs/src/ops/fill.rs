//! Writing the first files of a volume without a mount.

use std::path::PathBuf;

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::error::{OverlayError, Result};
use crate::store::Store;

impl Store {
    /// A volume without a lower layer shows what its upper layer holds, as long as that has neither whiteouts nor attributes
    /// of overlayfs: so its files can be written there at once.
    pub(crate) fn fill(&self, volume: VolumeId) -> Result<PathBuf> {
        self.volumes.with(&[volume], || {
            self.must_be(volume, VolumeKind::Active)?;
            if !self.fresh.has(volume) {
                return Err(OverlayError::WrongState {
                    volume,
                    is: "used already",
                    wanted: "just made",
                });
            }
            let upper = self.top(volume, VolumeKind::Active)?;
            self.saved.forget(volume);
            Ok(self.layer_path(&upper.files()))
        })
    }
}
