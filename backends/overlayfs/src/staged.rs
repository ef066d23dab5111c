//! New upper layers: built aside, then put in place with one reference in staging, which is moved to who wants the layer.

use rustix::fd::AsFd;
use rustix::fs::Mode;
use rustix::io::Errno;
use uuid::Uuid;
use workdisk::journal::Work;

use crate::disk::open_dir;
use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::store::Store;
use crate::tree::attributes::{copy_attributes, copy_times};

/// A reference in staging that is kept while nobody works with it.
#[derive(Debug)]
pub(crate) struct Reference {
    layer: LayerId,
    name: String,
}

/// A complete layer to which only a reference in staging refers.
///
/// To give it to a volume takes a single move. Unless that happens the reference goes to the trash, and the layer after it;
/// after a crash the next opening does the same.
#[derive(Debug)]
#[must_use = "a layer that nobody takes goes to the trash"]
pub(crate) struct Staged<'a> {
    store: &'a Store,
    pub(crate) id: LayerId,
    reference: Option<String>,
}

impl Store {
    /// Builds an upper layer above `parent`, with the root folder of the layer `like`.
    pub(crate) fn stage_upper(
        &self,
        parent: Option<&LayerId>,
        like: Option<&LayerId>,
    ) -> Result<Staged<'_>> {
        let id = LayerId::fresh(0);
        let built = self.build_upper(&id, parent, like);
        let reference = built
            .and_then(|()| self.place_layer(&id))
            .inspect_err(|_| self.throw_away_if_there(&self.staging, &id.to_string()))?;
        Ok(Staged::placed(self, id, reference))
    }

    fn build_upper(
        &self,
        id: &LayerId,
        parent: Option<&LayerId>,
        like: Option<&LayerId>,
    ) -> Result<()> {
        let name = id.to_string();
        self.disk.mkdir(&self.staging, &name, Mode::RWXU)?;
        self.disk.symlink(&name, &self.staging, &id.reference(0))?;
        self.disk.mkdir(&self.staging, &id.work(), Mode::RWXU)?;
        self.disk.mkdir(&self.staging, &id.files(), Mode::RWXU)?;
        if let Some(parent) = parent {
            self.refer(&self.layers, parent, &self.staging, &id.parent())?;
        }
        let files = open_dir(&self.staging, &id.files())?;
        let failed = |errno: Errno| OverlayError::io("set the mode of", id.files(), errno);
        match like {
            Some(like) => {
                let model = self.files(like)?;
                copy_attributes(&model, &files).map_err(failed)?;
                copy_times(&model, &files).map_err(failed)?;
            }
            // The umask does not count.
            None => rustix::fs::fchmod(&files, Mode::from_raw_mode(0o755)).map_err(failed)?,
        }
        self.disk.order(&files, "the root of the new layer")
    }

    /// Moves a layer from staging to the others; answers its reference in staging.
    ///
    /// The reference comes before the move, so that no power loss leaves a layer to which nobody refers among the others,
    /// where no opening would look for it. All of it is durable once the reference is given to a volume.
    pub(crate) fn place_layer(&self, id: &LayerId) -> Result<String> {
        let name = id.to_string();
        let reference = fresh_reference();
        self.disk.order_at(&self.staging, &name)?;
        self.disk
            .link(&self.staging, &id.reference(0), &self.staging, &reference)?;
        let placed = self
            .disk
            .order(&self.staging, "staging")
            .and_then(|()| self.disk.rename(&self.staging, &name, &self.layers, &name))
            .and_then(|()| self.disk.order(&self.layers, "layers"))
            .and_then(|()| self.disk.order(&self.staging, "staging"));
        if placed.is_err() {
            self.throw_away_or_leave(&self.staging, &reference);
        }
        placed.map(|()| reference)
    }
}

/// A name in staging for a reference.
pub(crate) fn fresh_reference() -> String {
    format!("reference-{}", Uuid::new_v4())
}

impl<'a> Staged<'a> {
    /// A layer to which the reference in staging refers.
    pub(crate) fn placed(store: &'a Store, id: LayerId, reference: String) -> Self {
        Self {
            store,
            id,
            reference: Some(reference),
        }
    }

    /// Keeps the reference for later.
    pub(crate) fn keep(mut self) -> Option<Reference> {
        let layer = self.id;
        self.reference.take().map(|name| Reference { layer, name })
    }

    /// A layer whose reference was kept.
    pub(crate) fn kept(store: &'a Store, kept: Reference) -> Self {
        Self::placed(store, kept.layer, kept.name)
    }

    /// Makes a volume refer to the layer, instead of to another if it is there already. One step: the volume is as before
    /// or has the layer, and durably so. An error after that step leaves the volume with the layer.
    pub(crate) fn give_to(
        mut self,
        folder: impl AsFd,
        volume: &str,
        work: Option<Work>,
    ) -> Result<()> {
        let disk = &self.store.disk;
        if let Some(reference) = &self.reference {
            disk.rename(&self.store.staging, reference, &folder, volume)?;
        }
        self.reference = None;
        disk.publish(work, &folder, "the volumes")
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(reference) = &self.reference {
            self.store
                .throw_away_or_leave(&self.store.staging, reference);
        }
    }
}
