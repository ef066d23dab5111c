//! Merging: many frozen layers at the top of a chain become one, so that chains stay short. It is done beside the calls
//! that follow a freeze, or within a freeze that finds the chain deep.
//!
//! Like a counter: as many layers of one level as the width become one of the next level, so that each file takes part in
//! few merges. A layer of many files begins at a higher level, so that it is not merged with the small ones above it before
//! they are as many. The old layers stay as long as snapshots refer to them; files are shared with them by hard links. Only a file
//! that has as many names as its file system allows is copied, by reflink where there is one.

mod build;
mod folders;
mod later;
mod lookup;
mod plan;
mod root;
mod weight;

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use rustix::fd::OwnedFd;
use rustix::fs::Mode;

use crate::disk::open_dir;
use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::staged::Staged;
use crate::store::Store;
pub use folders::merge_folders;
pub(crate) use later::Merges;

use build::Linker;
use plan::{Merge, plan};

impl Store {
    /// Merges the top of a chain if it is due.
    pub(crate) fn merge_if_due(&self, chain: &[LayerId]) -> Result<Option<Staged<'_>>> {
        let Some(merge) = self.due(chain)? else {
            return Ok(None);
        };
        let id = LayerId::fresh(merge.level);
        let _span = tracing::debug_span!("merge", layers = merge.count, into = %id).entered();
        let reference = self
            .build_merged(&id, chain, merge)
            .and_then(|()| self.place_layer(&id))
            .inspect_err(|_| self.throw_away_if_there(&self.staging, &id.to_string()))?;
        for layer in &chain[..merge.count] {
            self.forget_size(layer);
        }
        Ok(Some(Staged::placed(self, id, reference)))
    }

    /// The merge that is due, if one is. The layers' weight is asked for only when it would be due without.
    fn due(&self, chain: &[LayerId]) -> Result<Option<Merge>> {
        if !self.may_be_due(chain) {
            return Ok(None);
        }
        Ok(plan(&self.levels(chain)?, self.options.merge_width))
    }

    /// Whether a merge would be due if every layer were light.
    pub(crate) fn may_be_due(&self, chain: &[LayerId]) -> bool {
        let levels: Vec<u8> = chain.iter().map(|layer| layer.level).collect();
        plan(&levels, self.options.merge_width).is_some()
    }

    fn build_merged(&self, id: &LayerId, chain: &[LayerId], merge: Merge) -> Result<()> {
        let name = id.to_string();
        let (run, below) = chain.split_at(merge.count);
        self.disk.mkdir(&self.staging, &name, Mode::RWXU)?;
        self.disk.symlink(&name, &self.staging, &id.reference(0))?;
        if let Some(parent) = below.first() {
            self.refer(&self.layers, parent, &self.staging, &id.parent())?;
        }
        let layers: Vec<OwnedFd> = run
            .iter()
            .map(|layer| self.files(layer))
            .collect::<Result<_>>()?;
        let stopped = || self.closing.load(Ordering::Acquire);
        let fresh = |again| {
            if again {
                self.disk.remove_tree(&self.staging, &id.files())?;
            }
            self.disk.mkdir(&self.staging, &id.files(), Mode::RWXU)?;
            open_dir(&self.staging, &id.files())
        };
        let max_links = self.options.max_links;
        merge_layers(&layers, !below.is_empty(), max_links, stopped, fresh, &name)?;
        // One call for however many folders were made.
        self.disk.sync_all(&self.root_fd)
    }
}

/// Merges layers into the empty folder that `fresh` answers, and again into another one, with copies of the files that
/// turned out to have as many names as they can: then it is told to remove the first.
fn merge_layers(
    layers: &[OwnedFd],
    has_below: bool,
    max_links: u64,
    stopped: impl Fn() -> bool,
    fresh: impl Fn(bool) -> Result<OwnedFd>,
    name: &str,
) -> Result<()> {
    let mut full = HashSet::new();
    loop {
        let target = fresh(!full.is_empty())?;
        let linker = Linker::new(max_links, &full);
        let refused = build::merge(layers, has_below, &target, linker, &stopped)
            .map_err(|errno| OverlayError::io("merge the layers into", name, errno))?;
        if refused.is_empty() {
            return Ok(());
        }
        tracing::info!(
            name,
            files = refused.len(),
            "files that can have no more names are copied"
        );
        full.extend(refused);
    }
}
