//! What a record keeps of a running session.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::SessionId;
use super::owner::Owner;
use super::session_type::SessionType;
use super::time::Timestamp;

/// A running session, as its workspace's record holds it.
///
/// - At most one per workspace.
/// - `epoch` is greater than that of every earlier session of the workspace.
/// - `lease` is `None` for a session that lasts until it is ended or its host reboots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// Its type, equal to the workspace's.
    pub session_type: SessionType,
    /// Its fencing epoch.
    pub epoch: u64,
    /// Who started it.
    pub owner: Owner,
    /// When it started.
    pub started_at: Timestamp,
    /// Its lease, if it needs renewing.
    pub lease: Option<Lease>,
    /// Whether the lease was revoked: a forced call is ending the session, or tried to.
    pub revoked: bool,
    /// Whether its disk is still being mounted. Until that is done it goes with its owner, whatever its lease.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
}

impl SessionRecord {
    /// Notes a session that starts now, without a lease.
    pub fn new(
        id: SessionId,
        session_type: SessionType,
        epoch: u64,
        owner: Owner,
        started_at: Timestamp,
    ) -> Self {
        Self {
            id,
            session_type,
            epoch,
            owner,
            started_at,
            lease: None,
            revoked: false,
            starting: false,
        }
    }

    /// When the lease runs out by the wall clock, or `None` without a lease.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.lease.as_ref().map(|lease| lease.expires_at)
    }
}

/// A lease that runs out unless it is renewed.
///
/// It has two ends, because no clock serves everywhere: on the boot that granted it, the time since boot decides, which
/// runs through suspend and does not jump; anywhere else, the wall clock does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lease {
    /// How long a renewal lasts.
    pub ttl: Duration,
    /// The boot whose clock `expires_at_uptime` counts on.
    pub boot_id: String,
    /// When it ends, as time since that boot (`CLOCK_BOOTTIME`).
    pub expires_at_uptime: Duration,
    /// When it ends by the wall clock.
    pub expires_at: Timestamp,
    /// Whether it is renewed from elsewhere, so that the session outlives the process that started it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
}

impl Lease {
    /// Grants a lease of `ttl` from the given readings of both clocks on.
    pub fn granted(ttl: Duration, boot_id: String, uptime: Duration, now: Timestamp) -> Self {
        Self {
            ttl,
            boot_id,
            expires_at_uptime: uptime.saturating_add(ttl),
            expires_at: now.saturating_add(ttl),
            remote: false,
        }
    }

    /// Says whether it is renewed from elsewhere.
    #[must_use]
    pub fn with_remote(mut self, remote: bool) -> Self {
        self.remote = remote;
        self
    }
}
