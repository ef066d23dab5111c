//! Which volumes have nothing to be written, so that a freeze need not wait for what others have.

use std::collections::HashSet;
use std::sync::Mutex;

use workdisk::model::VolumeId;

use crate::locks::lock;

/// The active volumes whose files are known to be durable. What another process, or an earlier opening, did with a volume
/// is not known.
#[derive(Debug, Default)]
pub(crate) struct Saved(Mutex<HashSet<VolumeId>>);

impl Saved {
    /// Says that all is durable that anybody wrote to a volume, and that nobody can write to it now.
    pub(crate) fn add(&self, volume: VolumeId) {
        lock(&self.0).insert(volume);
    }

    /// Says that the volume can be written to from now on, or is gone.
    pub(crate) fn forget(&self, volume: VolumeId) {
        lock(&self.0).remove(&volume);
    }

    pub(crate) fn has(&self, volume: VolumeId) -> bool {
        lock(&self.0).contains(&volume)
    }
}
