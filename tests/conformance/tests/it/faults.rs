//! The fault wrappers: a fault before does nothing, one after does everything, and a gate holds the one call.

use std::sync::Arc;

use workdisk::metadata::{Change, Outcome};
use workdisk::model::{VolumeId, WorkspaceRecord};
use workdisk::{BackendErrorKind, Metadata, Volume};
use workdisk_conformance::fixtures::{account, record};
use workdisk_conformance::{Faults, FaultyMetadata, FaultyVolume, Method, Moment, Turnstile};
use workdisk_memory::{MemoryMetadata, MemoryVolume};

struct Stage {
    faults: Faults,
    store: Arc<FaultyMetadata>,
    disk: MemoryMetadata,
    record: WorkspaceRecord,
}

impl Stage {
    fn new() -> Self {
        let (faults, disk) = (Faults::new(), MemoryMetadata::new());
        Self {
            store: Arc::new(FaultyMetadata::new(Arc::new(disk.clone()), &faults)),
            record: record(&account("ours")),
            faults,
            disk,
        }
    }

    fn insertion(&self) -> Change {
        Change::Insert {
            record: self.record.clone(),
        }
    }

    async fn is_stored(&self) -> bool {
        let stored = self.disk.workspace(&self.record.account, self.record.id);
        stored.await.unwrap().is_some()
    }
}

#[tokio::test]
async fn fault_before_does_nothing() {
    let stage = Stage::new();
    stage.faults.fail_before(1, BackendErrorKind::Full);
    let error = stage.store.commit(stage.insertion()).await.unwrap_err();
    assert_eq!(*error.kind(), BackendErrorKind::Full);
    assert!(!stage.is_stored().await);
}

#[tokio::test]
async fn fault_after_does_everything() {
    let stage = Stage::new();
    stage.faults.fail_after(1, BackendErrorKind::Unavailable);
    let error = stage.store.commit(stage.insertion()).await.unwrap_err();
    assert_eq!(*error.kind(), BackendErrorKind::Unavailable);
    assert!(stage.is_stored().await);
}

#[tokio::test]
async fn fault_serves_once() {
    let stage = Stage::new();
    stage.faults.fail_before(1, BackendErrorKind::Unavailable);
    assert!(stage.store.commit(stage.insertion()).await.is_err());
    let outcome = stage.store.commit(stage.insertion()).await.unwrap();
    assert_eq!((outcome, stage.faults.calls()), (Outcome::Done, 2));
}

#[tokio::test]
async fn calls_of_both_stores_are_counted_together() {
    let stage = Stage::new();
    let volumes = MemoryVolume::new().unwrap();
    let volumes = FaultyVolume::new(Arc::new(volumes), &stage.faults);
    stage.faults.fail_before(3, BackendErrorKind::Full);
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    stage.store.begin().await.unwrap();
    // Neither can fail, and neither is counted.
    volumes.info();
    volumes.path(id);
    let error = volumes.freeze(id, VolumeId::new()).await.unwrap_err();
    assert_eq!(*error.kind(), BackendErrorKind::Full);
    assert_eq!(stage.faults.calls(), 3);
}

#[tokio::test]
async fn gate_before_holds_a_call_that_nobody_has_heard_of() {
    let stage = Stage::new();
    let gate = stage.faults.gate_before(Method::Commit, 1);
    let (store, insertion) = (Arc::clone(&stage.store), stage.insertion());
    let commit = tokio::spawn(async move { store.commit(insertion).await });
    gate.reached().await;
    assert!(!stage.is_stored().await);
    gate.release();
    assert_eq!(commit.await.unwrap().unwrap(), Outcome::Done);
    assert!(stage.is_stored().await);
}

#[tokio::test]
async fn gate_after_holds_a_call_that_is_done() {
    let stage = Stage::new();
    let gate = stage.faults.gate_after(Method::Commit, 1);
    let (store, insertion) = (Arc::clone(&stage.store), stage.insertion());
    let commit = tokio::spawn(async move { store.commit(insertion).await });
    gate.reached().await;
    assert!(stage.is_stored().await);
    assert!(!commit.is_finished());
    gate.release();
    assert_eq!(commit.await.unwrap().unwrap(), Outcome::Done);
}

#[tokio::test]
async fn gate_holds_the_one_call_of_its_method() {
    let stage = Stage::new();
    let gate = stage.faults.gate_before(Method::Begin, 2);
    stage.store.begin().await.unwrap();
    assert_eq!(
        stage.store.commit(stage.insertion()).await.unwrap(),
        Outcome::Done
    );
    let store = Arc::clone(&stage.store);
    let second = tokio::spawn(async move { store.begin().await });
    gate.reached().await;
    let third = stage.store.begin().await.unwrap();
    gate.release();
    let second = second.await.unwrap().unwrap();
    assert!(second.number > third.number, "the held one came later");
}

#[tokio::test]
async fn dropped_gate_lets_go() {
    let stage = Stage::new();
    let gate = stage.faults.gate_before(Method::Begin, 1);
    let store = Arc::clone(&stage.store);
    let held = tokio::spawn(async move { store.begin().await });
    gate.reached().await;
    drop(gate);
    assert!(held.await.unwrap().is_ok());
}

#[tokio::test]
async fn call_dropped_at_a_gate_never_reaches_the_backend() {
    let stage = Stage::new();
    let gate = stage.faults.gate_before(Method::Commit, 1);
    let (store, insertion) = (Arc::clone(&stage.store), stage.insertion());
    let commit = tokio::spawn(async move { store.commit(insertion).await });
    gate.reached().await;
    commit.abort();
    assert!(commit.await.unwrap_err().is_cancelled());
    gate.release();
    assert!(!stage.is_stored().await);
}

#[tokio::test]
async fn turnstile_holds_a_change_twice_and_a_read_once_and_lets_go_in_the_order_of_the_test() {
    let (stage, turnstile) = (Stage::new(), Turnstile::new());
    stage.faults.hold_at(&turnstile, 7);
    turnstile.close();
    let reading = {
        let (store, record) = (Arc::clone(&stage.store), stage.record.clone());
        tokio::spawn(async move { store.workspace(&record.account, record.id).await })
    };
    tokio::task::yield_now().await;
    let change = stage.insertion();
    let store = Arc::clone(&stage.store);
    let changing = tokio::spawn(async move { store.commit(change).await });
    tokio::task::yield_now().await;
    let held = turnstile.held();
    let shown = |at: usize| {
        (
            held[at].process,
            held[at].task,
            held[at].method,
            held[at].moment,
        )
    };
    assert_eq!(shown(0), (7, 0, Method::Workspace, Moment::Before));
    assert_eq!(shown(1), (7, 1, Method::Commit, Moment::Before));
    turnstile.release(held[1].arrival);
    tokio::task::yield_now().await;
    assert!(stage.is_stored().await && !changing.is_finished());
    assert_eq!(turnstile.held()[1].moment, Moment::After);
    turnstile.release(held[0].arrival);
    assert!(reading.await.unwrap().unwrap().is_some());
    turnstile.open();
    assert_eq!(changing.await.unwrap().unwrap(), Outcome::Done);
}

#[tokio::test]
async fn turnstile_forgets_a_call_that_is_dropped_and_lets_none_of_a_dead_process_go() {
    let (stage, turnstile) = (Stage::new(), Turnstile::new());
    stage.faults.hold_at(&turnstile, 0);
    turnstile.close();
    for is_killed in [false, true] {
        let (store, record) = (Arc::clone(&stage.store), stage.record.clone());
        let call = tokio::spawn(async move { store.workspace(&record.account, record.id).await });
        tokio::task::yield_now().await;
        assert_eq!(turnstile.held().len(), 1);
        if is_killed {
            turnstile.kill(0);
            turnstile.open();
        } else {
            call.abort();
        }
        tokio::task::yield_now().await;
        assert_eq!(
            (turnstile.held(), call.is_finished()),
            (Vec::new(), !is_killed)
        );
    }
}
