//! What state a workspace shows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A workspace's state, derived from its record and never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Its disk is being made.
    Creating,
    /// A repository is being written to its disk.
    Importing,
    /// Nothing is going on.
    Ready,
    /// A session is running.
    Active,
    /// Its files are being frozen, for a snapshot or a clone.
    Snapshotting,
    /// Its files are being replaced by a snapshot's.
    Restoring,
    /// It is being removed.
    Deleting,
    /// Its files can't be used. It can be read, restored from a snapshot, and deleted.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 8] = [
        Status::Creating,
        Status::Importing,
        Status::Ready,
        Status::Active,
        Status::Snapshotting,
        Status::Restoring,
        Status::Deleting,
        Status::Failed,
    ];

    /// The text of the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Importing => "importing",
            Status::Ready => "ready",
            Status::Active => "active",
            Status::Snapshotting => "snapshotting",
            Status::Restoring => "restoring",
            Status::Deleting => "deleting",
            Status::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::InvalidRequest {
                reason: format!("{text:?} is not a workspace status"),
            })
    }
}
