//! Who runs a session or an operation.

use serde::{Deserialize, Serialize};

/// A process, named so that another one can tell whether it still runs.
///
/// A pid alone is reused, and means nothing in another pid namespace or after a reboot; all together are one
/// process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// The host, as the embedding application or the machine id names it.
    pub host: String,
    /// The kernel's boot id. Two processes of one boot id run under the same kernel.
    pub boot_id: String,
    /// The pid namespace, by its inode number: pids can only be compared within one.
    pub pid_namespace: u64,
    /// The process id.
    pub pid: u32,
    /// When the process started, in clock ticks since boot.
    pub started: u64,
}

impl Owner {
    /// Names a process.
    pub fn new(
        host: impl Into<String>,
        boot_id: impl Into<String>,
        pid_namespace: u64,
        pid: u32,
        started: u64,
    ) -> Self {
        Self {
            host: host.into(),
            boot_id: boot_id.into(),
            pid_namespace,
            pid,
            started,
        }
    }

    /// Whether both are the same process.
    pub fn is_same_process(&self, other: &Owner) -> bool {
        self.is_comparable(other) && self.pid == other.pid && self.started == other.started
    }

    /// Whether the pids of both can be compared: one kernel, one boot, one pid namespace.
    pub fn is_comparable(&self, other: &Owner) -> bool {
        self.boot_id == other.boot_id && self.pid_namespace == other.pid_namespace
    }
}
