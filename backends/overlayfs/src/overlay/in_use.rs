//! Whether anything can still write to an upper layer.

use std::path::Path;

use rustix::fs::{self, XattrFlags};
use rustix::io::Errno;

use super::context::configured;

/// What a mount with an index writes to the root of an upper layer.
const MARKS: [&str; 2] = ["trusted.overlay.origin", "trusted.overlay.uuid"];

/// Whether some overlay uses the folder as its upper layer: here, in another mount namespace, or unmounted lazily and kept
/// by an open file.
///
/// With `index=off` the kernel lets two overlays share an upper layer, but with `index=on` it refuses one that any other
/// uses. So such an overlay is made, with a work folder of its own, and dropped again; it is mounted nowhere. What it
/// leaves on the layer is taken away. `scratch` is that work folder: empty, and nobody else's meanwhile.
pub(crate) fn upper_in_use(upper: &Path, lower: &Path, scratch: &Path) -> Result<bool, Errno> {
    let [Some(upper_text), Some(lower), Some(scratch)] = [upper, lower, scratch].map(Path::to_str)
    else {
        return Err(Errno::ILSEQ);
    };
    let marked: Vec<(&str, Option<Vec<u8>>)> = MARKS
        .iter()
        .map(|mark| Ok((*mark, read_mark(upper, mark)?)))
        .collect::<Result<_, Errno>>()?;
    // An origin from elsewhere would make the overlay stale. Without an index nothing reads it.
    remove_mark(upper, MARKS[0])?;
    let answer = configured([
        ("lowerdir+", Some(lower)),
        ("upperdir", Some(upper_text)),
        ("workdir", Some(scratch)),
        ("index", Some("on")),
        ("metacopy", Some("off")),
        ("redirect_dir", Some("on")),
        ("nfs_export", Some("off")),
        // Nothing is written through it. Without this, dropping it would make all of the file system durable.
        ("volatile", None),
    ]);
    let in_use = match answer {
        Ok(overlay) => {
            drop(overlay);
            false
        }
        Err(Errno::BUSY) => true,
        Err(errno) => return Err(errno),
    };
    for (mark, before) in marked {
        match before {
            Some(value) => fs::lsetxattr(upper, mark, &value, XattrFlags::empty())?,
            None if !in_use => remove_mark(upper, mark)?,
            None => {}
        }
    }
    Ok(in_use)
}

fn read_mark(folder: &Path, mark: &str) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = vec![0; 256];
    match fs::lgetxattr(folder, mark, &mut value[..]) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn remove_mark(folder: &Path, mark: &str) -> Result<(), Errno> {
    match fs::lremovexattr(folder, mark) {
        Ok(()) | Err(Errno::NODATA) => Ok(()),
        Err(errno) => Err(errno),
    }
}
