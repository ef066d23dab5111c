//! The record of a disk, as QEMU's driver `blklogwrites` writes it: the format of Linux's dm-log-writes.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::dice::hash;

const FLUSH: u64 = 1;
const DISCARD: u64 = 4;
const SECTOR: u64 = 512;

/// What a disk keeps of that which was written since its last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    All,
    Nothing,
    Some,
}

impl Cut {
    pub(crate) const ALL: [Self; 3] = [Self::All, Self::Nothing, Self::Some];
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all writes kept",
            Self::Nothing => "writes up to the last flush kept",
            Self::Some => "half of the writes since the last flush kept",
        })
    }
}

struct Entry {
    sector: u64,
    sectors: u64,
    flags: u64,
    data_at: u64,
}

/// A record, read in.
pub(crate) struct Record {
    file: File,
    entries: Vec<Entry>,
    size: u64,
}

/// How many entries there are by now, of a record that is still written.
pub(crate) fn entries_of(record: &Path) -> Result<u64> {
    let mut number = [0; 8];
    File::open(record)?.read_exact_at(&mut number, 16)?;
    Ok(u64::from_le_bytes(number))
}

impl Record {
    /// Reads the record of a disk of so many bytes.
    pub(crate) fn read(path: &Path, size: u64) -> Result<Self> {
        let count = entries_of(path)?;
        let file = File::open(path)?;
        let mut entries = Vec::new();
        let mut at = SECTOR;
        for _ in 0..count {
            let mut bytes = [0; 32];
            file.read_exact_at(&mut bytes, at)?;
            at += SECTOR;
            let number = |n: usize| {
                let mut number = [0; 8];
                number.copy_from_slice(&bytes[n * 8..n * 8 + 8]);
                u64::from_le_bytes(number)
            };
            let entry = Entry {
                sector: number(0),
                sectors: number(1),
                flags: number(2),
                data_at: at,
            };
            if entry.has_data() {
                at += entry.sectors * SECTOR;
            }
            entries.push(entry);
        }
        Ok(Self {
            file,
            entries,
            size,
        })
    }

    pub(crate) fn writes(&self) -> usize {
        self.entries.iter().filter(|entry| entry.has_data()).count()
    }

    /// How many entries there were after each flush.
    pub(crate) fn flushes(&self) -> Vec<u64> {
        let numbered = (1..).zip(&self.entries);
        let flushes = numbered.filter(|(_, entry)| entry.is_flush());
        flushes.map(|(number, _)| number).collect()
    }

    /// Builds the disk as the cut leaves it after so many entries.
    pub(crate) fn image(&self, folder: &Path, at: u64, cut: Cut, seed: u64) -> Result<PathBuf> {
        let path = folder.join("image");
        let image = File::create(&path)?;
        image.set_len(self.size)?;
        let end = usize::try_from(at)?.min(self.entries.len());
        let flushed = self.entries[..end]
            .iter()
            .rposition(Entry::is_flush)
            .map_or(0, |flush| flush + 1);
        for (number, entry) in self.entries[..end].iter().enumerate() {
            let kept = number < flushed
                || match cut {
                    Cut::All => true,
                    Cut::Nothing => false,
                    Cut::Some => hash((seed, number)).is_multiple_of(2),
                };
            if kept && entry.has_data() {
                let mut data = vec![0; usize::try_from(entry.sectors * SECTOR)?];
                self.file.read_exact_at(&mut data, entry.data_at)?;
                image.write_all_at(&data, entry.sector * SECTOR)?;
            }
        }
        Ok(path)
    }
}

impl Entry {
    fn has_data(&self) -> bool {
        self.sectors > 0 && self.flags & DISCARD == 0
    }

    fn is_flush(&self) -> bool {
        self.flags & FLUSH != 0
    }
}
