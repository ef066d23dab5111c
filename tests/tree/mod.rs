//! Random changes of a tree of files, and everything that a tree shows.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, SeekFrom, XattrFlags, mknodat};
use rustix::io::Errno;

/// A change. A number stands for a path.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Write(usize, u8),
    Append(usize),
    Truncate(usize, u16),
    Remove(usize),
    RemoveTree(usize),
    Folder(usize),
    Rename(usize, usize),
    Link(usize, usize),
    Symlink(usize),
    Mode(usize, u32),
    Owner(usize),
    Attribute(usize, u8),
    /// An access list with an entry for that user.
    Access(usize, u8),
    /// A byte far behind the end, so that there is a hole before it.
    Hole(usize, u8),
    Fifo(usize),
    Device(usize),
}

const NAMES: [&[u8]; 3] = [b"a", b"b c", b"\xff\n,:\\"];

/// A path of one to three names.
pub(crate) fn path(n: usize) -> PathBuf {
    let mut path = PathBuf::new();
    let mut rest = n;
    for _ in 0..=n % 3 {
        rest /= 3;
        path.push(OsStr::from_bytes(NAMES[rest % 3]));
    }
    path
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..81_usize;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Write(at, byte)),
        2 => at().prop_map(Edit::Append),
        1 => (at(), any::<u16>()).prop_map(|(at, size)| Edit::Truncate(at, size)),
        2 => at().prop_map(Edit::Remove),
        2 => at().prop_map(Edit::RemoveTree),
        5 => at().prop_map(Edit::Folder),
        6 => (at(), at()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (at(), at()).prop_map(|(from, to)| Edit::Link(from, to)),
        1 => at().prop_map(Edit::Symlink),
        1 => (at(), 0..0o7777_u32).prop_map(|(at, mode)| Edit::Mode(at, mode)),
        1 => at().prop_map(Edit::Owner),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Attribute(at, byte)),
        1 => (at(), any::<u8>()).prop_map(|(at, user)| Edit::Access(at, user)),
        2 => (at(), any::<u8>()).prop_map(|(at, far)| Edit::Hole(at, far)),
        1 => at().prop_map(Edit::Fifo),
        1 => at().prop_map(Edit::Device),
    ]
}

/// Makes a change in a folder; answers whether it could be done.
pub(crate) fn apply(root: &Path, edit: &Edit) -> bool {
    let at = |n: &usize| root.join(path(*n));
    match edit {
        Edit::Write(n, byte) => fs::write(at(n), [*byte; 100]).is_ok(),
        Edit::Append(n) => {
            let file = fs::OpenOptions::new().append(true).open(at(n));
            file.is_ok_and(|mut file| std::io::Write::write_all(&mut file, b"more").is_ok())
        }
        Edit::Truncate(n, size) => fs::OpenOptions::new()
            .write(true)
            .open(at(n))
            .is_ok_and(|file| file.set_len(u64::from(*size)).is_ok()),
        Edit::Remove(n) => fs::remove_file(at(n)).is_ok() || fs::remove_dir(at(n)).is_ok(),
        Edit::RemoveTree(n) => fs::remove_dir_all(at(n)).is_ok(),
        Edit::Folder(n) => fs::create_dir(at(n)).is_ok(),
        Edit::Rename(from, to) => fs::rename(at(from), at(to)).is_ok(),
        Edit::Link(from, to) => fs::hard_link(at(from), at(to)).is_ok(),
        Edit::Symlink(n) => symlink("/etc/target", at(n)).is_ok(),
        Edit::Mode(n, mode) => fs::set_permissions(at(n), PermissionsExt::from_mode(*mode)).is_ok(),
        Edit::Owner(n) => lchown(at(n), Some(1000), Some(1001)).is_ok(),
        Edit::Attribute(n, byte) => {
            let flags = XattrFlags::empty();
            rustix::fs::lsetxattr(at(n), "user.x", &[*byte], flags).is_ok()
        }
        Edit::Access(n, user) => {
            let flags = XattrFlags::empty();
            let list = access_list(u32::from(*user));
            rustix::fs::lsetxattr(at(n), "system.posix_acl_access", &list, flags).is_ok()
        }
        Edit::Hole(n, far) => fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(at(n))
            .is_ok_and(|file| file.write_all_at(b"x", u64::from(*far) << 14).is_ok()),
        Edit::Fifo(n) => mknodat(CWD, at(n), FileType::Fifo, Mode::RUSR, 0).is_ok(),
        Edit::Device(n) => {
            let null = rustix::fs::makedev(1, 3);
            mknodat(CWD, at(n), FileType::CharacterDevice, Mode::RUSR, null).is_ok()
        }
    }
}

/// An access list as the kernel takes it: acl(5), and `linux/posix_acl_xattr.h`.
fn access_list(user: u32) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let entries = [
        (0x01, 0o7, NOBODY),
        (0x02, 0o6, user),
        (0x04, 0o5, NOBODY),
        (0x10, 0o7, NOBODY),
        (0x20, 0o4, NOBODY),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend(u16::to_le_bytes(tag));
        list.extend(u16::to_le_bytes(permissions));
        list.extend(u32::to_le_bytes(id));
    }
    list
}

/// Whether a change touches what overlayfs treats differently: a file of several names, which breaks at the first change,
/// and what a symbolic link or a device leads out to.
pub(crate) fn is_exception(oracle: &Path, edit: &Edit) -> bool {
    let special = |n: &usize| {
        fs::symlink_metadata(oracle.join(path(*n))).is_ok_and(|meta| {
            let kind = meta.file_type();
            !meta.is_dir() && (meta.nlink() > 1 || kind.is_symlink() || !kind.is_file())
        })
    };
    match edit {
        Edit::Write(n, _)
        | Edit::Append(n)
        | Edit::Truncate(n, _)
        | Edit::Mode(n, _)
        | Edit::Owner(n)
        | Edit::Attribute(n, _)
        | Edit::Access(n, _)
        | Edit::Hole(n, _) => special(n),
        Edit::Rename(from, to) => special(from) && special(to),
        _ => false,
    }
}

/// What a file of any kind shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    mode: u32,
    owner: (u32, u32),
    device: u64,
    content: Vec<u8>,
    attributes: Vec<(String, Vec<u8>)>,
    modified: (i64, i64),
    /// Where its data is, by their first byte and the one after the last; the rest are holes.
    data: Vec<(u64, u64)>,
    /// The first of the file's other names in the tree.
    first_name: Option<OsString>,
}

/// By path, as text: comparing paths of thousands of levels part by part takes too long.
pub(crate) type Manifest = BTreeMap<OsString, Entry>;

/// Everything that a tree shows, and that nothing may change but an edit. The tree may be deeper than a path can be long.
pub(crate) fn manifest(root: &Path) -> Manifest {
    try_manifest(root).unwrap()
}

/// As [`manifest`], of a tree that perhaps cannot be read.
pub(crate) fn try_manifest(root: &Path) -> io::Result<Manifest> {
    let mut at = File::open(root)?;
    // What is not written back yet has no holes.
    rustix::fs::syncfs(&at)?;
    let mut found = Manifest::new();
    let mut names = Names::new();
    let root = through(&at, ".");
    found.insert(
        OsString::new(),
        entry(&root, &fs::symlink_metadata(&root)?)?,
    );
    let mut path = PathBuf::new();
    let mut pending = vec![look_around(&at, &path, &mut found, &mut names)?];
    while let Some(folders) = pending.last_mut() {
        if let Some(next) = folders.pop() {
            at = File::open(through(&at, &next))?;
            path.push(next);
            pending.push(look_around(&at, &path, &mut found, &mut names)?);
        } else {
            pending.pop();
            // The way back from the root leads out of the tree.
            if path.pop() {
                at = File::open(through(&at, ".."))?;
            }
        }
    }
    for names in names.into_values().filter(|names| names.len() > 1) {
        let first = names.iter().min().cloned();
        for name in names {
            found.get_mut(&name).unwrap().first_name = first.clone();
        }
    }
    Ok(found)
}

/// The names of each file, by its number.
type Names = BTreeMap<u64, Vec<OsString>>;

/// The way to a name in an open folder.
fn through(folder: &File, name: impl AsRef<Path>) -> PathBuf {
    Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name)
}

/// Notes what is in a folder, and answers its folders.
fn look_around(
    folder: &File,
    path: &Path,
    found: &mut Manifest,
    names: &mut Names,
) -> io::Result<Vec<OsString>> {
    let mut folders = Vec::new();
    for name in fs::read_dir(through(folder, "."))? {
        let name = name?.file_name();
        let at = through(folder, &name);
        let meta = match fs::symlink_metadata(&at) {
            // An overlay lists some names that are hidden.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        let whole = path.join(&name).into_os_string();
        found.insert(whole.clone(), entry(&at, &meta)?);
        if meta.is_dir() {
            folders.push(name);
        } else {
            // The count of names says nothing of a layer's folder that two redirects lead to: the kernel shows what is in it
            // at both places as one file, which it says has one name.
            names.entry(meta.ino()).or_default().push(whole);
        }
    }
    Ok(folders)
}

fn entry(at: &Path, meta: &fs::Metadata) -> io::Result<Entry> {
    let kind = meta.file_type();
    let has_data = kind.is_file() && meta.len() > 0;
    let content = if has_data {
        fs::read(at)?
    } else if kind.is_symlink() {
        fs::read_link(at)?.as_os_str().as_bytes().to_vec()
    } else {
        vec![u8::from(kind.is_fifo())]
    };
    Ok(Entry {
        mode: meta.mode(),
        owner: (meta.uid(), meta.gid()),
        device: meta.rdev(),
        content,
        attributes: attributes(at)?,
        modified: (meta.mtime(), meta.mtime_nsec()),
        data: if has_data { data(at)? } else { Vec::new() },
        first_name: None,
    })
}

/// All but what a security module gives every file.
fn attributes(path: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    const MOST: usize = 64 << 10;
    let none: &mut [u8] = &mut [];
    let length = match rustix::fs::llistxattr(path, none) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        length => length?,
    };
    let mut list = vec![0; length];
    let length = rustix::fs::llistxattr(path, &mut list[..])?;
    let names = list[..length].split(|byte| *byte == 0);
    let mut found = Vec::new();
    for name in names.filter(|name| !name.is_empty() && *name != b"security.selinux") {
        let mut value = vec![0; MOST];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
        value.truncate(length);
        found.push((String::from_utf8_lossy(name).into_owned(), value));
    }
    found.sort();
    Ok(found)
}

fn data(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let file = File::open(path)?;
    let mut found = Vec::new();
    let mut at = 0;
    while let Ok(start) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        at = rustix::fs::seek(&file, SeekFrom::Hole(start))?;
        found.push((start, at));
    }
    Ok(found)
}

/// What a copy of the tree on another file system shows as well. Of times, holes and names of one file it may show
/// others: a volume breaks the names of a file when one of them is renamed.
pub(crate) fn contents(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    for entry in manifest.values_mut() {
        entry.modified = (0, 0);
        entry.data.clear();
        entry.first_name = None;
    }
    manifest
}
