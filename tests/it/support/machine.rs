//! A machine whose clocks and processes a test moves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use workdisk::model::{Owner, Timestamp};
use workdisk::session::{Host, Liveness};

#[derive(Clone, Debug)]
pub(crate) struct Machine {
    owner: Owner,
    clocks: Arc<Mutex<(Timestamp, Duration)>>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let owner = Owner::new("host", "boot 1", 1, 1, 1);
        let start = (
            Timestamp::from_unix_micros(1_000_000_000_000),
            Duration::from_secs(100),
        );
        Self {
            owner,
            clocks: Arc::new(Mutex::new(start)),
        }
    }

    /// The same machine as a later process sees it, for which all earlier ones are dead.
    pub(crate) fn next_process(&self) -> Self {
        let pid = self.owner.pid + 1;
        let owner = Owner::new("host", self.owner.boot_id.as_str(), 1, pid, u64::from(pid));
        Self {
            owner,
            clocks: Arc::clone(&self.clocks),
        }
    }

    /// The same machine after it has booted again.
    pub(crate) fn next_boot(&self) -> Self {
        Self {
            owner: Owner::new("host", "boot 2", 1, 1, 1),
            clocks: Arc::clone(&self.clocks),
        }
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        let mut clocks = self.clocks.lock().unwrap();
        *clocks = (clocks.0.saturating_add(time), clocks.1 + time);
    }

    /// Lets the wall clock jump, and no time pass.
    pub(crate) fn jump(&self, time: Duration) {
        let mut clocks = self.clocks.lock().unwrap();
        clocks.0 = clocks.0.saturating_add(time);
    }
}

impl Host for Machine {
    fn owner(&self) -> Owner {
        self.owner.clone()
    }

    fn now(&self) -> Timestamp {
        self.clocks.lock().unwrap().0
    }

    fn uptime(&self) -> Duration {
        self.clocks.lock().unwrap().1
    }

    fn liveness(&self, owner: &Owner) -> Liveness {
        if owner.is_same_process(&self.owner) {
            Liveness::Running
        } else {
            Liveness::Dead
        }
    }
}
