//! How much of the disk a volume takes.

use std::ffi::CString;

use rustix::fs::{Mode, OFlags, openat, readlinkat, symlinkat};
use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::volume::{Usage, VolumeKind};

use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::store::Store;
use crate::tree::measure::allocated_bytes;

impl Store {
    /// What is referred to once, from the top on, is the volume's own; from the first layer that others refer to as well
    /// everything may be shared.
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
                let bytes = self.size_of(layer, is_upper)?;
                if alone {
                    own += bytes;
                } else {
                    shared += bytes;
                }
            }
            Ok(Usage::new(own, shared))
        })
    }

    /// A frozen layer is measured once: its size is kept as the text of a symbolic link, which is written in one step.
    fn size_of(&self, layer: &LayerId, is_upper: bool) -> Result<u64> {
        let kept = layer.size();
        if !is_upper
            && let Ok(text) = readlinkat(&self.layers, &kept, Vec::new())
            && let Some(bytes) = text.to_str().ok().and_then(|text| text.parse().ok())
        {
            return Ok(bytes);
        }
        let failed = |errno: Errno| OverlayError::io("measure", format!("layers/{layer}"), errno);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let home = openat(&self.layers, layer.to_string(), flags, Mode::empty()).map_err(failed)?;
        let files = CString::new("fs").expect("because the text holds no zero byte");
        let bytes = allocated_bytes(&home, &files).map_err(failed)?;
        if !is_upper && let Err(errno) = symlinkat(bytes.to_string(), &self.layers, &kept) {
            tracing::debug!(%layer, %errno, "the layer will be measured again");
        }
        Ok(bytes)
    }
}
