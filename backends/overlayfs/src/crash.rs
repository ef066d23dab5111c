//! Tests that stop the store before every step of every change.

use std::path::Path;

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendErrorKind, Volume};
use workdisk_conformance::Skip;

use crate::faults::Fault;
use crate::store::names;
use crate::{OverlayOptions, OverlayVolume};

const WIDTH: usize = 2;

/// An active volume `a` with the file `first`, frozen as `f`, and the file `second`, not frozen yet.
struct Scene {
    folder: tempfile::TempDir,
    volume: OverlayVolume,
    a: VolumeId,
    f: VolumeId,
    fresh: VolumeId,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Create,
    Fork,
    Freeze,
    /// A freeze, and the merge that it makes due.
    Merge,
    RemoveActive,
    RemoveFrozen,
}

async fn open(folder: &Path, change: Change) -> OverlayVolume {
    let options = OverlayOptions::new(folder)
        .with_merge_width(WIDTH)
        .with_max_links(3);
    let options = match change {
        Change::Merge => options,
        _ => options.with_merges_at_once(),
    };
    OverlayVolume::open_with(options).await.unwrap()
}

async fn write(volume: &OverlayVolume, id: VolumeId, name: &str) {
    let path = volume.mount(id).await.unwrap();
    std::fs::write(path.join(name), name).unwrap();
    volume.unmount(id).await.unwrap();
}

async fn read(volume: &OverlayVolume, id: VolumeId) -> Vec<String> {
    let path = volume.mount(id).await.unwrap();
    let mut found: Vec<String> = std::fs::read_dir(&path)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    for name in &found {
        assert_eq!(&std::fs::read_to_string(path.join(name)).unwrap(), name);
    }
    volume.unmount(id).await.unwrap();
    found
}

impl Scene {
    async fn new(change: Change) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = open(folder.path(), change).await;
        let [a, f, fresh] = std::array::from_fn(|_| VolumeId::new());
        volume.create(a).await.unwrap();
        write(&volume, a, "first").await;
        volume.freeze(a, f).await.unwrap();
        write(&volume, a, "second").await;
        volume.reclaim().await.unwrap();
        Self {
            folder,
            volume,
            a,
            f,
            fresh,
        }
    }

    async fn change(&self, change: Change) -> Result<(), BackendErrorKind> {
        let volume = &self.volume;
        match change {
            Change::Create => volume.create(self.fresh).await,
            Change::Fork => volume.fork(self.f, self.fresh).await,
            Change::Freeze => volume.freeze(self.a, self.fresh).await,
            Change::Merge => match volume.freeze(self.a, self.fresh).await {
                Ok(()) => volume.reclaim().await,
                failed => failed,
            },
            Change::RemoveActive => volume.remove(self.a).await,
            Change::RemoveFrozen => volume.remove(self.f).await,
        }
        .map_err(|error| error.kind().clone())
    }

    /// Done or not done, every file there, and nothing left once all volumes are gone.
    async fn check(mut self, change: Change, must: Option<bool>) {
        let done = match change {
            Change::RemoveActive => self.volume.status(self.a).await.unwrap().is_none(),
            Change::RemoveFrozen => self.volume.status(self.f).await.unwrap().is_none(),
            _ => self.volume.status(self.fresh).await.unwrap().is_some(),
        };
        if let Some(must) = must {
            assert_eq!(done, must, "{change:?}");
        }
        for status in self.volume.list(None, 100).await.unwrap() {
            assert_eq!(self.volume.check(status.id).await.unwrap(), []);
            let expected: &[&str] = match (status.id, change) {
                (id, _) if id == self.a => &["first", "second"],
                (id, _) if id == self.f => &["first"],
                (_, Change::Create) => &[],
                (_, Change::Fork) => &["first"],
                _ => &["first", "second"],
            };
            let id = if status.kind == VolumeKind::Frozen {
                let fork = VolumeId::new();
                self.volume.fork(status.id, fork).await.unwrap();
                fork
            } else {
                status.id
            };
            assert_eq!(read(&self.volume, id).await, expected, "{change:?}");
        }
        for status in self.volume.list(None, 100).await.unwrap() {
            self.volume.remove(status.id).await.unwrap();
        }
        self.volume.reclaim().await.unwrap();
        self.assert_empty();
        drop(self.volume);
        self.volume = open(self.folder.path(), change).await;
        self.assert_empty();
    }

    fn assert_empty(&self) {
        let store = self.volume.store();
        for folder in [&store.layers, &store.staging, &store.trash] {
            assert_eq!(names(folder).unwrap(), [""; 0]);
        }
    }
}

/// Whether the host can run overlayfs; says why not.
pub(crate) fn host_can() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let probed = OverlayVolume::probe(folder.path());
    probed
        .map_err(|error| Skip::new(error.to_string()).announce())
        .is_ok()
}

async fn at_every_step(change: Change, fault: Fault) {
    at_every_step_of(change, fault, false).await;
}

/// As [`at_every_step`], where every move finds the disk full, if that is said.
async fn at_every_step_of(change: Change, fault: Fault, moves_find_it_full: bool) {
    if !host_can() {
        return;
    }
    for step in 0.. {
        let mut scene = Scene::new(change).await;
        let faults = &scene.volume.store().disk.faults;
        faults.plan(fault, step);
        if moves_find_it_full {
            faults.let_moves_find_it_full();
        }
        let answer = scene.change(change).await;
        if fault == Fault::Crash {
            // What the sweep of the trash would have done is cut off as well.
            drop(scene.volume.reclaim().await);
        }
        let hit = scene.volume.store().disk.faults.clear();
        drop(scene.volume);
        scene.volume = open(scene.folder.path(), change).await;
        let must = match (&answer, fault) {
            (Ok(()), _) => Some(true),
            (Err(_), Fault::Full) => Some(false),
            (Err(_), Fault::Crash) => None,
        };
        if fault == Fault::Full && answer.is_err() && !change.is_removal() {
            assert_eq!(answer, Err(BackendErrorKind::Full), "step {step}");
        }
        // A removal that met a full disk after its name was gone is done all the same, and so is a freeze whose merge did.
        let is_done_anyway = change.is_removal() || change == Change::Merge;
        let must = must.filter(|_| answer.is_ok() || !is_done_anyway);
        scene.check(change, must).await;
        if !hit {
            assert!(step > 3, "{change:?} took {step} steps only");
            return;
        }
    }
}

impl Change {
    fn is_removal(self) -> bool {
        matches!(self, Change::RemoveActive | Change::RemoveFrozen)
    }
}

macro_rules! crash_tests {
    ($($name:ident: $change:ident, $fault:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            at_every_step(Change::$change, Fault::$fault).await;
        }
    )*};
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_any_step_of_removal_in_place_leaves_it_done_or_not() {
    for change in [Change::RemoveActive, Change::RemoveFrozen] {
        at_every_step_of(change, Fault::Crash, true).await;
    }
}

/// A volume whose making had not been made durable was gone from memory, and taken for removed. The record that named it
/// was let go of, and on the disk it was there.
#[tokio::test(flavor = "multi_thread")]
async fn volume_is_not_taken_for_removed_once_the_disk_has_failed() {
    if !host_can() {
        return;
    }
    let scene = Scene::new(Change::RemoveFrozen).await;
    scene.volume.remove(VolumeId::new()).await.unwrap();
    scene.volume.store().disk.poison();
    let refused = scene.volume.remove(VolumeId::new()).await.unwrap_err();
    assert_eq!(*refused.kind(), BackendErrorKind::Unavailable);
}

/// Layers are removed in place only when nobody refers to them, however many there are.
#[tokio::test(flavor = "multi_thread")]
async fn removal_in_place_takes_a_chain_and_leaves_what_others_use() {
    if !host_can() {
        return;
    }
    let scene = Scene::new(Change::RemoveFrozen).await;
    let (volume, store) = (&scene.volume, scene.volume.store());
    volume.fork(scene.f, scene.fresh).await.unwrap();
    store.disk.faults.let_moves_find_it_full();
    volume.remove(scene.f).await.unwrap();
    volume.remove(scene.a).await.unwrap();
    volume.reclaim().await.unwrap();
    assert_eq!(read(volume, scene.fresh).await, ["first"]);
    volume.remove(scene.fresh).await.unwrap();
    volume.reclaim().await.unwrap();
    scene.assert_empty();
}

crash_tests! {
    crash_at_any_step_of_create_leaves_it_done_or_not: Create, Crash;
    crash_at_any_step_of_fork_leaves_it_done_or_not: Fork, Crash;
    crash_at_any_step_of_freeze_leaves_it_done_or_not: Freeze, Crash;
    crash_at_any_step_of_a_merge_beside_calls_leaves_it_done_or_not: Merge, Crash;
    crash_at_any_step_of_removing_an_active_volume_leaves_it_done_or_not: RemoveActive, Crash;
    crash_at_any_step_of_removing_a_frozen_volume_leaves_it_done_or_not: RemoveFrozen, Crash;
    full_disk_at_any_step_of_create_leaves_nothing: Create, Full;
    full_disk_at_any_step_of_fork_leaves_nothing: Fork, Full;
    full_disk_at_any_step_of_freeze_leaves_nothing: Freeze, Full;
    full_disk_at_any_step_of_a_merge_beside_calls_loses_nothing: Merge, Full;
    full_disk_at_any_step_of_removal_loses_nothing_else: RemoveActive, Full;
}
