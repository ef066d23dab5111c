//! Keeps sled from meeting a full disk, which it does not survive: it refuses everything until it is opened again.
//!
//! Each group of changes is preceded by a look at how much is free. When that is little, nothing new is taken in; when it
//! is next to nothing, a file that was kept for it is removed, so that there is room to delete workspaces by. Others may
//! take the room between the look and the write: then the store has to be opened again, and nothing is lost.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;

use crate::error::{Result, StoreError};

/// What is kept for changes that make room. sled writes in segments of 512 KiB.
const RESERVE: u64 = 4 << 20;

/// With less free than that nothing new is taken in.
const LOW: u64 = 8 << 20;

/// With less free than that the reserve is used up.
const BARE: u64 = 2 << 20;

const NAME: &str = "reserve";

/// The room that is left on a store's disk.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    reserve: Reserve,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reserve {
    None,
    Kept,
    /// The file system refused to keep it, and is not asked at every change.
    Refused,
}

impl Room {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let reserve = match folder.join(NAME).exists() {
            true => Reserve::Kept,
            false => Reserve::None,
        };
        let folder = folder.to_owned();
        Self { folder, reserve }
    }

    /// Looks whether a change can be written. `grows` says whether it is for something new.
    ///
    /// # Errors
    /// [`Full`](StoreError::Full); nothing was written.
    pub(crate) fn check(&mut self, grows: bool) -> Result<()> {
        let Some(free) = self.free() else {
            return Ok(());
        };
        if self.reserve == Reserve::None && free > LOW + 2 * RESERVE {
            self.reserve = self.keep();
        }
        if grows && free < LOW {
            return Err(StoreError::Full { free });
        }
        if free >= BARE {
            return Ok(());
        }
        self.release();
        match self.free() {
            Some(free) if free < BARE => Err(StoreError::Full { free }),
            _ => Ok(()),
        }
    }

    /// The bytes that a process without privileges can still write, or nothing if the file system does not tell.
    fn free(&self) -> Option<u64> {
        let stat = statvfs(&self.folder).ok()?;
        stat.blocks_available().checked_mul(stat.fragment_size())
    }

    fn keep(&mut self) -> Reserve {
        let made = File::create(self.folder.join(NAME)).and_then(|file| {
            posix_fallocate(file, 0, RESERVE as i64).map_err(std::io::Error::from)
        });
        match made {
            Ok(()) => Reserve::Kept,
            Err(error) => {
                self.release();
                tracing::debug!(%error, "no room is kept for deletions on a full disk");
                Reserve::Refused
            }
        }
    }

    fn release(&mut self) {
        if let Err(error) = std::fs::remove_file(self.folder.join(NAME)) {
            tracing::debug!(%error, "there was no room kept");
        }
        self.reserve = Reserve::None;
    }
}
