//! What the disks hold: clones, snapshots and restores, by content.

use workdisk::manager::{CloneWorkspace, Force, RestoreSnapshot};
use workdisk::model::{Source, Status};

use crate::support::{Bench, code, read, write};

#[tokio::test]
async fn clone_and_source_are_independent_whichever_is_changed_or_deleted_first() {
    let bench = Bench::new().await;
    let source = bench.sandbox("source").await;
    write(&bench.account, source.id, "one").await;
    let first = bench
        .account
        .clone_workspace("source", CloneWorkspace::of_head())
        .await
        .unwrap();
    let second = bench
        .account
        .clone_workspace(first.id, CloneWorkspace::of_head())
        .await
        .unwrap();
    assert_eq!(
        first.source,
        Some(Source::Clone {
            clone_of: source.id,
            snapshot: None
        })
    );
    assert!(!first.template);
    write(&bench.account, first.id, "two").await;
    write(&bench.account, source.id, "three").await;
    let third = bench
        .account
        .clone_workspace("source", CloneWorkspace::of_head())
        .await
        .unwrap();
    bench.account.delete(source.id, Force::No).await.unwrap();
    for (id, expected) in [(first.id, "two"), (second.id, "one"), (third.id, "three")] {
        assert_eq!(read(&bench.account, id).await, expected);
    }
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn restore_brings_a_snapshot_back_and_deletes_none() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    for text in ["one", "two"] {
        write(&bench.account, workspace, text).await;
        bench
            .account
            .create_snapshot(workspace, text, Force::No)
            .await
            .unwrap();
    }
    write(&bench.account, workspace, "three").await;
    let options = RestoreSnapshot::default().with_save_head_as("three");
    let restored = bench
        .account
        .restore(workspace, "ONE", options)
        .await
        .unwrap();
    assert_eq!(read(&bench.account, workspace).await, "one");
    let snapshots = bench.account.snapshots(workspace).await.unwrap();
    let names: Vec<_> = snapshots
        .iter()
        .map(|snapshot| snapshot.name.as_str())
        .collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert_eq!(restored.persistence.base_snapshot, Some(snapshots[0].id));
    assert_eq!(snapshots[2].parent, Some(snapshots[1].id));
    for (name, text) in [("one", "one"), ("two", "two"), ("three", "three")] {
        bench
            .account
            .restore(workspace, name, RestoreSnapshot::default())
            .await
            .unwrap();
        assert_eq!(read(&bench.account, workspace).await, text);
    }
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn deleted_snapshot_is_gone_and_its_clones_stay() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    write(&bench.account, workspace, "one").await;
    let snapshot = bench
        .account
        .create_snapshot(workspace, "s", Force::No)
        .await
        .unwrap();
    let taken = bench
        .account
        .create_snapshot(workspace, "S", Force::No)
        .await;
    assert_eq!(code(taken), "snapshot_name_taken");
    let bad = bench
        .account
        .create_snapshot(workspace, "a\tb", Force::No)
        .await;
    assert_eq!(code(bad), "snapshot_name_invalid");
    let clone = bench
        .account
        .clone_workspace("w", CloneWorkspace::of_snapshot("s"))
        .await
        .unwrap();
    bench
        .account
        .delete_snapshot(workspace, snapshot.id)
        .await
        .unwrap();
    assert_eq!(
        code(bench.account.delete_snapshot(workspace, "s").await),
        "snapshot_not_found"
    );
    let restore = bench
        .account
        .restore(workspace, "s", RestoreSnapshot::default())
        .await;
    assert_eq!(code(restore), "snapshot_not_found");
    assert_eq!(read(&bench.account, clone.id).await, "one");
    let head = bench
        .account
        .clone_workspace("w", CloneWorkspace::of_head())
        .await
        .unwrap();
    assert_eq!(read(&bench.account, head.id).await, "one");
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn measured_workspace_tells_its_size() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await;
    assert_eq!(workspace.persistence.size_bytes, None);
    write(&bench.account, workspace.id, &"x".repeat(1 << 20)).await;
    bench
        .account
        .create_snapshot("w", "s", Force::No)
        .await
        .unwrap();
    let measured = bench.account.measure("w").await.unwrap();
    assert!(measured.persistence.size_bytes.unwrap() >= 1 << 20);
    let snapshots = bench.account.snapshots("w").await.unwrap();
    assert!(snapshots[0].size_bytes.unwrap() >= 1 << 20);
}

#[tokio::test]
async fn workspace_whose_disk_is_lost_is_failed_and_a_restore_is_the_way_out() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    write(&bench.account, workspace, "one").await;
    bench
        .account
        .create_snapshot(workspace, "s", Force::No)
        .await
        .unwrap();
    let record = bench
        .metadata
        .workspace(bench.account.id(), workspace)
        .await
        .unwrap()
        .unwrap();
    bench.volume.remove(record.head).await.unwrap();
    let start = || {
        bench
            .account
            .start_session(workspace, crate::support::SANDBOX, Default::default())
    };
    assert_eq!(code(start().await), "storage_corrupt");
    let failed = bench.account.get(workspace).await.unwrap();
    assert_eq!(failed.status, Status::Failed);
    assert_eq!(failed.failure.unwrap().code.as_str(), "storage_corrupt");
    assert_eq!(code(start().await), "workspace_failed");
    let clone = bench
        .account
        .clone_workspace(workspace, CloneWorkspace::of_head())
        .await;
    assert_eq!(code(clone), "workspace_failed");
    bench
        .account
        .restore(workspace, "s", RestoreSnapshot::default())
        .await
        .unwrap();
    assert_eq!(read(&bench.account, workspace).await, "one");
}
