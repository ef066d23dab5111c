//! Merging folders that belong to no store, for those who compare a merge with what the kernel shows.

use std::fs;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use workdisk::BackendError;

use super::merge_layers;
use crate::error::{OverlayError, Result};

/// Merges folders as layers, the newest first, into the folder `target`, which is made; `has_below` says that they are to
/// lie on others. A file gets no more than `max_links` names.
///
/// # Errors
/// As the file system refused it, or as a layer is none.
#[doc(hidden)]
pub fn merge_folders(
    layers: &[&Path],
    has_below: bool,
    target: &Path,
    max_links: u64,
) -> Result<(), BackendError> {
    let layers: Vec<OwnedFd> = layers
        .iter()
        .map(|layer| open(layer))
        .collect::<Result<_>>()?;
    let name = target.display().to_string();
    let io = |error: std::io::Error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        OverlayError::io("merge into", &name, errno)
    };
    let fresh = |again| {
        if again {
            fs::remove_dir_all(target).map_err(io)?;
        }
        fs::create_dir(target).map_err(io)?;
        open(target)
    };
    Ok(merge_layers(
        &layers,
        has_below,
        max_links,
        || false,
        fresh,
        &name,
    )?)
}

fn open(folder: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, folder, flags, Mode::empty())
        .map_err(|errno| OverlayError::io("open", folder.display().to_string(), errno))
}
