//! What an import has taken so far, and whether it is to stop: shared by its threads and its task.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::failure::Failure;
use super::options::ImportLimits;
use super::progress::{ImportPhase, ImportProgress};
use crate::model::ImportLimit;

/// Counts an import and stops it.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) limits: ImportLimits,
    /// What gix looks at between two steps.
    interrupt: AtomicBool,
    /// What the connections wait on.
    stopped: watch::Sender<bool>,
    /// Why it is to stop: the first reason.
    cause: Mutex<Option<Failure>>,
    bytes: AtomicU64,
    gauge: Mutex<Reading>,
}

/// What is being counted now.
#[derive(Debug)]
struct Reading {
    phase: ImportPhase,
    done: Arc<AtomicUsize>,
    total: Option<usize>,
}

impl Reading {
    fn of(phase: ImportPhase) -> Self {
        Self {
            phase,
            done: Arc::default(),
            total: None,
        }
    }
}

impl Meter {
    pub(super) fn new(limits: ImportLimits) -> Self {
        Self {
            limits,
            interrupt: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
            cause: Mutex::default(),
            bytes: AtomicU64::new(0),
            gauge: Mutex::new(Reading::of(ImportPhase::Connecting)),
        }
    }

    /// Begins to count from the start, for a retry.
    pub(super) fn reset(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        *self.gauge() = Reading::of(ImportPhase::Connecting);
    }

    /// Stops the import: its threads at their next step, its connections at once.
    pub(super) fn stop(&self, cause: Failure) {
        let mut first = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(cause);
        drop(first);
        self.interrupt.store(true, Ordering::SeqCst);
        self.stopped.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.interrupt.load(Ordering::SeqCst)
    }

    /// The flag that gix looks at.
    pub(super) fn interrupt(&self) -> &AtomicBool {
        &self.interrupt
    }

    /// Waits until the import is to stop.
    pub(super) async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives as long as `self`.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Why it is to stop, once.
    pub(super) fn take_cause(&self) -> Option<Failure> {
        let mut cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.take()
    }

    /// Counts bytes that have arrived.
    pub(super) fn receive(&self, bytes: usize) {
        let bytes = bytes as u64;
        let so_far = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if so_far > self.limits.received_bytes {
            self.stop(Failure::TooLarge(ImportLimit::ReceivedBytes));
        }
    }

    /// Begins to count something else, by a counter that others advance.
    pub(super) fn measure(&self, phase: ImportPhase, done: Arc<AtomicUsize>, total: Option<usize>) {
        *self.gauge() = Reading { phase, done, total };
    }

    pub(super) fn reading(&self) -> ImportProgress {
        let gauge = self.gauge();
        ImportProgress {
            phase: gauge.phase,
            done: gauge.done.load(Ordering::Relaxed) as u64,
            total: gauge.total.map(|total| total as u64),
            bytes: self.bytes.load(Ordering::Relaxed),
            ..ImportProgress::START
        }
    }

    fn gauge(&self) -> MutexGuard<'_, Reading> {
        // Each critical section is one assignment or one read.
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
