//! Freezing: the upper layer becomes a frozen one, and a new upper layer starts above it.

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::options::OverlayOptions;
use crate::overlay::options::MAX_LOWERS;
use crate::staged::Staged;
use crate::store::{Store, exists, is_empty};
use crate::tree::attributes::same_attributes;

impl Store {
    pub(crate) fn freeze(
        &self,
        volume: VolumeId,
        frozen: VolumeId,
        label: Option<&str>,
    ) -> Result<()> {
        self.volumes.with(&[volume, frozen], || {
            self.must_be(volume, VolumeKind::Active)?;
            self.must_be_free(frozen)?;
            let upper = self.settled(volume)?;
            let chain = self.chain(upper)?;
            self.must_be_unused(volume, &upper)?;
            self.fresh.forget(volume);
            self.merges.take_back(volume);
            if !self.saved.has(volume) {
                self.disk.sync_all(&self.root_fd)?;
                self.saved.add(volume);
            }
            if let Some(parent) = chain.get(1)
                && self.is_unchanged(&upper, parent)?
            {
                let work = self.disk.begin();
                let publish = || self.disk.publish(work, &self.frozen, "frozen");
                return self.name_frozen(parent, frozen, label, publish);
            }
            self.freeze_upper(volume, frozen, &chain, label)
        })
    }

    /// The volume's upper layer, which nothing but the volume refers to.
    ///
    /// A crash between the two steps of a freeze leaves a volume whose upper layer is frozen already. It gets its new one
    /// here, before anything can write to the old one.
    pub(crate) fn settled(&self, volume: VolumeId) -> Result<LayerId> {
        let upper = self.top(volume, VolumeKind::Active)?;
        if self.references_to(&self.layers, &upper)? == 1 {
            return Ok(upper);
        }
        tracing::info!(%volume, %upper, "finishing a freeze that was interrupted");
        let layer = self.stage_upper(Some(&upper), Some(&upper))?;
        let fresh = layer.id;
        layer.give_to(&self.active, &volume.to_string(), None)?;
        self.drop_work(&upper);
        Ok(fresh)
    }

    /// Whether an upper layer adds nothing to the layer below, so that the two show the same files.
    fn is_unchanged(&self, upper: &LayerId, parent: &LayerId) -> Result<bool> {
        let files = self.files(upper)?;
        if !is_empty(&files)? {
            return Ok(false);
        }
        same_attributes(&files, self.files(parent)?)
            .map_err(|errno| OverlayError::io("compare the root of", upper.to_string(), errno))
    }

    /// Gives a layer the name of a frozen volume. `last` is what makes it durable, or puts it before what comes next.
    fn name_frozen(
        &self,
        layer: &LayerId,
        frozen: VolumeId,
        label: Option<&str>,
        last: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let name = frozen.to_string();
        let done = self
            .place_label(frozen, label)
            .and_then(|()| self.refer(&self.layers, layer, &self.frozen, &name))
            .and_then(|()| last());
        if done.is_err() {
            self.undo_name(VolumeKind::Frozen, &name);
        }
        done
    }

    /// Everything that can fail for want of space is done before the frozen volume gets its name; after that there are
    /// only moves.
    fn freeze_upper(
        &self,
        volume: VolumeId,
        frozen: VolumeId,
        chain: &[LayerId],
        label: Option<&str>,
    ) -> Result<()> {
        let upper = chain[0];
        let merged = self.merged_at_once(chain)?;
        let is_merged = merged.is_some();
        let base = merged.as_ref().map_or(upper, |merged| merged.id);
        let work = self.disk.begin();
        let next = self.stage_upper(Some(&base), Some(&upper))?;
        drop(merged);
        let order = || self.disk.order(&self.frozen, "frozen");
        self.name_frozen(&upper, frozen, label, order)?;
        if let Err(error) = next.give_to(&self.active, &volume.to_string(), work) {
            self.undo_name(VolumeKind::Frozen, &frozen.to_string());
            return Err(error);
        }
        self.drop_work(&upper);
        if !is_merged && self.may_be_due(chain) {
            self.merges.add(frozen, volume);
        }
        Ok(())
    }

    /// The merged top of the chain, if a merge is due that cannot wait. One that fails is put off as long as the chain can
    /// grow.
    fn merged_at_once(&self, chain: &[LayerId]) -> Result<Option<Staged<'_>>> {
        if !self.options.merges_at_once && chain.len() < OverlayOptions::DEEP {
            return Ok(None);
        }
        match self.merge_if_due(chain) {
            Ok(merged) => {
                if merged.is_none() && chain.len() >= MAX_LOWERS {
                    return Err(OverlayError::Unusable(format!(
                        "the volume has {} layers, and the kernel stacks no more than {MAX_LOWERS}",
                        chain.len()
                    )));
                }
                Ok(merged)
            }
            Err(error) if chain.len() < MAX_LOWERS => {
                tracing::warn!(%error, layers = chain.len(), "the layers are merged at a later freeze");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The work folder of a layer that is no upper one any more holds nothing of worth, and after an overlay that was
    /// unmounted in order nothing but an empty folder.
    fn drop_work(&self, layer: &LayerId) {
        let work = layer.work();
        if self.disk.remove_empty(&self.layers, &work, "work").is_ok() {
            return;
        }
        if matches!(exists(&self.layers, &work), Ok(true))
            && let Err(error) = self.throw_away(&self.layers, &work)
        {
            tracing::debug!(%layer, %error, "the work folder stays as long as the layer");
        }
    }
}
