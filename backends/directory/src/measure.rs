//! What a tree takes of the disk.

use std::collections::HashSet;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::Stat;

use crate::error::Result;
use crate::folder::{Identity, identity};
use crate::walk::{Entry, Visitor, walk};

/// The bytes of the blocks that everything below `top` takes, each file once whatever number of names it has.
pub(crate) fn allocated_bytes(top: OwnedFd) -> Result<u64> {
    let mut meter = Meter::default();
    walk(top, &mut meter)?;
    Ok(meter.bytes)
}

#[derive(Default)]
struct Meter {
    bytes: u64,
    seen: HashSet<Identity>,
}

impl Meter {
    fn add(&mut self, stat: &Stat) {
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        self.bytes = self.bytes.saturating_add(blocks.saturating_mul(512));
    }
}

impl Visitor for Meter {
    fn leaf(&mut self, entry: Entry<'_>) -> Result<()> {
        if entry.stat.st_nlink <= 1 || self.seen.insert(identity(entry.stat)) {
            self.add(entry.stat);
        }
        Ok(())
    }

    fn enter(&mut self, folder: Entry<'_>) -> Result<()> {
        self.add(folder.stat);
        Ok(())
    }

    fn leave(&mut self, _folder: Entry<'_>, _opened: BorrowedFd<'_>) -> Result<()> {
        Ok(())
    }
}
