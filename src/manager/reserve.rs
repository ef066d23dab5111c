//! Ids of volumes that are reserved before they are used, so that a volume and the record that names it can be made at the
//! same time.
//!
//! A crash then may leave a volume that no record names. Its id stands in the store since before it was made, and recovery
//! removes it. What is removed is noted in the same way: a power cut may bring it back after its record has let go of it.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::core::{Core, Step};
use crate::error::Error;
use crate::metadata::{Change, Outcome};
use crate::model::{Owner, Reservation, VolumeId, WorkspaceRecord};

/// How many ids the first commit reserves. Each later one reserves twice as many, so that who makes one volume leaves few
/// ids behind.
const FIRST: usize = 4;

/// How many ids a commit reserves at most: one call of so many waits for it.
const MOST: usize = 64;

/// How many removed volumes are noted before they are made sure of.
const REMOVED: usize = 64;

/// The ids that this process holds ready, makes volumes under or has just removed, whichever manager does. A reservation of
/// this process that is not here is of work that is over.
static HELD: LazyLock<Mutex<HashSet<VolumeId>>> = LazyLock::new(Mutex::default);

fn held() -> MutexGuard<'static, HashSet<VolumeId>> {
    // Each critical section is one call of the set, or a loop of them.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ids that are held until this is dropped.
struct InHand(Vec<VolumeId>);

impl InHand {
    fn hold(volumes: &[VolumeId]) -> Self {
        held().extend(volumes);
        Self(volumes.to_vec())
    }

    /// Holds them on.
    fn keep(mut self) -> Vec<VolumeId> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut held = held();
        for volume in &self.0 {
            held.remove(volume);
        }
    }
}

/// The reserved ids of a manager.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    ids: Arc<Mutex<Ids>>,
    /// How many were reserved last. Held while reservations are changed, so that who forgets one forgets none that is noted
    /// anew meanwhile.
    last: tokio::sync::Mutex<usize>,
}

#[derive(Debug, Default)]
struct Ids {
    ready: Vec<VolumeId>,
    /// Of volumes that a record names by now, durably.
    named: Vec<VolumeId>,
    /// Of volumes that were removed, perhaps not durably.
    removed: Vec<VolumeId>,
    /// Of volumes that are being removed or were, until that is durable. Their reservation stays, whoever named them before.
    leaving: HashSet<VolumeId>,
}

impl Ids {
    /// Notes that removed volumes are gone durably.
    fn left(&mut self, volumes: &[VolumeId]) {
        for volume in volumes {
            self.leaving.remove(volume);
        }
    }
}

impl Drop for Ids {
    fn drop(&mut self) {
        let mut held = held();
        for id in self.ready.iter().chain(&self.removed) {
            held.remove(id);
        }
    }
}

impl Reserve {
    fn ids(&self) -> MutexGuard<'_, Ids> {
        locked(&self.ids)
    }
}

fn locked(ids: &Mutex<Ids>) -> MutexGuard<'_, Ids> {
    // Each critical section moves ids from one list to another.
    ids.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reserved id in the hands of one call.
#[derive(Debug)]
pub(super) struct Reserved {
    id: VolumeId,
    state: State,
    ids: Arc<Mutex<Ids>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Untouched,
    /// A volume may be there.
    Used,
    Named,
}

impl Reserved {
    /// The id, of which a volume is about to be made.
    pub(super) fn take(&mut self) -> VolumeId {
        self.state = State::Used;
        self.id
    }

    /// Notes that a record names the volume, durably.
    pub(super) fn named(&mut self) {
        self.state = State::Named;
    }
}

impl Drop for Reserved {
    /// What was used and is named by nothing stays reserved until a recovery has looked at it.
    fn drop(&mut self) {
        match self.state {
            State::Untouched => locked(&self.ids).ready.push(self.id),
            State::Used => drop(held().remove(&self.id)),
            State::Named => {
                held().remove(&self.id);
                locked(&self.ids).named.push(self.id);
            }
        }
    }
}

/// Whether this process holds an id.
pub(super) fn is_held(volume: VolumeId) -> bool {
    held().contains(&volume)
}

impl Core {
    /// An id under which a volume can be made before a record names it.
    pub(super) async fn reserve(&self, verb: &'static str) -> Result<Reserved, Error> {
        loop {
            if let Some(id) = self.reserved.ids().ready.pop() {
                return Ok(Reserved {
                    id,
                    state: State::Untouched,
                    ids: Arc::clone(&self.reserved.ids),
                });
            }
            let mut last = self.reserved.last.lock().await;
            if self.reserved.ids().ready.is_empty() {
                let count = (*last * 2).clamp(FIRST, MOST);
                self.fill_reserve(verb, count).await?;
                *last = count;
            }
        }
    }

    /// Reserves more, and forgets those that records name.
    async fn fill_reserve(&self, verb: &'static str, count: usize) -> Result<(), Error> {
        let fresh: Vec<VolumeId> = (0..count).map(|_| VolumeId::new()).collect();
        // Before they are in the store, so that nobody takes them for what was left.
        let in_hand = InHand::hold(&fresh);
        let released = {
            let mut ids = self.reserved.ids();
            let mut named = std::mem::take(&mut ids.named);
            named.retain(|id| !ids.leaving.contains(id));
            named
        };
        let change = Change::Reserve {
            reserved: self.reservations(&fresh),
            released,
        };
        let _: Outcome = self.apply(verb, change).await?;
        self.reserved.ids().ready.extend(in_hand.keep());
        Ok(())
    }

    fn reservations(&self, volumes: &[VolumeId]) -> Vec<Reservation> {
        let owner: Owner = self.host.owner();
        let noted = volumes.iter();
        let noted = noted.map(|volume| Reservation::new(*volume, owner.clone()));
        noted.collect()
    }

    /// Removes volumes that nothing needs, on the word of a change that is durable.
    ///
    /// Nobody waits for the disk: until they are gone durably, their reservation tells recovery of them. That is written
    /// before the next change, which lets go of them.
    pub(super) async fn remove_volumes(
        &self,
        verb: &'static str,
        volumes: &[VolumeId],
    ) -> Result<(), Error> {
        if volumes.is_empty() {
            return Ok(());
        }
        let change = Change::Reserve {
            reserved: self.reservations(volumes),
            released: Vec::new(),
        };
        let noted = self.remove_noted(verb, volumes, self.apply_soon(verb, change));
        noted.await.map(drop)
    }

    /// As [`remove_volumes`](Self::remove_volumes), of those that a record, as it was just committed, has on its way out. The
    /// record lets go of them by the change that notes them, and is answered as it is then.
    pub(super) async fn remove_discarded(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<WorkspaceRecord, Error> {
        let volumes = &record.discard;
        let reserved = self.reservations(volumes);
        let let_go = self.update_known(verb, record, |before| {
            let mut record = before.clone();
            record.discard.retain(|volume| !volumes.contains(volume));
            let step = Step::hidden(record).with_reserved(reserved.clone());
            Ok(Some(step.soon()))
        });
        self.remove_noted(verb, volumes, let_go).await
    }

    /// Removes volumes while `note`, a change that is not waited for, reserves them.
    async fn remove_noted<T>(
        &self,
        verb: &'static str,
        volumes: &[VolumeId],
        note: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let in_hand = InHand::hold(volumes);
        let note = async {
            let _turn = self.reserved.last.lock().await;
            self.reserved.ids().leaving.extend(volumes);
            note.await
        };
        let remove = async {
            for volume in volumes {
                self.volume.remove(*volume).await?;
            }
            Ok(())
        };
        let (noted, removed) = tokio::join!(note, remove);
        removed.map_err(|error| Error::storage(verb, error))?;
        let noted = noted?;
        let removed = {
            let mut ids = self.reserved.ids();
            ids.removed.extend(in_hand.keep());
            let many = ids.removed.len() >= REMOVED;
            many.then(|| std::mem::take(&mut ids.removed))
        };
        if let Some(removed) = removed {
            self.make_sure(verb, removed).await?;
        }
        Ok(noted)
    }

    /// Forgets volumes that were removed, once they are gone durably.
    async fn make_sure(&self, verb: &'static str, removed: Vec<VolumeId>) -> Result<(), Error> {
        let in_hand = InHand(removed);
        let synced = self.volume.sync().await;
        synced.map_err(|error| Error::storage(verb, error))?;
        self.reserved.ids().left(&in_hand.0);
        self.release(verb, in_hand.0.clone()).await
    }

    /// Forgets reservations, but for those of volumes that are being removed.
    pub(super) async fn release(
        &self,
        verb: &'static str,
        mut released: Vec<VolumeId>,
    ) -> Result<(), Error> {
        let _turn = self.reserved.last.lock().await;
        released.retain(|id| !self.reserved.ids().leaving.contains(id));
        let change = Change::Reserve {
            reserved: Vec::new(),
            released,
        };
        let _: Outcome = self.apply_soon(verb, change).await?;
        Ok(())
    }
}
