//! Finds a name in a stack of layers by the rules of overlayfs, for the layers as they lie on the disk.

use std::ffi::{CStr, CString};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Stat, fgetxattr, fgetxattr_query, lgetxattr, statat};
use rustix::io::Errno;

use super::root::Root;

/// A folder of the merged tree: where its parts are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The layers that have a part, the newest first, and its path there.
    pub(super) parts: Vec<(usize, Vec<u8>)>,
    /// The path at which the folder goes on in the layers below those that are merged, or `None` if it does not.
    pub(super) below: Option<Vec<u8>>,
}

/// What a name is.
#[derive(Debug)]
pub(super) enum Found {
    Folder(Place),
    /// Anything else: the layer and the folder that it is in.
    File(usize, Vec<u8>, CString),
    /// Hidden, by an entry there.
    Hidden(usize, Vec<u8>, CString),
    Nothing,
}

/// The state of one lookup on its way down the layers.
struct Search {
    wanted: Wanted,
    stopped: bool,
    parts: Vec<(usize, Vec<u8>)>,
}

/// Where the next layer is to be looked in.
#[derive(Clone)]
enum Wanted {
    /// In the same folder, by this name.
    Name(Vec<u8>),
    /// From the root of the layer, at this path.
    Path(Vec<u8>),
}

/// Looks `name` up in a folder of the merged tree. `has_below` says whether there are layers below the merged ones.
pub(super) fn look_up(
    layers: &[Root<'_>],
    folder: &Place,
    name: &CStr,
    has_below: bool,
) -> Result<Found, Errno> {
    let mut search = Search {
        wanted: Wanted::Name(name.to_bytes().to_vec()),
        stopped: false,
        parts: Vec::new(),
    };
    let mut candidates = folder.parts.clone();
    let mut next = 0;
    while !search.stopped && next < candidates.len() {
        let (layer, base) = candidates[next].clone();
        next += 1;
        let was_path = matches!(search.wanted, Wanted::Path(_));
        if let Some(found) = search.look_in(&layers[layer], layer, &base)? {
            return Ok(found);
        }
        if !was_path && matches!(search.wanted, Wanted::Path(_)) {
            // An absolute redirect leaves the folder: all layers below count, from their roots.
            candidates = (layer + 1..layers.len())
                .map(|layer| (layer, Vec::new()))
                .collect();
            next = 0;
        }
    }
    if search.parts.is_empty() {
        return Ok(Found::Nothing);
    }
    let below = match search.wanted {
        _ if search.stopped || !has_below => None,
        Wanted::Name(name) => folder.below.as_ref().map(|path| joined(path, &name)),
        Wanted::Path(path) => Some(path),
    };
    Ok(Found::Folder(Place {
        parts: search.parts,
        below,
    }))
}

impl Search {
    /// Looks in one layer; `Some` ends the search with what is no folder.
    fn look_in(
        &mut self,
        root: &Root<'_>,
        layer: usize,
        base: &[u8],
    ) -> Result<Option<Found>, Errno> {
        let (steps, absolute) = match &self.wanted {
            Wanted::Name(name) => (vec![name.clone()], false),
            Wanted::Path(path) => (
                path.split(|byte| *byte == b'/')
                    .filter(|step| !step.is_empty())
                    .map(<[u8]>::to_vec)
                    .collect(),
                true,
            ),
        };
        let mut here = base.to_vec();
        // The path by which the layers below are asked: redirects on the way change it.
        let mut asked: Vec<u8> = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            let last = n + 1 == steps.len();
            let name = CString::new(step.clone()).map_err(|_| Errno::INVAL)?;
            let Some(folder) = root.open(&here)? else {
                return Ok(None);
            };
            let stat = match statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => return Ok(None),
                Err(errno) => return Err(errno),
            };
            if is_whiteout(&folder, &name, &stat)? {
                self.stopped = true;
                let first = last && self.parts.is_empty();
                return Ok(first.then_some(Found::Hidden(layer, here, name)));
            }
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                self.stopped = true;
                let first = last && self.parts.is_empty();
                return Ok(first.then_some(Found::File(layer, here, name)));
            }
            here = joined(&here, step);
            let part = root.open(&here)?.ok_or(Errno::STALE)?;
            if attribute(&part, c"trusted.overlay.opaque")?.as_deref() == Some(b"y") {
                self.stopped = true;
                asked = joined(&asked, step);
                continue;
            }
            match attribute(&part, c"trusted.overlay.redirect")? {
                Some(redirect) if redirect.first() == Some(&b'/') => {
                    // It goes on although a folder on the way was opaque.
                    self.stopped = false;
                    asked = redirect;
                }
                Some(redirect) => asked = joined(&asked, &redirect),
                None => asked = joined(&asked, step),
            }
            if asked.first() == Some(&b'/') || absolute {
                let rest = steps[n + 1..]
                    .iter()
                    .fold(asked.clone(), |path, step| joined(&path, step));
                self.wanted = Wanted::Path(rest);
            } else {
                self.wanted = Wanted::Name(asked.clone());
            }
        }
        self.parts.push((layer, here));
        Ok(None)
    }
}

pub(super) fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    // A name in the root of a layer has no slash before it, so that it is not taken for a redirect.
    if path.is_empty() {
        return name.to_vec();
    }
    [path, name].join(&b'/')
}

fn is_whiteout(folder: &OwnedFd, name: &CStr, stat: &Stat) -> Result<bool, Errno> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => Ok(stat.st_rdev == 0),
        FileType::RegularFile if stat.st_size == 0 => {
            use rustix::fd::AsRawFd;
            let path = [
                format!("/proc/self/fd/{}/", folder.as_raw_fd()).as_bytes(),
                name.to_bytes(),
            ]
            .concat();
            match lgetxattr(path, c"trusted.overlay.whiteout", &mut [0; 8][..]) {
                Ok(_) => Ok(true),
                Err(Errno::NODATA) => Ok(false),
                Err(errno) => Err(errno),
            }
        }
        _ => Ok(false),
    }
}

/// Reads an attribute, which has another length only if it was changed since it was asked for: layers are not.
fn attribute(folder: &OwnedFd, name: &CStr) -> Result<Option<Vec<u8>>, Errno> {
    let length = match fgetxattr_query(folder, name) {
        Ok(length) => length,
        Err(Errno::NODATA) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let mut value = vec![0; length];
    let length = fgetxattr(folder, name, &mut value[..])?;
    value.truncate(length);
    Ok(Some(value))
}
