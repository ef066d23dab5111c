//! A merge shows what its layers showed, whoever wrote them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[path = "../../../tests/layers/mod.rs"]
mod layers;
#[expect(dead_code, reason = "the tests of volumes use more of it")]
#[path = "../../../tests/tree/mod.rs"]
mod tree;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::{
    FileType, Mode, OFlags, XattrFlags, fsetxattr, makedev, mkdirat, mknodat, openat,
};
use workdisk_conformance::Skip;
use workdisk_overlayfs::{OverlayVolume, merge_folders};

use self::layers::{Layer, Stack, layer, seen, sound_layer};

const LINKS: [u64; 3] = [1, 2, u64::MAX];

/// A folder where overlayfs can be mounted, or `None`, saying why, if the host cannot.
fn place() -> Option<tempfile::TempDir> {
    let place = tempfile::tempdir().unwrap();
    match OverlayVolume::probe(place.path()) {
        Ok(_) => Some(place),
        Err(error) => {
            Skip::new(error.to_string()).announce();
            None
        }
    }
}

fn check(layers: &[Layer], merged: usize, max_links: u64, is_sound: bool) {
    let Some(place) = place() else {
        return;
    };
    let stack = Stack {
        layers,
        merged: 1 + merged % layers.len(),
        max_links,
        is_sound,
    };
    stack.check(place.path());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merge_of_the_kernel_s_layers_shows_what_they_showed(
        layers in prop::collection::vec(sound_layer(), 1..6), merged in any::<usize>(), links in prop::sample::select(&LINKS[..]),
    ) {
        check(&layers, merged, links, true);
    }

    #[test]
    fn merge_of_forged_layers_shows_what_they_showed_or_is_refused(
        layers in prop::collection::vec(layer(), 1..6), merged in any::<usize>(), links in prop::sample::select(&LINKS[..]),
    ) {
        check(&layers, merged, links, false);
    }
}

fn make_folder(at: &OwnedFd, name: &str) -> OwnedFd {
    mkdirat(at, name, Mode::RWXU).unwrap();
    openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

/// A new layer, and a folder in it whose path has ten thousand bytes.
fn deep_layer(layer: &Path) -> OwnedFd {
    fs::create_dir(layer).unwrap();
    let top = File::open(layer).unwrap().into();
    (0..50).fold(top, |at, _| make_folder(&at, &"d".repeat(200)))
}

/// The kernel noted a new name and the merge a whole path, which was longer than what ext4 takes for an attribute: the merge
/// failed, and so did every later one of that chain.
#[test]
fn folder_that_was_renamed_deep_in_a_tree_shows_what_lies_below_it() {
    let Some(place) = place() else {
        return;
    };
    let [upper, lower, merged] = ["upper", "lower", "merged"].map(|name| place.path().join(name));
    let at = deep_layer(&lower);
    make_folder(&make_folder(&at, "old"), "kept");
    let at = deep_layer(&upper);
    mknodat(
        &at,
        "old",
        FileType::CharacterDevice,
        Mode::empty(),
        makedev(0, 0),
    )
    .unwrap();
    let renamed = make_folder(&at, "new");
    let flags = XattrFlags::empty();
    fsetxattr(&renamed, "trusted.overlay.redirect", b"old", flags).unwrap();
    merge_folders(&[&upper], true, &merged, u64::MAX).unwrap();
    let expected = seen(&[upper, lower.clone()], place.path()).unwrap();
    assert!(seen(&[merged, lower], place.path()).unwrap() == expected);
    assert!(
        expected
            .keys()
            .any(|path| Path::new(path).ends_with("new/kept"))
    );
}

/// The kernel never writes two redirects to one folder. It shows what lies in that folder at both places: as one file by its
/// number, and as two by its count of names. A merge makes it one file of two names, also where it has to be copied.
#[test]
fn file_below_two_forged_redirects_stays_one_file_at_both_places() {
    let Some(place) = place() else {
        return;
    };
    let [upper, lower] = ["upper", "lower"].map(|name| place.path().join(name));
    fs::create_dir_all(lower.join("old")).unwrap();
    fs::write(lower.join("old/file"), "content").unwrap();
    for name in ["first", "second"] {
        fs::create_dir_all(upper.join(name)).unwrap();
        let folder = File::open(upper.join(name)).unwrap();
        let flags = XattrFlags::empty();
        fsetxattr(&folder, "trusted.overlay.redirect", b"/old", flags).unwrap();
    }
    let expected = seen(&[upper.clone(), lower.clone()], place.path()).unwrap();
    for max_links in [1, u64::MAX] {
        let merged = place.path().join(format!("merged with {max_links}"));
        merge_folders(&[&upper, &lower], false, &merged, max_links).unwrap();
        for name in ["first/file", "second/file"] {
            assert_eq!(fs::read(merged.join(name)).unwrap(), b"content");
        }
        assert!(seen(&[merged], place.path()).unwrap() == expected);
    }
}
