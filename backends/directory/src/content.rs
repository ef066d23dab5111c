//! Copying what is in a file.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::error::{Doing, Result};

/// How the bytes of a tree's files are copied.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// Set once the file system has refused to share blocks, so that it is not asked for every file.
    no_reflink: bool,
    buffer: Vec<u8>,
}

impl Content {
    /// Makes the empty file `target` hold what `source` holds: by sharing its blocks, or else with its holes kept.
    pub(crate) fn copy(&mut self, source: &File, target: &File, length: u64) -> Result<()> {
        if length == 0 {
            return Ok(());
        }
        if !self.no_reflink {
            match rustix::fs::ioctl_ficlone(target, source) {
                Ok(()) => return Ok(()),
                Err(
                    Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS,
                ) => {
                    self.no_reflink = true;
                }
                Err(error) => return Err(error).doing("share a file's blocks"),
            }
        }
        self.copy_data(source, target, length)
    }

    fn copy_data(&mut self, source: &File, target: &File, length: u64) -> Result<()> {
        target.set_len(length).doing("size a copy")?;
        let mut at = 0;
        while at < length {
            let Some(data) = seek(source, SeekFrom::Data(at))? else {
                break;
            };
            let end = seek(source, SeekFrom::Hole(data))?
                .unwrap_or(length)
                .min(length);
            self.copy_range(source, target, data, end)?;
            at = end.max(data + 1);
        }
        Ok(())
    }

    fn copy_range(&mut self, source: &File, target: &File, from: u64, end: u64) -> Result<()> {
        const CHUNK: usize = 256 * 1024;
        self.buffer.resize(CHUNK, 0);
        let mut at = from;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let chunk = &mut self.buffer[..want];
            let got = source.read_at(chunk, at).doing("read a file")?;
            if got == 0 {
                break;
            }
            target
                .write_all_at(&chunk[..got], at)
                .doing("write a copy")?;
            at += got as u64;
        }
        Ok(())
    }
}

/// Where the next data or hole begins, or `None` if there is none.
fn seek(file: impl AsFd, to: SeekFrom) -> Result<Option<u64>> {
    match rustix::fs::seek(file, to) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error).doing("look for a file's holes"),
    }
}
