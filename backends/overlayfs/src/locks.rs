//! Puts the calls on one volume in order.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use workdisk::model::VolumeId;

/// A lock for each volume that is in use, made when it is first wanted and dropped with its last user.
#[derive(Debug, Default)]
pub(crate) struct VolumeLocks {
    table: Mutex<HashMap<VolumeId, Arc<RwLock<()>>>>,
}

/// What a call does with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Reads,
    Changes,
}

/// A lock that is held until it is dropped.
enum Held<'a> {
    Reading { _guard: RwLockReadGuard<'a, ()> },
    Changing { _guard: RwLockWriteGuard<'a, ()> },
}

impl VolumeLocks {
    /// Runs `act` while no other call on any of the volumes runs.
    pub(crate) fn with<T>(&self, volumes: &[VolumeId], act: impl FnOnce() -> T) -> T {
        let uses = volumes.iter().map(|volume| (*volume, Use::Changes));
        self.holding(uses.collect(), act)
    }

    /// Runs `act` while no other call on `changed` runs, and none that changes `read`.
    pub(crate) fn with_shared<T>(
        &self,
        read: VolumeId,
        changed: VolumeId,
        act: impl FnOnce() -> T,
    ) -> T {
        let uses = vec![(read, Use::Reads), (changed, Use::Changes)];
        self.holding(uses, act)
    }

    fn holding<T>(&self, mut uses: Vec<(VolumeId, Use)>, act: impl FnOnce() -> T) -> T {
        // One order for all callers, so that two of them never wait for each other; and of two uses of one volume the one
        // that excludes more.
        uses.sort_unstable_by_key(|(volume, how)| (*volume, Reverse(*how)));
        uses.dedup_by_key(|(volume, _)| *volume);
        let locks: Vec<(Arc<RwLock<()>>, Use)> = {
            let mut table = lock(&self.table);
            uses.iter()
                .map(|(volume, how)| (Arc::clone(table.entry(*volume).or_default()), *how))
                .collect()
        };
        let answer = {
            let _held: Vec<Held<'_>> = locks.iter().map(|(it, how)| how.hold(it)).collect();
            act()
        };
        drop(locks);
        let mut table = lock(&self.table);
        for (volume, _) in uses {
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

impl Use {
    fn hold(self, of: &RwLock<()>) -> Held<'_> {
        match self {
            Self::Reads => Held::Reading {
                _guard: of.read().unwrap_or_else(PoisonError::into_inner),
            },
            Self::Changes => Held::Changing {
                _guard: of.write().unwrap_or_else(PoisonError::into_inner),
            },
        }
    }
}

/// Takes a lock that guards no data of its own: what a panicked holder left on the disk is judged by reading the disk.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// The lock of a volume that is forked shut out every other fork of it, so that clones of one template waited for the
    /// disk one after the other.
    #[test]
    fn those_who_read_a_volume_run_at_once() {
        let (locks, parent) = (VolumeLocks::default(), VolumeId::new());
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    locks.with_shared(parent, VolumeId::new(), || together.wait());
                });
            }
        });
        assert!(lock(&locks.table).is_empty());
    }

    #[test]
    fn volume_that_is_read_and_changed_is_locked_once() {
        let (locks, volume) = (VolumeLocks::default(), VolumeId::new());
        locks.with_shared(volume, volume, || ());
        assert!(lock(&locks.table).is_empty());
    }
}
