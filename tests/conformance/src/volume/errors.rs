//! Calls that cannot be done, and what they leave.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::sync::Barrier;
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_kind, assert_status, create, create_with, fork, freeze, frozen_with, ids, look_into,
    open, read, status, within, write,
};
use crate::harness::VolumeHarness;

/// "`NotFound` for a volume that is not there, but for `status` and removal".
pub async fn absent_volume_is_not_found<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let (absent, fresh) = (VolumeId::new(), VolumeId::new());
    assert_kind(
        volumes.fork(absent, fresh).await,
        BackendErrorKind::NotFound,
    );
    assert_kind(
        volumes.freeze(absent, fresh).await,
        BackendErrorKind::NotFound,
    );
    assert_kind(volumes.mount(absent).await, BackendErrorKind::NotFound);
    assert_kind(volumes.unmount(absent).await, BackendErrorKind::NotFound);
    assert_kind(volumes.usage(absent).await, BackendErrorKind::NotFound);
    assert_kind(volumes.check(absent).await, BackendErrorKind::NotFound);
    assert_eq!(status(&volumes, absent).await, None);
    assert_eq!(ids(&volumes).await, []);
}

/// "`WrongState` for a volume of the other kind".
pub async fn volume_of_the_other_kind_is_in_the_wrong_state<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create(&volumes).await;
    let frozen = freeze(&volumes, active).await;
    let fresh = VolumeId::new();
    assert_kind(
        volumes.fork(active, fresh).await,
        BackendErrorKind::WrongState,
    );
    assert_kind(
        volumes.freeze(frozen, fresh).await,
        BackendErrorKind::WrongState,
    );
    assert_kind(volumes.mount(frozen).await, BackendErrorKind::WrongState);
    assert_kind(volumes.unmount(frozen).await, BackendErrorKind::WrongState);
    assert_eq!(status(&volumes, fresh).await, None);
}

/// "`AlreadyExists` for a fresh id that is taken": and what has it is left alone.
pub async fn taken_id_exists_already<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create_with(&volumes, |path| write(path, "file", "active")).await;
    let frozen = frozen_with(&volumes, |path| write(path, "file", "frozen")).await;
    for taken in [active, frozen] {
        let kind = BackendErrorKind::AlreadyExists;
        assert_kind(volumes.create(taken).await, kind.clone());
        assert_kind(volumes.fork(frozen, taken).await, kind.clone());
        assert_kind(volumes.freeze(active, taken).await, kind);
    }
    assert_status(&volumes, active, VolumeKind::Active, false).await;
    let content = within(&volumes, active, |path| read(path, "file")).await;
    assert_eq!(content, "active");
    let content = look_into(&volumes, frozen, |path| read(path, "file")).await;
    assert_eq!(content, "frozen");
}

/// "A failed call leaves no volume".
pub async fn failed_fork_leaves_no_volume<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create(&volumes).await;
    for parent in [VolumeId::new(), active] {
        let fresh = VolumeId::new();
        let answer = volumes.fork(parent, fresh).await;
        answer.expect_err("it is no frozen volume");
        assert_eq!(status(&volumes, fresh).await, None);
        assert_eq!(ids(&volumes).await, [active]);
    }
}

/// "A failed call leaves no volume".
pub async fn failed_freeze_leaves_no_volume<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let frozen = frozen_with(&volumes, |_| {}).await;
    for id in [VolumeId::new(), frozen] {
        let fresh = VolumeId::new();
        let answer = volumes.freeze(id, fresh).await;
        answer.expect_err("it is no active volume");
        assert_eq!(status(&volumes, fresh).await, None);
        assert_eq!(ids(&volumes).await, [frozen]);
    }
}

/// "`AlreadyExists` for a fresh id that is taken": of several at once, by all but one.
pub async fn one_of_racing_creations_is_done<H: VolumeHarness>(harness: H) {
    const RACERS: usize = 6;
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, |path| write(path, "file", "kept")).await;
    let (id, start) = (VolumeId::new(), Arc::new(Barrier::new(RACERS)));
    let mut tasks = Vec::new();
    for _ in 0..RACERS {
        let (volumes, start) = (Arc::clone(&volumes), Arc::clone(&start));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            volumes.fork(parent, id).await
        }));
    }
    let mut done = 0;
    for task in tasks {
        match task.await.expect("a fork does not panic") {
            Ok(()) => done += 1,
            refused => assert_kind(refused, BackendErrorKind::AlreadyExists),
        }
    }
    assert_eq!(done, 1);
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "In particular a `fork` or `freeze` never leaves a volume that is there but incomplete."
pub async fn dropped_fork_is_whole_or_absent<H: VolumeHarness>(harness: H) {
    const FILES: usize = 40;
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, |path| {
        for index in 0..FILES {
            write(path, &format!("file {index:02}"), vec![b'x'; 9_000]);
        }
    })
    .await;
    for polls in 0..5 {
        let id = VolumeId::new();
        {
            let mut forking = pin!(volumes.fork(parent, id));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if forking.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
        // The next calls come after it: the id is free and is taken now, or the volume is there and whole.
        if let Err(error) = volumes.fork(parent, id).await {
            assert_eq!(*error.kind(), BackendErrorKind::AlreadyExists, "{error}");
        }
        let contents = within(&volumes, id, |path| {
            (0..FILES)
                .map(|index| read(path, &format!("file {index:02}")).len())
                .collect::<Vec<_>>()
        });
        assert_eq!(contents.await, [9_000; FILES]);
    }
    let another = fork(&volumes, parent).await;
    assert!(ids(&volumes).await.contains(&another));
}
