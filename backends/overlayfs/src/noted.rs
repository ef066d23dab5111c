//! What is known of volumes while the store is open.

use std::collections::HashSet;
use std::sync::Mutex;

use workdisk::model::VolumeId;

use crate::locks::lock;

/// The volumes of which one thing is known. What another process, or an earlier opening, did with a volume is not.
#[derive(Debug, Default)]
pub(crate) struct Noted(Mutex<HashSet<VolumeId>>);

impl Noted {
    pub(crate) fn add(&self, volume: VolumeId) {
        lock(&self.0).insert(volume);
    }

    /// Says that it holds no longer, or that the volume is gone.
    pub(crate) fn forget(&self, volume: VolumeId) {
        lock(&self.0).remove(&volume);
    }

    pub(crate) fn has(&self, volume: VolumeId) -> bool {
        lock(&self.0).contains(&volume)
    }
}
