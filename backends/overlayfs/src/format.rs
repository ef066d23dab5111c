//! The record of how the volumes are laid out and to which metadata store they belong.

use rustix::fd::AsFd;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use workdisk::metadata::Generation;
use workdisk::model::StoreId;

use crate::disk::Disk;
use crate::error::{OverlayError, Result};
use crate::overlay::options::FIXED_OPTIONS;

const FILE: &str = "format.json";
const NEXT: &str = "format.json.next";
const VERSION: u32 = 1;

/// What `format.json` holds.
///
/// The mount options stand in it because layers that were written under other ones are read wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    version: u32,
    mount_options: Vec<(String, String)>,
    bound_to: Option<Bound>,
}

/// The metadata store that the volumes belong to, and its last opening that they saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bound {
    store: StoreId,
    generation: u64,
}

impl Format {
    fn current() -> Self {
        let mount_options = FIXED_OPTIONS
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            version: VERSION,
            mount_options,
            bound_to: None,
        }
    }

    /// Reads the record; writes the first one if the folder is `new`.
    pub(crate) fn open(disk: &Disk, root: impl AsFd, new: bool) -> Result<Self> {
        let Some(bytes) = read(&root)? else {
            if !new {
                return Err(OverlayError::corrupt(
                    FILE,
                    "it is missing although there are layers, so that nobody knows how to read them",
                ));
            }
            let format = Self::current();
            format.write(disk, root)?;
            return Ok(format);
        };
        let format: Self = serde_json::from_slice(&bytes)
            .map_err(|_| OverlayError::corrupt(FILE, "it is not the record of a format"))?;
        let current = Self::current();
        if format.version != current.version {
            return Err(OverlayError::Mismatch(format!(
                "the volumes have format {}, this version reads {}",
                format.version, current.version
            )));
        }
        if format.mount_options != current.mount_options {
            return Err(OverlayError::Mismatch(format!(
                "the layers were written with the mount options {:?}, this version mounts with {:?}",
                format.mount_options, current.mount_options
            )));
        }
        Ok(format)
    }

    /// The record with the volumes tied to an opening of a store, or why they cannot be.
    pub(crate) fn bound(
        &self,
        generation: Generation,
        adopt: bool,
        any_volume: bool,
    ) -> Result<Self> {
        if !adopt {
            match self.bound_to {
                None if any_volume => {
                    return Err(OverlayError::Mismatch(
                        "the volumes exist but belong to no metadata store yet; adopt them if they are this one's"
                            .to_owned(),
                    ));
                }
                Some(bound) if bound.store != generation.store => {
                    return Err(OverlayError::Mismatch(format!(
                        "the volumes belong to the metadata store {}, not to {}",
                        bound.store, generation.store
                    )));
                }
                Some(bound) if bound.generation >= generation.number => {
                    return Err(OverlayError::Mismatch(format!(
                        "the volumes saw opening {} of the metadata store, which is now at {}: it was restored from an \
                         older copy",
                        bound.generation, generation.number
                    )));
                }
                _ => {}
            }
        }
        Ok(Self {
            bound_to: Some(Bound {
                store: generation.store,
                generation: generation.number,
            }),
            ..self.clone()
        })
    }

    /// Replaces the record in one step.
    pub(crate) fn write(&self, disk: &Disk, root: impl AsFd) -> Result<()> {
        let failed = |errno| OverlayError::io("write", FILE, errno);
        let bytes =
            serde_json::to_vec_pretty(self).expect("because a record of texts and numbers is JSON");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = fs::openat(&root, NEXT, flags, Mode::from_raw_mode(0o600)).map_err(failed)?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(&file, rest).map_err(failed)?..];
        }
        disk.sync(&file, NEXT)?;
        disk.rename(&root, NEXT, &root, FILE)?;
        disk.sync(&root, "the root folder")
    }
}

fn read(root: impl AsFd) -> Result<Option<Vec<u8>>> {
    use std::io::Read;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match fs::openat(root, FILE, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(OverlayError::io("read", FILE, errno)),
    };
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(64 * 1024)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            OverlayError::io(
                "read",
                FILE,
                Errno::from_io_error(&error).unwrap_or(Errno::IO),
            )
        })?;
    Ok(Some(bytes))
}
