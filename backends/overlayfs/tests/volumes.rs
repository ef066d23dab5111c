//! What is particular to overlayfs: holders, copies of the folder, chains, and what a snapshot keeps.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use workdisk::model::VolumeId;
use workdisk::volume::MountRecipe;
use workdisk::{BackendErrorKind, Volume};
use workdisk_conformance::Skip;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume, mount_recipe};

/// Volumes in a folder of their own, or `None`, saying why, if the host cannot run them.
async fn volumes() -> Option<(tempfile::TempDir, OverlayVolume)> {
    volumes_in("").await
}

async fn volumes_in(name: &str) -> Option<(tempfile::TempDir, OverlayVolume)> {
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = OverlayVolume::probe(folder.path()) {
        Skip::new(error.to_string()).announce();
        return None;
    }
    let volumes = OverlayVolume::open(folder.path().join(name)).await.unwrap();
    Some((folder, volumes))
}

macro_rules! or_skip {
    ($volumes:expr) => {
        match $volumes.await {
            Some(volumes) => volumes,
            None => return,
        }
    };
}

async fn with_mounted<T>(volumes: &OverlayVolume, id: VolumeId, act: impl FnOnce(&Path) -> T) -> T {
    let path = volumes.mount(id).await.unwrap();
    let answer = act(&path);
    volumes.unmount(id).await.unwrap();
    answer
}

async fn created(volumes: &OverlayVolume) -> VolumeId {
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    id
}

fn is_busy<T: std::fmt::Debug>(answer: Result<T, workdisk::BackendError>) -> bool {
    answer.unwrap_err().is_busy()
}

/// Ends the process when the test does, however it does.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A container's own disk is such an overlay.
#[tokio::test]
async fn probe_on_an_overlay_says_that_a_volume_is_to_be_mounted_there() {
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    let refused = with_mounted(&volumes, id, |path| {
        let refused = OverlayVolume::probe(path.join("data")).unwrap_err();
        assert!(!path.join("data").exists());
        refused
    });
    let refused = refused.await;
    assert_eq!(refused.kind(), &BackendErrorKind::Unsupported);
    let text = refused.to_string();
    assert!(text.contains("mount a volume there"), "{text}");
    assert!(text.contains("use the directory backend"), "{text}");
}

/// The process without privileges is this test again.
#[test]
fn probe_without_privileges_says_which_are_needed() {
    const NAME: &str = "probe_without_privileges_says_which_are_needed";
    const FOLDER: &str = "WORKDISK_TEST_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let refused = OverlayVolume::probe(Path::new(&folder).join("data")).unwrap_err();
        assert_eq!(refused.kind(), &BackendErrorKind::Unsupported);
        let text = refused.to_string();
        return assert!(text.contains("run as root or with CAP_SYS_ADMIN"), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)) {
        return Skip::new(format!("not root, so that nobody else can be: {error}")).announce();
    }
    // This link leads to the program although a stranger may not look into the folder that it was built in.
    let mut program = Command::new("/proc/self/exe");
    let nobody = std::os::unix::process::CommandExt::uid(&mut program, 65534)
        .args(["--exact", NAME])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(nobody.status.success(), "{nobody:?}");
}

#[tokio::test]
async fn second_opener_is_told_that_the_folder_is_in_use() {
    let (folder, volumes) = or_skip!(volumes());
    let refused = OverlayVolume::open(folder.path()).await.unwrap_err();
    assert_eq!(refused.kind(), &BackendErrorKind::InUse);
    drop(volumes);
    OverlayVolume::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn volume_kept_by_an_open_file_after_a_lazy_unmount_is_busy() {
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    let path = volumes.mount(id).await.unwrap();
    let held = fs::File::create(path.join("held")).unwrap();
    rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH).unwrap();
    assert!(!volumes.status(id).await.unwrap().unwrap().mounted);
    assert!(is_busy(volumes.freeze(id, VolumeId::new()).await));
    assert!(is_busy(volumes.mount(id).await));
    assert!(is_busy(volumes.unmount(id).await));
    assert!(is_busy(volumes.remove(id).await));
    drop(held);
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    volumes.remove(id).await.unwrap();
}

#[tokio::test]
async fn process_with_an_open_file_is_named_and_the_volume_stays_mounted() {
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    let path = volumes.mount(id).await.unwrap();
    let sleeper = Killed(
        Command::new("sleep")
            .arg("60")
            .current_dir(&path)
            .spawn()
            .unwrap(),
    );
    let refused = volumes.unmount(id).await.unwrap_err();
    let BackendErrorKind::Busy { holders } = refused.kind() else {
        panic!("{refused}");
    };
    assert!(holders.iter().any(|holder| holder.pid == sleeper.0.id()));
    assert!(volumes.status(id).await.unwrap().unwrap().mounted);
    drop(sleeper);
    volumes.unmount(id).await.unwrap();
}

#[tokio::test]
async fn copy_of_the_mount_in_another_namespace_keeps_the_volume_busy_and_is_named() {
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    volumes.mount(id).await.unwrap();
    // It says so once it is in its own namespace.
    let mut other = Killed(
        Command::new("unshare")
            .args(["-m", "sh", "-c", "echo ready; exec sleep 60"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut ready = [0; 6];
    std::io::Read::read_exact(other.0.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let refused = volumes.unmount(id).await.unwrap_err();
    let BackendErrorKind::Busy { holders } = refused.kind() else {
        panic!("{refused}");
    };
    assert!(holders.iter().any(|holder| holder.pid == other.0.id()));
    assert!(is_busy(volumes.freeze(id, VolumeId::new()).await));
    drop(other);
    volumes.freeze(id, VolumeId::new()).await.unwrap();
}

/// The kernel is not asked about a volume that nobody can use. Whoever was given a recipe still can, when it was given back.
#[tokio::test]
async fn volume_mounted_by_a_recipe_that_was_given_back_is_busy() {
    let (_folder, volumes) = or_skip!(volumes());
    let (id, frozen) = (created(&volumes).await, VolumeId::new());
    let recipe = volumes.recipe(id).await.unwrap();
    volumes.unmount(id).await.unwrap();
    let target = tempfile::tempdir().unwrap();
    mount_recipe(&recipe, target.path()).unwrap();
    assert!(is_busy(volumes.freeze(id, frozen).await));
    assert!(is_busy(volumes.remove(id).await));
    rustix::mount::unmount(target.path(), rustix::mount::UnmountFlags::empty()).unwrap();
    volumes.freeze(id, frozen).await.unwrap();
}

#[tokio::test]
async fn volume_mounted_by_its_recipe_shows_its_files_and_is_busy() {
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    let text = serde_json::to_string(&volumes.recipe(id).await.unwrap()).unwrap();
    let recipe: MountRecipe = serde_json::from_str(&text).unwrap();
    let target = tempfile::tempdir().unwrap();
    mount_recipe(&recipe, target.path()).unwrap();
    fs::write(target.path().join("file"), "by recipe").unwrap();
    assert!(!volumes.status(id).await.unwrap().unwrap().mounted);
    assert!(is_busy(volumes.recipe(id).await));
    assert!(is_busy(volumes.mount(id).await));
    assert!(is_busy(volumes.unmount(id).await));
    assert!(is_busy(volumes.freeze(id, VolumeId::new()).await));
    assert!(is_busy(volumes.remove(id).await));
    rustix::mount::unmount(target.path(), rustix::mount::UnmountFlags::empty()).unwrap();
    let read = with_mounted(&volumes, id, |path| fs::read(path.join("file")).unwrap()).await;
    assert_eq!(read, b"by recipe");
}

#[tokio::test]
async fn mount_of_a_process_that_died_is_found_by_the_next_opening() {
    let (folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    volumes.mount(id).await.unwrap();
    drop(volumes);
    let volumes = OverlayVolume::open(folder.path()).await.unwrap();
    assert!(volumes.status(id).await.unwrap().unwrap().mounted);
    assert!(is_busy(volumes.freeze(id, VolumeId::new()).await));
    volumes.unmount(id).await.unwrap();
    volumes.unmount(id).await.unwrap();
}

#[tokio::test]
async fn path_with_separators_of_mount_options_works() {
    let (_folder, volumes) = or_skip!(volumes_in(r"a:b,c\ d"));
    let id = created(&volumes).await;
    with_mounted(&volumes, id, |path| fs::write(path.join("x"), "x").unwrap()).await;
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    let fork = VolumeId::new();
    volumes.fork(frozen, fork).await.unwrap();
    let read = with_mounted(&volumes, fork, |path| fs::read(path.join("x")).unwrap()).await;
    assert_eq!(read, b"x");
}

#[tokio::test]
async fn freezing_an_unchanged_volume_adds_no_layer() {
    let (folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    with_mounted(&volumes, id, |path| fs::write(path.join("x"), "x").unwrap()).await;
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    let before = fs::read_dir(folder.path().join("layers")).unwrap().count();
    for _ in 0..3 {
        volumes.freeze(id, VolumeId::new()).await.unwrap();
    }
    assert_eq!(
        fs::read_dir(folder.path().join("layers")).unwrap().count(),
        before
    );
}

#[tokio::test]
async fn folder_copied_without_its_hard_links_is_refused_and_nothing_is_lost() {
    let (folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    drop(volumes);
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-r", "--no-preserve=links"])
        .arg(folder.path().join("."))
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(copied.success());
    // Without this mark the opening looks for layers to which nobody refers.
    fs::remove_file(copy.path().join("swept")).unwrap();
    let volumes = OverlayVolume::open(copy.path()).await.unwrap();
    let layers = fs::read_dir(copy.path().join("layers")).unwrap().count();
    let refused = volumes.mount(id).await.unwrap_err();
    assert!(
        matches!(refused.kind(), BackendErrorKind::Corrupt { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("cp -a"), "{refused}");
    volumes.remove(id).await.unwrap();
    volumes.reclaim().await.unwrap();
    assert_eq!(
        fs::read_dir(copy.path().join("layers")).unwrap().count(),
        layers
    );
}

#[tokio::test]
async fn missing_layer_is_named_by_every_call_that_needs_it() {
    let (folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    let target = fs::read_link(folder.path().join("frozen").join(frozen.to_string())).unwrap();
    fs::remove_dir_all(folder.path().join("layers").join(&target)).unwrap();
    let named = format!("layers/{}", target.display());
    let faults = volumes.check(id).await.unwrap();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].object.starts_with(&named), "{faults:?}");
    for refused in [
        volumes.mount(id).await.unwrap_err(),
        volumes.freeze(id, VolumeId::new()).await.unwrap_err(),
        volumes.fork(frozen, VolumeId::new()).await.unwrap_err(),
    ] {
        let BackendErrorKind::Corrupt { object } = refused.kind() else {
            panic!("{refused}");
        };
        assert!(object.starts_with(&named), "{object}");
    }
    volumes.remove(id).await.unwrap();
    volumes.remove(frozen).await.unwrap();
    volumes.reclaim().await.unwrap();
}

#[tokio::test]
async fn folder_of_a_snapshot_can_be_renamed_and_replaced() {
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    with_mounted(&volumes, id, |path| {
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/old"), "old").unwrap();
    })
    .await;
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    with_mounted(&volumes, id, |path| {
        fs::rename(path.join("a"), path.join("moved")).unwrap();
        fs::create_dir(path.join("a")).unwrap();
    })
    .await;
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    with_mounted(&volumes, id, |path| {
        fs::rename(path.join("moved"), path.join("a/in")).unwrap();
    })
    .await;
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    let fork = VolumeId::new();
    volumes.fork(frozen, fork).await.unwrap();
    with_mounted(&volumes, fork, |path| {
        assert_eq!(fs::read(path.join("a/in/b/old")).unwrap(), b"old");
        assert!(!path.join("moved").exists());
    })
    .await;
}

#[tokio::test]
async fn root_folder_keeps_its_mode_owner_and_attributes_across_snapshots() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    let seen = |path: &Path| {
        let meta = fs::metadata(path).unwrap();
        let mut value = [0; 16];
        let length = rustix::fs::getxattr(path, "user.kept", &mut value[..]).unwrap();
        let times = (meta.mtime(), meta.mtime_nsec());
        (
            meta.mode(),
            meta.uid(),
            meta.gid(),
            times,
            value[..length].to_vec(),
        )
    };
    let before = with_mounted(&volumes, id, |path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o2751)).unwrap();
        std::os::unix::fs::chown(path, Some(1234), Some(1234)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o2751)).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(path, "user.kept", b"kept", flags).unwrap();
        fs::write(path.join(std::ffi::OsStr::from_bytes(b"odd \xff\n")), "x").unwrap();
        seen(path)
    })
    .await;
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    let after = with_mounted(&volumes, id, seen).await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn own_space_is_what_no_other_volume_refers_to() {
    const MIB: usize = 1 << 20;
    let (_folder, volumes) = or_skip!(volumes());
    let id = created(&volumes).await;
    with_mounted(&volumes, id, |path| {
        fs::write(path.join("x"), vec![1; MIB]).unwrap()
    })
    .await;
    let alone = volumes.usage(id).await.unwrap();
    assert!(
        alone.own_bytes >= MIB as u64 && alone.shared_bytes == 0,
        "{alone:?}"
    );
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    let both = volumes.usage(id).await.unwrap();
    assert!(
        both.own_bytes < MIB as u64 && both.shared_bytes >= MIB as u64,
        "{both:?}"
    );
    volumes.remove(frozen).await.unwrap();
    volumes.reclaim().await.unwrap();
    let again = volumes.usage(id).await.unwrap();
    assert!(
        again.own_bytes >= MIB as u64 && again.shared_bytes == 0,
        "{again:?}"
    );
}

#[tokio::test]
async fn mounts_are_private_although_the_file_system_below_is_shared() {
    let (_folder, _) = or_skip!(volumes());
    let base = tempfile::tempdir().unwrap();
    let _unmounted = Shared::new(base.path());
    let volumes = OverlayVolume::open(base.path().join("data")).await.unwrap();
    let id = created(&volumes).await;
    let path = volumes.mount(id).await.unwrap();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = table
        .lines()
        .find(|line| line.contains(path.to_str().unwrap()))
        .unwrap();
    assert!(!line.contains("shared:"), "{line}");
    assert!(line.contains("nosuid,nodev"), "{line}");
    volumes.unmount(id).await.unwrap();
    drop(volumes);
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(
        !table.contains(base.path().join("data").to_str().unwrap()),
        "{table}"
    );
}

#[tokio::test]
async fn programs_of_other_owners_and_devices_work_only_if_asked_for() {
    let (folder, volumes) = or_skip!(volumes());
    drop(volumes);
    let options = OverlayOptions::new(folder.path())
        .with_suid()
        .with_devices()
        .with_shared_propagation();
    let volumes = OverlayVolume::open_with(options).await.unwrap();
    let id = created(&volumes).await;
    with_mounted(&volumes, id, |path| {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let found = table
            .lines()
            .find(|line| line.contains(path.to_str().unwrap()));
        let line = found.unwrap();
        assert!(
            !line.contains("nosuid") && !line.contains("nodev"),
            "{line}"
        );
        let null = rustix::fs::makedev(1, 3);
        let kind = rustix::fs::FileType::CharacterDevice;
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path.join("null"), kind, mode, null).unwrap();
        assert_eq!(fs::read(path.join("null")).unwrap(), b"");
    })
    .await;
    drop(volumes);
    let volumes = OverlayVolume::open(folder.path()).await.unwrap();
    with_mounted(&volumes, id, |path| {
        let refused = fs::read(path.join("null")).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    })
    .await;
}

/// A folder that is a shared mount of its own.
struct Shared(PathBuf);

impl Shared {
    fn new(folder: &Path) -> Self {
        use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
        mount_bind(folder, folder).unwrap();
        mount_change(folder, MountPropagationFlags::SHARED).unwrap();
        Self(folder.to_owned())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

#[tokio::test]
async fn options_of_another_version_are_refused() {
    let (folder, volumes) = or_skip!(volumes());
    drop(volumes);
    let file = folder.path().join("format.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"off\"", "\"on\"", 1)).unwrap();
    let refused = OverlayVolume::open_with(OverlayOptions::new(folder.path()))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), &BackendErrorKind::Mismatch);
}

/// Forks of one volume at a time add names to one reference, which is full for several of them at once.
#[tokio::test(flavor = "multi_thread")]
async fn forks_of_one_volume_at_a_time_are_all_whole() {
    let (folder, volumes) = or_skip!(volumes());
    drop(volumes);
    let options = OverlayOptions::new(folder.path()).with_max_links(3);
    let volumes = Arc::new(OverlayVolume::open_with(options).await.unwrap());
    let (parent, frozen) = (created(&volumes).await, VolumeId::new());
    let write = |path: &Path| fs::write(path.join("file"), "content").unwrap();
    with_mounted(&volumes, parent, write).await;
    volumes.freeze(parent, frozen).await.unwrap();
    let forks: Vec<VolumeId> = (0..32).map(|_| VolumeId::new()).collect();
    let mut running = tokio::task::JoinSet::new();
    for fork in forks.clone() {
        let volumes = Arc::clone(&volumes);
        running.spawn(async move { volumes.fork(frozen, fork).await });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap().unwrap();
    }
    for fork in &forks {
        let read = |path: &Path| fs::read_to_string(path.join("file")).unwrap();
        assert_eq!(with_mounted(&volumes, *fork, read).await, "content");
    }
    for volume in forks.into_iter().chain([parent, frozen]) {
        volumes.remove(volume).await.unwrap();
    }
    volumes.reclaim().await.unwrap();
    assert_eq!(
        fs::read_dir(folder.path().join("layers")).unwrap().count(),
        0
    );
}
