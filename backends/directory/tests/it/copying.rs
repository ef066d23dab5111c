//! Whether a copy is faithful and stays inside.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use workdisk::volume::Volume;

use crate::support::Place;

#[tokio::test]
async fn names_of_any_bytes_and_their_contents_are_kept() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    let odd = [
        &b"\xff\xfe"[..],
        b"new\nline",
        b"-rf",
        b"a:b,c\\d",
        &[b'x'; 255],
    ];
    for (number, name) in odd.iter().enumerate() {
        fs::write(disk.join(OsStr::from_bytes(name)), number.to_string()).unwrap();
    }
    let copy = place.copied(id).await;
    for (number, name) in odd.iter().enumerate() {
        let text = fs::read_to_string(copy.join(OsStr::from_bytes(name))).unwrap();
        assert_eq!(text, number.to_string());
    }
}

#[tokio::test]
async fn modes_times_and_extended_attributes_are_kept_for_files_and_folders() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    fs::write(disk.join("program"), "x").unwrap();
    fs::create_dir(disk.join("folder")).unwrap();
    fs::write(disk.join("folder/inside"), "x").unwrap();
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 1_000_000_000,
            tv_nsec: 1,
        },
        last_modification: Timespec {
            tv_sec: -5,
            tv_nsec: 123_456_789,
        },
    };
    for (name, mode) in [("program", 0o6751), ("folder", 0o3577), (".", 0o1700)] {
        let path = disk.join(name);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        rustix::fs::lsetxattr(&path, "user.note", name.as_bytes(), XattrFlags::empty()).unwrap();
        rustix::fs::utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
    let copy = place.copied(id).await;
    for (name, mode) in [("program", 0o6751), ("folder", 0o3577), (".", 0o1700)] {
        let path = copy.join(name);
        let found = fs::symlink_metadata(&path).unwrap();
        assert_eq!(found.mode() & 0o7777, mode, "{name}");
        assert_eq!(
            (found.mtime(), found.mtime_nsec()),
            (-5, 123_456_789),
            "{name}"
        );
        let mut value = [0; 64];
        let length = rustix::fs::lgetxattr(&path, "user.note", &mut value[..]).unwrap();
        assert_eq!(&value[..length], name.as_bytes());
    }
}

#[tokio::test]
async fn names_of_one_file_stay_names_of_one_file() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    fs::create_dir(disk.join("deep")).unwrap();
    fs::write(disk.join("one"), "x").unwrap();
    fs::hard_link(disk.join("one"), disk.join("deep/two")).unwrap();
    fs::hard_link(disk.join("one"), disk.join("deep/three")).unwrap();
    let copy = place.copied(id).await;
    let one = fs::metadata(copy.join("one")).unwrap();
    for name in ["deep/two", "deep/three"] {
        assert_eq!(fs::metadata(copy.join(name)).unwrap().ino(), one.ino());
    }
    assert_eq!(one.nlink(), 3);
    assert_ne!(one.ino(), fs::metadata(disk.join("one")).unwrap().ino());
}

#[tokio::test]
async fn links_and_special_files_are_kept_and_never_followed() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    let outside = place.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "x").unwrap();
    symlink(&outside, disk.join("link")).unwrap();
    symlink("nowhere", disk.join("dangling")).unwrap();
    rustix::fs::mknodat(CWD, disk.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(disk.join("socket")).unwrap();
    let copy = place.copied(id).await;
    assert_eq!(fs::read_link(copy.join("link")).unwrap(), outside);
    assert_eq!(
        fs::read_link(copy.join("dangling")).unwrap(),
        Path::new("nowhere")
    );
    assert!(
        fs::symlink_metadata(copy.join("fifo"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    assert!(
        fs::symlink_metadata(copy.join("socket"))
            .unwrap()
            .file_type()
            .is_socket()
    );
    place.volumes.remove(id).await.unwrap();
    place.volumes.reclaim().await.unwrap();
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "x");
}

#[tokio::test]
async fn owners_and_devices_are_kept_for_root() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    fs::write(disk.join("program"), "x").unwrap();
    std::os::unix::fs::lchown(disk.join("program"), Some(1234), Some(5678)).unwrap();
    fs::set_permissions(disk.join("program"), Permissions::from_mode(0o4755)).unwrap();
    symlink("x", disk.join("link")).unwrap();
    std::os::unix::fs::lchown(disk.join("link"), Some(7), Some(8)).unwrap();
    let device = rustix::fs::makedev(1, 3);
    let made = rustix::fs::mknodat(
        CWD,
        disk.join("null"),
        FileType::CharacterDevice,
        Mode::RUSR,
        device,
    );
    let copy = place.copied(id).await;
    let program = fs::metadata(copy.join("program")).unwrap();
    assert_eq!(
        (program.uid(), program.gid(), program.mode() & 0o7777),
        (1234, 5678, 0o4755)
    );
    let link = fs::symlink_metadata(copy.join("link")).unwrap();
    assert_eq!((link.uid(), link.gid()), (7, 8));
    if made.is_ok() {
        assert_eq!(fs::metadata(copy.join("null")).unwrap().rdev(), device);
    }
}

#[tokio::test]
async fn holes_take_no_space_in_a_copy() {
    const LENGTH: u64 = 1 << 30;
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    let file = File::create(disk.join("sparse")).unwrap();
    file.set_len(LENGTH).unwrap();
    file.write_all_at(b"middle", LENGTH / 2).unwrap();
    drop(file);
    let copy = place.copied(id).await.join("sparse");
    let found = fs::metadata(&copy).unwrap();
    assert_eq!(found.len(), LENGTH);
    assert!(found.blocks() * 512 < 1 << 20, "{} blocks", found.blocks());
    let mut text = [0; 6];
    File::open(&copy)
        .unwrap()
        .read_exact_at(&mut text, LENGTH / 2)
        .unwrap();
    assert_eq!(&text, b"middle");
}

#[tokio::test]
async fn tree_deeper_than_files_can_be_open_is_copied_and_removed() {
    const DEPTH: usize = 4000;
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = rustix::fs::openat(CWD, &disk, flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    drop(at);
    let copy = place.copied(id).await;
    let mut at = rustix::fs::openat(CWD, &copy, flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        at = rustix::fs::openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    drop(at);
    for volume in place.volumes.list(None, 10).await.unwrap() {
        place.volumes.remove(volume.id).await.unwrap();
    }
    place.volumes.reclaim().await.unwrap();
    assert_eq!(place.count("trash"), 0);
}
