//! What stands beside each volume, and when it is written.

use serde_json::Value;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, RestoreSnapshot};
use workdisk::model::{Status, VolumeId, WorkspaceId, WorkspaceRecord};

use crate::support::steps::Break;
use crate::support::{Backing, Bench, OK, SANDBOX, code, write};

async fn record(bench: &Bench, id: WorkspaceId) -> WorkspaceRecord {
    let found = bench.metadata.workspace(bench.account.id(), id).await;
    found.unwrap().unwrap()
}

async fn label(bench: &Bench, volume: VolumeId) -> Value {
    let label = bench.volume.label(volume).await.unwrap();
    serde_json::from_str(&label.expect("the volume has a label")).unwrap()
}

async fn head_label(bench: &Bench, id: WorkspaceId) -> Value {
    label(bench, record(bench, id).await.head).await
}

#[tokio::test]
async fn every_volume_says_whose_it_is_and_what() {
    for backing in [Backing::Directory, Backing::Overlayfs] {
        let Some(bench) = Bench::on(backing).await else {
            return;
        };
        let new = CreateWorkspace::new(SANDBOX).with_name("w");
        let new = new.with_image("ubuntu:24.04").with_template(true);
        let id = bench.account.create(new).await.unwrap().id;
        let made = head_label(&bench, id).await;
        assert_eq!(made["workdisk"], 1);
        assert_eq!(made["beside"], "head");
        assert_eq!(made["workspace"], id.to_string());
        assert_eq!(made["account"], "acme");
        assert_eq!(made["name"], "w");
        assert_eq!(made["template"], true);
        assert_eq!(made["session_type"], "sandbox");
        assert_eq!(made["image"], "docker.io/library/ubuntu:24.04");

        write(&bench.account, id, "one").await;
        let clone = CloneWorkspace::of_head().with_name("c");
        let clone = bench.account.clone_workspace(id, clone).await.unwrap().id;
        assert_eq!(
            head_label(&bench, clone).await["source"]["clone_of"],
            id.to_string()
        );
        let frozen = record(&bench, id).await.frozen_head.unwrap();
        assert_eq!(label(&bench, frozen).await["beside"], "frozen_head");

        let taken = bench
            .account
            .create_snapshot(id, "s", Force::No)
            .await
            .unwrap();
        let snapshots = bench.metadata.snapshots(id, None, 10).await.unwrap();
        let beside = label(&bench, snapshots[0].volume).await;
        assert_eq!(beside["beside"], "snapshot");
        assert_eq!(beside["snapshot"], taken.id.to_string());
        assert_eq!(beside["snapshot_name"], "s");
        assert_eq!(beside["workspace"], id.to_string());
        assert_eq!(
            head_label(&bench, id).await["base_snapshot"],
            taken.id.to_string()
        );
    }
}

#[tokio::test]
async fn label_follows_each_change_that_it_tells_of() {
    let bench = Bench::new().await;
    let id = bench.sandbox("w").await.id;
    let account = &bench.account;
    account.set_name(id, "renamed").await.unwrap();
    account.set_template(id, true).await.unwrap();
    let label = head_label(&bench, id).await;
    assert_eq!(
        (&label["name"], &label["template"]),
        (&"renamed".into(), &true.into())
    );
    account.clear_name(id).await.unwrap();
    assert_eq!(head_label(&bench, id).await["name"], Value::Null);
    let first = account.create_snapshot(id, "s", Force::No).await.unwrap();
    write(account, id, "head").await;
    account.create_snapshot(id, "t", Force::No).await.unwrap();
    let options = RestoreSnapshot::default().with_save_head_as("u");
    account.restore(id, "s", options).await.unwrap();
    let label = head_label(&bench, id).await;
    assert_eq!(label["base_snapshot"], first.id.to_string());
    let snapshots = bench.metadata.snapshots(id, None, 10).await.unwrap();
    for snapshot in snapshots {
        let label = self::label(&bench, snapshot.volume).await;
        assert_eq!(label["sequence"], snapshot.sequence);
        assert_eq!(label["snapshot_name"], snapshot.name.as_str());
    }
}

/// The commit is the first step of a rename, and the label the second.
#[tokio::test]
async fn label_that_cannot_be_written_fails_no_call_that_is_committed() {
    let bench = Bench::new().await;
    let id = bench.sandbox("w").await.id;
    bench.steps.break_at(Break::Before(2));
    assert_eq!(code(bench.account.set_name(id, "new").await), OK);
    assert!(bench.steps.has_broken());
    bench.steps.heal();
    assert_eq!(head_label(&bench, id).await["name"], "w");
    // The next change catches up.
    bench.account.set_template(id, true).await.unwrap();
    assert_eq!(head_label(&bench, id).await["name"], "new");
}

/// The head is made first, then labelled, then committed.
#[tokio::test]
async fn workspace_that_cannot_be_labelled_is_not_made() {
    let mut bench = Bench::new().await;
    bench.steps.break_at(Break::Before(3));
    let new = CreateWorkspace::new(SANDBOX).with_name("w");
    assert_eq!(
        code(bench.account.create(new.clone()).await),
        "storage_unavailable"
    );
    bench.crash().await;
    bench.assert_no_orphan().await;
    let made = bench.account.create(new).await.unwrap();
    assert_eq!(made.status, Status::Ready);
}

/// A workspace can be renamed while it is being made, when its volume is labelled already.
#[tokio::test]
async fn workspace_that_is_renamed_while_it_is_made_is_labelled_by_its_last_name() {
    let bench = Bench::new().await;
    let gate = bench.steps.gate("commit_soon");
    let account = bench.account.clone();
    let making = tokio::spawn(async move {
        let new = CreateWorkspace::new(SANDBOX).with_name("first");
        account.create(new).await
    });
    gate.reached().await;
    bench.account.set_name("first", "last").await.unwrap();
    gate.open();
    let id = making.await.unwrap().unwrap().id;
    assert_eq!(head_label(&bench, id).await["name"], "last");
}

/// Two renames could write their labels in the other order than they were committed in.
#[tokio::test]
async fn label_of_the_last_of_racing_renames_stands() {
    let bench = Bench::new().await;
    let id = bench.sandbox("w").await.id;
    let rename = |name: &'static str| {
        let account = bench.account.clone();
        tokio::spawn(async move { account.set_name(id, name).await })
    };
    let gate = bench.steps.gate("set_label");
    let first = rename("first");
    gate.reached().await;
    let second = rename("second");
    gate.open();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    let name = record(&bench, id).await.name.unwrap();
    assert_eq!(head_label(&bench, id).await["name"], name.as_str());
}

/// The head is labelled beside the last commit of a snapshot, as that was expected to be.
#[tokio::test]
async fn head_tells_the_last_name_and_the_snapshot_when_a_rename_races_that() {
    let bench = Bench::new().await;
    let id = bench.sandbox("first").await.id;
    let gate = bench.steps.gate("commit_soon");
    let account = bench.account.clone();
    let taking = tokio::spawn(async move { account.create_snapshot(id, "s", Force::No).await });
    gate.reached().await;
    let account = bench.account.clone();
    let renaming = tokio::spawn(async move { account.set_name(id, "last").await });
    while record(&bench, id).await.name.unwrap().as_str() != "last" {
        tokio::task::yield_now().await;
    }
    gate.open();
    let taken = taking.await.unwrap().unwrap();
    renaming.await.unwrap().unwrap();
    let label = head_label(&bench, id).await;
    assert_eq!(label["name"], "last");
    assert_eq!(label["base_snapshot"], taken.id.to_string());
}
