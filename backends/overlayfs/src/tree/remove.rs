//! Removes a tree.

use std::ffi::{CStr, CString};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::descent::Descent;

/// Removes what is at `name`, a folder with everything in it included; what is not there is removed already.
///
/// `stopped` is asked before each file is removed, before each folder is gone into, and when one is left.
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
    let mut pending = vec![remove_files(&place, &stopped)?];
    // Each level keeps the names of its folders that are still to be gone into; the one being gone into is the last.
    while let Some(folders) = pending.last() {
        if stopped() {
            return Err(Errno::INTR);
        }
        if let Some(next) = folders.last() {
            place.enter(next)?;
            pending.push(remove_files(&place, &stopped)?);
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

fn remove_files(place: &Descent, stopped: &impl Fn() -> bool) -> Result<Vec<CString>, Errno> {
    let mut folders = Vec::new();
    for (name, is_folder) in place.entries()? {
        if is_folder {
            folders.push(name);
        } else if stopped() {
            return Err(Errno::INTR);
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

    /// `root/top/folder`, and beside `root` what is not to be touched.
    fn two_levels() -> (tempfile::TempDir, tempfile::TempDir, std::fs::File) {
        let [root, outside] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        std::fs::create_dir_all(root.path().join("top/folder")).unwrap();
        std::fs::write(outside.path().join("precious"), "untouched").unwrap();
        let top = std::fs::File::open(root.path()).unwrap();
        (root, outside, top)
    }

    #[test]
    fn folder_that_became_a_link_since_it_was_listed_is_not_followed() {
        let (root, outside, top) = two_levels();
        let folder = root.path().join("top/folder");
        let swap = || {
            // The walk asks this after it has listed `top`, and before it goes into `folder`.
            if folder.is_dir() && !folder.is_symlink() {
                std::fs::remove_dir(&folder).unwrap();
                symlink(outside.path(), &folder).unwrap();
            }
            false
        };
        let refused = remove_tree(&top, c"top", swap);
        assert!(
            matches!(refused, Err(Errno::NOTDIR | Errno::LOOP)),
            "{refused:?}"
        );
        remove_tree(&top, c"top", || false).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(outside.path().join("precious").exists());
    }

    #[test]
    fn walk_does_not_go_up_from_a_folder_that_was_moved_out_of_the_tree() {
        let (root, outside, top) = two_levels();
        let moved = outside.path().join("moved");
        let calls = std::cell::Cell::new(0);
        let take_away = || {
            calls.set(calls.get() + 1);
            if calls.get() == 2 {
                std::fs::rename(root.path().join("top/folder"), &moved).unwrap();
            }
            false
        };
        assert_eq!(remove_tree(&top, c"top", take_away), Err(Errno::STALE));
        assert!(moved.exists() && outside.path().join("precious").exists());
    }

    #[test]
    fn removal_ends_and_stays_inside_while_others_rename_all_the_time() {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use std::sync::atomic::{AtomicBool, Ordering};

        let (root, outside, top) = two_levels();
        let done = AtomicBool::new(false);
        let at = |name: &str| root.path().join(name);
        let rename = |n: usize| {
            let swap = at(&format!("swap {n}"));
            while !done.load(Ordering::Relaxed) {
                // What was swapped out is a folder or a link; and there is none to swap while it is removed.
                let _gone = std::fs::remove_file(&swap).or_else(|_| std::fs::remove_dir_all(&swap));
                symlink(outside.path(), &swap).unwrap();
                let folder = at(&format!("top/folder/{n}"));
                let _swapped = renameat_with(CWD, &swap, CWD, &folder, RenameFlags::EXCHANGE);
                let _moved = std::fs::rename(&folder, at(&format!("top/{n}")));
            }
        };
        std::thread::scope(|scope| {
            for n in 0..4 {
                let rename = &rename;
                scope.spawn(move || rename(n));
            }
            for _ in 0..200 {
                std::fs::create_dir_all(at("top/folder")).unwrap();
                for n in 0..4 {
                    let _made = std::fs::create_dir(at(&format!("top/folder/{n}")));
                }
                let _removed = remove_tree(&top, c"top", || false);
            }
            done.store(true, Ordering::Relaxed);
        });
        remove_tree(&top, c"top", || false).unwrap();
        assert!(!at("top").exists());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
        let precious = std::fs::read(outside.path().join("precious")).unwrap();
        assert_eq!(precious, b"untouched");
    }
}
