//! Random changes of a tree of files, and everything that a tree shows.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, SeekFrom, XattrFlags, mknodat};

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
fn path(n: usize) -> PathBuf {
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
    first_name: Option<PathBuf>,
}

pub(crate) type Manifest = BTreeMap<PathBuf, Entry>;

/// Everything that a tree shows, and that nothing may change but an edit.
pub(crate) fn manifest(root: &Path) -> Manifest {
    // What is not written back yet has no holes.
    rustix::fs::syncfs(fs::File::open(root).unwrap()).unwrap();
    let mut found = Manifest::new();
    let mut files: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(at) = pending.pop() {
        let meta = fs::symlink_metadata(&at).unwrap();
        let kind = meta.file_type();
        let content = if kind.is_file() {
            fs::read(&at).unwrap()
        } else if kind.is_symlink() {
            fs::read_link(&at).unwrap().as_os_str().as_bytes().to_vec()
        } else {
            vec![u8::from(kind.is_fifo())]
        };
        let entry = Entry {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            device: meta.rdev(),
            content,
            attributes: attributes(&at),
            modified: (meta.mtime(), meta.mtime_nsec()),
            data: if kind.is_file() {
                data(&at)
            } else {
                Vec::new()
            },
            first_name: None,
        };
        let path = at.strip_prefix(root).unwrap().to_owned();
        if kind.is_dir() {
            pending.extend(fs::read_dir(&at).unwrap().map(|it| it.unwrap().path()));
        } else {
            files.entry(meta.ino()).or_default().push(path.clone());
        }
        found.insert(path, entry);
    }
    for names in files.into_values().filter(|names| names.len() > 1) {
        let first = names.iter().min().cloned();
        for name in names {
            found.get_mut(&name).unwrap().first_name = first.clone();
        }
    }
    found
}

fn attributes(path: &Path) -> Vec<(String, Vec<u8>)> {
    let names = ["user.x", "system.posix_acl_access", "trusted.x"];
    let mut found = Vec::new();
    for name in names {
        let mut value = [0; 256];
        if let Ok(length) = rustix::fs::lgetxattr(path, name, &mut value[..]) {
            found.push((name.to_owned(), value[..length].to_vec()));
        }
    }
    found
}

fn data(path: &Path) -> Vec<(u64, u64)> {
    let file = fs::File::open(path).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    while let Ok(start) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        at = rustix::fs::seek(&file, SeekFrom::Hole(start)).unwrap();
        found.push((start, at));
    }
    found
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
