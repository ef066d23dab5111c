//! Copies of open files, as a program that is being started has them.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Copies every descriptor that this process has of a file. A program that is being started has such copies until it is
/// executed.
///
/// # Errors
/// Those of reading `/proc` and of copying.
pub fn copies_of_open_file(file: &Path) -> io::Result<Vec<OwnedFd>> {
    let (this, file) = (
        pidfd_open(getpid(), PidfdFlags::empty())?,
        file.canonicalize()?,
    );
    let mut copies = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        if !fs::read_link(entry.path()).is_ok_and(|target| target == file) {
            continue;
        }
        let number = entry.file_name().to_string_lossy().parse();
        let number = number.map_err(io::Error::other)?;
        copies.push(pidfd_getfd(&this, number, PidfdGetfdFlags::empty())?);
    }
    Ok(copies)
}
