//! The machine that the library runs on: its name, its clocks, and who on it is still alive.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use procfs::process::Process;

use crate::model::{Owner, Timestamp};

/// Whether a process is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// It runs.
    Running,
    /// It is known to have ended.
    Dead,
    /// It can't be told from here.
    Unknown,
}

/// What the manager asks of the machine. [`SystemHost`] is the real one; a test gives its own to move clocks and to let
/// processes die.
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// This process.
    fn owner(&self) -> Owner;

    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// The time since this boot, suspend included (`CLOCK_BOOTTIME`). It never jumps.
    fn uptime(&self) -> Duration;

    /// Whether a process is still there. [`Liveness::Dead`] is only answered when that is known: the same host has booted
    /// since, or on the same boot and in the same pid namespace there is no such process.
    fn liveness(&self, owner: &Owner) -> Liveness;
}

/// The machine as Linux tells of it.
///
/// The host's name is `/etc/machine-id` with the host name. Machines that share a metadata store MUST have different
/// names, since a name that returns under another boot id is taken for a machine that has booted; give them with
/// [`named`](Self::named) where images are cloned.
#[derive(Debug)]
pub struct SystemHost {
    owner: Owner,
}

impl SystemHost {
    /// Reads who this process is.
    ///
    /// # Errors
    /// If `/proc` can't be read.
    pub fn new() -> std::io::Result<Self> {
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self::named(format!("{}/{}", machine.trim(), name.trim()))
    }

    /// Reads who this process is, on a host of the given name.
    ///
    /// # Errors
    /// If `/proc` can't be read.
    pub fn named(host: impl Into<String>) -> std::io::Result<Self> {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let namespace = std::fs::metadata("/proc/self/ns/pid")?.ino();
        let started = started(std::process::id()).ok_or_else(|| {
            std::io::Error::other("/proc/self/stat does not say when the process started")
        })?;
        let owner = Owner::new(host, boot_id.trim(), namespace, std::process::id(), started);
        Ok(Self { owner })
    }
}

impl Host for SystemHost {
    fn owner(&self) -> Owner {
        self.owner.clone()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        Duration::from(
            clock_gettime(ClockId::CLOCK_BOOTTIME)
                .expect("because every kernel since 2.6.39 has the clock"),
        )
    }

    fn liveness(&self, owner: &Owner) -> Liveness {
        if self.owner.is_comparable(owner) {
            return match started(owner.pid) {
                Some(at) if at == owner.started => Liveness::Running,
                _ => Liveness::Dead,
            };
        }
        if owner.host == self.owner.host && owner.boot_id != self.owner.boot_id {
            return Liveness::Dead;
        }
        Liveness::Unknown
    }
}

/// When a process started, in clock ticks since boot, or `None` if it is gone or only waits to be reaped.
fn started(pid: u32) -> Option<u64> {
    let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let gone = matches!(stat.state, 'Z' | 'X' | 'x');
    (!gone).then_some(stat.starttime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_a_reused_pid_does_not() {
        let host = SystemHost::new().unwrap();
        let mut owner = host.owner();
        assert_eq!(host.liveness(&owner), Liveness::Running);
        owner.started -= 1;
        assert_eq!(host.liveness(&owner), Liveness::Dead);
    }

    #[test]
    fn owner_of_an_earlier_boot_is_dead_and_one_of_another_host_unknown() {
        let host = SystemHost::new().unwrap();
        let mut owner = host.owner();
        owner.boot_id = "earlier".to_owned();
        assert_eq!(host.liveness(&owner), Liveness::Dead);
        owner.host = "elsewhere".to_owned();
        assert_eq!(host.liveness(&owner), Liveness::Unknown);
    }

    #[test]
    fn pid_of_another_namespace_says_nothing() {
        let host = SystemHost::new().unwrap();
        let mut owner = host.owner();
        owner.pid_namespace += 1;
        owner.pid = u32::MAX;
        assert_eq!(host.liveness(&owner), Liveness::Unknown);
    }

    #[test]
    fn uptime_does_not_go_back() {
        let host = SystemHost::new().unwrap();
        let first = host.uptime();
        assert!(first > Duration::ZERO && host.uptime() >= first);
    }
}
