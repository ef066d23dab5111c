//! Removes a tree.

use std::ffi::{CStr, CString};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::descent::Descent;

/// Removes what is at `name`, a folder with everything in it included; what is not there is removed already.
///
/// # Errors
/// `EINTR` if `stopped` said so; what is left is removed by the next call.
pub(crate) fn remove_tree(
    at: impl AsFd,
    name: &CStr,
    stopped: impl Fn() -> bool,
) -> Result<(), Errno> {
    match unlinkat(&at, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let mut place = Descent::at(&at, name)?;
    let mut pending = vec![remove_files(&place)?];
    // Each level keeps the names of its folders that are still to be gone into; the one being gone into is the last.
    while let Some(folders) = pending.last() {
        if stopped() {
            return Err(Errno::INTR);
        }
        if let Some(next) = folders.last() {
            place.enter(next)?;
            pending.push(remove_files(&place)?);
            continue;
        }
        pending.pop();
        if let Some(above) = pending.last_mut() {
            place.leave()?;
            if let Some(emptied) = above.pop() {
                unlinkat(place.folder(), &emptied, AtFlags::REMOVEDIR)?;
            }
        }
    }
    drop(place);
    unlinkat(&at, name, AtFlags::REMOVEDIR)
}

/// Removes all that is in a folder.
pub(crate) fn empty_folder(folder: impl AsFd) -> Result<(), Errno> {
    for (name, _) in Descent::at(&folder, c".")?.entries()? {
        remove_tree(&folder, &name, || false)?;
    }
    Ok(())
}

fn remove_files(place: &Descent) -> Result<Vec<CString>, Errno> {
    let mut folders = Vec::new();
    for (name, is_folder) in place.entries()? {
        if is_folder {
            folders.push(name);
        } else {
            unlinkat(place.folder(), &name, AtFlags::empty())?;
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    use std::os::unix::fs::symlink;

    #[test]
    fn tree_of_four_thousand_levels_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let top = std::fs::File::open(root.path()).unwrap();
        let mut at: rustix::fd::OwnedFd = top.try_clone().unwrap().into();
        for _ in 0..4000 {
            mkdirat(&at, c"deep", Mode::RWXU).unwrap();
            at = openat(&at, c"deep", OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(&top, c"deep", || false).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_symbolic_link_points_to_stays() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("kept"), "kept").unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        symlink(outside.path(), root.path().join("a/b/link")).unwrap();
        let top = std::fs::File::open(root.path()).unwrap();
        remove_tree(&top, c"a", || false).unwrap();
        assert!(!root.path().join("a").exists());
        assert!(outside.path().join("kept").exists());
    }
}
