//! gix's progress, of which the objects are read and held to their limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix::progress::{Id, MessageLevel, Step, StepShared, UNKNOWN, Unit};
use gix::{Count, NestedProgress, Progress};

use super::failure::Failure;
use super::meter::Meter;
use super::progress::ImportPhase;
use crate::model::ImportLimit;

/// The objects of a pack that have arrived.
const INDEXED: Id = *b"IWIO";
/// The objects of a pack whose ids are known.
const RESOLVED: Id = *b"IWRO";

/// One item of gix's tree of progress.
#[derive(Debug)]
pub(super) struct Gauge {
    meter: Arc<Meter>,
    id: Id,
    count: StepShared,
}

impl Gauge {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self::with_id(meter, UNKNOWN)
    }

    fn with_id(meter: Arc<Meter>, id: Id) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        Self { meter, id, count }
    }
}

impl Count for Gauge {
    fn set(&self, step: Step) {
        self.count.store(step, Ordering::Relaxed);
    }

    fn step(&self) -> Step {
        self.count.load(Ordering::Relaxed)
    }

    fn inc_by(&self, step: Step) {
        self.count.fetch_add(step, Ordering::Relaxed);
    }

    fn counter(&self) -> StepShared {
        Arc::clone(&self.count)
    }
}

impl Progress for Gauge {
    /// The number of objects stands at the head of a pack, before any of them.
    fn init(&mut self, max: Option<Step>, _unit: Option<Unit>) {
        let phase = match self.id {
            INDEXED => ImportPhase::Receiving,
            RESOLVED => ImportPhase::Resolving,
            _ => return,
        };
        if max.is_some_and(|objects| objects as u64 > self.meter.limits.objects) {
            self.meter.stop(Failure::TooLarge(ImportLimit::Objects));
        }
        self.meter.measure(phase, Arc::clone(&self.count), max);
    }

    fn set_name(&mut self, _name: String) {}

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> Id {
        self.id
    }

    fn message(&self, _level: MessageLevel, _message: String) {}
}

impl NestedProgress for Gauge {
    type SubProgress = Gauge;

    fn add_child(&mut self, _name: impl Into<String>) -> Gauge {
        Self::with_id(Arc::clone(&self.meter), UNKNOWN)
    }

    fn add_child_with_id(&mut self, _name: impl Into<String>, id: Id) -> Gauge {
        Self::with_id(Arc::clone(&self.meter), id)
    }
}
