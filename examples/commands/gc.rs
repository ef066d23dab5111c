//! `workdisk gc`.

use nix::sys::statvfs::statvfs;
use serde::Serialize;

use super::{Answer, Context, progress};
use crate::places::{Folder, FolderTarget, Missing, Recovered, Result};
use crate::views::size;

/// Wait until the space of what was deleted is given back
///
/// What processes that died have left is settled first.
#[derive(Debug, clap::Args)]
pub(crate) struct Gc {}

#[derive(Serialize)]
struct Report {
    recovered: Recovered,
    free_bytes: u64,
    free_bytes_before: u64,
}

impl Gc {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("gc")?;
        target.check_there()?;
        let before = free(target)?;
        let opening = Folder::open(target, Missing::Refuse);
        let folder = progress::during("opening", opening).await?;
        let manager = folder.manager();
        progress::during("giving space back", manager.reclaim()).await?;
        let (recovered, after) = (Recovered::of(manager.recovered()), free(target)?);
        let mut text = recovered.text();
        text.push_str(&format!(
            "the space of everything deleted is given back; the disk has {} free, {} before\n",
            size(after),
            size(before)
        ));
        let report = Report {
            recovered,
            free_bytes: after,
            free_bytes_before: before,
        };
        Answer::new(text, &report)
    }
}

fn free(target: &FolderTarget) -> std::io::Result<u64> {
    let disk = statvfs(&target.path)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}
