//! What a repair mends, and what it leaves to a person.

use workdisk::manager::{CloneWorkspace, FaultKind, Force, Mend, RepairReport, StartSession};
use workdisk::model::{Status, VolumeId};

use crate::folder::{Folder, Opened, furnish, rewrite, said};
use crate::support::steps::Break;
use crate::support::{Bench, OK, SANDBOX, code, read};

/// Repairs, and asks that a second repair finds nothing to do.
async fn repair(opened: &Opened) -> RepairReport {
    let report = opened.manager.repair().await.unwrap();
    let again = opened.manager.repair().await.unwrap();
    assert_eq!((&again.mended, &again.left), (&Vec::new(), &report.left));
    assert!(again.recovered.is_empty());
    report
}

#[tokio::test]
async fn sound_store_is_left_as_it_is() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let before = opened.record(id).await;
        assert_eq!(repair(&opened).await, RepairReport::default());
        assert_eq!(opened.record(id).await, before);
    }
}

#[tokio::test]
async fn indexes_are_made_to_agree_with_the_records() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        folder.close(opened).await;
        folder.by_hand(|db| {
            for key in db.scan_prefix(b"n").keys().map(Result::unwrap) {
                db.remove(key).unwrap();
            }
        });
        let opened = folder.open().await;
        assert_eq!(code(opened.account.get("w").await), "workspace_not_found");
        let report = repair(&opened).await;
        let mended = (FaultKind::Metadata, Mend::Repair, Some(id));
        assert!(said(&report.mended).contains(&mended), "{report:?}");
        assert_eq!(report.left, []);
        assert_eq!(opened.account.get("w").await.unwrap().id, id);
    }
}

#[tokio::test]
async fn frozen_head_that_is_lost_is_let_go_of_and_clones_go_on() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let frozen = opened.record(id).await.frozen_head.unwrap();
        opened.volume.remove(frozen).await.unwrap();
        let clone = || {
            opened
                .account
                .clone_workspace(id, CloneWorkspace::of_head())
        };
        assert_eq!(code(clone().await), "storage_corrupt");
        let report = repair(&opened).await;
        assert_eq!(
            said(&report.mended),
            [(FaultKind::FrozenHead, Mend::Repair, Some(id))]
        );
        assert_eq!(report.left, []);
        let cloned = clone().await.unwrap();
        assert_eq!(read(&opened.account, cloned.id).await, "two");
    }
}

#[tokio::test]
async fn what_nobody_can_miss_is_removed_and_all_else_stays() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let frozen = opened.record(id).await.frozen_head.unwrap();
        rewrite(&opened, id, |record| record.frozen_head = None).await;
        let (nobodys, disk) = (VolumeId::new(), VolumeId::new());
        opened.volume.create(nobodys).await.unwrap();
        opened.volume.create(disk).await.unwrap();
        let label = opened.volume.label(opened.record(id).await.head).await;
        let label = label.unwrap().unwrap();
        opened.volume.set_label(disk, &label).await.unwrap();
        let report = repair(&opened).await;
        assert_eq!(
            said(&report.mended),
            [(FaultKind::Orphan, Mend::Repair, Some(id))]
        );
        assert!(report.left.iter().all(|it| it.mend == Mend::Decide));
        assert_eq!(report.left.len(), 2);
        let there = async |volume| opened.volume.status(volume).await.unwrap().is_some();
        assert!(!there(frozen).await && there(nobodys).await && there(disk).await);
    }
}

#[tokio::test]
async fn labels_are_written_anew() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        let record = opened.record(id).await;
        let volumes = [
            record.head,
            record.frozen_head.unwrap(),
            opened.snapshot_volumes(id).await[0],
        ];
        let mut before = Vec::new();
        for volume in volumes {
            before.push(opened.volume.label(volume).await.unwrap().unwrap());
            opened.volume.set_label(volume, "damaged").await.unwrap();
        }
        let report = repair(&opened).await;
        assert_eq!(
            said(&report.mended),
            [(FaultKind::Label, Mend::Repair, Some(id)); 3]
        );
        assert_eq!(report.left, []);
        for (volume, before) in volumes.into_iter().zip(before) {
            let now = opened.volume.label(volume).await.unwrap().unwrap();
            let [before, now] = [before, now].map(|text| {
                let mut label: serde_json::Value = serde_json::from_str(&text).unwrap();
                label["written_at"].take();
                label
            });
            assert_eq!(now, before);
        }
    }
}

#[tokio::test]
async fn count_of_snapshots_is_mended() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        rewrite(&opened, id, |record| record.snapshot_count = 5).await;
        let report = repair(&opened).await;
        assert_eq!(
            said(&report.mended),
            [(FaultKind::Count, Mend::Repair, Some(id))]
        );
        assert_eq!(report.left, []);
        let workspace = opened.account.get(id).await.unwrap();
        assert_eq!(workspace.persistence.snapshot_count, 1);
    }
}

#[tokio::test]
async fn workspace_whose_disk_is_lost_is_marked_and_a_restore_is_its_way_out() {
    for folder in Folder::each().await {
        let opened = folder.open().await;
        let id = furnish(&opened).await;
        opened
            .volume
            .remove(opened.record(id).await.head)
            .await
            .unwrap();
        let report = repair(&opened).await;
        assert_eq!(report.mended, []);
        let left = [FaultKind::Head, FaultKind::Failed];
        let left = left.map(|kind| (kind, Mend::Restore, Some(id)));
        assert_eq!(said(&report.left), left);
        let marked = opened.account.get(id).await.unwrap();
        assert_eq!(marked.status, Status::Failed);
        assert_eq!(marked.failure.unwrap().code.as_str(), "storage_corrupt");
        let restored = opened.account.restore(id, "s", Default::default()).await;
        assert_eq!(restored.unwrap().status, Status::Ready);
        assert_eq!(read(&opened.account, id).await, "one");
        assert!(opened.manager.check().await.unwrap().is_clean());
    }
}

#[tokio::test]
async fn what_dead_processes_left_is_settled() {
    let mut bench = Bench::new().await;
    let one = bench.sandbox("one").await.id;
    let two = bench.sandbox("two").await.id;
    bench.steps.break_at(Break::Before(3));
    let failed = bench.account.create_snapshot(one, "s", Force::No).await;
    assert_ne!(code(failed), OK);
    bench.steps.heal();
    let session = bench
        .account
        .start_session(two, SANDBOX, StartSession::default());
    let session = session.await.unwrap();
    let _ = session.detach();
    bench.machine = bench.machine.next_process();
    let manager = workdisk::WorkspaceManager::builder(bench.metadata.clone(), bench.volume.clone())
        .with_host(std::sync::Arc::new(bench.machine.clone()))
        .with_adopted_volumes();
    let manager = manager.open().await.unwrap();
    let report = manager.repair().await.unwrap();
    let mended = [
        (FaultKind::Operation, Mend::Repair, Some(one)),
        (FaultKind::Session, Mend::Repair, Some(two)),
    ];
    assert_eq!(said(&report.mended), mended);
    assert_eq!(report.left, []);
    assert_eq!(report.recovered.finished, [one]);
    assert_eq!(report.recovered.sessions_ended, [two]);
}

#[tokio::test]
async fn account_repairs_what_is_its_own() {
    let bench = Bench::new().await;
    let mine = bench.sandbox("mine").await.id;
    let new = workdisk::manager::CreateWorkspace::new(SANDBOX).with_name("theirs");
    let theirs = bench.stranger().create(new).await.unwrap().id;
    for (account, id) in [(bench.account.clone(), mine), (bench.stranger(), theirs)] {
        let record = bench.metadata.workspace(account.id(), id).await.unwrap();
        let head = record.unwrap().head;
        bench.volume.set_label(head, "damaged").await.unwrap();
    }
    let report = bench.account.repair().await.unwrap();
    let label = |id| (FaultKind::Label, Mend::Repair, Some(id));
    assert_eq!(
        (said(&report.mended), report.left),
        (vec![label(mine)], vec![])
    );
    let report = bench.manager.check().await.unwrap();
    assert_eq!(said(&report.faults), [label(theirs)]);
}
