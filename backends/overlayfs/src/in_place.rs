//! Removal on a disk that is full.
//!
//! On btrfs a full disk refuses to move a name, but never to remove one. There a reference is removed where it is, and its
//! layer after it. A crash in between leaves a layer to which nobody refers, and the next opening has to look through all
//! of them: it is told so by the absence of the link `swept`, since on such a disk nothing can be written either.

use std::collections::HashSet;

use rustix::fd::AsFd;

use crate::disk::open_dir;
use crate::error::Result;
use crate::layer::LayerId;
use crate::references::read_reference;
use crate::store::{Store, exists, names};

/// Is there unless layers may be left to which nobody refers.
const SWEPT: &str = "swept";

impl Store {
    /// Removes a reference where it is, durably, and the layers to which nobody refers then. It writes nothing.
    pub(crate) fn remove_in_place(&self, folder: impl AsFd, reference: &str) -> Result<()> {
        let _turn = self.sweep.at_once();
        self.let_go_in_place(folder, reference)
    }

    /// As [`remove_in_place`](Self::remove_in_place), for whose turn it is to empty the trash.
    pub(crate) fn let_go_in_place(&self, folder: impl AsFd, reference: &str) -> Result<()> {
        let mut layer = self.linked_layer(&folder, reference)?;
        self.expect_unused_layers()?;
        self.disk.unlink(&folder, reference)?;
        self.disk.sync(&folder, "the references")?;
        while let Some(unused) = layer
            && self.references_to(&self.layers, &unused)? == 0
        {
            layer = self.linked_layer(&self.layers, &unused.parent())?;
            self.remove_layer_in_place(&unused)?;
        }
        Ok(())
    }

    /// The layer of a reference that counts. One that is no hard link proves nothing about how many others there are.
    fn linked_layer(&self, at: impl AsFd, reference: &str) -> Result<Option<LayerId>> {
        match read_reference(&at, reference) {
            Ok(Some(layer)) if self.is_linked(&at, reference, &layer)? == Some(true) => {
                Ok(Some(layer))
            }
            _ => Ok(None),
        }
    }

    /// Has the next opening look for layers to which nobody refers.
    pub(crate) fn expect_unused_layers(&self) -> Result<()> {
        if exists(&self.root_fd, SWEPT)? {
            self.disk.unlink(&self.root_fd, SWEPT)?;
        }
        self.disk.sync(&self.root_fd, "the root folder")
    }

    /// Removes the references of a layer last, because what has files and no reference is damaged and not unused.
    fn remove_layer_in_place(&self, layer: &LayerId) -> Result<()> {
        let name = layer.to_string();
        let home = open_dir(&self.layers, &name)?;
        for part in names(&home)? {
            if !part.starts_with("ref.") {
                self.disk.remove_tree(&home, &part)?;
            }
        }
        self.disk.remove_tree(&self.layers, &name)
    }

    /// Sends to the trash the layers that a removal in place left, if one was broken off. Nothing else may run yet.
    pub(crate) fn find_unused_layers(&self) -> Result<()> {
        if exists(&self.root_fd, SWEPT)? {
            return Ok(());
        }
        let named = self.named_layers()?;
        for name in names(&self.layers)? {
            let Ok(layer) = name.parse::<LayerId>() else {
                continue;
            };
            if named.contains(&layer) {
                continue;
            }
            let unused = match exists(&self.layers, &layer.reference(0))? {
                true => self.references_to(&self.layers, &layer)? == 0,
                false => !exists(&self.layers, &layer.files())?,
            };
            if unused {
                tracing::info!(%layer, "nobody refers to the layer");
                match self.throw_away(&self.layers, &name) {
                    Err(error) if error.is_full() => self.remove_layer_in_place(&layer)?,
                    answer => answer?,
                }
            }
        }
        self.disk.sync(&self.trash, "trash")?;
        self.disk.sync(&self.layers, "layers")?;
        match self.disk.symlink("yes", &self.root_fd, SWEPT) {
            // The next opening looks again.
            Err(error) if error.is_full() => Ok(()),
            answer => answer.and_then(|()| self.disk.sync(&self.root_fd, "the root folder")),
        }
    }

    /// Every layer that some reference names, whether or not it counts: in a folder that was copied without its hard links
    /// none does, and nothing may be lost of it.
    fn named_layers(&self) -> Result<HashSet<LayerId>> {
        let mut named = HashSet::new();
        for folder in [&self.active, &self.frozen, &self.staging, &self.trash] {
            for name in names(folder)? {
                let parent = format!("{name}/parent");
                let layers = [&name, &parent].map(|name| read_reference(folder, name));
                named.extend(layers.into_iter().filter_map(|layer| layer.ok().flatten()));
            }
        }
        for name in names(&self.layers)? {
            let parent = read_reference(&self.layers, &format!("{name}/parent"));
            named.extend(parent.ok().flatten());
        }
        Ok(named)
    }
}
