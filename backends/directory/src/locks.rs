//! Putting calls on the same volume in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use workdisk::model::VolumeId;

/// How a call uses a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// It reads files, and others may at the same time.
    Shared,
    /// It changes the volume.
    Exclusive,
}

/// A lock for each volume that is being used. It is waited for on blocking threads only.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    volumes: Mutex<HashMap<VolumeId, Arc<RwLock<()>>>>,
}

impl Locks {
    /// Does `work` while the volumes are held. Two volumes are taken in the order of their ids, so that no two calls wait for
    /// each other; they MUST be different ones.
    pub(crate) fn hold<T>(
        &self,
        mut wanted: Vec<(VolumeId, Access)>,
        work: impl FnOnce() -> T,
    ) -> T {
        wanted.sort();
        let locks: Vec<_> = wanted
            .iter()
            .map(|(id, access)| (self.lock_of(*id), *access))
            .collect();
        let mut shared = Vec::new();
        let mut exclusive = Vec::new();
        for (lock, access) in &locks {
            match access {
                Access::Shared => shared.push(lock.read().unwrap_or_else(PoisonError::into_inner)),
                Access::Exclusive => {
                    exclusive.push(lock.write().unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
        let result = work();
        drop((shared, exclusive));
        drop(locks);
        self.forget_unused();
        result
    }

    fn lock_of(&self, id: VolumeId) -> Arc<RwLock<()>> {
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        volumes.entry(id).or_default().clone()
    }

    fn forget_unused(&self) {
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        volumes.retain(|_, lock| Arc::strong_count(lock) > 1);
    }
}
