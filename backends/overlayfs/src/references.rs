//! Who refers to a layer: counted by the file system itself.
//!
//! Each layer has a symbolic link whose text is the layer's name. Whoever uses the layer holds a hard link to that link:
//! a volume in `active` or `frozen`, a layer as its `parent`. So the count is the link's own, changes in the same step as
//! the reference, and cannot be lost or stale after a crash. A file system limits the names of one file, so a layer gets
//! a further link when one is full.

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, readlinkat, statat};
use rustix::io::Errno;

use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::store::Store;
use crate::tree::names_of;

const NOT_LINKED: &str = "it is not a hard link to the layer's own reference: the store was copied without its hard \
                          links; copy it with `cp -a` or `rsync -aH`";

impl Store {
    /// Adds a reference to a layer that is in `home`, under a name in another folder.
    pub(crate) fn refer(
        &self,
        home: impl AsFd,
        layer: &LayerId,
        to: impl AsFd,
        name: &str,
    ) -> Result<()> {
        for n in 0.. {
            let reference = layer.reference(n);
            let full = match links(&home, &reference)? {
                Some(links) => links > self.options.max_links,
                None if n == 0 => {
                    return Err(OverlayError::corrupt(
                        format!("layers/{reference}"),
                        "the reference is missing",
                    ));
                }
                None => {
                    match self.disk.symlink(&layer.to_string(), &home, &reference) {
                        // Another fork of it makes it too, and has perhaps not seen to its durability yet.
                        Err(error) if error.errno() == Some(Errno::EXIST) => {}
                        answer => answer?,
                    }
                    self.disk.order_at(&home, &layer.to_string())?;
                    false
                }
            };
            if full {
                continue;
            }
            match self.disk.link(&home, &reference, &to, name) {
                Err(error) if error.errno() == Some(Errno::MLINK) => {}
                answer => return answer,
            }
        }
        unreachable!("because the loop has no end")
    }

    /// How many names refer to a layer in `home`.
    pub(crate) fn references_to(&self, home: impl AsFd, layer: &LayerId) -> Result<u64> {
        let mut sum = 0;
        for n in 0.. {
            match links(&home, &layer.reference(n))? {
                Some(links) => sum += links - 1,
                None => break,
            }
        }
        Ok(sum)
    }

    /// The layer that a name refers to, or `None` if there is no such name.
    ///
    /// # Errors
    /// [`Corrupt`](OverlayError::Corrupt) if the layer is missing or does not know of the reference.
    pub(crate) fn layer_at(&self, at: impl AsFd, name: &str) -> Result<Option<LayerId>> {
        let Some(layer) = read_reference(&at, name)? else {
            return Ok(None);
        };
        match self.is_linked(&at, name, &layer)? {
            None => Err(OverlayError::corrupt(
                format!("layers/{layer}"),
                "the layer is missing, and with it files of every volume above it",
            )),
            Some(false) => Err(OverlayError::corrupt(name, NOT_LINKED)),
            Some(true) => Ok(Some(layer)),
        }
    }

    /// Whether a name is one of the layer's references; `None` if there is no such layer.
    pub(crate) fn is_linked(
        &self,
        at: impl AsFd,
        name: &str,
        layer: &LayerId,
    ) -> Result<Option<bool>> {
        let failed = |errno| OverlayError::io("look at", name, errno);
        let own = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        for n in 0.. {
            match statat(&self.layers, layer.reference(n), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if (stat.st_dev, stat.st_ino) == (own.st_dev, own.st_ino) => {
                    return Ok(Some(true));
                }
                Ok(_) => {}
                Err(Errno::NOENT) => return Ok((n > 0).then_some(false)),
                Err(errno) => return Err(failed(errno)),
            }
        }
        unreachable!("because the loop has no end")
    }

    /// A layer and all below it, the newest first, each checked to be there.
    pub(crate) fn chain(&self, top: LayerId) -> Result<Vec<LayerId>> {
        /// Far more than the kernel mounts: a chain that is longer goes in a circle.
        const ENDLESS: usize = 10_000;
        let mut chain = Vec::new();
        let mut next = Some(top);
        while let Some(layer) = next {
            if chain.len() == ENDLESS {
                return Err(OverlayError::corrupt(
                    format!("layers/{layer}"),
                    "the layer is below itself",
                ));
            }
            self.files(&layer)?;
            next = self.layer_at(&self.layers, &layer.parent())?;
            chain.push(layer);
        }
        Ok(chain)
    }
}

/// The layer whose name stands at a name, without a look at the layer.
pub(crate) fn read_reference(at: impl AsFd, name: &str) -> Result<Option<LayerId>> {
    match readlinkat(at, name, Vec::new()) {
        Ok(text) => text
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| OverlayError::corrupt(name, "it names no layer")),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::INVAL) => Err(OverlayError::corrupt(name, "it is not a reference")),
        Err(errno) => Err(OverlayError::io("read the reference", name, errno)),
    }
}

fn links(home: impl AsFd, reference: &str) -> Result<Option<u64>> {
    match statat(home, reference, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(names_of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(OverlayError::io(
            "count the references of",
            reference,
            errno,
        )),
    }
}
