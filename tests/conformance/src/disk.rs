//! A file system of its own, for tests of what depends on its type or on how full it is.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

use crate::skip::Skip;

/// A type of file system that a [`LoopDisk`] can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSystem {
    /// 65,000 names a file, no reflinks.
    Ext4,
    /// Reflinks; 300 MiB at least.
    Xfs,
    /// Reflinks; 114 MiB at least.
    Btrfs,
}

impl FileSystem {
    fn maker(self) -> (&'static str, &'static [&'static str]) {
        match self {
            // Without blocks that only root may use, so that it can be filled.
            Self::Ext4 => ("mkfs.ext4", &["-q", "-F", "-m", "0"]),
            Self::Xfs => ("mkfs.xfs", &["-q"]),
            Self::Btrfs => ("mkfs.btrfs", &["-q"]),
        }
    }

    /// Makes an empty one in a file or on a device that holds none.
    ///
    /// # Errors
    /// What the machine lacks, or why it refused.
    pub fn make(self, device: &Path) -> Result<(), Skip> {
        let (maker, arguments) = self.maker();
        run(Command::new(maker).args(arguments).arg(device))
    }

    fn least_mib(self) -> u64 {
        match self {
            Self::Ext4 => 16,
            Self::Xfs => 304,
            Self::Btrfs => 128,
        }
    }
}

/// By the name that `mkfs` knows it by.
impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (maker, _) = self.maker();
        f.write_str(maker.trim_start_matches("mkfs."))
    }
}

impl FromStr for FileSystem {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Ext4, Self::Xfs, Self::Btrfs];
        let found = all.into_iter().find(|it| it.to_string() == text);
        found.ok_or_else(|| "it is one of ext4, xfs and btrfs".to_owned())
    }
}

/// A file system in a sparse file, mounted as long as the value lives. It takes root, a loop device, and the `mkfs` of its
/// type.
#[derive(Debug)]
pub struct LoopDisk {
    point: PathBuf,
    _folder: TempDir,
}

impl LoopDisk {
    /// Makes and mounts one of so many MiB, or of as many as its type asks for at least.
    ///
    /// # Errors
    /// A reason to skip, where the machine lacks something or refuses.
    pub fn new(kind: FileSystem, mib: u64) -> Result<Self, Skip> {
        let folder = tempfile::tempdir().map_err(no_disk)?;
        let (image, point) = (folder.path().join("image"), folder.path().join("disk"));
        fs::create_dir(&point).map_err(no_disk)?;
        File::create(&image)
            .and_then(|file| file.set_len(mib.max(kind.least_mib()) << 20))
            .map_err(no_disk)?;
        kind.make(&image)?;
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([&image, &point]))?;
        Ok(Self {
            point,
            _folder: folder,
        })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.point
    }

    /// Fills it, with one large file and many empty ones, until not one more byte, file or folder fits.
    ///
    /// # Errors
    /// Any but that it is full.
    pub fn fill(&self) -> io::Result<()> {
        let filler = self.filler();
        fs::create_dir(&filler)?;
        let mut file = File::create(filler.join("bytes"))?;
        for size in [1 << 20, 4096, 1] {
            let bytes = vec![1; size];
            while let Some(()) = unless_full(file.write_all(&bytes).and_then(|()| file.flush()))? {}
            unless_full(file.sync_all())?;
        }
        for number in 0.. {
            let folder = filler.join(number.to_string());
            if unless_full(fs::create_dir(folder))?.is_none() {
                break;
            }
        }
        for number in 0.. {
            let path = filler.join(format!("file {number} with a name that takes its space"));
            if unless_full(File::create(path))?.is_none() {
                break;
            }
        }
        unless_full(rustix::fs::syncfs(File::open(&self.point)?).map_err(io::Error::from))?;
        Ok(())
    }

    /// The bytes that are free, once all that was written has its place.
    ///
    /// # Errors
    /// As the file system answered.
    pub fn free_bytes(&self) -> io::Result<u64> {
        rustix::fs::syncfs(File::open(&self.point)?)?;
        let stat = rustix::fs::statvfs(&self.point)?;
        Ok(stat.f_bfree * stat.f_frsize)
    }

    /// Removes what [`fill`](Self::fill) wrote.
    ///
    /// # Errors
    /// As the removal failed.
    pub fn drain(&self) -> io::Result<()> {
        fs::remove_dir_all(self.filler())
    }

    fn filler(&self) -> PathBuf {
        self.point.join("filler")
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // What still uses it keeps it; the loop device goes with the last user.
        let unmounted = unmount(&self.point, UnmountFlags::DETACH);
        debug_assert!(matches!(unmounted, Ok(()) | Err(Errno::INVAL)));
    }
}

/// Where a harness keeps its backend's folder: what differs between harnesses that are alike but for the disk below.
pub trait Place: Sized + Send + Sync + 'static {
    /// Makes one, apart from every other.
    ///
    /// # Errors
    /// What the machine lacks.
    fn new() -> Result<Self, Skip>;

    /// The folder.
    fn path(&self) -> &Path;
}

/// A temporary folder, on whatever file system those are.
impl Place for TempDir {
    fn new() -> Result<Self, Skip> {
        tempfile::tempdir().map_err(no_disk)
    }

    fn path(&self) -> &Path {
        TempDir::path(self)
    }
}

/// A small xfs of its own.
#[derive(Debug)]
pub struct OnXfs(LoopDisk);

impl Place for OnXfs {
    fn new() -> Result<Self, Skip> {
        LoopDisk::new(FileSystem::Xfs, 0).map(Self)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A small btrfs of its own.
#[derive(Debug)]
pub struct OnBtrfs(LoopDisk);

impl Place for OnBtrfs {
    fn new() -> Result<Self, Skip> {
        LoopDisk::new(FileSystem::Btrfs, 0).map(Self)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn no_disk(error: io::Error) -> Skip {
    Skip::new(format!("no disk for a test: {error}"))
}

/// `None` if the disk is full.
fn unless_full<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(None),
        Err(error) => Err(error),
    }
}

fn run(command: &mut Command) -> Result<(), Skip> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| Skip::new(format!("{name} does not start ({error}): install it")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Skip::new(format!("{name} failed: {}", said.trim())))
}
