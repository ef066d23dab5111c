//! File systems that are mounted for as long as they are needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

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

/// A file as a block device, mounted.
pub(crate) struct Mounted {
    device: PathBuf,
    point: PathBuf,
}

impl Mounted {
    pub(crate) fn new(file: &Path, point: &Path) -> Result<Self> {
        let device = run("losetup", &[Path::new("-f"), Path::new("--show"), file])?;
        let mounted = Self {
            device: PathBuf::from(device),
            point: point.to_owned(),
        };
        fs::create_dir_all(point)?;
        run("mount", &[&mounted.device, point])?;
        Ok(mounted)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.point
    }

    /// Mounts it anew, as after a start of the machine.
    pub(crate) fn remount(&self) -> Result<()> {
        run("umount", &[Path::new("-R"), &self.point])?;
        run("mount", &[&self.device, &self.point])?;
        Ok(())
    }
}

impl Drop for Mounted {
    /// What fails here left nothing to be undone, or has said so by a failure before.
    fn drop(&mut self) {
        // What the process on it left mounted there goes first.
        let _ = run("umount", &[Path::new("-R"), &self.point]);
        let _ = run("losetup", &[Path::new("-d"), &self.device]);
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
