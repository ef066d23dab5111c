//! Makes the merged layer: folders anew, everything else as a further name of the same file, or as a copy of a file that
//! can have no more names.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{CStr, CString};

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, XattrFlags, fsetxattr, linkat, makedev, mkdirat, mknodat, statat,
};
use rustix::io::Errno;

use super::lookup::{Found, Place, joined, look_up};
use super::root::Root;
use crate::tree::attributes::{copy_attributes, copy_times};
use crate::tree::copy::copy_file;
use crate::tree::names_of;

/// A file of the layers, all of which are on one file system.
pub(super) type Inode = u64;

/// Gives files further names.
pub(super) struct Linker<'a> {
    /// How many names a file can have, if less than the file system allows.
    max_links: u64,
    /// The files that can have no more names, and are copied.
    full: &'a HashSet<Inode>,
    /// Where the copy of a file is: its folder in the merged layer, and its name.
    copies: HashMap<Inode, (Vec<u8>, CString)>,
    /// The files that were found to be full.
    refused: HashSet<Inode>,
}

impl<'a> Linker<'a> {
    pub(super) fn new(max_links: u64, full: &'a HashSet<Inode>) -> Self {
        Self {
            max_links,
            full,
            copies: HashMap::new(),
            refused: HashSet::new(),
        }
    }

    /// Makes `name` in the folder `made`, which is at `path` of `target`, the file `in_layer` of `folder`. One that turns
    /// out to be full is noted and left out.
    fn give_name(
        &mut self,
        (folder, in_layer): (&OwnedFd, &CStr),
        target: &Root<'_>,
        (made, path, name): (&OwnedFd, &[u8], &CStr),
    ) -> Result<(), Errno> {
        let look = || statat(folder, in_layer, AtFlags::SYMLINK_NOFOLLOW);
        // A merge of a million files is not to ask for each, when nothing is known to be full.
        let any = self.max_links == u64::MAX && self.full.is_empty();
        let known = if any { None } else { Some(look()?) };
        if let Some(stat) = known
            && self.full.contains(&stat.st_ino)
        {
            return match self.copies.get(&stat.st_ino) {
                Some((path, copy)) => {
                    let home = target.open(path)?.ok_or(Errno::STALE)?;
                    linkat(&home, copy, made, name, AtFlags::empty())
                }
                None => {
                    copy_file(folder, in_layer, made, name)?;
                    let place = (path.to_vec(), name.to_owned());
                    self.copies.insert(stat.st_ino, place);
                    Ok(())
                }
            };
        }
        if known.is_none_or(|stat| names_of(&stat) < self.max_links) {
            match linkat(folder, in_layer, made, name, AtFlags::empty()) {
                Err(Errno::MLINK) => {}
                answer => return answer,
            }
        }
        let stat = known.map_or_else(look, Ok)?;
        self.refused.insert(stat.st_ino);
        Ok(())
    }
}

/// Merges layers, the newest first, into an empty folder. `has_below` says whether they lie on others that stay.
/// `EINTR` if `stopped` said so.
///
/// Answers the files that can have no more names: if there are any, some names are missing, and the merge is to be made
/// anew with those files copied. Names of one file must all lead to its copy, and some may have been made before the file
/// was full.
pub(super) fn merge(
    layers: &[OwnedFd],
    has_below: bool,
    target: &OwnedFd,
    mut linker: Linker<'_>,
    stopped: impl Fn() -> bool,
) -> Result<HashSet<Inode>, Errno> {
    let layers: Vec<Root<'_>> = layers.iter().map(Root::of).collect();
    let target = &Root::of(target);
    let root = Place {
        parts: (0..layers.len()).map(|layer| (layer, Vec::new())).collect(),
        below: has_below.then(Vec::new),
    };
    let mut pending = vec![(root, Vec::new())];
    while let Some((place, path)) = pending.pop() {
        let made = target.open(&path)?.ok_or(Errno::STALE)?;
        for name in names(&layers, &place)? {
            if stopped() {
                return Err(Errno::INTR);
            }
            match look_up(&layers, &place, &name, has_below)? {
                Found::Folder(below) => {
                    let below_path = joined(&path, name.to_bytes());
                    mkdirat(&made, &name, Mode::RWXU)?;
                    mark(target, &below_path, &place, &name, &below)?;
                    pending.push((below, below_path));
                }
                Found::File(layer, folder, in_layer) => {
                    let folder = layers[layer].open(&folder)?.ok_or(Errno::STALE)?;
                    linker.give_name((&folder, &in_layer), target, (&made, &path, &name))?;
                }
                Found::Hidden(layer, folder, in_layer) if place.below.is_some() => {
                    let folder = layers[layer].open(&folder)?.ok_or(Errno::STALE)?;
                    hide(&folder, &in_layer, &made, &name)?;
                }
                Found::Hidden(..) | Found::Nothing => {}
            }
        }
        // The times last: every name in the folder is there now, and its own folders do not change it any more.
        let (layer, newest) = place.parts.first().ok_or(Errno::STALE)?;
        let model = layers[*layer].open(newest)?.ok_or(Errno::STALE)?;
        copy_attributes(&model, &made)?;
        copy_times(&model, &made)?;
    }
    Ok(linker.refused)
}

/// Says in the folder itself where it goes on below, if that is not where its name and its parent lead.
fn mark(
    target: &Root<'_>,
    path: &[u8],
    parent: &Place,
    name: &CStr,
    place: &Place,
) -> Result<(), Errno> {
    let natural = parent
        .below
        .as_ref()
        .map(|below| joined(below, name.to_bytes()));
    let folder = target.open(path)?.ok_or(Errno::STALE)?;
    let flags = XattrFlags::empty();
    match (&natural, &place.below) {
        (Some(_), None) => fsetxattr(&folder, c"trusted.overlay.opaque", b"y", flags),
        (natural, Some(below))
            if natural.as_deref().map(absolute).as_deref() != Some(&absolute(below)[..]) =>
        {
            let redirect = redirect(parent.below.as_deref(), below);
            fsetxattr(&folder, c"trusted.overlay.redirect", &redirect, flags)
        }
        _ => Ok(()),
    }
}

fn absolute(path: &[u8]) -> Vec<u8> {
    match path.first() {
        Some(b'/') => path.to_vec(),
        _ => [b"/", path].concat(),
    }
}

/// Leads to `below`: by its name alone where it lies in the same folder, because the path of a deep folder is longer than
/// what a file system takes for an attribute.
fn redirect(parent: Option<&[u8]>, below: &[u8]) -> Vec<u8> {
    let below = absolute(below);
    let name = parent.and_then(|parent| {
        let parent = absolute(parent);
        let rest = below.strip_prefix(&parent[..])?;
        let name = match parent.as_slice() {
            b"/" => rest,
            _ => rest.strip_prefix(b"/")?,
        };
        (!name.is_empty() && !name.contains(&b'/')).then(|| name.to_vec())
    });
    name.unwrap_or(below)
}

fn hide(folder: &OwnedFd, in_layer: &CStr, made: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let stat = statat(folder, in_layer, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice {
        match linkat(folder, in_layer, made, name, AtFlags::empty()) {
            Err(Errno::MLINK) => {}
            answer => return answer,
        }
    }
    mknodat(
        made,
        name,
        FileType::CharacterDevice,
        Mode::empty(),
        makedev(0, 0),
    )
}

fn names(layers: &[Root<'_>], place: &Place) -> Result<BTreeSet<CString>, Errno> {
    let mut names = BTreeSet::new();
    for (layer, path) in &place.parts {
        let folder = layers[*layer].open(path)?.ok_or(Errno::STALE)?;
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.insert(name.to_owned());
            }
        }
    }
    Ok(names)
}
