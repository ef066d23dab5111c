//! File systems that are mounted for as long as they are needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use workdisk_conformance::FileSystem;

use crate::Result;

/// Runs a command, and answers what it printed.
pub(crate) fn run(program: &str, arguments: &[&Path]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed: {}", said.trim()).into())
}

/// A stretch of a disk, and where in a store its file system is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) at: &'static str,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Part {
    /// Gives it an empty file system. None of the same file may be mounted.
    pub(crate) fn make(self, file: &Path, on: FileSystem) -> Result<()> {
        let device = Device::of(file, Some(self))?;
        let made = on.make(&device.0);
        Ok(made.map_err(|lacks| lacks.to_string())?)
    }
}

/// A file, or a part of it, as a block device.
struct Device(PathBuf);

impl Device {
    fn of(file: &Path, part: Option<Part>) -> Result<Self> {
        let limits = part.map(|it| {
            let [from, bytes] = [it.offset, it.bytes].map(|it| it.to_string());
            ["--offset".to_owned(), from, "--sizelimit".to_owned(), bytes]
        });
        let limits = limits.iter().flatten().map(Path::new);
        let words = ["-f", "--show"].map(Path::new).into_iter();
        let words: Vec<&Path> = words.chain(limits).chain([file]).collect();
        Ok(Self(PathBuf::from(run("losetup", &words)?)))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = run("losetup", &[Path::new("-d"), &self.0]);
    }
}

/// A file as a block device, mounted.
pub(crate) struct Mounted {
    // Unmounted by its own drop before this goes.
    device: Device,
    point: PathBuf,
}

impl Mounted {
    pub(crate) fn new(file: &Path, point: &Path) -> Result<Self> {
        Self::on(Device::of(file, None)?, point)
    }

    /// Mounts a part of a disk where it belongs below a folder.
    pub(crate) fn part(file: &Path, part: Part, folder: &Path) -> Result<Self> {
        Self::on(Device::of(file, Some(part))?, &folder.join(part.at))
    }

    fn on(device: Device, point: &Path) -> Result<Self> {
        fs::create_dir_all(point)?;
        run("mount", &[&device.0, point])?;
        let point = point.to_owned();
        Ok(Self { device, point })
    }

    /// Mounts it anew, as after a start of the machine: again for as long as what a process left there keeps the failed
    /// file system from going.
    pub(crate) fn remount(&self) -> Result<()> {
        let begin = Instant::now();
        loop {
            run("umount", &[Path::new("-R"), &self.point])?;
            run("mount", &[&self.device.0, &self.point])?;
            match tempfile::tempfile_in(&self.point) {
                Ok(_) => return Ok(()),
                Err(error) if begin.elapsed() > Duration::from_secs(20) => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Mounted {
    /// What fails here left nothing to be undone, or has said so by a failure before.
    fn drop(&mut self) {
        // What the process on it left mounted there goes first.
        let _ = run("umount", &[Path::new("-R"), &self.point]);
    }
}

/// A program that shows a disk as a file, until it is dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts it, and waits until the file is as large as the disk.
    pub(crate) fn start(mut command: Command, file: &Path, bytes: u64, of: &str) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn();
        let child = child.map_err(|error| format!("{name} does not start ({error}): install {of}"));
        let daemon = Self(child?);
        let begin = Instant::now();
        while fs::metadata(file).map_or(0, |file| file.len()) != bytes {
            if begin.elapsed() > Duration::from_secs(20) {
                return Err(format!("{name} does not show the disk: is there /dev/fuse?").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        // It completes what it writes, and ends.
        let _ = run("kill", &[Path::new(&pid)]);
        let _ = self.0.wait();
    }
}
