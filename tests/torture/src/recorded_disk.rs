//! A disk whose every write and flush is recorded.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use workdisk_conformance::FileSystem;

use crate::Result;
use crate::disk::{Daemon, Mounted};

/// How large it is, on which every file system has room for the work. It takes what is written to it.
const BYTES: u64 = 384 << 20;

/// An empty file system that is recorded, mounted.
pub(crate) struct RecordedDisk {
    // Dropped in this order.
    mounted: Mounted,
    daemon: Daemon,
    record: PathBuf,
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
        let mut daemon = Command::new("qemu-storage-daemon");
        daemon
            .args(["--blockdev", &file(&raw, "disk")])
            .args(["--blockdev", &file(&record, "logfile")])
            .args(["--blockdev", "driver=raw,file=logfile,node-name=log"])
            .args(["--blockdev", logged, "--export", &exported]);
        let daemon = Daemon::start(daemon, &export, BYTES, "qemu-utils")?;
        on.make(&export).map_err(|lacks| lacks.to_string())?;
        Ok(Self {
            mounted: Mounted::new(&export, &folder.join("disk"))?,
            daemon,
            record,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.mounted.folder()
    }

    pub(crate) fn record(&self) -> &Path {
        &self.record
    }

    /// Ends the recording, and answers the record and the size of the disk.
    pub(crate) fn end(self) -> (PathBuf, u64) {
        let Self {
            mounted,
            daemon,
            record,
        } = self;
        drop(mounted);
        drop(daemon);
        (record, BYTES)
    }
}
