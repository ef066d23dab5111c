//! Which volumes there are.

use workdisk::model::VolumeId;
use workdisk::volume::{VolumeKind, VolumeStatus};

use crate::error::Result;
use crate::store::{Store, is_empty, names};

impl Store {
    pub(crate) fn status(&self, volume: VolumeId) -> Result<Option<VolumeStatus>> {
        let Some(kind) = self.kind(volume)? else {
            return Ok(None);
        };
        let mounted = kind == VolumeKind::Active && self.is_mounted(volume)?;
        Ok(Some(VolumeStatus::new(volume, kind, mounted)))
    }

    pub(crate) fn list(&self, after: Option<VolumeId>, limit: usize) -> Result<Vec<VolumeStatus>> {
        let mut volumes = Vec::new();
        for folder in [&self.active, &self.frozen] {
            volumes.extend(
                names(folder)?
                    .iter()
                    .filter_map(|name| name.parse::<VolumeId>().ok())
                    .filter(|volume| after.is_none_or(|after| *volume > after)),
            );
        }
        volumes.sort_unstable();
        let mut found = Vec::new();
        for volume in volumes {
            if found.len() == limit {
                break;
            }
            // One that was removed meanwhile is left out.
            found.extend(self.status(volume)?);
        }
        Ok(found)
    }

    pub(crate) fn has_volumes(&self) -> Result<bool> {
        Ok(!is_empty(self.folder(VolumeKind::Active))?
            || !is_empty(self.folder(VolumeKind::Frozen))?)
    }
}
