//! Looking for faults.

use workdisk::model::VolumeId;
use workdisk::volume::{VolumeFault, VolumeKind};

use crate::error::{OverlayError, Result};
use crate::store::{Store, exists};

impl Store {
    pub(crate) fn check(&self, volume: VolumeId) -> Result<Vec<VolumeFault>> {
        self.volumes.with(&[volume], || {
            let kind = self.existing(volume)?;
            let chain = self.top(volume, kind).and_then(|top| self.chain(top));
            let chain = match chain {
                Ok(chain) => chain,
                Err(OverlayError::Corrupt { object, effect }) => {
                    return Ok(vec![VolumeFault::new(object, effect)]);
                }
                Err(error) => return Err(error),
            };
            let mut faults = Vec::new();
            let work = chain[0].work();
            if kind == VolumeKind::Active
                && self.references_to(&self.layers, &chain[0])? == 1
                && !exists(&self.layers, &work)?
            {
                faults.push(VolumeFault::new(
                    format!("layers/{work}"),
                    "the folder is missing, and the volume cannot be mounted",
                ));
            }
            Ok(faults)
        })
    }
}
