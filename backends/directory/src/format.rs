//! The record of what the folder is and to which metadata store it belongs.

use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use workdisk::metadata::Generation;
use workdisk::model::StoreId;

use crate::error::{DirectoryError, Doing, Result};

const NAME: &str = "format.json";
const BACKEND: &str = "directory";
/// In the first, volumes had no mark of being whole.
const FORMAT: u32 = 2;

/// What `format.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    backend: String,
    format: u32,
    binding: Option<Binding>,
}

/// The metadata store, and its last generation that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Binding {
    store: StoreId,
    generation: u64,
}

impl Format {
    /// Reads the record, or writes one for a new folder.
    pub(crate) fn load(root: BorrowedFd<'_>) -> Result<Self> {
        let Some(text) = read(root)? else {
            let format = Self {
                backend: BACKEND.to_owned(),
                format: FORMAT,
                binding: None,
            };
            format.save(root)?;
            return Ok(format);
        };
        let corrupt = |problem: String| DirectoryError::Corrupt {
            object: NAME.to_owned(),
            problem,
        };
        let format: Self =
            serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
        if format.backend != BACKEND || format.format != FORMAT {
            return Err(DirectoryError::Mismatch(format!(
                "the folder has the format {} {}, this version reads {BACKEND} {FORMAT}",
                format.backend, format.format
            )));
        }
        Ok(format)
    }

    /// Writes the record: durable before it is answered, and never half.
    pub(crate) fn save(&self, root: BorrowedFd<'_>) -> Result<()> {
        const DOING: &str = "write format.json";
        let text = serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::from)
            .doing(DOING)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let new = "format.json.new";
        let file = rustix::fs::openat(root, new, flags, Mode::RUSR | Mode::WUSR).doing(DOING)?;
        let mut file = File::from(file);
        file.write_all(&text).doing(DOING)?;
        file.sync_all().doing(DOING)?;
        rustix::fs::renameat(root, new, root, NAME).doing(DOING)?;
        rustix::fs::fsync(root).doing(DOING)
    }

    /// The record as it is once `generation` is taken, or why it is not.
    pub(crate) fn bound(&self, generation: Generation, adopt: bool, empty: bool) -> Result<Self> {
        let mismatch = |text: String| Err(DirectoryError::Mismatch(text));
        if !adopt {
            match self.binding {
                None if !empty => {
                    return mismatch("the volumes were never tied to a metadata store; adopt them if this is theirs".to_owned());
                }
                Some(known) if known.store != generation.store => {
                    return mismatch(format!(
                        "the volumes belong to metadata store {}, not to {}",
                        known.store, generation.store
                    ));
                }
                Some(known) if known.generation >= generation.number => {
                    return mismatch(format!(
                        "the metadata store is at generation {}, older than {} which the volumes have seen: it was restored from a copy",
                        generation.number, known.generation
                    ));
                }
                _ => {}
            }
        }
        let binding = Binding {
            store: generation.store,
            generation: generation.number,
        };
        Ok(Self {
            binding: Some(binding),
            ..self.clone()
        })
    }
}

fn read(root: BorrowedFd<'_>) -> Result<Option<String>> {
    const DOING: &str = "read format.json";
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(root, NAME, flags, Mode::empty()) {
        Ok(file) => {
            let mut text = String::new();
            File::from(file).read_to_string(&mut text).doing(DOING)?;
            Ok(Some(text))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error).doing(DOING),
    }
}
