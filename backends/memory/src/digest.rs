//! A digest of a tree, by which a write to a frozen volume is noticed.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::copy::xattrs;

/// Digests names, contents, modes, owners, modification times, link targets and extended attributes.
pub(crate) fn digest(root: &Path) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    digest_into(root, &mut hasher)?;
    Ok(hasher.finish())
}

fn digest_into(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    (metadata.mode(), metadata.uid(), metadata.gid()).hash(hasher);
    (metadata.mtime(), metadata.mtime_nsec()).hash(hasher);
    xattrs(path)?.hash(hasher);
    if metadata.is_dir() {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.push(entry?.file_name());
        }
        names.sort();
        names.hash(hasher);
        for name in names {
            digest_into(&path.join(name), hasher)?;
        }
    } else if metadata.is_symlink() {
        fs::read_link(path)?.hash(hasher);
    } else if metadata.is_file() {
        let mut file = File::open(path)?;
        let mut block = vec![0; 64 << 10];
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                return Ok(());
            }
            hasher.write(&block[..read]);
        }
    }
    Ok(())
}
