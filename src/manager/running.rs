//! What this process is doing: operations in flight, which can be cancelled and waited for, and one lock per workspace and
//! per request under a key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use uuid::Uuid;

/// The operations that run in this process, whichever manager runs them. An operation whose owner is this process and
/// that is not here has been left behind: its task panicked, or could not write its last step.
static RUNNING: LazyLock<Mutex<HashMap<Uuid, Switch>>> = LazyLock::new(Mutex::default);

fn running() -> MutexGuard<'static, HashMap<Uuid, Switch>> {
    // Each critical section is one call of the map, which a panic cannot leave half done.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug)]
struct Switch {
    cancel: watch::Sender<bool>,
    done: watch::Receiver<()>,
}

/// An operation that runs here, until it is dropped.
#[derive(Debug)]
pub(super) struct RunningOperation {
    id: Uuid,
    cancelled: watch::Receiver<bool>,
    /// Closes the channel that others wait on, when it is dropped.
    _done: watch::Sender<()>,
}

impl RunningOperation {
    /// Notes an operation, before its record says that it runs.
    pub(super) fn enter(id: Uuid) -> Self {
        let (cancel, cancelled) = watch::channel(false);
        let (done_sender, done) = watch::channel(());
        running().insert(id, Switch { cancel, done });
        Self {
            id,
            cancelled,
            _done: done_sender,
        }
    }

    /// Waits until somebody wants it to stop.
    #[cfg(feature = "github")]
    pub(super) async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        // The sender goes with the entry in the table, which goes with `self`.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }

    /// Whether somebody wants it to stop.
    pub(super) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }
}

impl Drop for RunningOperation {
    fn drop(&mut self) {
        running().remove(&self.id);
    }
}

/// Whether an operation runs in this process.
pub(super) fn is_running(operation: Uuid) -> bool {
    running().contains_key(&operation)
}

/// Asks an operation of this process to stop, and waits for nothing.
#[cfg(feature = "github")]
pub(super) fn cancel(operation: Uuid) {
    if let Some(switch) = running().get(&operation) {
        switch.cancel.send_replace(true);
    }
}

/// Waits until an operation of this process has ended, having asked it to stop if `cancel` is set. Answers false if it
/// does not run here.
pub(super) async fn wait_for(operation: Uuid, cancel: bool) -> bool {
    let Some(mut switch) = running().get(&operation).cloned() else {
        return false;
    };
    if cancel {
        switch.cancel.send_replace(true);
    }
    // The channel never carries a value: waiting ends with an error when the operation is dropped.
    while switch.done.changed().await.is_ok() {}
    true
}

/// One lock per workspace or other thing that is being worked on.
#[derive(Debug)]
pub(super) struct Locks<K>(Mutex<HashMap<K, Weak<AsyncMutex<()>>>>);

impl<K> Default for Locks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Locks<K> {
    /// Waits for the thing's lock.
    pub(super) async fn lock(&self, thing: K) -> OwnedMutexGuard<()> {
        self.of(thing).lock_owned().await
    }

    fn of(&self, thing: K) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&thing).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(AsyncMutex::new(()));
        locks.insert(thing, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WorkspaceId;

    #[tokio::test]
    async fn waiter_goes_on_when_the_operation_ends_and_it_learns_that_it_is_unwanted() {
        let id = Uuid::new_v4();
        let operation = RunningOperation::enter(id);
        assert!(is_running(id));
        let waiter = tokio::spawn(wait_for(id, true));
        let mut cancelled = operation.cancelled.clone();
        cancelled.changed().await.unwrap();
        assert!(operation.is_cancelled());
        drop(operation);
        assert!(waiter.await.unwrap());
        assert!(!is_running(id));
        assert!(!wait_for(id, false).await);
    }

    #[tokio::test]
    async fn lock_of_one_workspace_excludes_and_is_forgotten() {
        let (locks, id) = (Locks::default(), WorkspaceId::new());
        let held = locks.lock(id).await;
        assert!(locks.of(id).try_lock().is_err());
        drop(held);
        drop(locks.lock(WorkspaceId::new()).await);
        assert!(locks.0.lock().unwrap().len() <= 1);
    }
}
