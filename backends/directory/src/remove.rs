//! Removing a tree, by file descriptor and without following anything.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{self as sys, AtFlags, Mode};
use rustix::io::Errno;

use crate::copy::{names, open_folder};

/// Removes `name` in a folder with all that it holds; nothing if it is not there.
///
/// The walk holds one descriptor however deep the tree is. A folder that its owner made unreadable is made readable.
pub(crate) fn remove_tree(within: &OwnedFd, name: &CString) -> io::Result<()> {
    let mut here = within.try_clone()?;
    // The folders from the root of the walk down to where it is, each with the names that are left in its parent.
    let mut above: Vec<(CString, Vec<CString>)> = Vec::new();
    let mut left = vec![name.clone()];
    loop {
        let Some(name) = left.pop() else {
            let Some((name, siblings)) = above.pop() else {
                return Ok(());
            };
            here = open_folder(&here, c"..")?;
            gone(sys::unlinkat(&here, &name, AtFlags::REMOVEDIR))?;
            left = siblings;
            continue;
        };
        match sys::unlinkat(&here, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        let below = match open_folder(&here, &name) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                sys::chmodat(&here, &name, Mode::RWXU, AtFlags::empty())?;
                open_folder(&here, &name)?
            }
            opened => opened?,
        };
        // A folder that can be read but not written keeps what is in it.
        let _ = sys::fchmod(&below, Mode::RWXU);
        let inside = names(&below)?;
        above.push((name, std::mem::replace(&mut left, inside)));
        here = below;
    }
}

fn gone(removed: rustix::io::Result<()>) -> io::Result<()> {
    match removed {
        Err(Errno::NOENT) => Ok(()),
        removed => Ok(removed?),
    }
}
