//! Stacks of overlayfs layers, such as the kernel writes and such as it never would, and whether their merge shows what
//! they show.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, makedev, mknodat};
use rustix::mount::{UnmountFlags, unmount};
use workdisk::volume::MountRecipe;
use workdisk_overlayfs::{merge_folders, mount_recipe};

use crate::tree::{Edit, Manifest, apply, edit, is_exception, manifest, path, try_manifest};

/// What overlayfs reads in a layer, or what is there to lead a merge astray. A first number stands for a path.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    Whiteout(usize),
    Opaque(usize, usize),
    Redirect(usize, usize),
    /// A redirect to a path.
    Moved(usize, usize),
    /// A file that hides another by an attribute.
    HidingFile(usize),
    Metacopy(usize),
    /// What a workspace sets that mounts overlays itself: the kernel escapes its names.
    Escaped(usize),
    /// What the kernel notes for itself.
    Noted(usize, usize),
    /// A symbolic link out of the layer.
    WayOut(usize, usize),
}

/// What an opaque folder says, and what it does not.
const OPAQUE: [&[u8]; 5] = [b"y", b"x", b"n", b"yy", b""];

const REDIRECTS: [&[u8]; 18] = [
    b"a",
    b"b c",
    b"/a",
    b"/a/b c",
    b"/b c/a/a",
    b"\xff\n,:\\",
    b"",
    b"/",
    b"//a",
    b"/a/",
    b"/a//b c",
    b".",
    b"..",
    b"/..",
    b"/a/../a",
    b"/../outside",
    b"a/b c",
    b"a\0/a",
];

const NOTED: [&str; 4] = [
    "trusted.overlay.origin",
    "trusted.overlay.impure",
    "trusted.overlay.nlink",
    "trusted.overlay.protattr",
];

const WAYS_OUT: [&str; 5] = ["..", "../outside", "../../outside", "/proc/self/root", "/"];

/// A layer: changes of plain files, and marks after them.
pub(crate) type Layer = (Vec<Edit>, Vec<Mark>);

/// Any layer.
pub(crate) fn layer() -> impl Strategy<Value = Layer> {
    let edits = prop::collection::vec(edit(), 0..12);
    (edits, prop::collection::vec(mark(), 0..6))
}

/// A layer that the kernel could have written.
pub(crate) fn sound_layer() -> impl Strategy<Value = Layer> {
    let edits = prop::collection::vec(edit(), 0..12);
    (edits, prop::collection::vec(sound_mark(), 0..6))
}

fn at() -> std::ops::Range<usize> {
    0..81
}

fn sound_mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        3 => at().prop_map(Mark::Whiteout),
        3 => at().prop_map(|at| Mark::Opaque(at, 0)),
        3 => (at(), 0..5_usize).prop_map(|(at, to)| Mark::Redirect(at, to)),
        3 => (at(), at()).prop_map(|(at, to)| Mark::Moved(at, to)),
        1 => at().prop_map(Mark::Escaped),
        1 => (at(), 0..NOTED.len()).prop_map(|(at, noted)| Mark::Noted(at, noted)),
        1 => (at(), 0..WAYS_OUT.len()).prop_map(|(at, way)| Mark::WayOut(at, way)),
    ]
}

fn mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        12 => sound_mark(),
        1 => (at(), 0..OPAQUE.len()).prop_map(|(at, value)| Mark::Opaque(at, value)),
        2 => (at(), 0..REDIRECTS.len()).prop_map(|(at, to)| Mark::Redirect(at, to)),
        1 => at().prop_map(Mark::HidingFile),
        1 => at().prop_map(Mark::Metacopy),
    ]
}

/// Writes a layer into an empty folder.
fn write((edits, marks): &Layer, folder: &Path) {
    for edit in edits {
        if !is_exception(folder, edit) {
            apply(folder, edit);
        }
    }
    // Nothing is written by way of a link out of the layer.
    let (ways_out, others): (Vec<_>, Vec<_>) = marks
        .iter()
        .partition(|mark| matches!(mark, Mark::WayOut(..)));
    for mark in others.into_iter().chain(ways_out) {
        // Often there is no such file, or there is one already.
        let _made = set(mark, folder);
    }
}

fn set(mark: &Mark, folder: &Path) -> io::Result<()> {
    let at = |n: usize| folder.join(path(n));
    let attribute = |at: usize, name: &str, value: &[u8]| {
        Ok(lsetxattr(
            folder.join(path(at)),
            name,
            value,
            XattrFlags::empty(),
        )?)
    };
    match mark {
        Mark::Whiteout(n) => {
            let (kind, device) = (FileType::CharacterDevice, makedev(0, 0));
            Ok(mknodat(CWD, at(*n), kind, Mode::empty(), device)?)
        }
        Mark::Opaque(n, value) => attribute(*n, "trusted.overlay.opaque", OPAQUE[*value]),
        Mark::Redirect(n, to) => attribute(*n, "trusted.overlay.redirect", REDIRECTS[*to]),
        Mark::Moved(n, to) => {
            let to = Path::new("/").join(path(*to));
            attribute(*n, "trusted.overlay.redirect", to.as_os_str().as_bytes())
        }
        Mark::HidingFile(n) => {
            File::create_new(at(*n))?;
            attribute(*n, "trusted.overlay.whiteout", b"")
        }
        Mark::Metacopy(n) => {
            File::create_new(at(*n))?.set_len(100)?;
            attribute(*n, "trusted.overlay.metacopy", b"")
        }
        Mark::Escaped(n) => attribute(*n, "trusted.overlay.overlay.opaque", b"y"),
        Mark::Noted(n, noted) => attribute(*n, NOTED[*noted], b"no such thing"),
        Mark::WayOut(n, way) => symlink(WAYS_OUT[*way], at(*n)),
    }
}

/// Layers of which the newest are merged.
#[derive(Clone, Debug)]
pub(crate) struct Stack<'a> {
    /// The newest first.
    pub(crate) layers: &'a [Layer],
    /// How many are merged.
    pub(crate) merged: usize,
    /// How many names a file may have.
    pub(crate) max_links: u64,
    /// Whether the kernel could have written all of them.
    pub(crate) is_sound: bool,
}

impl Stack<'_> {
    /// Merges the layers in a folder and looks at both through the kernel. A merge shows what the layers showed, or is an
    /// error where they are none of the kernel's; and nothing outside is touched.
    pub(crate) fn check(&self, place: &Path) {
        let outside = place.join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "untouched").unwrap();
        let folders: Vec<PathBuf> = (0..self.layers.len())
            .map(|n| place.join(format!("layer {n}")))
            .collect();
        for (layer, folder) in self.layers.iter().zip(&folders) {
            fs::create_dir(folder).unwrap();
            write(layer, folder);
        }
        let before = [&outside]
            .into_iter()
            .chain(&folders)
            .map(|it| manifest(it));
        let before: Vec<Manifest> = before.collect();
        let (run, below) = folders.split_at(self.merged);
        let run: Vec<&Path> = run.iter().map(PathBuf::as_path).collect();
        let merged = place.join("merged");
        let answer = merge_folders(&run, !below.is_empty(), &merged, self.max_links);
        let after = [&outside]
            .into_iter()
            .chain(&folders)
            .map(|it| manifest(it));
        assert!(before.into_iter().eq(after), "a merge changed what it read");
        let Some(expected) = seen(&folders, place) else {
            assert!(!self.is_sound, "the kernel cannot read its own layers");
            return;
        };
        match answer {
            Ok(()) => {
                let mut shorter = vec![merged];
                shorter.extend_from_slice(below);
                let found = seen(&shorter, place);
                assert!(
                    found.as_ref() == Some(&expected),
                    "unmerged {expected:#?}\nmerged {found:#?}"
                );
            }
            Err(error) => assert!(!self.is_sound, "{error}"),
        }
    }
}

/// What the kernel shows of the layers, or nothing where it refuses.
pub(crate) fn seen(layers: &[PathBuf], place: &Path) -> Option<Manifest> {
    let [point, empty] = ["mount", "empty"].map(|name| place.join(name));
    for folder in [&point, &empty] {
        fs::create_dir_all(folder).unwrap();
    }
    let mut recipe = MountRecipe::new("overlay", "layers");
    // The kernel asks for two.
    for layer in layers.iter().chain([&empty]) {
        recipe = recipe.with_option("lowerdir+", layer.to_str().unwrap());
    }
    for (key, value) in [
        ("index", "off"),
        ("metacopy", "off"),
        ("redirect_dir", "on"),
    ] {
        recipe = recipe.with_option(key, value);
    }
    mount_recipe(&recipe, &point).unwrap();
    let mounted = Mounted(&point);
    let seen = try_manifest(&point).ok();
    drop(mounted);
    seen
}

/// Unmounts also where a test panics.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        unmount(self.0, UnmountFlags::DETACH).unwrap();
    }
}
