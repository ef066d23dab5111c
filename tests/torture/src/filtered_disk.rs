//! Disks that fail or are slow.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use workdisk_conformance::FileSystem;

use crate::Result;
use crate::disk::{Daemon, Mounted};

const BYTES: u64 = 128 << 20;

/// An ext4 on a disk in memory, which something goes wrong with, mounted.
pub(crate) struct FilteredDisk {
    // Dropped in this order.
    mounted: Mounted,
    _daemon: Daemon,
}

impl FilteredDisk {
    /// Makes one through a filter of nbdkit, with its files in `folder`, and mounts it at `point`.
    pub(crate) fn new(
        folder: &Path,
        point: &Path,
        filter: &str,
        arguments: &[String],
    ) -> Result<Self> {
        let shown = folder.join("shown");
        let export = shown.join("disk");
        fs::create_dir(&shown)?;
        let mut daemon = Command::new("nbdfuse");
        daemon
            .arg(&export)
            .args(["[", "nbdkit", &format!("--filter={filter}"), "memory"])
            .arg(BYTES.to_string())
            .args(arguments)
            .arg("]")
            // They tell of every error that they were asked for.
            .stderr(Stdio::null());
        let daemon = Daemon::start(daemon, &export, BYTES, "nbdkit and libnbd-bin")?;
        let on = FileSystem::Ext4;
        on.make(&export).map_err(|lacks| lacks.to_string())?;
        Ok(Self {
            mounted: Mounted::new(&export, point)?,
            _daemon: daemon,
        })
    }
}

/// A disk that takes what is written to it until it is broken, and again when it is healed.
pub(crate) struct FailingDisk {
    disk: FilteredDisk,
    broken: PathBuf,
}

impl FailingDisk {
    /// Makes one, with its files in `folder`, and mounts it at `point`.
    pub(crate) fn new(folder: &Path, point: &Path) -> Result<Self> {
        let broken = folder.join("broken");
        let always = ["pwrite", "zero", "trim"].map(|call| format!("error-{call}-rate=100%"));
        let mut arguments = vec!["error=EIO".to_owned(), "error-rate=0%".to_owned()];
        arguments.extend(always);
        arguments.push(format!("error-file={}", broken.display()));
        let disk = FilteredDisk::new(folder, point, "error", &arguments)?;
        Ok(Self { disk, broken })
    }

    /// From now on it can be read, and every write is an error.
    pub(crate) fn break_it(&self) -> Result<()> {
        File::create(&self.broken)?;
        Ok(())
    }

    /// Heals it, and mounts it anew.
    pub(crate) fn heal(&self) -> Result<()> {
        fs::remove_file(&self.broken)?;
        self.disk.mounted.remount()
    }
}
