//! How much of the disk a volume takes.

use std::ffi::CString;

use rustix::fs::{AtFlags, Mode, OFlags, openat, readlinkat, symlinkat, unlinkat};
use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::volume::{Usage, VolumeKind};

use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::store::Store;
use crate::tree::measure::{Allocated, allocated_bytes};

impl Store {
    /// What is referred to once, from the top on, is the volume's own; from the first layer that others refer to as well
    /// everything may be shared. So may a file that a merge put into another layer too: it counts as shared from then on,
    /// also when the other layer is gone.
    pub(crate) fn usage(&self, volume: VolumeId) -> Result<Usage> {
        self.volumes.with(&[volume], || {
            let kind = self.existing(volume)?;
            let top = match kind {
                VolumeKind::Active => self.settled(volume)?,
                VolumeKind::Frozen => self.top(volume, kind)?,
            };
            let (mut own, mut shared) = (0, 0);
            let mut alone = true;
            for (depth, layer) in self.chain(top)?.iter().enumerate() {
                alone = alone && self.references_to(&self.layers, layer)? == 1;
                let is_upper = depth == 0 && kind == VolumeKind::Active;
                let size = self.size_of(layer, is_upper)?;
                if alone {
                    own += size.alone;
                    shared += size.linked;
                } else {
                    shared += size.alone + size.linked;
                }
            }
            Ok(Usage::new(own, shared))
        })
    }

    /// A frozen layer is measured once: its size is kept as the text of a symbolic link, which is written in one step.
    fn size_of(&self, layer: &LayerId, is_upper: bool) -> Result<Allocated> {
        let kept = layer.size();
        if !is_upper
            && let Ok(text) = readlinkat(&self.layers, &kept, Vec::new())
            && let Some(size) = text.to_str().ok().and_then(parse)
        {
            return Ok(size);
        }
        let failed = |errno: Errno| OverlayError::io("measure", format!("layers/{layer}"), errno);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let home = openat(&self.layers, layer.to_string(), flags, Mode::empty()).map_err(failed)?;
        let files = CString::new("fs").expect("because the text holds no zero byte");
        let size = allocated_bytes(&home, &files).map_err(failed)?;
        let text = format!("{}+{}", size.alone, size.linked);
        if !is_upper && let Err(errno) = symlinkat(text, &self.layers, &kept) {
            tracing::debug!(%layer, %errno, "the layer will be measured again");
        }
        Ok(size)
    }

    /// Forgets the size of a layer whose files were given further names.
    pub(crate) fn forget_size(&self, layer: &LayerId) {
        match unlinkat(&self.layers, layer.size(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => tracing::debug!(%layer, %errno, "the layer keeps its old size"),
        }
    }
}

fn parse(text: &str) -> Option<Allocated> {
    let (alone, linked) = text.split_once('+')?;
    Some(Allocated {
        alone: alone.parse().ok()?,
        linked: linked.parse().ok()?,
    })
}
