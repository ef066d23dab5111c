//! What a volume shows stays the same across freezes, forks and merges, whatever was done in its sessions.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where it meets what it does not expect, and says why it is skipped"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat};
use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    Append(usize),
    Truncate(usize, u16),
    Remove(usize),
    RemoveTree(usize),
    Folder(usize),
    Rename(usize, usize),
    Link(usize, usize),
    Symlink(usize),
    Mode(usize, u32),
    Owner(usize),
    Attribute(usize, u8),
    Fifo(usize),
    Device(usize),
    /// Ends the session, freezes, and goes on with the volume or with a fork of it.
    Freeze(bool),
}

const NAMES: [&[u8]; 3] = [b"a", b"b c", b"\xff\n,:\\"];

/// A path of one to three names.
fn path(n: usize) -> PathBuf {
    let mut path = PathBuf::new();
    let mut rest = n;
    for _ in 0..=n % 3 {
        rest /= 3;
        path.push(OsStr::from_bytes(NAMES[rest % 3]));
    }
    path
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || 0..81_usize;
    let step = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Step::Write(at, byte)),
        2 => at().prop_map(Step::Append),
        1 => (at(), any::<u16>()).prop_map(|(at, size)| Step::Truncate(at, size)),
        2 => at().prop_map(Step::Remove),
        2 => at().prop_map(Step::RemoveTree),
        5 => at().prop_map(Step::Folder),
        6 => (at(), at()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (at(), at()).prop_map(|(from, to)| Step::Link(from, to)),
        1 => at().prop_map(Step::Symlink),
        1 => (at(), 0..0o7777_u32).prop_map(|(at, mode)| Step::Mode(at, mode)),
        1 => at().prop_map(Step::Owner),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Step::Attribute(at, byte)),
        1 => at().prop_map(Step::Fifo),
        1 => at().prop_map(Step::Device),
        8 => any::<bool>().prop_map(Step::Freeze),
    ];
    prop::collection::vec(step, 1..120)
}

/// Does a step in a folder; answers whether it could be done.
fn apply(root: &Path, step: &Step) -> bool {
    let at = |n: &usize| root.join(path(*n));
    match step {
        Step::Write(n, byte) => fs::write(at(n), [*byte; 100]).is_ok(),
        Step::Append(n) => {
            let file = fs::OpenOptions::new().append(true).open(at(n));
            file.is_ok_and(|mut file| std::io::Write::write_all(&mut file, b"more").is_ok())
        }
        Step::Truncate(n, size) => fs::OpenOptions::new()
            .write(true)
            .open(at(n))
            .is_ok_and(|file| file.set_len(u64::from(*size)).is_ok()),
        Step::Remove(n) => fs::remove_file(at(n)).is_ok() || fs::remove_dir(at(n)).is_ok(),
        Step::RemoveTree(n) => fs::remove_dir_all(at(n)).is_ok(),
        Step::Folder(n) => fs::create_dir(at(n)).is_ok(),
        Step::Rename(from, to) => fs::rename(at(from), at(to)).is_ok(),
        Step::Link(from, to) => fs::hard_link(at(from), at(to)).is_ok(),
        Step::Symlink(n) => symlink("/etc/target", at(n)).is_ok(),
        Step::Mode(n, mode) => fs::set_permissions(at(n), PermissionsExt::from_mode(*mode)).is_ok(),
        Step::Owner(n) => lchown(at(n), Some(1000), Some(1001)).is_ok(),
        Step::Attribute(n, byte) => {
            let flags = XattrFlags::empty();
            rustix::fs::lsetxattr(at(n), "user.x", &[*byte], flags).is_ok()
        }
        Step::Fifo(n) => mknodat(CWD, at(n), FileType::Fifo, Mode::RUSR, 0).is_ok(),
        Step::Device(n) => {
            let null = rustix::fs::makedev(1, 3);
            mknodat(CWD, at(n), FileType::CharacterDevice, Mode::RUSR, null).is_ok()
        }
        Step::Freeze(_) => true,
    }
}

/// Whether a step touches what overlayfs treats differently: a file of several names, which breaks at the first change,
/// and what a symbolic link or a device leads out to.
fn is_exception(oracle: &Path, step: &Step) -> bool {
    let special = |n: &usize| {
        fs::symlink_metadata(oracle.join(path(*n))).is_ok_and(|meta| {
            let kind = meta.file_type();
            !meta.is_dir() && (meta.nlink() > 1 || kind.is_symlink() || !kind.is_file())
        })
    };
    match step {
        Step::Write(n, _)
        | Step::Append(n)
        | Step::Truncate(n, _)
        | Step::Mode(n, _)
        | Step::Owner(n)
        | Step::Attribute(n, _) => special(n),
        Step::Rename(from, to) => special(from) && special(to),
        _ => false,
    }
}

type Manifest = BTreeMap<PathBuf, (u32, u32, u32, u64, Vec<u8>, Vec<u8>, (i64, i64))>;

/// Everything that a tree shows.
fn manifest(root: &Path) -> Manifest {
    let mut found = Manifest::new();
    let mut pending = vec![root.to_owned()];
    while let Some(at) = pending.pop() {
        let meta = fs::symlink_metadata(&at).unwrap();
        let kind = meta.file_type();
        let content = if kind.is_file() {
            fs::read(&at).unwrap()
        } else if kind.is_symlink() {
            fs::read_link(&at).unwrap().as_os_str().as_bytes().to_vec()
        } else {
            vec![u8::from(kind.is_fifo())]
        };
        let mut value = [0; 16];
        let length = rustix::fs::lgetxattr(&at, "user.x", &mut value[..]).unwrap_or(0);
        let entry = (
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.rdev(),
            content,
            value[..length].to_vec(),
            (meta.mtime(), meta.mtime_nsec()),
        );
        if kind.is_dir() {
            pending.extend(fs::read_dir(&at).unwrap().map(|it| it.unwrap().path()));
        }
        found.insert(at.strip_prefix(root).unwrap().to_owned(), entry);
    }
    found
}

fn without_times(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    for entry in manifest.values_mut() {
        entry.6 = (0, 0);
    }
    manifest
}

async fn run(steps: &[Step], width: usize) {
    let folder = tempfile::tempdir().unwrap();
    let oracle = tempfile::tempdir().unwrap();
    let oracle = oracle.path();
    fs::set_permissions(oracle, PermissionsExt::from_mode(0o755)).unwrap();
    chown(oracle, None, None).unwrap();
    let options = OverlayOptions::new(folder.path()).with_merge_width(width);
    let volumes = OverlayVolume::open_with(options).await.unwrap();
    let mut id = VolumeId::new();
    volumes.create(id).await.unwrap();
    let mut root = volumes.mount(id).await.unwrap();
    let mut kept: Vec<(VolumeId, Manifest)> = Vec::new();
    for step in steps {
        let Step::Freeze(fork) = step else {
            if !is_exception(oracle, step) {
                assert_eq!(apply(&root, step), apply(oracle, step), "{step:?}");
            }
            continue;
        };
        let before = manifest(&root);
        assert_eq!(without_times(&before), without_times(&manifest(oracle)));
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
    let Err(error) = OverlayVolume::probe(folder.path()) else {
        return true;
    };
    let required = std::env::var_os("WORKDISK_REQUIRE_OVERLAYFS").is_some_and(|it| it == "1");
    assert!(!required, "{error}");
    println!("skipped: {error}");
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn volume_shows_what_a_plain_folder_would(steps in steps(), width in 2..4_usize) {
        if host_can() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&steps, width));
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
    let options = OverlayOptions::new(folder.path()).with_merge_width(2);
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
    let moved: Vec<&PathBuf> = seen
        .keys()
        .filter(|path| path.ends_with("in/old"))
        .collect();
    assert_eq!(moved, [Path::new("replaced/last/in/old")]);
}
