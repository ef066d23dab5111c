//! How heavy a layer is, so that a heavy one is not merged again and again for the sake of light ones.

use rustix::fs::{Mode, OFlags, openat, readlinkat, symlinkat};
use rustix::io::Errno;

use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::store::Store;
use crate::tree::count::names_up_to;

/// A layer of fewer names is of level 0 until it is merged.
const LIGHT: u64 = 4096;

/// Each level above is that many times as heavy, as a merge of the usual width is.
const STEP: u64 = 16;

/// Counting ends here: what is heavier is as heavy as can be.
const ENOUGH: u64 = LIGHT * STEP * STEP;

/// The level that so many names make.
fn level_of(names: u64) -> u8 {
    let mut level = 0;
    let mut bound = LIGHT;
    while names >= bound && bound <= ENOUGH {
        level += 1;
        bound *= STEP;
    }
    level
}

impl Store {
    /// The levels of a chain's layers, the newest first, by how often they were merged and how heavy they are.
    ///
    /// A layer counts for no less than the ones above it, so that light layers below a heavy one are merged with it and do
    /// not stay for ever.
    pub(super) fn levels(&self, chain: &[LayerId]) -> Result<Vec<u8>> {
        let mut least = 0;
        let levels = chain.iter().map(|layer| {
            least = least.max(layer.level).max(level_of(self.weight(layer)?));
            Ok(least)
        });
        levels.collect()
    }

    /// How many names there are in a layer, up to what is enough. It is counted once: the number is kept as the text of a
    /// symbolic link.
    fn weight(&self, layer: &LayerId) -> Result<u64> {
        let kept = layer.weight();
        if let Ok(text) = readlinkat(&self.layers, &kept, Vec::new())
            && let Some(names) = text.to_str().ok().and_then(|text| text.parse().ok())
        {
            return Ok(names);
        }
        let failed = |errno: Errno| OverlayError::io("count", format!("layers/{layer}"), errno);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let home = openat(&self.layers, layer.to_string(), flags, Mode::empty()).map_err(failed)?;
        let names = names_up_to(&home, c"fs", ENOUGH).map_err(failed)?;
        if let Err(errno) = symlinkat(names.to_string(), &self.layers, &kept) {
            tracing::debug!(%layer, %errno, "the layer will be counted again");
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_as_far_apart_as_merges_of_the_usual_width() {
        assert_eq!(STEP, crate::OverlayOptions::MERGE_WIDTH as u64);
        for (names, level) in [
            (0, 0),
            (LIGHT - 1, 0),
            (LIGHT, 1),
            (LIGHT * STEP, 2),
            (ENOUGH - 1, 2),
            (ENOUGH, 3),
        ] {
            assert_eq!(level_of(names), level, "{names} names");
        }
    }
}
