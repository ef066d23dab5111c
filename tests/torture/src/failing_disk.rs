//! A disk that can be made to fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use workdisk_conformance::FileSystem;

use crate::Result;
use crate::disk::{Daemon, Mounted};

const BYTES: u64 = 128 << 20;

/// An ext4 whose disk takes what is written to it until it is broken, and again when it is healed.
pub(crate) struct FailingDisk {
    // Dropped in this order.
    mounted: Mounted,
    _daemon: Daemon,
    broken: PathBuf,
}

impl FailingDisk {
    /// Makes one, with its files in `folder`, and mounts it at `point`.
    pub(crate) fn new(folder: &Path, point: &Path) -> Result<Self> {
        let (shown, broken) = (folder.join("shown"), folder.join("broken"));
        let export = shown.join("disk");
        fs::create_dir(&shown)?;
        let mut daemon = Command::new("nbdfuse");
        daemon
            .arg(&export)
            .args(["[", "nbdkit", "--filter=error", "memory"])
            .arg(BYTES.to_string())
            .args(["error=EIO", "error-rate=0%"])
            .args(["error-pwrite-rate=100%", "error-zero-rate=100%"])
            .arg("error-trim-rate=100%")
            .arg(format!("error-file={}", broken.display()))
            .arg("]")
            // They tell of every error that they were asked for.
            .stderr(Stdio::null());
        let daemon = Daemon::start(daemon, &export, BYTES, "nbdkit and libnbd-bin")?;
        let on = FileSystem::Ext4;
        on.make(&export).map_err(|lacks| lacks.to_string())?;
        Ok(Self {
            mounted: Mounted::new(&export, point)?,
            _daemon: daemon,
            broken,
        })
    }

    /// From now on it can be read, and every write is an error.
    pub(crate) fn break_it(&self) -> Result<()> {
        File::create(&self.broken)?;
        Ok(())
    }

    /// Heals it, and mounts it anew.
    pub(crate) fn heal(&self) -> Result<()> {
        fs::remove_file(&self.broken)?;
        self.mounted.remount()
    }
}
