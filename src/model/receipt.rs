//! What a request came to that was made under a key, so that it is not done again.

use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::id::{VolumeId, WorkspaceId};
use super::record::WorkspaceRecord;
use super::session::SessionRecord;
use super::snapshot::SnapshotRecord;
use super::time::Timestamp;
use crate::error::Error;

/// A request that is to be done once, however often it is made.
///
/// - `key` tells it from every other request of the account.
/// - `request` is equal for two requests that ask for the same: a digest of all that is asked.
/// - Both have 1 to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestKey {
    key: String,
    request: String,
}

impl RequestKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Takes a key and what tells the request from others.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if either is empty or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(key: impl Into<String>, request: impl Into<String>) -> Result<Self, Error> {
        let (key, request) = (key.into(), request.into());
        for text in [&key, &request] {
            if text.is_empty() || text.len() > Self::MAX_BYTES {
                let (max, len) = (Self::MAX_BYTES, text.len());
                let reason = format!("an idempotency key has 1 to {max} bytes, not {len}");
                return Err(Error::InvalidRequest { reason });
            }
        }
        Ok(Self { key, request })
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What tells the request from others.
    pub fn request(&self) -> &str {
        &self.request
    }
}

/// What a request came to, as [`Metadata`](crate::Metadata) keeps it.
///
/// It outlives what it tells of: a request that is made again after its workspace was deleted makes no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The account that made the request.
    pub account: AccountId,
    /// The key that it was made under, unique in the account.
    pub key: String,
    /// What tells it from others.
    pub request: String,
    /// What it came to.
    pub made: Made,
    /// When.
    pub made_at: Timestamp,
}

impl Receipt {
    /// Notes what a request came to.
    pub fn new(account: AccountId, key: &RequestKey, made: Made, made_at: Timestamp) -> Self {
        Self {
            account,
            key: key.key.clone(),
            request: key.request.clone(),
            made,
            made_at,
        }
    }
}

/// What a request made, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Made {
    /// A workspace.
    Workspace {
        /// Its record.
        record: Box<WorkspaceRecord>,
    },
    /// A snapshot.
    Snapshot {
        /// Its record.
        record: SnapshotRecord,
    },
    /// A session.
    Session {
        /// Its workspace.
        workspace: WorkspaceId,
        /// The disk that it mounted.
        head: VolumeId,
        /// Its record.
        session: SessionRecord,
    },
}
