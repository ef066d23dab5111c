//! A disk that is recorded, and a disk as a cut left it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use workdisk_conformance::FileSystem;

use crate::Result;

/// How large a recorded disk is, on which every file system has room for the work. It takes what is written to it.
const BYTES: u64 = 384 << 20;

/// Runs a command, and answers what it printed.
fn run(program: &str, arguments: &[&Path]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed: {}", said.trim()).into())
}

/// A file as a block device, mounted.
struct Mounted {
    device: PathBuf,
    point: PathBuf,
}

impl Mounted {
    fn new(device: PathBuf, point: &Path) -> Result<Self> {
        fs::create_dir_all(point)?;
        let mounted = Self {
            device,
            point: point.to_owned(),
        };
        run("mount", &[&mounted.device, point])?;
        Ok(mounted)
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

fn attach(file: &Path) -> Result<PathBuf> {
    let device = run("losetup", &[Path::new("-f"), Path::new("--show"), file])?;
    Ok(PathBuf::from(device))
}

/// An empty file system whose every write and flush is recorded, mounted.
pub(crate) struct RecordedDisk {
    // Dropped in this order.
    mounted: Option<Mounted>,
    daemon: Daemon,
    record: PathBuf,
}

/// `qemu-storage-daemon`, until it is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        // It ends at SIGTERM and completes the record.
        let _ = run("kill", &[Path::new(&pid)]);
        let _ = self.0.wait();
    }
}

impl RecordedDisk {
    pub(crate) fn new(folder: &Path, on: FileSystem) -> Result<Self> {
        let [raw, record, export] = ["raw", "record", "export"].map(|name| folder.join(name));
        File::create(&raw)?.set_len(BYTES)?;
        File::create(&record)?.set_len(4 << 30)?;
        File::create(&export)?;
        let file = |path: &Path, node: &str| {
            format!("driver=file,filename={},node-name={node}", path.display())
        };
        let logged = "driver=blklogwrites,file=disk,log=log,log-sector-size=512,log-super-update-interval=1,node-name=logged";
        let exported = format!(
            "type=fuse,id=export,node-name=logged,mountpoint={},writable=on",
            export.display()
        );
        let daemon = Command::new("qemu-storage-daemon")
            .args(["--blockdev", &file(&raw, "disk")])
            .args(["--blockdev", &file(&record, "logfile")])
            .args(["--blockdev", "driver=raw,file=logfile,node-name=log"])
            .args(["--blockdev", logged, "--export", &exported])
            .spawn();
        let daemon = Daemon(daemon.map_err(|error| {
            format!("qemu-storage-daemon does not start ({error}): install qemu-utils")
        })?);
        let begin = Instant::now();
        while fs::metadata(&export)?.len() != BYTES {
            if begin.elapsed() > Duration::from_secs(20) {
                return Err(
                    "qemu-storage-daemon does not export the disk: is there /dev/fuse?".into(),
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        on.make(&export).map_err(|lacks| lacks.to_string())?;
        let mounted = Mounted::new(attach(&export)?, &folder.join("disk"))?;
        Ok(Self {
            mounted: Some(mounted),
            daemon,
            record,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.mounted
            .as_ref()
            .map_or(Path::new("."), |mounted| &mounted.point)
    }

    pub(crate) fn record(&self) -> &Path {
        &self.record
    }

    /// Ends the recording, and answers the record and the size of the disk.
    pub(crate) fn end(mut self) -> Result<(PathBuf, u64)> {
        self.mounted = None;
        drop(self.daemon);
        Ok((self.record, BYTES))
    }
}

/// A disk as a cut left it, mounted.
pub(crate) struct Image {
    mounted: Mounted,
}

impl Image {
    pub(crate) fn mount(image: PathBuf) -> Result<Self> {
        let point = image.with_file_name("cut");
        let mounted = Mounted::new(attach(&image)?, &point)?;
        Ok(Self { mounted })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.mounted.point
    }
}
