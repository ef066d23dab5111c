//! A metadata store that is lost, emptied, old or another's: nothing is deleted, and the records are made again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Fault, FaultKind, Force, ListWorkspaces, Mend, RebuildReport,
    StartSession,
};
use workdisk::model::{Snapshot, Source, Status, VolumeId, WorkspaceId};
use workdisk::{Account, Error, Metadata, Volume, WorkspaceManager};
use workdisk_memory::{MemoryMetadata, MemoryVolume};

use crate::folder::{Folder, Opened};
use crate::support::machine::Machine;
use crate::support::steps::{Break, SteppedMetadata, Steps};
use crate::support::{SANDBOX, code, read, write};
use crate::tree::{contents, manifest};

type Said = (FaultKind, Mend, Option<WorkspaceId>);

fn said(faults: &[Fault]) -> Vec<Said> {
    let of = |fault: &Fault| (fault.kind, fault.mend, fault.workspace);
    faults.iter().map(of).collect()
}

/// What must come back of a workspace.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    name: Option<String>,
    image: Option<String>,
    template: bool,
    source: Option<Source>,
    created_at: String,
    base: Option<String>,
    snapshots: Vec<Snapshot>,
    files: String,
}

async fn kept(account: &Account) -> BTreeMap<WorkspaceId, Kept> {
    let mut all = BTreeMap::new();
    let page = account.list(ListWorkspaces::default()).await.unwrap();
    for workspace in page.workspaces {
        assert_eq!(workspace.status, Status::Ready, "{workspace:?}");
        let kept = Kept {
            name: workspace.name,
            image: workspace.image,
            template: workspace.template,
            source: workspace.source,
            created_at: workspace.created_at.to_string(),
            base: workspace.persistence.base_snapshot.map(|id| id.to_string()),
            snapshots: account.snapshots(workspace.id).await.unwrap(),
            files: read(account, workspace.id).await,
        };
        all.insert(workspace.id, kept);
    }
    all
}

/// Workspaces with all that a label tells, and one of another account.
async fn furnish(manager: &WorkspaceManager) {
    let account = manager.account("acme").unwrap();
    let new = CreateWorkspace::new(SANDBOX).with_name("base");
    let new = new.with_image("ubuntu:24.04").with_template(true);
    let base = account.create(new).await.unwrap().id;
    for text in ["one", "two"] {
        write(&account, base, text).await;
        account
            .create_snapshot(base, text, Force::No)
            .await
            .unwrap();
    }
    write(&account, base, "three").await;
    let of_snapshot = CloneWorkspace::of_snapshot("one").with_name("first");
    account.clone_workspace(base, of_snapshot).await.unwrap();
    let of_head = CloneWorkspace::of_head().with_name("second");
    account.clone_workspace(base, of_head).await.unwrap();
    account
        .restore(base, "one", Default::default())
        .await
        .unwrap();
    account.set_name("second", "renamed").await.unwrap();
    account.clear_name("first").await.unwrap();
    let other = manager.account("other").unwrap();
    let new = CreateWorkspace::new(SANDBOX).with_name("base");
    let theirs = other.create(new).await.unwrap().id;
    write(&other, theirs, "theirs").await;
}

async fn everything(manager: &WorkspaceManager) -> [BTreeMap<WorkspaceId, Kept>; 2] {
    [
        kept(&manager.account("acme").unwrap()).await,
        kept(&manager.account("other").unwrap()).await,
    ]
}

async fn rebuild(folder: &Folder) -> Result<RebuildReport, Error> {
    let metadata = folder.metadata().await.unwrap();
    let volume = folder.volumes().await.unwrap();
    WorkspaceManager::builder(metadata, volume).rebuild().await
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// What becomes of the metadata behind the volumes' back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    Deleted,
    Emptied,
    OlderCopy,
    Another,
}

#[tokio::test]
async fn lost_metadata_is_refused_and_then_made_again_with_everything_in_it() {
    for loss in [Loss::Deleted, Loss::Emptied, Loss::OlderCopy, Loss::Another] {
        for folder in Folder::each().await {
            let opened = folder.open().await;
            furnish(&opened.manager).await;
            folder.close(opened).await;
            copy(&folder.path("metadata"), &folder.path("copy"));
            let opened = folder.open().await;
            opened.sandbox("later").await;
            let before = everything(&opened.manager).await;
            opened.manager.reclaim().await.unwrap();
            folder.close(opened).await;
            lose(&folder, loss).await;

            let volumes = ["active", "frozen"].map(|kind| files_of(&folder, kind));
            let refused = open(&folder).await.unwrap_err();
            assert_eq!(refused.code().as_str(), "storage_corrupt", "{loss:?}");
            for _ in 0..3 {
                // Each refusal was counted as an opening, so that an older copy caught up with the volumes.
                assert_eq!(code(open(&folder).await), "storage_corrupt", "{loss:?}");
            }
            assert!(refused.to_string().contains("rebuild"), "{refused}");
            let now = ["active", "frozen"].map(|kind| files_of(&folder, kind));
            assert!(now == volumes, "{loss:?}: something was touched");

            if [Loss::OlderCopy, Loss::Another].contains(&loss) {
                let refused = rebuild(&folder).await.unwrap_err();
                assert_eq!(refused.code().as_str(), "invalid_request");
                std::fs::rename(folder.path("metadata"), folder.path("aside")).unwrap();
            }
            let report = rebuild(&folder).await.unwrap();
            assert_eq!(
                (report.workspaces.len(), report.snapshots),
                (5, 2),
                "{loss:?}"
            );
            assert_eq!(report.notes, []);
            let opened = folder.open().await;
            assert_eq!(opened.manager.check().await.unwrap().faults, []);
            assert_eq!(everything(&opened.manager).await, before, "{loss:?}");
            // All calls go on, and the frozen heads of before are gone.
            let clone = opened
                .account
                .clone_workspace("base", CloneWorkspace::of_head())
                .await;
            assert_eq!(read(&opened.account, clone.unwrap().id).await, "one");
            assert!(opened.manager.check().await.unwrap().is_clean());
        }
    }
}

/// The volumes of a kind, with their files as far as they lie there.
fn files_of(folder: &Folder, kind: &str) -> impl PartialEq {
    contents(&manifest(&folder.path("volumes").join(kind)))
}

async fn lose(folder: &Folder, loss: Loss) {
    let metadata = folder.path("metadata");
    std::fs::remove_dir_all(&metadata).unwrap();
    match loss {
        Loss::Deleted => {}
        Loss::Emptied => std::fs::create_dir(metadata).unwrap(),
        Loss::OlderCopy => copy(&folder.path("copy"), &metadata),
        Loss::Another => {
            let other = MemoryVolume::new().unwrap();
            let store = folder.metadata().await.unwrap();
            let manager = WorkspaceManager::open(store, Arc::new(other))
                .await
                .unwrap();
            let account = manager.account("acme").unwrap();
            let new = CreateWorkspace::new(SANDBOX).with_name("of another");
            account.create(new).await.unwrap();
        }
    }
}

async fn open(folder: &Folder) -> Result<WorkspaceManager, Error> {
    let metadata = folder.metadata().await.unwrap();
    let volume = folder.volumes().await.unwrap();
    WorkspaceManager::open(metadata, volume).await
}

/// Stores in memory, whose metadata is then lost.
struct Memory {
    volume: Arc<dyn Volume>,
}

impl Memory {
    async fn new() -> (Self, Opened) {
        let volume: Arc<dyn Volume> = Arc::new(MemoryVolume::new().unwrap());
        let metadata: Arc<dyn Metadata> = Arc::new(MemoryMetadata::new());
        let memory = Self { volume };
        let opened = memory.open(metadata).await;
        (memory, opened)
    }

    async fn open(&self, metadata: Arc<dyn Metadata>) -> Opened {
        let manager = WorkspaceManager::open(metadata.clone(), self.volume.clone()).await;
        let manager = manager.unwrap();
        Opened {
            account: manager.account("acme").unwrap(),
            manager,
            metadata,
            volume: self.volume.clone(),
        }
    }

    /// Rebuilds in a new store, and opens it.
    async fn rebuild(&self) -> (RebuildReport, Opened) {
        let metadata: Arc<dyn Metadata> = Arc::new(MemoryMetadata::new());
        let builder = WorkspaceManager::builder(metadata.clone(), self.volume.clone());
        let report = builder.rebuild().await.unwrap();
        (report, self.open(metadata).await)
    }
}

#[tokio::test]
async fn records_are_made_again_in_memory() {
    let (memory, opened) = Memory::new().await;
    furnish(&opened.manager).await;
    let before = everything(&opened.manager).await;
    let (report, opened) = memory.rebuild().await;
    assert_eq!(report.notes, []);
    assert_eq!(everything(&opened.manager).await, before);
    assert!(opened.manager.check().await.unwrap().is_clean());
}

#[tokio::test]
async fn sessions_end_with_the_records_and_no_revision_or_epoch_comes_back() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    let start = StartSession::default;
    let session = opened
        .account
        .start_session(id, SANDBOX, start())
        .await
        .unwrap();
    std::fs::write(session.path().join("file"), "written").unwrap();
    let (epoch, before) = (session.epoch(), opened.record(id).await);
    let _ = session.detach();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(report.notes, []);
    let workspace = opened.account.get(id).await.unwrap();
    assert_eq!(workspace.status, Status::Ready);
    assert!(workspace.revision > before.revision);
    let session = opened
        .account
        .start_session(id, SANDBOX, start())
        .await
        .unwrap();
    assert!(session.epoch() > epoch);
    session.end().await.unwrap();
    assert_eq!(read(&opened.account, id).await, "written");
}

/// What a rename did could not be noted beside the first, and a later one took the name.
#[tokio::test]
async fn of_two_that_claim_a_name_the_one_labelled_last_keeps_it() {
    let (memory, opened) = Memory::new().await;
    let old = opened.sandbox("w").await;
    let head = opened.record(old).await.head;
    let label = memory.volume.label(head).await.unwrap().unwrap();
    opened.account.clear_name(old).await.unwrap();
    let new = opened.sandbox("W").await;
    memory.volume.set_label(head, &label).await.unwrap();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(
        said(&report.notes),
        [(FaultKind::Name, Mend::Rename, Some(old))]
    );
    assert_eq!(opened.account.get("w").await.unwrap().id, new);
    assert_eq!(opened.account.get(old).await.unwrap().name, None);
    assert!(
        opened.manager.check().await.unwrap().is_clean(),
        "the label says so too"
    );
}

#[tokio::test]
async fn disk_that_was_replaced_becomes_a_workspace_of_its_own() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    write(&opened.account, id, "old").await;
    opened
        .account
        .create_snapshot(id, "s", Force::No)
        .await
        .unwrap();
    let old = opened.record(id).await.head;
    // As a crash leaves it between the commit of a restore and the removal of what it replaced.
    let frozen = opened.snapshot_volumes(id).await[0];
    let new = VolumeId::new();
    memory.volume.fork(frozen, new).await.unwrap();
    let label = memory.volume.label(old).await.unwrap().unwrap();
    let mut label: serde_json::Value = serde_json::from_str(&label).unwrap();
    label["written_at"] = "9000-01-01T00:00:00.000000Z".into();
    memory
        .volume
        .set_label(new, &label.to_string())
        .await
        .unwrap();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(report.workspaces.len(), 2);
    assert_eq!(opened.record(id).await.head, new);
    let own = *report.workspaces.iter().find(|it| **it != id).unwrap();
    assert_eq!(
        said(&report.notes),
        [(FaultKind::Head, Mend::Decide, Some(own))]
    );
    let record = opened.record(own).await;
    assert_eq!((record.head, record.name), (old, None));
    assert_eq!(read(&opened.account, own).await, "old");
    assert!(opened.manager.check().await.unwrap().is_clean());
}

#[tokio::test]
async fn workspace_without_its_disk_is_failed_and_can_be_restored() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    write(&opened.account, id, "kept").await;
    opened
        .account
        .create_snapshot(id, "s", Force::No)
        .await
        .unwrap();
    memory
        .volume
        .remove(opened.record(id).await.head)
        .await
        .unwrap();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(
        said(&report.notes),
        [(FaultKind::Head, Mend::Restore, Some(id))]
    );
    assert_eq!(opened.account.get(id).await.unwrap().status, Status::Failed);
    opened
        .account
        .restore(id, "s", Default::default())
        .await
        .unwrap();
    assert_eq!(read(&opened.account, id).await, "kept");
    assert!(opened.manager.check().await.unwrap().is_clean());
}

#[tokio::test]
async fn what_clones_started_from_becomes_a_snapshot_where_the_disk_is_lost() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    write(&opened.account, id, "kept").await;
    let clone = opened
        .account
        .clone_workspace(id, CloneWorkspace::of_head());
    clone.await.unwrap();
    memory
        .volume
        .remove(opened.record(id).await.head)
        .await
        .unwrap();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(
        said(&report.notes),
        [(FaultKind::Head, Mend::Restore, Some(id))]
    );
    let snapshots = opened.account.snapshots(id).await.unwrap();
    assert_eq!(snapshots.len(), 1);
    let restored = opened
        .account
        .restore(id, snapshots[0].id, Default::default());
    restored.await.unwrap();
    assert_eq!(read(&opened.account, id).await, "kept");
}

#[tokio::test]
async fn volumes_that_say_nothing_are_kept_and_told() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    let [silent, damaged, misplaced] = std::array::from_fn(|_| VolumeId::new());
    for volume in [silent, damaged, misplaced] {
        memory.volume.create(volume).await.unwrap();
    }
    opened
        .account
        .create_snapshot(id, "s", Force::No)
        .await
        .unwrap();
    let frozen = opened.snapshot_volumes(id).await[0];
    let label = memory.volume.label(frozen).await.unwrap().unwrap();
    memory.volume.set_label(misplaced, &label).await.unwrap();
    memory
        .volume
        .set_label(damaged, "{\"workdisk\":2}")
        .await
        .unwrap();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(report.workspaces, [id]);
    assert_eq!(
        said(&report.notes),
        [(FaultKind::Orphan, Mend::Decide, None); 3]
    );
    for volume in [silent, damaged, misplaced] {
        assert!(memory.volume.status(volume).await.unwrap().is_some());
        assert!(report.notes.iter().any(|note| note.volume == Some(volume)));
    }
    let faults = opened.manager.check().await.unwrap().faults;
    assert!(faults.iter().all(|it| it.kind == FaultKind::Orphan) && faults.len() == 3);
}

/// What a snapshot that was undone left has the place and the name of the one after it.
#[tokio::test]
async fn snapshots_that_claim_one_place_and_one_name_are_both_kept() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    write(&opened.account, id, "one").await;
    let taken = opened
        .account
        .create_snapshot(id, "s", Force::No)
        .await
        .unwrap();
    let volume = opened.snapshot_volumes(id).await[0];
    let label = memory.volume.label(volume).await.unwrap().unwrap();
    let undone = VolumeId::new();
    memory
        .volume
        .freeze(opened.record(id).await.head, undone)
        .await
        .unwrap();
    let other = workdisk::model::SnapshotId::new().to_string();
    let label = label.replace(&taken.id.to_string(), &other);
    memory.volume.set_label(undone, &label).await.unwrap();
    let (report, opened) = memory.rebuild().await;
    assert_eq!(
        said(&report.notes),
        [(FaultKind::Name, Mend::Decide, Some(id))]
    );
    let snapshots = opened.account.snapshots(id).await.unwrap();
    let names: Vec<_> = snapshots.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["rebuilt 1", "s"]);
    assert!(opened.manager.check().await.unwrap().is_clean());
}

#[tokio::test]
async fn store_that_holds_anything_is_refused_and_left_as_it_is() {
    let (memory, opened) = Memory::new().await;
    let id = opened.sandbox("w").await;
    opened.account.set_name(id, "new").await.unwrap();
    let before = opened.record(id).await;
    let builder = WorkspaceManager::builder(opened.metadata.clone(), memory.volume.clone());
    assert_eq!(code(builder.rebuild().await), "invalid_request");
    assert_eq!(opened.record(id).await, before);
    opened.sandbox("goes on").await;
}

/// Each attempt breaks off one change later than the one before, until one is whole.
#[tokio::test]
async fn rebuild_that_is_broken_off_is_completed_by_the_next() {
    for kind in [Break::Before as fn(usize) -> Break, Break::After] {
        let (memory, opened) = Memory::new().await;
        furnish(&opened.manager).await;
        let before = everything(&opened.manager).await;
        let metadata: Arc<dyn Metadata> = Arc::new(MemoryMetadata::new());
        let mut broken_off = 0;
        loop {
            let steps = Steps::default();
            steps.break_at(kind(2));
            let stepped = SteppedMetadata::new(metadata.clone(), steps.clone());
            let builder = WorkspaceManager::builder(Arc::new(stepped), memory.volume.clone());
            let rebuilt = builder.with_host(Arc::new(Machine::new())).rebuild().await;
            if !steps.has_broken() {
                rebuilt.unwrap();
                break;
            }
            assert_eq!(code(rebuilt), "storage_unavailable");
            broken_off += 1;
            let half = WorkspaceManager::open(metadata.clone(), memory.volume.clone()).await;
            assert_eq!(
                code(half),
                "storage_corrupt",
                "half of the records is not opened"
            );
        }
        assert!(broken_off > 3, "{broken_off}");
        let opened = memory.open(metadata).await;
        assert_eq!(everything(&opened.manager).await, before);
    }
}
