//! Volumes that nobody but this process can have touched.

use std::collections::HashSet;
use std::sync::Mutex;

use workdisk::model::VolumeId;

use crate::locks::lock;

/// The empty volumes that were made since the opening, and were neither mounted nor lent since. Nothing can use their upper
/// layer as an overlay, so that the kernel need not be asked, which has it write back the whole file system.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<HashSet<VolumeId>>);

impl Fresh {
    /// Says that a volume was just made.
    pub(crate) fn add(&self, volume: VolumeId) {
        lock(&self.0).insert(volume);
    }

    /// Says that others may use the volume from now on, or that it is gone.
    pub(crate) fn forget(&self, volume: VolumeId) {
        lock(&self.0).remove(&volume);
    }

    pub(crate) fn has(&self, volume: VolumeId) -> bool {
        lock(&self.0).contains(&volume)
    }
}
