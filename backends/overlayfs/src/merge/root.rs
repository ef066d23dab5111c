//! Opening the folders of a layer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// How many folders are kept open: the one whose names are looked up, and the last of those names.
const KEPT: usize = 2;

/// A folder that was opened: the steps to it, and its descriptor.
type Opened = (Vec<u8>, Rc<OwnedFd>);

/// The root of a layer, or of what is made of several.
///
/// A walk opens a folder again and again, and then those in it. The last ones are kept open, and paths are resolved from
/// there, so that a folder costs the same at any depth.
#[derive(Debug)]
pub(super) struct Root<'a> {
    root: &'a OwnedFd,
    recent: RefCell<VecDeque<Opened>>,
}

impl<'a> Root<'a> {
    pub(super) fn of(root: &'a OwnedFd) -> Self {
        Self {
            root,
            recent: RefCell::default(),
        }
    }

    /// Opens a folder, which no symbolic link leads to; `None` if there is none at the path.
    pub(super) fn open(&self, path: &[u8]) -> Result<Option<Rc<OwnedFd>>, Errno> {
        let steps: Vec<&[u8]> = path
            .split(|byte| *byte == b'/')
            .filter(|step| !step.is_empty())
            .collect();
        if steps.contains(&&b".."[..]) {
            // It may lead up from what is kept open, and stay beneath the root.
            return Ok(resolve(self.root, path)?.map(Rc::new));
        }
        let path = steps.join(&b'/');
        let mut recent = self.recent.borrow_mut();
        let nearest = recent
            .iter()
            .filter_map(|(start, folder)| Some((rest(&path, start)?, Rc::clone(folder))))
            .min_by_key(|(rest, _)| rest.len());
        let opened = match nearest {
            Some((b"", folder)) => Some(folder),
            Some((rest, folder)) => resolve(&*folder, rest)?.map(Rc::new),
            None => resolve(self.root, &path)?.map(Rc::new),
        };
        if let Some(folder) = &opened {
            recent.retain(|(known, _)| *known != path);
            recent.truncate(KEPT - 1);
            recent.push_front((path, Rc::clone(folder)));
        }
        Ok(opened)
    }
}

/// What of a path lies below a folder, if it does.
fn rest<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(folder)?;
    match rest {
        [] => Some(rest),
        [b'/', below @ ..] if !folder.is_empty() => Some(below),
        below if folder.is_empty() => Some(below),
        _ => None,
    }
}

/// Opens a folder by a path that may be longer than the kernel takes at once.
fn resolve(from: impl AsFd, path: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    const AT_ONCE: usize = 200;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    let steps: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(|step| !step.is_empty())
        .collect();
    let mut folder = openat(&from, c".", flags, Mode::empty())?;
    let mut from = 0;
    while from < steps.len() {
        let mut to = from;
        let mut length = 0;
        while to < steps.len() && to - from < AT_ONCE && length + steps[to].len() < 4000 {
            length += steps[to].len() + 1;
            to += 1;
        }
        let part = steps[from..to].join(&b'/');
        folder = match openat2(&folder, part, flags, Mode::empty(), resolve) {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        from = to;
    }
    Ok(Some(folder))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn folder_is_the_one_at_the_path_whatever_was_opened_before() {
        let place = tempfile::tempdir().unwrap();
        for path in ["a/b/c", "a/bc", "b"] {
            fs::create_dir_all(place.path().join(path)).unwrap();
            fs::write(place.path().join(path).join("path"), path).unwrap();
        }
        let top = File::open(place.path()).unwrap().into();
        let root = Root::of(&top);
        let paths = ["a/b/c", "/a/b/c", "a/b", "b", "", "a/bc", "a/b/c", "a", "b"];
        for path in paths.iter().chain(paths.iter().rev()) {
            let opened = root.open(path.as_bytes()).unwrap().unwrap();
            let expected = File::open(place.path().join(path.trim_start_matches('/'))).unwrap();
            let [opened, expected] = [opened.as_fd(), expected.as_fd()]
                .map(|folder| rustix::fs::fstat(folder).unwrap().st_ino);
            assert_eq!(opened, expected, "{path}");
        }
        assert!(root.open(b"a/none").unwrap().is_none());
        assert!(root.open(b"a/b/../bc").unwrap().is_some());
        assert!(root.open(b"a/bc/path").unwrap().is_none());
    }

    #[test]
    fn link_is_not_followed_from_a_folder_that_is_kept_open() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("b", place.path().join("a/link")).unwrap();
        let top = File::open(place.path()).unwrap().into();
        let root = Root::of(&top);
        assert!(root.open(b"a").unwrap().is_some());
        assert!(root.open(b"a/link").unwrap().is_none());
    }
}
