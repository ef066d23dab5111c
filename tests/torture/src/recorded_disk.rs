//! A disk whose every write and flush is recorded.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use workdisk_conformance::FileSystem;

use crate::Result;
use crate::disk::{Daemon, Mounted, Part};

/// How the disk of a store is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// One file system has the records and the files.
    Together,
    /// Each has one of its own, so that the syncs of one do not hide that the other's are missing.
    Apart,
}

impl Layout {
    /// Every file system has room for the work on each of them. They take what is written to them.
    pub(crate) fn parts(self) -> &'static [Part] {
        const BYTES: u64 = 384 << 20;
        const fn part(at: &'static str, offset: u64) -> Part {
            let bytes = BYTES;
            Part { at, offset, bytes }
        }
        match self {
            Self::Together => &const { [part("", 0)] },
            Self::Apart => &const { [part("volumes", 0), part("metadata", BYTES)] },
        }
    }

    fn bytes(self) -> u64 {
        self.parts().iter().map(|part| part.bytes).sum()
    }
}

/// A disk of empty file systems that is recorded, mounted.
pub(crate) struct RecordedDisk {
    // Dropped in this order.
    mounted: Vec<Mounted>,
    daemon: Daemon,
    folder: PathBuf,
    record: PathBuf,
    bytes: u64,
}

impl RecordedDisk {
    pub(crate) fn new(folder: &Path, on: FileSystem, layout: Layout) -> Result<Self> {
        let bytes = layout.bytes();
        let [raw, record, export] = ["raw", "record", "export"].map(|name| folder.join(name));
        File::create(&raw)?.set_len(bytes)?;
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
        let daemon = Daemon::start(daemon, &export, bytes, "qemu-utils")?;
        let folder = folder.join("disk");
        let parts = layout.parts().iter();
        for part in parts.clone() {
            part.make(&export, on)?;
        }
        let mounted = parts.map(|part| Mounted::part(&export, *part, &folder));
        Ok(Self {
            mounted: mounted.collect::<Result<_>>()?,
            daemon,
            folder,
            record,
            bytes,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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
            bytes,
            ..
        } = self;
        drop(mounted);
        drop(daemon);
        (record, bytes)
    }
}
