//! The texts of the codes, which never change, and the codes that only an unusual store or a full disk brings about.

use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, MountMode, RestoreSnapshot, StartSession,
};
use workdisk::{Error, ErrorCode};
use workdisk_conformance::{FileSystem, LoopDisk};
use workdisk_overlayfs::OverlayOptions;

use crate::support::{Bench, OK, SANDBOX, code, in_session, read, write};

#[test]
fn codes_are_as_documented() {
    let texts: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(
        texts,
        [
            "invalid_request",
            "workspace_name_invalid",
            "snapshot_name_invalid",
            "image_invalid",
            "image_not_allowed",
            "github_repo_invalid",
            "workspace_not_found",
            "snapshot_not_found",
            "session_not_found",
            "workspace_name_taken",
            "snapshot_name_taken",
            "workspace_name_ambiguous",
            "workspace_active",
            "workspace_busy",
            "workspace_failed",
            "session_type_mismatch",
            "session_termination_failed",
            "session_fenced",
            "import_not_found",
            "import_unauthorized",
            "import_ref_not_found",
            "import_too_large",
            "import_unreachable",
            "import_cancelled",
            "idempotency_conflict",
            "revision_conflict",
            "storage_full",
            "storage_unavailable",
            "storage_corrupt",
            "unsupported",
        ]
    );
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

/// A store that is not strict about names is met by every verb with the candidates, and nothing is changed.
#[tokio::test]
async fn name_of_two_workspaces_is_ambiguous_and_changes_nothing() {
    let bench = Bench::in_memory().await;
    let account = &bench.account;
    let (one, two) = (bench.sandbox("same").await, bench.sandbox("other").await);
    let record = bench.metadata.workspace(account.id(), two.id).await;
    let before = [
        account.get(one.id).await.unwrap(),
        account.get(two.id).await.unwrap(),
    ];
    bench.steps.add_namesake(record.unwrap().unwrap());
    let Err(Error::WorkspaceNameAmbiguous { candidates, .. }) = account.get("same").await else {
        panic!("the name has one meaning");
    };
    assert_eq!(candidates, [one.id, two.id]);
    let start = StartSession::default;
    let answers = [
        code(
            account
                .start_session("same", SANDBOX, start())
                .await
                .map(|_| ()),
        ),
        code(
            account
                .clone_workspace("same", CloneWorkspace::of_head())
                .await,
        ),
        code(account.set_name("same", "new").await),
        code(account.clear_name("same").await),
        code(account.set_template("same", true).await),
        code(account.create_snapshot("same", "s", Force::Yes).await),
        code(
            account
                .restore("same", "s", RestoreSnapshot::default())
                .await,
        ),
        code(account.delete_snapshot("same", "s").await),
        code(account.delete("same", Force::Yes).await),
    ];
    assert_eq!(answers, ["workspace_name_ambiguous"; 9]);
    let after = [
        account.get(one.id).await.unwrap(),
        account.get(two.id).await.unwrap(),
    ];
    assert_eq!(after, before);
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn session_by_recipe_is_unsupported_where_there_are_none_and_starts_nothing() {
    let bench = Bench::in_memory().await;
    let workspace = bench.sandbox("w").await.id;
    let options = StartSession::default().with_mount(MountMode::Recipe);
    let refused = bench
        .account
        .start_session(workspace, SANDBOX, options)
        .await;
    assert_eq!(code(refused.map(|_| ())), "unsupported");
    let after = bench.account.get(workspace).await.unwrap();
    assert_eq!(
        (after.active_session_id, after.last_session_id),
        (None, None)
    );
    write(&bench.account, workspace, "it is ready").await;
}

/// The disks are full, the records are elsewhere.
#[tokio::test]
async fn full_disk_is_storage_full_and_the_same_calls_succeed_once_there_is_room() {
    let Ok(disk) = LoopDisk::new(FileSystem::Ext4, 64).map_err(|skip| skip.announce()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let volumes = OverlayOptions::new(disk.path().join("volumes"));
    let metadata = folder.path().join("metadata");
    let Some(bench) = Bench::within(&metadata, volumes, folder).await else {
        return;
    };
    let account = &bench.account;
    let workspace = bench.sandbox("w").await.id;
    write(account, workspace, "snapshot").await;
    account
        .create_snapshot(workspace, "s", Force::No)
        .await
        .unwrap();
    write(account, workspace, "head").await;
    disk.fill().unwrap();
    let calls = async || {
        let new = CreateWorkspace::new(SANDBOX).with_name("new");
        let copy = CloneWorkspace::of_head().with_name("copy");
        let saving = RestoreSnapshot::default().with_save_head_as("saved");
        [
            code(account.create(new).await),
            code(account.create_snapshot(workspace, "t", Force::No).await),
            code(account.clone_workspace(workspace, copy).await),
            code(account.restore(workspace, "s", saving).await),
        ]
    };
    assert_eq!(calls().await, ["storage_full"; 4]);
    bench.assert_no_orphan().await;
    disk.drain().unwrap();
    assert_eq!(read(account, workspace).await, "head");
    assert_eq!(calls().await, [OK; 4]);
    assert_eq!(read(account, workspace).await, "snapshot");
    bench.assert_no_orphan().await;

    let filled = in_session(account, workspace, |root| {
        let written = std::fs::write(root.join("huge"), vec![1; 64 << 20]);
        let kind = written.unwrap_err().kind();
        std::fs::remove_file(root.join("huge")).unwrap();
        kind
    });
    assert_eq!(filled.await, std::io::ErrorKind::StorageFull);
    disk.fill().unwrap();
    account.delete(workspace, Force::No).await.unwrap();
    bench.manager.reclaim().await.unwrap();
    bench.assert_no_orphan().await;
    disk.drain().unwrap();
}

/// The records are on the full disk: it is said, workspaces can be deleted, and there is nothing to reopen.
#[tokio::test]
async fn full_disk_of_the_records_takes_deletions_and_loses_nothing() {
    let Ok(disk) = LoopDisk::new(FileSystem::Ext4, 64).map_err(|skip| skip.announce()) else {
        return;
    };
    let (metadata, folder) = (disk.path().join("metadata"), tempfile::tempdir().unwrap());
    let volumes = OverlayOptions::new(folder.path().join("volumes"));
    let Some(bench) = Bench::within(&metadata, volumes, folder).await else {
        return;
    };
    let account = &bench.account;
    let (kept, removed) = (
        bench.sandbox("kept").await.id,
        bench.sandbox("removed").await.id,
    );
    disk.fill().unwrap();
    let new = || CreateWorkspace::new(SANDBOX).with_name("new");
    assert_eq!(code(account.create(new()).await), "storage_full");
    account.delete(removed, Force::No).await.unwrap();
    account.set_name(kept, "renamed").await.unwrap();
    assert_eq!(code(account.create(new()).await), "storage_full");
    bench.assert_no_orphan().await;
    disk.drain().unwrap();
    account.create(new()).await.unwrap();
    write(account, kept, "it is there").await;
    bench.assert_no_orphan().await;
}
