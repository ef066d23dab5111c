//! One opener at a time.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use workdisk::error::{BackendError, BackendErrorKind};

/// A lock on a folder, which the kernel frees at any death of the process.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: Flock<File>,
}

impl FolderLock {
    /// Locks a folder, or says who holds it.
    pub(crate) fn take(folder: &Path) -> Result<Self, BackendError> {
        let path = folder.join("lock");
        let io = |error| BackendError::io(format!("cannot lock {}", path.display()), error);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(io)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                // Who holds it is for people; the lock itself is the kernel's.
                let noted = file
                    .set_len(0)
                    .and_then(|()| write!(&mut *file, "{}", std::process::id()));
                noted.map_err(io)?;
                Ok(Self { _file: file })
            }
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = file
                    .rewind()
                    .and_then(|()| file.read_to_string(&mut holder));
                let message = format!(
                    "{} is in use by process {}; one process opens it at a time",
                    folder.display(),
                    holder.trim()
                );
                Err(BackendError::new(BackendErrorKind::InUse, message))
            }
            Err((_, error)) => Err(io(error.into())),
        }
    }
}
