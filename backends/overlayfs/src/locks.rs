//! Puts the calls on one volume in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workdisk::model::VolumeId;

/// A lock for each volume that is in use, made when it is first wanted and dropped with its last user.
#[derive(Debug, Default)]
pub(crate) struct VolumeLocks {
    table: Mutex<HashMap<VolumeId, Arc<Mutex<()>>>>,
}

impl VolumeLocks {
    /// Runs `act` while no other call on any of the volumes runs.
    pub(crate) fn with<T>(&self, volumes: &[VolumeId], act: impl FnOnce() -> T) -> T {
        let mut volumes = volumes.to_vec();
        // One order for all callers, so that two of them never wait for each other.
        volumes.sort_unstable();
        volumes.dedup();
        let locks: Vec<Arc<Mutex<()>>> = {
            let mut table = lock(&self.table);
            volumes
                .iter()
                .map(|volume| Arc::clone(table.entry(*volume).or_default()))
                .collect()
        };
        let answer = {
            let _held: Vec<MutexGuard<'_, ()>> = locks.iter().map(|it| lock(it)).collect();
            act()
        };
        drop(locks);
        let mut table = lock(&self.table);
        for volume in volumes {
            if table
                .get(&volume)
                .is_some_and(|it| Arc::strong_count(it) == 1)
            {
                table.remove(&volume);
            }
        }
        answer
    }
}

/// Takes a lock that guards no data of its own: what a panicked holder left on the disk is judged by reading the disk.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
