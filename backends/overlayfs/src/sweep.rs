//! Who empties the trash, and how fast.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::locks::lock;
use crate::pace::Bucket;

/// Puts those who empty the trash in order, and keeps the one in the background to a rate.
///
/// Whoever waits for the trash to be emptied is in a hurry: until he is done nobody pauses, so that he does not wait for a
/// rate that spares him.
#[derive(Debug)]
pub(crate) struct Sweep {
    turn: Mutex<()>,
    bucket: Option<Mutex<Bucket>>,
    begun: Instant,
    /// How many are in a hurry.
    hurried: Mutex<usize>,
    hurry: Condvar,
    /// Whether there may be something in the trash that nobody in the background has looked for.
    wanted: AtomicBool,
    served: AtomicBool,
}

/// The right to empty the trash, until it is dropped.
#[must_use = "the trash may be emptied only as long as this is held"]
pub(crate) struct Turn<'a> {
    _turn: MutexGuard<'a, ()>,
    _hurry: Option<Hurry<'a>>,
}

/// Has nobody pause, until it is dropped.
struct Hurry<'a>(&'a Sweep);

/// The duty to empty the trash in the background, until it is dropped.
#[must_use = "nobody else does it as long as this is held"]
pub(crate) struct Serving<'a>(&'a Sweep);

impl Sweep {
    /// Without a rate nobody ever pauses.
    pub(crate) fn new(files_a_second: Option<NonZeroU32>) -> Self {
        Self::pacing(files_a_second.map(|files| Duration::from_secs(1) / files.get()))
    }

    fn pacing(file: Option<Duration>) -> Self {
        Self {
            turn: Mutex::new(()),
            bucket: file.map(|file| Mutex::new(Bucket::new(file))),
            begun: Instant::now(),
            hurried: Mutex::new(0),
            hurry: Condvar::new(),
            wanted: AtomicBool::new(false),
            served: AtomicBool::new(false),
        }
    }

    /// Waits for the turn, for somebody who keeps nobody waiting.
    pub(crate) fn at_leisure(&self) -> Turn<'_> {
        Turn {
            _turn: lock(&self.turn),
            _hurry: None,
        }
    }

    /// Waits for the turn without anybody pausing.
    pub(crate) fn at_once(&self) -> Turn<'_> {
        let hurry = self.hurry();
        Turn {
            _turn: lock(&self.turn),
            _hurry: Some(hurry),
        }
    }

    fn hurry(&self) -> Hurry<'_> {
        *lock(&self.hurried) += 1;
        self.hurry.notify_all();
        Hurry(self)
    }

    /// Waits until the next file may be removed.
    pub(crate) fn pace(&self) {
        let Some(bucket) = &self.bucket else { return };
        loop {
            let Err(pause) = lock(bucket).take(self.begun.elapsed()) else {
                return;
            };
            let waited = self
                .hurry
                .wait_timeout_while(lock(&self.hurried), pause, |hurried| *hurried == 0);
            if *waited.unwrap_or_else(PoisonError::into_inner).0 > 0 {
                return;
            }
        }
    }

    /// Notes that there may be something in the trash.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Ordering::SeqCst);
    }

    /// Whether something was noted that nobody has looked for.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Takes the duty if there is something to do and nobody else has it.
    ///
    /// Whoever has had it asks again: what was noted in between was left to him.
    pub(crate) fn serve(&self) -> Option<Serving<'_>> {
        if !self.wanted.load(Ordering::SeqCst) || self.served.swap(true, Ordering::SeqCst) {
            return None;
        }
        self.wanted.store(false, Ordering::SeqCst);
        Some(Serving(self))
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        *lock(&self.0.hurried) -= 1;
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.served.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So slow that a pause which is not cut short is as good as a hang.
    const NEVER: Option<Duration> = Some(Duration::from_secs(1 << 20));

    #[test]
    fn who_is_in_a_hurry_does_not_pause() {
        let sweep = Sweep::pacing(NEVER);
        let _turn = sweep.at_once();
        for _ in 0..3 {
            sweep.pace();
        }
    }

    #[test]
    fn who_is_in_a_hurry_ends_the_pause_of_another() {
        let sweep = Sweep::pacing(NEVER);
        let (paused, pausing) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = sweep.at_leisure();
                sweep.pace();
                paused.send(()).unwrap();
                // The bucket is empty.
                sweep.pace();
            });
            pausing.recv().unwrap();
            drop(sweep.at_once());
        });
        assert_eq!(*lock(&sweep.hurried), 0);
    }

    #[test]
    fn without_a_rate_nobody_pauses() {
        let sweep = Sweep::new(None);
        let _turn = sweep.at_leisure();
        for _ in 0..1_000_000 {
            sweep.pace();
        }
    }

    /// Each call that removed something waited, in a thread of its own, until the trash was empty: a sweep that took long
    /// left no threads for other calls.
    #[test]
    fn one_serves_and_looks_again_for_what_the_others_left_to_him() {
        let sweep = Sweep::new(None);
        assert!(sweep.serve().is_none());
        sweep.want();
        let serving = sweep.serve().unwrap();
        sweep.want();
        assert!(sweep.serve().is_none());
        drop(serving);
        drop(sweep.serve().unwrap());
        assert!(sweep.serve().is_none());
    }
}
