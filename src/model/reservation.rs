//! Ids of volumes that may be there although no record names them.

use serde::{Deserialize, Serialize};

use super::id::VolumeId;
use super::owner::Owner;

/// The id of a volume that a process makes before a record names it, or removes after none does.
///
/// It is noted ahead of the work, many at a time, so that no call waits for it. What a crash leaves under such an id is
/// removed, if no record names it by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reservation {
    /// The volume, which may not be there.
    pub volume: VolumeId,
    /// The process that has it in hand. Another process settles it only when this one is known to be dead.
    pub owner: Owner,
}

impl Reservation {
    /// Reserves an id for a process.
    pub fn new(volume: VolumeId, owner: Owner) -> Self {
        Self { volume, owner }
    }
}
