//! What a volume shows stays the same across freezes, forks and merges, whatever was done in its sessions.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[path = "../../../tests/tree/mod.rs"]
mod tree;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use proptest::prelude::*;
use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk_conformance::Skip;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

use self::tree::{Edit, Manifest, apply, contents, edit, is_exception, manifest};

#[derive(Clone, Debug)]
enum Step {
    Edit(Edit),
    /// Ends the session, freezes, and goes on with the volume or with a fork of it.
    Freeze(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        30 => edit().prop_map(Step::Edit),
        8 => any::<bool>().prop_map(Step::Freeze),
    ];
    prop::collection::vec(step, 1..120)
}

/// As many names as a file may have, so that merges have to copy all files, some or none.
const LINKS: [u64; 3] = [1, 2, u64::MAX];

async fn run(steps: &[Step], width: usize, links: u64, at_once: bool) {
    let folder = tempfile::tempdir().unwrap();
    let oracle = tempfile::tempdir().unwrap();
    let oracle = oracle.path();
    fs::set_permissions(oracle, PermissionsExt::from_mode(0o755)).unwrap();
    chown(oracle, None, None).unwrap();
    let options = OverlayOptions::new(folder.path())
        .with_merge_width(width)
        .with_max_links(links);
    let options = if at_once {
        options.with_merges_at_once()
    } else {
        options
    };
    let volumes = OverlayVolume::open_with(options).await.unwrap();
    let mut id = VolumeId::new();
    volumes.create(id).await.unwrap();
    let mut root = volumes.mount(id).await.unwrap();
    let mut kept: Vec<(VolumeId, Manifest)> = Vec::new();
    for step in steps {
        let fork = match step {
            Step::Freeze(fork) => fork,
            Step::Edit(edit) => {
                if !is_exception(oracle, edit) {
                    assert_eq!(apply(&root, edit), apply(oracle, edit), "{edit:?}");
                }
                continue;
            }
        };
        let before = manifest(&root);
        assert_eq!(contents(&before), contents(&manifest(oracle)));
        volumes.unmount(id).await.unwrap();
        let frozen = VolumeId::new();
        volumes.freeze(id, frozen).await.unwrap();
        if *fork {
            volumes.remove(id).await.unwrap();
            id = VolumeId::new();
            volumes.fork(frozen, id).await.unwrap();
        }
        root = volumes.mount(id).await.unwrap();
        assert_eq!(manifest(&root), before, "after the freeze");
        kept.push((frozen, before));
    }
    volumes.unmount(id).await.unwrap();
    volumes.reclaim().await.unwrap();
    for (frozen, before) in kept {
        let fork = VolumeId::new();
        volumes.fork(frozen, fork).await.unwrap();
        let root = volumes.mount(fork).await.unwrap();
        assert_eq!(manifest(&root), before, "of an older snapshot");
        volumes.unmount(fork).await.unwrap();
    }
}

/// Whether the host can run overlayfs; says why not.
fn host_can() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let probed = OverlayVolume::probe(folder.path());
    probed
        .map_err(|error| Skip::new(error.to_string()).announce())
        .is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn volume_shows_what_a_plain_folder_would(
        steps in steps(),
        width in 2..4_usize,
        links in prop::sample::select(&LINKS[..]),
        at_once in any::<bool>(),
    ) {
        if host_can() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&steps, width, links, at_once));
        }
    }
}

#[tokio::test]
async fn six_hundred_snapshots_in_a_row_can_be_mounted() {
    if !host_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let volumes = OverlayVolume::open(folder.path()).await.unwrap();
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    for n in 0..600 {
        let path = volumes.mount(id).await.unwrap();
        fs::write(path.join(n.to_string()), n.to_string()).unwrap();
        volumes.unmount(id).await.unwrap();
        volumes.freeze(id, VolumeId::new()).await.unwrap();
    }
    let path = volumes.mount(id).await.unwrap();
    for n in 0..600 {
        let text = fs::read_to_string(path.join(n.to_string())).unwrap();
        assert_eq!(text, n.to_string());
    }
    volumes.unmount(id).await.unwrap();
}

/// Random steps seldom merge above layers that stay, so this builds such a chain: with a width of 2 the first four
/// snapshots become one layer of level 2, and the next two are merged above it.
#[tokio::test]
async fn merge_above_layers_that_stay_keeps_replaced_hidden_and_renamed_folders() {
    if !host_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = OverlayOptions::new(folder.path())
        .with_merge_width(2)
        .with_merges_at_once();
    let volumes = OverlayVolume::open_with(options).await.unwrap();
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    let mut seen = Manifest::new();
    for round in 0..6 {
        let root = volumes.mount(id).await.unwrap();
        match round {
            0 => {
                for name in ["replaced", "hidden", "renamed/inner", "outer/moved"] {
                    fs::create_dir_all(root.join(name)).unwrap();
                    fs::write(root.join(name).join("old"), name).unwrap();
                }
                fs::write(root.join("renamed/gone"), "gone").unwrap();
            }
            4 => {
                fs::remove_dir_all(root.join("replaced")).unwrap();
                fs::create_dir(root.join("replaced")).unwrap();
                fs::remove_dir_all(root.join("hidden")).unwrap();
                fs::rename(root.join("renamed"), root.join("again")).unwrap();
                fs::rename(root.join("outer/moved"), root.join("replaced/moved")).unwrap();
            }
            5 => {
                fs::rename(root.join("again"), root.join("replaced/last")).unwrap();
                fs::rename(
                    root.join("replaced/last/inner"),
                    root.join("replaced/last/in"),
                )
                .unwrap();
                fs::remove_file(root.join("replaced/last/gone")).unwrap();
            }
            _ => fs::write(root.join(round.to_string()), "round").unwrap(),
        }
        seen = manifest(&root);
        volumes.unmount(id).await.unwrap();
        volumes.freeze(id, VolumeId::new()).await.unwrap();
    }
    let recipe = volumes.recipe(id).await.unwrap();
    let lowers = recipe.options.iter().filter(|(key, _)| key == "lowerdir+");
    assert_eq!(lowers.count(), 2, "one merged layer above one that stays");
    let root = volumes.mount(id).await.unwrap();
    assert_eq!(manifest(&root), seen);
    volumes.unmount(id).await.unwrap();
    let moved: Vec<&Path> = seen
        .keys()
        .map(Path::new)
        .filter(|path| path.ends_with("in/old"))
        .collect();
    assert_eq!(moved, [Path::new("replaced/last/in/old")]);
}
