//! What a check finds: each kind of fault made by hand, and nothing else.

use std::sync::Mutex;

use workdisk::manager::{
    CheckProgress, CloneWorkspace, FaultKind, Force, LeaseTerm, Mend, StartSession,
};
use workdisk::model::{VolumeId, WorkspaceId};

use crate::folder::{Folder, Opened, Said, furnish, record_key, rewrite, said};
use crate::support::steps::Break;
use crate::support::{Backing, Bench, SANDBOX, write};
use crate::tree::manifest;

async fn found(opened: &Opened) -> Vec<Said> {
    said(&opened.manager.check().await.unwrap().faults)
}

#[tokio::test]
async fn sound_store_has_no_fault_and_a_check_changes_no_byte() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let session = opened
            .account
            .start_session("c", SANDBOX, StartSession::default());
        let session = session.await.unwrap();
        opened.manager.reclaim().await.unwrap();
        let before = manifest(&folder.path("."));
        let report = opened.manager.check().await.unwrap();
        assert_eq!(report.faults, []);
        assert_eq!((report.workspaces, report.volumes), (2, 4));
        assert!(opened.account.check().await.unwrap().is_clean());
        assert!(
            manifest(&folder.path(".")) == before,
            "a check wrote something"
        );
        session.end().await.unwrap();
        opened.account.delete(id, Force::No).await.unwrap();
        assert_eq!(found(&opened).await, []);
    }
}

#[tokio::test]
async fn check_tells_how_far_it_is() {
    let bench = Bench::in_memory().await;
    for name in ["one", "two", "three"] {
        bench.sandbox(name).await;
    }
    let told: Mutex<Vec<CheckProgress>> = Mutex::default();
    let watch = |progress| told.lock().unwrap().push(progress);
    assert!(bench.manager.check_watched(watch).await.unwrap().is_clean());
    let told = told.into_inner().unwrap();
    let far: Vec<_> = told
        .iter()
        .map(|it| (it.workspaces, it.volumes_done))
        .collect();
    assert_eq!(far, [(1, 1), (2, 2), (3, 3)]);
    assert!(told.iter().all(|it| it.volumes == 3));
}

#[tokio::test]
async fn lost_disks_are_told_with_what_is_left_to_do() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let with_snapshot = furnish(&opened).await;
        let without = opened.sandbox("none").await;
        for id in [with_snapshot, without] {
            let head = opened.record(id).await.head;
            opened.volume.remove(head).await.unwrap();
        }
        let expected = [
            (FaultKind::Head, Mend::Restore, Some(with_snapshot)),
            (FaultKind::Head, Mend::DeleteWorkspace, Some(without)),
        ];
        assert_eq!(found(&opened).await, expected);
        // A call that meets it marks the workspace.
        let start = StartSession::default();
        let failed = opened.account.start_session(without, SANDBOX, start).await;
        assert!(failed.is_err());
        let failed = (FaultKind::Failed, Mend::DeleteWorkspace, Some(without));
        assert_eq!(found(&opened).await, [&expected[..], &[failed]].concat());
    }
}

#[tokio::test]
async fn lost_snapshots_and_frozen_heads_are_told() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let frozen = opened.record(id).await.frozen_head.unwrap();
        opened.volume.remove(frozen).await.unwrap();
        let snapshot = opened.snapshot_volumes(id).await[0];
        opened.volume.remove(snapshot).await.unwrap();
        let expected = [
            (FaultKind::FrozenHead, Mend::Repair, Some(id)),
            (FaultKind::Snapshot, Mend::DeleteSnapshot, Some(id)),
        ];
        assert_eq!(found(&opened).await, expected);
    }
}

#[tokio::test]
async fn volume_of_the_wrong_kind_is_told() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let snapshot = opened.snapshot_volumes(id).await[0];
        rewrite(&opened, id, |record| record.head = snapshot).await;
        let expected = [
            (FaultKind::Orphan, Mend::Decide, Some(id)),
            (FaultKind::Head, Mend::Restore, Some(id)),
        ];
        let mut found = found(&opened).await;
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn damaged_disk_is_told() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = opened.sandbox("w").await;
        damage_the_only_disk(&folder, &opened, id).await;
        let expected = (FaultKind::Damaged, Mend::DeleteWorkspace, Some(id));
        let found = found(&opened).await;
        assert!(
            !found.is_empty() && found.iter().all(|it| *it == expected),
            "{found:?}"
        );
    }
}

async fn damage_the_only_disk(folder: &Folder, opened: &Opened, id: WorkspaceId) {
    let files = match folder.backing() {
        Backing::Directory => opened.volume.path(opened.record(id).await.head),
        Backing::Overlayfs => {
            let layers = std::fs::read_dir(folder.path("volumes/layers")).unwrap();
            let layers: Vec<_> = layers.map(|layer| layer.unwrap().path()).collect();
            assert_eq!(layers.len(), 1);
            layers[0].join("fs")
        }
    };
    std::fs::remove_dir_all(files).unwrap();
}

#[tokio::test]
async fn orphans_are_told_and_what_stands_beside_them_says_of_whom() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = opened.sandbox("w").await;
        let (nobodys, labelled) = (VolumeId::new(), VolumeId::new());
        opened.volume.create(nobodys).await.unwrap();
        opened.volume.create(labelled).await.unwrap();
        let head = opened.record(id).await.head;
        let label = opened.volume.label(head).await.unwrap().unwrap();
        opened.volume.set_label(labelled, &label).await.unwrap();
        let mut found = found(&opened).await;
        found.sort();
        let mut expected = vec![
            (FaultKind::Orphan, Mend::Decide, None),
            (FaultKind::Orphan, Mend::Decide, Some(id)),
        ];
        expected.sort();
        assert_eq!(found, expected);
        // An account is told of its own alone.
        let own = opened.account.check().await.unwrap();
        assert_eq!(
            said(&own.faults),
            [(FaultKind::Orphan, Mend::Decide, Some(id))]
        );
        let other = opened.manager.account("other").unwrap();
        assert!(other.check().await.unwrap().is_clean());
    }
}

#[tokio::test]
async fn frozen_head_that_is_let_go_of_can_be_missed_by_nobody() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        rewrite(&opened, id, |record| record.frozen_head = None).await;
        assert_eq!(
            found(&opened).await,
            [(FaultKind::Orphan, Mend::Repair, Some(id))]
        );
    }
}

#[tokio::test]
async fn volume_of_two_records_is_told_of_both() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let (one, two) = (opened.sandbox("one").await, opened.sandbox("two").await);
        let head = opened.record(one).await.head;
        let lost = opened.record(two).await.head;
        rewrite(&opened, two, |record| record.head = head).await;
        opened.volume.remove(lost).await.unwrap();
        let shared = |id| (FaultKind::Shared, Mend::CloneThenDelete, Some(id));
        let found = found(&opened).await;
        assert!(
            found.contains(&shared(one)) && found.contains(&shared(two)),
            "{found:?}"
        );
        // The label is the other's.
        assert!(found.contains(&(FaultKind::Label, Mend::Repair, Some(two))));
        assert_eq!(found.len(), 3);
    }
}

#[tokio::test]
async fn labels_that_are_stale_missing_or_damaged_are_told() {
    let bench = Bench::new().await;
    let stale = bench.sandbox("stale").await.id;
    bench.steps.break_at(Break::Before(2));
    bench.account.set_name(stale, "new").await.unwrap();
    bench.steps.heal();
    let damaged = bench.sandbox("damaged").await.id;
    let record = bench.metadata.workspace(bench.account.id(), damaged).await;
    let head = record.unwrap().unwrap().head;
    bench
        .volume
        .set_label(head, "{\"workdisk\":1,")
        .await
        .unwrap();
    let expected = [
        (FaultKind::Label, Mend::Repair, Some(stale)),
        (FaultKind::Label, Mend::Repair, Some(damaged)),
    ];
    let report = bench.manager.check().await.unwrap();
    assert_eq!(said(&report.faults), expected);
    assert!(
        report.faults[0].effect.contains("out of date"),
        "{}",
        report.faults[0]
    );
    assert!(
        report.faults[1].effect.contains("damaged"),
        "{}",
        report.faults[1]
    );
}

#[tokio::test]
async fn label_that_is_gone_is_told() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = opened.sandbox("w").await;
        let label = match folder.backing() {
            Backing::Directory => {
                let files = opened.volume.path(opened.record(id).await.head);
                files.parent().unwrap().join("label")
            }
            Backing::Overlayfs => {
                let head = opened.record(id).await.head.to_string();
                folder.path("volumes/labels").join(head)
            }
        };
        std::fs::remove_file(label).unwrap();
        assert_eq!(
            found(&opened).await,
            [(FaultKind::Label, Mend::Repair, Some(id))]
        );
    }
}

#[tokio::test]
async fn what_dead_processes_left_is_told_and_what_live_ones_do_is_not() {
    let mut bench = Bench::new().await;
    let (one, two) = (bench.sandbox("one").await.id, bench.sandbox("two").await.id);
    let gate = bench.steps.gate("freeze");
    let account = bench.account.clone();
    let freezing = tokio::spawn(async move { account.create_snapshot(one, "s", Force::No).await });
    gate.reached().await;
    let lease =
        StartSession::default().with_lease(LeaseTerm::Remote(std::time::Duration::from_secs(9)));
    let session = bench
        .account
        .start_session(two, SANDBOX, lease)
        .await
        .unwrap();
    assert!(
        bench.manager.check().await.unwrap().is_clean(),
        "all of them live"
    );
    let _ = session.detach();
    // The store fails before the snapshot is committed, and the process dies.
    bench.steps.break_at(Break::Before(1));
    gate.open();
    assert!(freezing.await.unwrap().is_err());
    bench.machine.advance(std::time::Duration::from_secs(10));
    bench.steps.heal();
    let expected = [
        (FaultKind::Operation, Mend::Repair, Some(one)),
        (FaultKind::Session, Mend::Repair, Some(two)),
    ];
    let report = bench.manager.check().await.unwrap();
    assert_eq!(said(&report.faults), expected);
    bench.crash().await;
    assert!(
        bench.manager.check().await.unwrap().is_clean(),
        "opening has settled it"
    );
}

/// Bits that flip in sled's file are noticed by its checksums. What is damaged before it is written is not.
#[tokio::test]
async fn record_that_cannot_be_read_is_told_and_its_volumes_are_no_orphans() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        folder.close(opened).await;
        folder.by_hand(|db| {
            let key = record_key(db, id);
            let mut bytes = db.get(&key).unwrap().unwrap().to_vec();
            bytes[1] ^= 0x40;
            db.insert(key, bytes).unwrap();
        });
        let opened = folder.open().await;
        let found = found(&opened).await;
        assert!(found.contains(&(FaultKind::Metadata, Mend::BringBack, Some(id))));
        let orphan = (FaultKind::Orphan, Mend::BringBack, Some(id));
        // Its head and its frozen head; the snapshot is named by a record of its own, which nobody reads without it.
        assert_eq!(
            found.iter().filter(|it| **it == orphan).count(),
            3,
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn name_of_two_workspaces_is_told_of_both() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let (one, two) = (opened.sandbox("one").await, opened.sandbox("two").await);
        let name = serde_json::to_value(opened.record(one).await.name).unwrap();
        folder.close(opened).await;
        folder.change_record(two, |record| record["name"] = name);
        let opened = folder.open().await;
        let found = found(&opened).await;
        for id in [one, two] {
            assert!(
                found.contains(&(FaultKind::Name, Mend::Rename, Some(id))),
                "{found:?}"
            );
        }
        // The index does not find the second by its new name yet.
        assert!(found.contains(&(FaultKind::Metadata, Mend::Repair, Some(two))));
    }
}

#[tokio::test]
async fn count_of_snapshots_that_is_wrong_is_told() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        rewrite(&opened, id, |record| record.snapshot_count = 5).await;
        assert_eq!(
            found(&opened).await,
            [(FaultKind::Count, Mend::Repair, Some(id))]
        );
    }
}

/// A check that runs all the while sees no fault in what others do.
#[tokio::test(flavor = "multi_thread")]
async fn store_under_work_has_no_fault() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let account = opened.account.clone();
                tokio::spawn(async move {
                    for round in 0..6 {
                        busy_round(&account, &format!("{worker}-{round}")).await;
                    }
                })
            })
            .collect();
        let mut checks = 0;
        while !workers.iter().all(|worker| worker.is_finished()) {
            assert_eq!(opened.manager.check().await.unwrap().faults, []);
            checks += 1;
        }
        for worker in workers {
            worker.await.unwrap();
        }
        assert!(checks > 1, "only {checks} checks ran");
        assert_eq!(found(&opened).await, []);
    }
}

async fn busy_round(account: &workdisk::Account, name: &str) {
    let new = workdisk::manager::CreateWorkspace::new(SANDBOX).with_name(name);
    let id = account.create(new).await.unwrap().id;
    write(account, id, name).await;
    let clone = account
        .clone_workspace(id, CloneWorkspace::of_head())
        .await
        .unwrap();
    account.create_snapshot(id, "s", Force::No).await.unwrap();
    account
        .set_name(id, &format!("{name}-renamed"))
        .await
        .unwrap();
    write(account, id, "more").await;
    account.restore(id, "s", Default::default()).await.unwrap();
    account.delete_snapshot(id, "s").await.unwrap();
    account.delete(id, Force::No).await.unwrap();
    account.set_template(clone.id, true).await.unwrap();
}

#[tokio::test]
async fn volume_that_cannot_be_looked_at_is_told() {
    let faults = workdisk_conformance::Faults::new();
    let volume = workdisk_memory::MemoryVolume::new().unwrap();
    let volume = workdisk_conformance::FaultyVolume::new(std::sync::Arc::new(volume), &faults);
    let metadata = workdisk_memory::MemoryMetadata::new();
    let opened = workdisk::WorkspaceManager::open(
        std::sync::Arc::new(metadata),
        std::sync::Arc::new(volume),
    );
    let manager = opened.await.unwrap();
    let account = manager.account("acme").unwrap();
    let new = workdisk::manager::CreateWorkspace::new(SANDBOX).with_name("w");
    let id = account.create(new).await.unwrap().id;
    // All but the listing, the first call.
    let first = faults.calls() + 2;
    for call in first..first + 8 {
        faults.fail_before(call, workdisk::BackendErrorKind::Unavailable);
    }
    let report = manager.check().await.unwrap();
    assert_eq!(
        said(&report.faults),
        [(FaultKind::Unread, Mend::CheckAgain, Some(id))]
    );
}

#[test]
fn advice_and_codes_of_mends_are_as_documented() {
    let all = [
        (Mend::Repair, "repair"),
        (Mend::Restore, "restore"),
        (Mend::DeleteSnapshot, "delete_snapshot"),
        (Mend::DeleteWorkspace, "delete_workspace"),
        (Mend::CloneThenDelete, "clone_then_delete"),
        (Mend::Rename, "rename"),
        (Mend::BringBack, "bring_back"),
        (Mend::Decide, "decide"),
        (Mend::CheckAgain, "check_again"),
    ];
    for (mend, code) in all {
        assert_eq!(serde_json::to_value(mend).unwrap(), code);
        assert!(!mend.to_string().is_empty());
    }
}
