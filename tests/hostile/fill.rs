//! What hostile workspaces are filled with.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use rustix::fs::{
    CWD, FileType, IFlags, Mode, OFlags, XattrFlags, ioctl_getflags, ioctl_setflags, lsetxattr,
    makedev, mkdirat, mknodat, openat,
};
use rustix::io::Errno;

/// Fills a volume above [`base`]; the second path is of what lies outside.
pub(crate) type Fill = fn(&Path, &Path);

/// Those that any user can make.
pub(crate) fn workspaces() -> [(&'static str, Fill); 5] {
    [
        ("links that lead out", links_out),
        ("odd names", odd_names),
        ("a hundred names of a file", |path, _| hard_links(path, 100)),
        ("holes", holes),
        ("attributes of overlayfs", attributes),
    ]
}

/// What every workspace has below what is hostile, and what must neither be hidden nor shown elsewhere.
pub(crate) fn base(path: &Path) {
    for folder in ["folder", "other", "secret/deep", "turned"] {
        fs::create_dir_all(path.join(folder)).unwrap();
        fs::write(path.join(folder).join("below"), folder).unwrap();
    }
    for file in ["file", "hidden", "copied"] {
        fs::write(path.join(file), file).unwrap();
    }
}

fn links_out(path: &Path, outside: &Path) {
    let link = |to: &Path, name: &str| symlink(to, path.join(name)).unwrap();
    link(outside, "folder outside");
    link(&outside.join("folder/precious"), "file outside");
    link(Path::new("folder outside/folder"), "by way of another");
    link(Path::new("by way of another"), "by way of two");
    for (name, to) in [
        ("root", "/"),
        ("up", ".."),
        ("far up", "../../../../../../.."),
        ("own root", "/proc/self/root"),
        ("own descriptors", "/proc/self/fd"),
        ("of init", "/proc/1/root"),
        ("of itself", "of itself"),
        ("nothing", "no such file"),
    ] {
        link(Path::new(to), name);
    }
    // In place of a folder that the layer below has.
    fs::remove_dir_all(path.join("turned")).unwrap();
    link(&outside.join("folder"), "turned");
    fs::create_dir(path.join("folder/inner")).unwrap();
    link(outside, "folder/inner/out");
}

fn odd_names(path: &Path, _: &Path) {
    let longest = [b'n'; 255];
    let names: [&[u8]; 14] = [
        b"new\nline",
        b"\xff\xfe\x80",
        b" ",
        b"-rf",
        b"--",
        b"*",
        b"...",
        b"\x1b[2J\x7f",
        b".wh.below",
        b".wh..wh..opq",
        b"work",
        b"fs",
        b"a,b:c=d\\e",
        &longest,
    ];
    for name in names {
        let name = OsStr::from_bytes(name);
        fs::create_dir(path.join(name)).unwrap();
        fs::write(path.join(name).join(name), "odd").unwrap();
        fs::write(path.join("folder").join(name), "odd").unwrap();
    }
}

/// Gives a file so many names, in two folders.
pub(crate) fn hard_links(path: &Path, names: usize) {
    let first = path.join("other/name 0");
    fs::write(&first, "of many names").unwrap();
    for name in 1..names {
        let folder = if name % 2 == 0 { "folder" } else { "other" };
        fs::hard_link(&first, path.join(folder).join(format!("name {name}"))).unwrap();
    }
}

fn holes(path: &Path, _: &Path) {
    const MIB: u64 = 1 << 20;
    for (name, at) in [
        ("hole before", Some(16 * MIB)),
        ("hole after", Some(0)),
        ("all hole", None),
    ] {
        let file = File::create(path.join(name)).unwrap();
        if let Some(at) = at {
            file.write_all_at(b"data", at).unwrap();
        }
        file.set_len(24 * MIB).unwrap();
    }
}

/// Sets what overlayfs itself sets to hide files and to show others: with and without the right to.
fn attributes(path: &Path, _: &Path) {
    fs::create_dir(path.join("forged")).unwrap();
    fs::write(path.join("other/empty"), "").unwrap();
    let forged: [(&str, &str, &[u8]); 8] = [
        ("folder", "opaque", b"y"),
        ("other", "opaque", b"x"),
        ("other/empty", "whiteout", b"y"),
        ("hidden", "whiteout", b"y"),
        ("forged", "redirect", b"/secret"),
        ("copied", "metacopy", b""),
        ("copied", "redirect", b"/secret/deep/below"),
        ("file", "origin", b"\x00\xfb\x1d\x00"),
    ];
    for (name, key, value) in forged {
        for prefix in [
            "trusted.overlay.",
            "trusted.overlay.overlay.",
            "user.overlay.",
        ] {
            let set = lsetxattr(
                path.join(name),
                format!("{prefix}{key}"),
                value,
                XattrFlags::empty(),
            );
            let refused = [Errno::PERM, Errno::OPNOTSUPP];
            assert!(
                set.is_ok() || refused.contains(&set.unwrap_err()),
                "{set:?}"
            );
        }
    }
}

/// Makes so many folders, each in the one before.
pub(crate) fn deepen(path: &Path, levels: usize) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at: OwnedFd = File::open(path.join("folder")).unwrap().into();
    for _ in 0..levels {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", flags, Mode::empty()).unwrap();
    }
}

/// Devices, pipes and sockets, whiteouts made by hand, programs that run as others, and what nobody may open: for root.
pub(crate) fn special(path: &Path, _: &Path) {
    let make = |name: &str, kind: FileType, device: u64| {
        mknodat(
            CWD,
            path.join(name),
            kind,
            Mode::from_raw_mode(0o640),
            device,
        )
    };
    make("null", FileType::CharacterDevice, makedev(1, 3)).unwrap();
    make("disk", FileType::BlockDevice, makedev(8, 0)).unwrap();
    make("pipe", FileType::Fifo, 0).unwrap();
    make("socket", FileType::Socket, 0).unwrap();
    fs::remove_file(path.join("hidden")).unwrap();
    for name in ["hidden", "folder/hidden", "whiteout"] {
        // A file system may keep such devices for itself.
        let made = make(name, FileType::CharacterDevice, makedev(0, 0));
        assert!(matches!(made, Ok(()) | Err(Errno::PERM)), "{made:?}");
    }
    for mode in [0o4755, 0o2755, 0o6777, 0o1777, 0] {
        let (file, folder) = (
            path.join(format!("file {mode:o}")),
            path.join(format!("folder {mode:o}")),
        );
        fs::write(&file, "closed").unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("inside"), "closed").unwrap();
        lchown(&file, Some(1_234), Some(5_678)).unwrap();
        for closed in [file, folder] {
            fs::set_permissions(closed, Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// Marks files and folders so that even root can neither change nor remove them. Answers whether the file system can.
pub(crate) fn immutable(path: &Path) -> bool {
    fs::create_dir_all(path.join("stuck/deeper")).unwrap();
    for file in ["stuck/file", "stuck/deeper/file", "appended"] {
        fs::write(path.join(file), "stuck").unwrap();
    }
    let mark = |name: &str, flag: IFlags| -> io::Result<()> {
        let file = File::open(path.join(name))?;
        let flags = ioctl_getflags(&file)?;
        Ok(ioctl_setflags(&file, flags | flag)?)
    };
    let marks = [
        ("appended", IFlags::APPEND),
        ("stuck/file", IFlags::IMMUTABLE),
        ("stuck/deeper/file", IFlags::IMMUTABLE),
        ("stuck/deeper", IFlags::APPEND),
        ("stuck", IFlags::IMMUTABLE),
    ];
    if marks
        .into_iter()
        .any(|(name, flag)| mark(name, flag).is_err())
    {
        return false;
    }
    let refused = fs::remove_file(path.join("stuck/file")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    true
}

/// Makes so many empty files, ten thousand a folder.
pub(crate) fn many_files(path: &Path, files: usize) {
    for file in 0..files {
        let folder = path.join(format!("many {}", file / 10_000));
        if file % 10_000 == 0 {
            fs::create_dir(&folder).unwrap();
        }
        File::create(folder.join(file.to_string())).unwrap();
    }
}
