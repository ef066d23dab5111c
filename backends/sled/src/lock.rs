//! One opener at a time.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use crate::error::{Result, StoreError};

/// A lock on a folder, which the kernel frees at any death of the process.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: Flock<File>,
}

impl FolderLock {
    /// Locks a folder, or says who holds it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let io = StoreError::io(format!("lock {}", path.display()));
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(&io)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                // Who holds it is for people, and there may be no room to say it; the lock itself is the kernel's.
                let noted = file
                    .set_len(0)
                    .and_then(|()| write!(&mut *file, "{}", std::process::id()));
                if let Err(error) = noted {
                    tracing::debug!(%error, "the lock does not say who holds it");
                }
                Ok(Self { _file: file })
            }
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = file
                    .rewind()
                    .and_then(|()| file.read_to_string(&mut holder));
                Err(StoreError::InUse {
                    folder: folder.to_owned(),
                    holder: holder.trim().to_owned(),
                })
            }
            Err((_, error)) => Err(io(error.into())),
        }
    }
}
