//! Whether a file system keeps changes of names and attributes in the order in which they were made.

use std::path::{Path, PathBuf};

use rustix::fd::AsFd;
use rustix::fs::{fstat, fstatfs, major, minor};

/// The numbers by which the kernel tells file systems apart (`linux/magic.h`).
const EXT4: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;

/// Whether the file system has one journal for all changes of names, modes, owners and attributes, so that a power loss
/// keeps those made before some moment and none made later, and to make one of them durable makes all before it so.
///
/// - xfs always does: the log is written in the order of the transactions, and recovery replays whole checkpoints of it.
/// - ext4 does if it has a journal: an `fsync` commits the running transaction, in which everything since the last commit
///   is. The kernel tells whether there is one; `ext2` and `ext3` have the same number.
/// - btrfs does not: an `fsync` of a folder logs that folder, and not what was moved to another one before.
///
/// Where it cannot be known it does not.
pub(crate) fn keeps_order(folder: impl AsFd) -> bool {
    let Ok(system) = fstatfs(&folder) else {
        return false;
    };
    match u64::try_from(system.f_type) {
        Ok(XFS) => true,
        Ok(EXT4) => has_journal(&folder).unwrap_or(false),
        _ => false,
    }
}

/// Whether an ext4 has a journal; `None` where sysfs does not tell.
fn has_journal(folder: impl AsFd) -> Option<bool> {
    let device = fstat(folder).ok()?.st_dev;
    let link = format!("/sys/dev/block/{}:{}", major(device), minor(device));
    let target = std::fs::read_link(link).ok()?;
    let task = PathBuf::from("/sys/fs/ext4")
        .join(target.file_name().map(Path::new)?)
        .join("journal_task");
    // The number of the journal's thread, or `<none>`.
    let task = std::fs::read_to_string(task).ok()?;
    Some(task.trim().parse::<u32>().is_ok())
}
