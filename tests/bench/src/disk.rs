//! Where it is measured: file systems of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use workdisk_conformance::{FileSystem, LoopDisk};

use crate::Result;
use crate::process::run;

/// Room for a million files and their copy, in a sparse file.
const MIB: u64 = 48 << 10;

/// A file system of its own, which goes with the value.
pub(crate) struct Disk {
    pub(crate) system: FileSystem,
    disk: LoopDisk,
}

impl Disk {
    /// Makes one.
    pub(crate) fn new(system: FileSystem) -> Result<Self> {
        let disk = LoopDisk::new(system, MIB).map_err(|skip| skip.to_string())?;
        Ok(Self { system, disk })
    }

    pub(crate) fn path(&self) -> &Path {
        self.disk.path()
    }

    /// How much was ever written to it.
    pub(crate) fn written_mib(&self) -> Result<f64> {
        let sectors = count(&self.counts()?, 6)?;
        Ok(sectors as f64 * 512.0 / f64::from(1 << 20))
    }

    /// Where the kernel counts what its device does.
    pub(crate) fn counts(&self) -> Result<PathBuf> {
        let mut find = Command::new("findmnt");
        find.args(["-n", "-o", "SOURCE", "--target"])
            .arg(self.path());
        let source = run(&mut find)?;
        let device = Path::new(source.trim())
            .file_name()
            .ok_or("it is on no device")?;
        Ok(Path::new("/sys/class/block").join(device).join("stat"))
    }

    /// Writes everything that is still to be written, so that nobody pays for another's.
    pub(crate) fn settle(&self) -> Result<()> {
        settle(self.path())
    }
}

/// Writes everything that is still to be written on the file system of a folder.
pub(crate) fn settle(folder: &Path) -> Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// How often a device was told to keep what was written to it, by anybody and by the kernel itself.
pub(crate) fn flushes(counts: &Path) -> Result<u64> {
    count(counts, 15)
}

fn count(counts: &Path, field: usize) -> Result<u64> {
    let counts = fs::read_to_string(counts)?;
    let count = counts.split_whitespace().nth(field);
    Ok(count.ok_or("the kernel does not say")?.parse()?)
}
