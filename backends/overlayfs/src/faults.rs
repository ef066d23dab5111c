//! Stops the store at its n-th step, for tests of what a crash leaves.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

/// What happens at the step that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// That step and all after it fail, clean-up included: what the disk holds then is what a crash leaves.
    Crash,
    /// That step alone finds the disk full.
    Full,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    planned: Mutex<Option<Planned>>,
    moves_find_it_full: AtomicBool,
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    steps_before: usize,
    hit: bool,
}

impl Faults {
    /// Lets every move find the disk full from now on, as btrfs does, while removals still work.
    pub(crate) fn let_moves_find_it_full(&self) {
        self.moves_find_it_full.store(true, Ordering::Release);
    }

    pub(crate) fn moves_find_it_full(&self) -> bool {
        self.moves_find_it_full.load(Ordering::Acquire)
    }

    /// Lets `steps_before` more steps happen, and then the fault.
    pub(crate) fn plan(&self, fault: Fault, steps_before: usize) {
        *self.planned.lock().unwrap() = Some(Planned {
            fault,
            steps_before,
            hit: false,
        });
    }

    /// Forgets the plan; answers whether the fault happened.
    pub(crate) fn clear(&self) -> bool {
        self.planned
            .lock()
            .unwrap()
            .take()
            .is_some_and(|planned| planned.hit)
    }

    pub(crate) fn step(&self) -> Result<(), Errno> {
        let mut planned = self.planned.lock().unwrap();
        let Some(planned) = planned.as_mut() else {
            return Ok(());
        };
        if planned.steps_before > 0 {
            planned.steps_before -= 1;
            return Ok(());
        }
        match planned.fault {
            Fault::Crash => {
                planned.hit = true;
                Err(Errno::IO)
            }
            Fault::Full if planned.hit => Ok(()),
            Fault::Full => {
                planned.hit = true;
                Err(Errno::NOSPC)
            }
        }
    }
}
