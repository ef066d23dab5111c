//! Looking for faults.

use workdisk::model::VolumeId;
use workdisk::volume::{VolumeFault, VolumeKind};

use crate::error::{OverlayError, Result};
use crate::store::{Store, exists};

impl Store {
    /// Follows the chain down as far as it can be read, and notes every fault on the way.
    pub(crate) fn check(&self, volume: VolumeId) -> Result<Vec<VolumeFault>> {
        self.volumes.with(&[volume], || {
            let kind = self.existing(volume)?;
            let mut faults = Vec::new();
            let top = sound(self.top(volume, kind), &mut faults)?;
            if let Some(upper) = top
                && kind == VolumeKind::Active
                && self.references_to(&self.layers, &upper)? == 1
                && !exists(&self.layers, &upper.work())?
            {
                faults.push(VolumeFault::new(
                    format!("layers/{}", upper.work()),
                    "the folder is missing, and the volume cannot be mounted",
                ));
            }
            let mut next = top;
            let mut seen = Vec::new();
            while let Some(layer) = next {
                if seen.contains(&layer) {
                    faults.push(VolumeFault::new(
                        format!("layers/{}", layer.parent()),
                        "the layer is below itself, and no volume above it can be mounted",
                    ));
                    break;
                }
                seen.push(layer);
                sound(self.files(&layer), &mut faults)?;
                next = sound(self.layer_at(&self.layers, &layer.parent()), &mut faults)?.flatten();
            }
            Ok(faults)
        })
    }
}

/// Notes what is corrupt, and answers nothing then.
fn sound<T>(result: Result<T>, faults: &mut Vec<VolumeFault>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(OverlayError::Corrupt { object, effect }) => {
            faults.push(VolumeFault::new(object, effect));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
