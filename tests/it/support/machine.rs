//! A machine whose clocks and processes a test moves.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use workdisk::model::{Owner, Timestamp};
use workdisk::session::{Host, Liveness};

/// The machine as one of its processes sees it.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    owner: Owner,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    uptime: Duration,
    last_pid: u32,
    living: HashSet<Owner>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let owner = Owner::new("host", "boot 1", 1, 1, 1);
        let state = State {
            now: Timestamp::from_unix_micros(1_000_000_000_000),
            uptime: Duration::from_secs(100),
            last_pid: 1,
            living: HashSet::from([owner.clone()]),
        };
        Self {
            owner,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The same machine as a later process sees it, for which all earlier ones are dead.
    pub(crate) fn next_process(&self) -> Self {
        self.state().living.clear();
        self.beside()
    }

    /// The same machine as another process sees it that lives at the same time.
    pub(crate) fn beside(&self) -> Self {
        let mut state = self.state();
        state.last_pid += 1;
        let pid = state.last_pid;
        let owner = Owner::new("host", self.owner.boot_id.as_str(), 1, pid, u64::from(pid));
        state.living.insert(owner.clone());
        drop(state);
        self.seen_by(owner)
    }

    /// The same machine after it has booted again.
    pub(crate) fn next_boot(&self) -> Self {
        let owner = Owner::new("host", "boot 2", 1, 1, 1);
        self.state().living = HashSet::from([owner.clone()]);
        self.seen_by(owner)
    }

    fn seen_by(&self, owner: Owner) -> Self {
        Self {
            owner,
            state: Arc::clone(&self.state),
        }
    }

    /// Ends this process.
    pub(crate) fn kill(&self) {
        self.state().living.remove(&self.owner);
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.now.saturating_add(time);
        state.uptime += time;
    }

    /// Lets the wall clock jump, and no time pass.
    pub(crate) fn jump(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.now.saturating_add(time);
    }

    /// Lets the wall clock jump back, and no time pass.
    pub(crate) fn jump_back(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.now.saturating_sub(time);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Host for Machine {
    fn owner(&self) -> Owner {
        self.owner.clone()
    }

    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn uptime(&self) -> Duration {
        self.state().uptime
    }

    fn liveness(&self, owner: &Owner) -> Liveness {
        if self.state().living.contains(owner) {
            Liveness::Running
        } else {
            Liveness::Dead
        }
    }
}
