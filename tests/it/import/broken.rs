//! Servers that stall, break off and come back, and imports that are cancelled meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use workdisk::ErrorCode;
use workdisk::github::{ImportPhase, Retries};
use workdisk::manager::{Force, Import};
use workdisk::model::{OperationKind, Status};

use super::git::Origin;
use super::server::{Act, Asked};
use super::{Stage, options, wanted};
use crate::support::{Backing, Bench, code};

/// Where a server can stop.
const STOPS: [fn(&Asked) -> Act; 4] = [
    |_| Act::Stall,
    |asked| match asked.method.as_str() {
        "POST" => Act::Stall,
        _ => Act::Serve,
    },
    |asked| {
        if asked.is_fetch() {
            Act::Stall
        } else {
            Act::Serve
        }
    },
    |asked| {
        if asked.is_fetch() {
            Act::StallAfter(600)
        } else {
            Act::Serve
        }
    },
];

/// A stage whose server has stopped, and the import that waits for it. The client would wait for an hour.
async fn stopped_at(stop: fn(&Asked) -> Act) -> (Stage, Import) {
    let mut stage = Stage::of(large()).await;
    let hour = Duration::from_secs(3600);
    stage
        .bench
        .import_from(options(&stage.server).with_idle_timeout(hour))
        .await;
    stage.server.on(stop);
    let import = stage.bench.account.import(wanted()).await.unwrap();
    let is_stopped = |stage: &Stage| {
        stage
            .server
            .log()
            .iter()
            .any(|asked| !matches!(stop(asked), Act::Serve))
    };
    let mut watch = import.progress();
    while !is_stopped(&stage) {
        // The server's log is no channel; each look waits for the import to get on.
        let _ = tokio::time::timeout(Duration::from_millis(10), watch.changed()).await;
    }
    (stage, import)
}

/// One commit whose pack is larger than what a stalled server sends of it.
fn large() -> Origin {
    let origin = Origin::small();
    let noise: Vec<u8> = (0..100_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    std::fs::write(origin.work().join("noise"), noise).unwrap();
    origin.commit("noise");
    origin.push();
    origin
}

#[tokio::test]
async fn stalled_import_is_cancelled_and_leaves_nothing() {
    for stop in STOPS {
        let (stage, import) = stopped_at(stop).await;
        let workspace = import.workspace();
        let shown = stage.bench.account.get(workspace).await.unwrap();
        assert_eq!(shown.status, Status::Importing);
        assert_eq!(shown.operation, Some(OperationKind::Import));
        let mut watch = import.progress();
        assert_eq!(import.cancel().await.unwrap(), None);
        while watch.changed().await.is_some() {}
        let last = watch.current();
        assert_eq!(
            (last.phase, last.failure),
            (ImportPhase::Failed, Some(ErrorCode::ImportCancelled))
        );
        stage.bench.assert_nothing().await;
    }
}

/// What is thrown away was made durable first, which took as long as to save it.
#[tokio::test]
async fn cancelled_import_is_removed_without_being_made_durable() {
    for stop in STOPS {
        let (stage, import) = stopped_at(stop).await;
        let unmount = stage.bench.steps.gate("unmount");
        tokio::select! {
            () = unmount.reached() => panic!("it is made durable"),
            cancelled = import.cancel() => assert_eq!(cancelled.unwrap(), None),
        }
        stage.bench.assert_nothing().await;
    }
}

#[tokio::test]
async fn import_is_watched_and_cancelled_through_another_handle() {
    let (stage, import) = stopped_at(STOPS[3]).await;
    let account = stage.bench.manager.account("acme").unwrap();
    let workspace = import.detach();
    let mut watch = account.import_progress(workspace).await.unwrap().unwrap();
    while watch.current().bytes == 0 {
        watch.changed().await.unwrap();
    }
    let stranger = stage.bench.stranger();
    let hidden = stranger.import_progress(workspace).await.map(|_| ());
    assert_eq!(code(hidden), "workspace_not_found");
    assert_eq!(
        code(stranger.cancel_import(workspace).await),
        "workspace_not_found"
    );
    assert_eq!(
        code(account.delete(workspace, Force::No).await),
        "workspace_busy"
    );
    account.cancel_import(workspace).await.unwrap();
    assert!(watch.current().is_over());
    assert_eq!(
        code(account.cancel_import(workspace).await),
        "workspace_not_found"
    );
    stage.bench.assert_nothing().await;
}

#[tokio::test]
async fn forced_delete_cancels_a_stalled_import() {
    let (stage, import) = stopped_at(STOPS[2]).await;
    let account = &stage.bench.account;
    account
        .delete(import.workspace(), Force::Yes)
        .await
        .unwrap();
    assert_eq!(code(import.finish().await), "import_cancelled");
    stage.bench.assert_nothing().await;
}

#[tokio::test]
async fn dropped_import_is_cancelled_and_a_detached_one_goes_on() {
    let (stage, import) = stopped_at(STOPS[2]).await;
    let mut watch = import.progress();
    let waiting = tokio::spawn(import.finish());
    tokio::task::yield_now().await;
    waiting.abort();
    while watch.changed().await.is_some() {}
    assert_eq!(watch.current().failure, Some(ErrorCode::ImportCancelled));
    stage.bench.assert_nothing().await;

    stage.server.on(|_| Act::Serve);
    let import = stage.bench.account.import(wanted()).await.unwrap();
    let mut watch = import.progress();
    let workspace = import.detach();
    while watch.changed().await.is_some() {}
    assert_eq!(watch.current().phase, ImportPhase::Done);
    let made = stage.bench.account.get(workspace).await.unwrap();
    assert_eq!(made.status, Status::Ready);
    assert!(
        stage
            .bench
            .account
            .import_progress(workspace)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        code(stage.bench.account.cancel_import(workspace).await),
        "invalid_request"
    );
}

#[tokio::test]
async fn silent_server_is_unreachable_after_the_idle_timeout() {
    for stop in STOPS {
        let mut stage = Stage::of(large()).await;
        let short = options(&stage.server).with_idle_timeout(Duration::from_millis(200));
        stage.bench.import_from(short).await;
        stage.server.on(stop);
        assert_eq!(
            code(stage.bench.import(wanted()).await),
            "import_unreachable"
        );
        stage.bench.assert_nothing().await;
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_the_import_succeeds() {
    let failures: [fn(&Asked) -> Act; 5] = [
        |_| Act::Status(503),
        |_| Act::Status(429),
        |_| Act::CutAfter(0),
        |asked| {
            if asked.is_fetch() {
                Act::CutAfter(600)
            } else {
                Act::Serve
            }
        },
        |asked| {
            if asked.is_fetch() {
                Act::Status(502)
            } else {
                Act::Serve
            }
        },
    ];
    for fail in failures {
        let mut stage = Stage::of(large()).await;
        let retrying = options(&stage.server).with_retries(Retries::new(2, Duration::ZERO));
        stage.bench.import_from(retrying).await;
        let failed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&failed);
        stage.server.on(move |asked| match fail(asked) {
            Act::Serve => Act::Serve,
            act if counted.fetch_add(1, Ordering::SeqCst) < 2 => act,
            _ => Act::Serve,
        });
        stage
            .import(wanted(), |_, folder| {
                assert_eq!(super::git::git(folder, &["status", "--porcelain"]), "");
                super::git::git(folder, &["fsck", "--strict"]);
                let packs = folder.join(".git/objects/pack");
                assert_eq!(std::fs::read_dir(packs).unwrap().count(), 2);
            })
            .await;
        assert!(failed.load(Ordering::SeqCst) >= 2);
    }
}

#[tokio::test]
async fn what_does_not_pass_is_unreachable_after_the_last_retry() {
    let mut stage = Stage::of(large()).await;
    let retrying = options(&stage.server).with_retries(Retries::new(2, Duration::ZERO));
    stage.bench.import_from(retrying).await;
    stage.server.on(|_| Act::Status(500));
    let failed = stage.bench.import(wanted()).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::ImportUnreachable);
    assert!(failed.is_retryable());
    assert_eq!(stage.server.log().len(), 3);
    stage.bench.assert_nothing().await;
}

/// On overlayfs the disk is a mount, which must be gone before the volume is removed.
#[tokio::test]
async fn cancelled_import_on_overlayfs_leaves_no_mount() {
    let Some(mut bench) = Bench::on(Backing::Overlayfs).await else {
        return;
    };
    let origin = large();
    let server = super::server::Server::new(&origin.served());
    bench.import_from(options(&server)).await;
    server.on(STOPS[3]);
    let import = bench.account.import(wanted()).await.unwrap();
    let mut watch = import.progress();
    while watch.current().bytes < 600 {
        watch.changed().await.unwrap();
    }
    assert_eq!(import.cancel().await.unwrap(), None);
    bench.assert_nothing().await;
    server.on(|_| Act::Serve);
    bench.import(wanted()).await.unwrap();
    bench.assert_no_orphan().await;
}
