//! What is kept from freeze to fork.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

use super::steps::{
    fork, freeze, frozen_with, look_into, names, open, read, remove, within, write,
};
use crate::harness::{Attribute, VolumeHarness};
use crate::skip::{Skip, exempt};

fn entry(path: &Path) -> fs::Metadata {
    fs::symlink_metadata(path).expect("the entry is there")
}

fn make_folder(path: &Path) {
    fs::create_dir(path).expect("a folder is made");
}

/// "Contents … are kept from freeze to fork".
pub async fn contents_are_kept<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let content = |length: usize| -> Vec<u8> { (0..length).map(|at| (at % 251) as u8).collect() };
    let lengths = [0, 1, 4_095, 4_096, 4_097, 1_048_577];
    let frozen = frozen_with(&volumes, |path| {
        for length in lengths {
            write(path, &length.to_string(), content(length));
        }
    })
    .await;
    look_into(&volumes, frozen, |path| {
        for length in lengths {
            let kept = fs::read(path.join(length.to_string())).expect("a file is read");
            assert!(
                kept == content(length),
                "the file of {length} bytes differs"
            );
        }
    })
    .await;
}

/// "Names of any bytes … are kept".
pub async fn names_of_any_bytes_are_kept<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let longest = [b'n'; 255];
    let odd: [&[u8]; 12] = [
        b"new\nline",
        b"\xff\xfe\x80 no text",
        b" leading and trailing ",
        b"-rf",
        b"a,b:c=d\\e\"f'g",
        b"...",
        b"*?[x]",
        b"\x01\x7f",
        b".wh.kept",
        b".wh..wh..opq",
        b"#12",
        &longest,
    ];
    let at = |root: &Path, name: &[u8]| root.join(OsStr::from_bytes(name));
    let frozen = frozen_with(&volumes, |path| {
        for name in odd {
            fs::write(at(path, name), name).expect("a file is written");
        }
        make_folder(&at(path, b"fol\xffder"));
        fs::write(at(path, b"fol\xffder/inner"), "kept").expect("a file is written");
    })
    .await;
    look_into(&volumes, frozen, |path| {
        assert_eq!(names(path).len(), odd.len() + 1);
        for name in odd {
            let kept = fs::read(at(path, name)).expect("a file is read");
            assert_eq!(kept, name);
        }
        let kept = fs::read(at(path, b"fol\xffder/inner")).expect("a file is read");
        assert_eq!(kept, b"kept");
    })
    .await;
}

/// "Modes … are kept".
pub async fn modes_are_kept<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let mut modes = vec![0o400, 0o644, 0o755, 0o777, 0o2755, 0o4755, 0o6711];
    // Without privileges no copy can be made of what its owner may not read.
    if rustix::process::geteuid().is_root() {
        modes.push(0o000);
    }
    let folders = [0o700, 0o755, 0o1777, 0o2775];
    let set = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode is set");
    };
    let frozen = frozen_with(&volumes, |path| {
        for mode in &modes {
            let (mode, file) = (*mode, path.join(format!("file {mode:o}")));
            fs::write(&file, "kept").expect("a file is written");
            set(&file, mode);
        }
        for mode in folders {
            let folder = path.join(format!("folder {mode:o}"));
            make_folder(&folder);
            set(&folder, mode);
        }
        set(path, 0o711);
    })
    .await;
    look_into(&volumes, frozen, |path| {
        let mode = |path: &Path| entry(path).mode() & 0o7777;
        for expected in modes {
            let kept = mode(&path.join(format!("file {expected:o}")));
            assert_eq!(kept, expected, "{kept:o} is not {expected:o}");
        }
        for expected in folders {
            let kept = mode(&path.join(format!("folder {expected:o}")));
            assert_eq!(kept, expected, "{kept:o} is not {expected:o}");
        }
        assert_eq!(mode(path), 0o711, "that of the root");
    })
    .await;
}

/// "Owners … are kept".
pub async fn owners_are_kept<H: VolumeHarness>(harness: H) {
    if harness.loses().contains(&Attribute::Owners) {
        return exempt("owners are lost");
    }
    if !rustix::process::geteuid().is_root() {
        return Skip::new("only root gives files away: run the test as root").announce();
    }
    let volumes = open(&harness).await;
    let entries = ["file", "folder", "link"];
    let frozen = frozen_with(&volumes, |path| {
        write(path, "file", "kept");
        make_folder(&path.join("folder"));
        symlink("file", path.join("link")).expect("a link is made");
        for name in entries {
            lchown(path.join(name), Some(1_234), Some(5_678)).expect("root gives it away");
        }
        // A change of owner clears the bits, which a copy in the wrong order does as well.
        fs::set_permissions(path.join("file"), Permissions::from_mode(0o4755))
            .expect("a mode is set");
    })
    .await;
    look_into(&volumes, frozen, |path| {
        for name in entries {
            let kept = entry(&path.join(name));
            assert_eq!((kept.uid(), kept.gid()), (1_234, 5_678), "{name}");
        }
        assert_eq!(entry(&path.join("file")).mode() & 0o7777, 0o4755);
    })
    .await;
}

/// "Times … are kept".
pub async fn times_are_kept<H: VolumeHarness>(harness: H) {
    if harness.loses().contains(&Attribute::Times) {
        return exempt("times are lost");
    }
    const WRITTEN: (i64, i64) = (1_234_567_890, 123_456_789);
    let volumes = open(&harness).await;
    let entries = ["folder/file", "folder/link", "folder"];
    let frozen = frozen_with(&volumes, |path| {
        make_folder(&path.join("folder"));
        write(path, "folder/file", "kept");
        symlink("file", path.join("folder/link")).expect("a link is made");
        let moment = Timespec {
            tv_sec: WRITTEN.0,
            tv_nsec: WRITTEN.1,
        };
        let times = Timestamps {
            last_access: moment,
            last_modification: moment,
        };
        for name in entries {
            let set =
                rustix::fs::utimensat(CWD, path.join(name), &times, AtFlags::SYMLINK_NOFOLLOW);
            set.expect("times are set");
        }
    })
    .await;
    look_into(&volumes, frozen, |path| {
        for name in entries {
            let kept = entry(&path.join(name));
            assert_eq!((kept.mtime(), kept.mtime_nsec()), WRITTEN, "{name}");
        }
    })
    .await;
}

/// "Extended attributes … are kept".
pub async fn extended_attributes_are_kept<H: VolumeHarness>(harness: H) {
    if harness.loses().contains(&Attribute::Xattrs) {
        return exempt("extended attributes are lost");
    }
    let volumes = open(&harness).await;
    let value = b"\x00any\xffbytes".as_slice();
    let mut is_known = true;
    let frozen = frozen_with(&volumes, |path| {
        write(path, "file", "kept");
        make_folder(&path.join("folder"));
        for name in ["file", "folder"] {
            let set = |key: &str, value: &[u8]| {
                rustix::fs::setxattr(path.join(name), key, value, XattrFlags::empty())
            };
            is_known &= set("user.workdisk.kept", value).is_ok() && set("user.empty", b"").is_ok();
        }
    })
    .await;
    if !is_known {
        return Skip::new("the file system takes no extended attributes of users").announce();
    }
    look_into(&volumes, frozen, |path| {
        for name in ["file", "folder"] {
            for (key, expected) in [("user.workdisk.kept", value), ("user.empty", b"")] {
                let mut kept = [0; 64];
                let length = rustix::fs::getxattr(path.join(name), key, &mut kept[..])
                    .expect("the attribute is there");
                assert_eq!(&kept[..length], expected, "{key} of {name}");
            }
        }
    })
    .await;
}

/// "Links … are kept": symbolic ones, to whatever they point.
pub async fn symbolic_links_are_kept<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let links = [
        ("to a file", "file"),
        ("to nothing", "no such file"),
        ("to itself", "to itself"),
        ("outside", "../../../../etc/hostname"),
        ("absolute", "/nonexistent/\u{fc}"),
        ("to a folder", "."),
    ];
    let frozen = frozen_with(&volumes, |path| {
        write(path, "file", "kept");
        for (name, target) in links {
            symlink(target, path.join(name)).expect("a link is made");
        }
    })
    .await;
    look_into(&volumes, frozen, |path| {
        for (name, target) in links {
            let kept = fs::read_link(path.join(name)).expect("it is a link");
            assert_eq!(kept, Path::new(target));
        }
        assert_eq!(read(path, "to a file"), "kept");
    })
    .await;
}

/// "Links … are kept": hard ones, so that what is written by one name is read by the other.
pub async fn hard_links_are_kept<H: VolumeHarness>(harness: H) {
    if harness.loses().contains(&Attribute::HardLinks) {
        return exempt("hard links are lost");
    }
    let volumes = open(&harness).await;
    let frozen = frozen_with(&volumes, |path| {
        make_folder(&path.join("folder"));
        write(path, "one", "kept");
        fs::hard_link(path.join("one"), path.join("folder/other")).expect("a link is made");
    })
    .await;
    look_into(&volumes, frozen, |path| {
        let (one, other) = (entry(&path.join("one")), entry(&path.join("folder/other")));
        assert_eq!((one.ino(), one.nlink()), (other.ino(), 2));
        write(path, "folder/other", "written by the other name");
        assert_eq!(read(path, "one"), "written by the other name");
    })
    .await;
}

/// "Faithful": named pipes are there again, and nothing waits for a writer.
pub async fn named_pipes_are_kept<H: VolumeHarness>(harness: H) {
    if harness.loses().contains(&Attribute::Fifos) {
        return exempt("named pipes are lost");
    }
    let volumes = open(&harness).await;
    let frozen = frozen_with(&volumes, |path| {
        let made = rustix::fs::mknodat(
            CWD,
            path.join("pipe"),
            FileType::Fifo,
            Mode::from_raw_mode(0o640),
            0,
        );
        made.expect("a pipe is made");
    })
    .await;
    look_into(&volumes, frozen, |path| {
        let mode = entry(&path.join("pipe")).mode();
        assert_eq!(FileType::from_raw_mode(mode), FileType::Fifo);
    })
    .await;
}

/// "Holes are kept".
pub async fn holes_are_kept<H: VolumeHarness>(harness: H) {
    if harness.loses().contains(&Attribute::Holes) {
        return exempt("holes are lost");
    }
    const LENGTH: u64 = 64 << 20;
    let volumes = open(&harness).await;
    let mut allocated = u64::MAX;
    let frozen = frozen_with(&volumes, |path| {
        let file = File::create(path.join("sparse")).expect("a file is made");
        file.set_len(LENGTH).expect("a hole is made");
        allocated = entry(&path.join("sparse")).blocks() * 512;
    })
    .await;
    if allocated > LENGTH / 2 {
        return Skip::new("the file system makes no holes").announce();
    }
    look_into(&volumes, frozen, |path| {
        let kept = entry(&path.join("sparse"));
        assert_eq!(kept.len(), LENGTH);
        assert!(kept.blocks() * 512 <= LENGTH / 2, "the hole is filled");
    })
    .await;
}

/// "With the files of the frozen volume `parent`": what was removed after a fork is not among them.
pub async fn removed_entries_stay_removed<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, |path| {
        for folder in ["gone", "emptied", "replaced", "moved"] {
            make_folder(&path.join(folder));
            write(path, &format!("{folder}/old"), "old");
        }
        write(path, "file", "old");
        write(path, "turned", "old");
    })
    .await;
    let id = fork(&volumes, parent).await;
    within(&volumes, id, |path| {
        let remove_folder = |name| fs::remove_dir_all(path.join(name)).expect("it is removed");
        remove_folder("gone");
        fs::remove_file(path.join("emptied/old")).expect("it is removed");
        remove_folder("replaced");
        make_folder(&path.join("replaced"));
        write(path, "replaced/new", "new");
        fs::remove_file(path.join("file")).expect("it is removed");
        fs::remove_file(path.join("turned")).expect("it is removed");
        make_folder(&path.join("turned"));
        // A file system of layers may answer EXDEV, which every program copes with by copying.
        if fs::rename(path.join("moved"), path.join("there")).is_err() {
            remove_folder("moved");
            make_folder(&path.join("there"));
            write(path, "there/old", "old");
        }
    })
    .await;
    let frozen = freeze(&volumes, id).await;
    remove(&volumes, id).await;
    look_into(&volumes, frozen, |path| {
        assert_eq!(names(path), ["emptied", "replaced", "there", "turned"]);
        assert_eq!(names(&path.join("emptied")), Vec::<String>::new());
        assert_eq!(names(&path.join("replaced")), ["new"]);
        assert_eq!(names(&path.join("there")), ["old"]);
        assert_eq!(names(&path.join("turned")), Vec::<String>::new());
    })
    .await;
}
