//! Measures a tree.

use std::collections::HashSet;
use std::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Stat, fstat, statat};
use rustix::io::Errno;

use super::descent::Descent;

/// The bytes of the blocks that a tree takes; a file of several names counts once.
pub(crate) fn allocated_bytes(at: impl AsFd, name: &CStr) -> Result<u64, Errno> {
    let mut seen = HashSet::new();
    let mut place = Descent::at(at, name)?;
    let mut bytes = blocks(&fstat(place.folder())?);
    let mut pending = vec![measure_files(&place, &mut seen, &mut bytes)?];
    while let Some(folders) = pending.last_mut() {
        if let Some(next) = folders.pop() {
            place.enter(&next)?;
            bytes += blocks(&fstat(place.folder())?);
            let below = measure_files(&place, &mut seen, &mut bytes)?;
            pending.push(below);
        } else {
            pending.pop();
            if !pending.is_empty() {
                place.leave()?;
            }
        }
    }
    Ok(bytes)
}

fn measure_files(
    place: &Descent,
    seen: &mut HashSet<u64>,
    bytes: &mut u64,
) -> Result<Vec<std::ffi::CString>, Errno> {
    let mut folders = Vec::new();
    for (name, is_folder) in place.entries()? {
        if is_folder {
            folders.push(name);
            continue;
        }
        let stat = statat(place.folder(), &name, AtFlags::SYMLINK_NOFOLLOW)?;
        if stat.st_nlink == 1 || seen.insert(stat.st_ino) {
            *bytes += blocks(&stat);
        }
    }
    Ok(folders)
}

/// `st_blocks` counts in units of 512 bytes, whatever the file system's own.
fn blocks(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0) * 512
}
