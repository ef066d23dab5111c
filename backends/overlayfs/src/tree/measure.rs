//! Measures a tree.

use std::collections::HashMap;
use std::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Stat, fstat, statat};
use rustix::io::Errno;

use super::descent::Descent;
use super::names_of;

/// The bytes of the blocks that a tree takes; a file of several names counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// Of folders, and of files all of whose names are in the tree.
    pub(crate) alone: u64,
    /// Of files that have names elsewhere too.
    pub(crate) linked: u64,
}

/// Files of several names, by their numbers.
type Linked = HashMap<u64, Names>;

/// A file of several names.
struct Names {
    missing: u64,
    bytes: u64,
}

/// Measures the tree at a name. It is on one file system.
pub(crate) fn allocated_bytes(at: impl AsFd, name: &CStr) -> Result<Allocated, Errno> {
    let mut linked = Linked::new();
    let mut place = Descent::at(at, name)?;
    let mut alone = blocks(&fstat(place.folder())?);
    let mut pending = vec![measure_files(&place, &mut linked, &mut alone)?];
    while let Some(folders) = pending.last_mut() {
        if let Some(next) = folders.pop() {
            place.enter(&next)?;
            alone += blocks(&fstat(place.folder())?);
            let below = measure_files(&place, &mut linked, &mut alone)?;
            pending.push(below);
        } else {
            pending.pop();
            if !pending.is_empty() {
                place.leave()?;
            }
        }
    }
    let mut allocated = Allocated { alone, linked: 0 };
    for file in linked.into_values() {
        match file.missing {
            0 => allocated.alone += file.bytes,
            _ => allocated.linked += file.bytes,
        }
    }
    Ok(allocated)
}

fn measure_files(
    place: &Descent,
    linked: &mut Linked,
    alone: &mut u64,
) -> Result<Vec<std::ffi::CString>, Errno> {
    let mut folders = Vec::new();
    for (name, is_folder) in place.entries()? {
        if is_folder {
            folders.push(name);
            continue;
        }
        let stat = statat(place.folder(), &name, AtFlags::SYMLINK_NOFOLLOW)?;
        if stat.st_nlink == 1 {
            *alone += blocks(&stat);
            continue;
        }
        let file = linked.entry(stat.st_ino).or_insert(Names {
            missing: names_of(&stat),
            bytes: blocks(&stat),
        });
        file.missing = file.missing.saturating_sub(1);
    }
    Ok(folders)
}

/// `st_blocks` counts in units of 512 bytes, whatever the file system's own.
fn blocks(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0) * 512
}
