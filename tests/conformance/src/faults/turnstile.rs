//! A place where every call waits, so that a test decides which goes next.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::Id;

use super::method::Method;
use super::plan::Moment;

/// Holds every call of the wrappers that were told of it, until a test lets it go.
///
/// The order in which calls are let go is a schedule: a test can search all of them, draw one at random, or repeat one.
///
/// - A call that [changes](Method::is_change) something is held twice: before the backend hears of it, and when it is done
///   and not answered yet. A read is held once, before.
/// - A held call whose future is dropped is held no more.
/// - It is open, and holds nothing, until it is [closed](Self::close).
/// - The calls of a process that was [killed](Self::kill) never go on, whatever is opened.
#[derive(Clone, Debug, Default)]
pub struct Turnstile {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    is_closed: bool,
    arrivals: usize,
    tasks: HashMap<Id, usize>,
    held: BTreeMap<usize, (HeldCall, oneshot::Sender<()>)>,
    dead: HashSet<usize>,
    /// What the calls of dead processes wait for.
    buried: Vec<oneshot::Sender<()>>,
}

/// A call that waits at a [`Turnstile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HeldCall {
    /// Its place among all that ever came.
    pub arrival: usize,
    /// Who makes it, as [`Faults::hold_at`](super::Faults::hold_at) was told.
    pub process: usize,
    /// The task that makes it. Tasks are numbered in the order of their first call.
    pub task: usize,
    /// What it calls.
    pub method: Method,
    /// Whether it is still to be done.
    pub moment: Moment,
}

impl Turnstile {
    /// Makes one that is open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds every call from now on.
    pub fn close(&self) {
        self.inner().is_closed = true;
    }

    /// Lets every call go that is held, and those to come.
    pub fn open(&self) {
        let mut inner = self.inner();
        inner.is_closed = false;
        for (_, (_, go)) in std::mem::take(&mut inner.held) {
            // The call may have been dropped meanwhile.
            let _ = go.send(());
        }
    }

    /// The calls that are held, in the order in which they came.
    pub fn held(&self) -> Vec<HeldCall> {
        self.inner().held.values().map(|(call, _)| *call).collect()
    }

    /// Lets one call go, by its arrival. Nothing happens if it is not held.
    pub fn release(&self, arrival: usize) {
        if let Some((_, go)) = self.inner().held.remove(&arrival) {
            // The call may have been dropped meanwhile.
            let _ = go.send(());
        }
    }

    /// Lets a process die: none of its calls goes on or is answered any more.
    pub fn kill(&self, process: usize) {
        let mut inner = self.inner();
        inner.dead.insert(process);
        for (arrival, (call, go)) in std::mem::take(&mut inner.held) {
            if call.process == process {
                inner.buried.push(go);
            } else {
                inner.held.insert(arrival, (call, go));
            }
        }
    }

    /// Waits to be let go.
    pub(super) async fn pass(&self, process: usize, method: Method, moment: Moment) {
        let Some((place, released)) = self.arrive(process, method, moment) else {
            return;
        };
        // An error says that the turnstile is gone, which holds nobody.
        let _ = released.await;
        drop(place);
    }

    fn arrive(
        &self,
        process: usize,
        method: Method,
        moment: Moment,
    ) -> Option<(Place<'_>, oneshot::Receiver<()>)> {
        let mut inner = self.inner();
        let is_dead = inner.dead.contains(&process);
        if !is_dead && (!inner.is_closed || (moment == Moment::After && !method.is_change())) {
            return None;
        }
        inner.arrivals += 1;
        let arrival = inner.arrivals;
        let next = inner.tasks.len();
        let task = tokio::task::try_id().map_or(next, |id| *inner.tasks.entry(id).or_insert(next));
        let call = HeldCall {
            arrival,
            process,
            task,
            method,
            moment,
        };
        let (go, released) = oneshot::channel();
        if is_dead {
            inner.buried.push(go);
        } else {
            inner.held.insert(arrival, (call, go));
        }
        let place = Place {
            turnstile: self,
            arrival,
        };
        Some((place, released))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is one step, so that a panic elsewhere leaves it as good as it was.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a held call stands, until it goes on or is dropped.
struct Place<'a> {
    turnstile: &'a Turnstile,
    arrival: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turnstile.inner().held.remove(&self.arrival);
    }
}
