//! One wait for records and files, on real disks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use workdisk::journal::{Journal, keeps_order};
use workdisk_conformance::{FileSystem, LoopDisk};

/// The file in which a mounted loop disk is.
fn image(disk: &LoopDisk) -> PathBuf {
    let device = nix::sys::stat::stat(disk.path()).unwrap().st_dev;
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let path = format!("/sys/dev/block/{major}:{minor}/loop/backing_file");
    PathBuf::from(fs::read_to_string(path).unwrap().trim_end())
}

/// Whether a name is on a disk whose power was cut now.
fn survives(disk: &LoopDisk, options: &str, name: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (cut, point) = (folder.path().join("cut"), folder.path().join("point"));
    fs::copy(image(disk), &cut).unwrap();
    fs::create_dir(&point).unwrap();
    let run = |command: &mut Command| assert!(command.status().unwrap().success());
    run(Command::new("mount")
        .args(["-o", options])
        .args([&cut, &point]));
    let there = point.join(name).exists();
    run(Command::new("umount").arg(&point));
    there
}

/// An `fsync` of a file that nothing was written to ends no transaction.
#[test]
fn files_are_durable_with_a_journal_to_whose_file_nothing_was_written() {
    for (system, options) in [(FileSystem::Ext4, "loop"), (FileSystem::Xfs, "loop,nouuid")] {
        let disk = match LoopDisk::new(system, 64) {
            Ok(disk) => disk,
            Err(skip) => return skip.announce(),
        };
        let log = disk.path().join("log");
        File::create(&log).unwrap().sync_all().unwrap();
        let journal = Journal::of(&log).unwrap().expect("it keeps order");
        nix::unistd::syncfs(File::open(disk.path()).unwrap()).unwrap();
        let work = journal.files();
        fs::create_dir(disk.path().join("made")).unwrap();
        work.sync().unwrap();
        assert!(survives(&disk, options, "made"), "{system}");
    }
}

#[test]
fn journal_is_shared_within_one_file_system_that_keeps_order() {
    let disks = match (
        LoopDisk::new(FileSystem::Ext4, 64),
        LoopDisk::new(FileSystem::Btrfs, 64),
    ) {
        (Ok(ext4), Ok(btrfs)) => [ext4, btrfs],
        (Err(skip), _) | (_, Err(skip)) => return skip.announce(),
    };
    let open = |path: &Path| File::open(path).unwrap();
    let [ext4, btrfs] = disks.each_ref().map(|disk| disk.path().join("log"));
    for log in [&ext4, &btrfs] {
        File::create(log).unwrap();
    }
    let journal = Journal::of(&ext4).unwrap().expect("it keeps order");
    assert!(journal.has(&open(disks[0].path())));
    assert!(!journal.has(&open(disks[1].path())));
    assert!(!keeps_order(&open(&btrfs)));
    assert!(Journal::of(&btrfs).unwrap().is_none());
    assert!(Journal::of(ext4.join("nothing")).is_err());
}
