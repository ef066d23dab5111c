//! Merges that wait: what a freeze makes due is done beside the calls that follow, so that no call waits for a walk.
//!
//! A merge changes no volume's files. The merged layer is built aside; then the frozen volume refers to it instead, and so
//! does the active volume that goes on above, each in one step under its lock. An active volume that is in use must keep
//! the layers that it was mounted with: it gets the merged one when it is unmounted.
//!
//! Nothing of this is on the disk but a reference in staging. What a crash interrupts is thrown away by the next opening,
//! and due again at the next freeze.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rustix::fd::AsFd;
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::disk::open_dir;
use crate::error::Result;
use crate::layer::LayerId;
use crate::locks::lock;
use crate::staged::{Reference, Staged, fresh_reference};
use crate::store::Store;

/// A merge that a freeze made due.
#[derive(Debug)]
struct Due {
    frozen: VolumeId,
    active: VolumeId,
}

/// A merged layer for a volume that was in use when it was made.
#[derive(Debug)]
struct Ready {
    instead_of: LayerId,
    merged: Reference,
}

/// What is to be merged, and what has been.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    due: Mutex<VecDeque<Due>>,
    ready: Mutex<HashMap<VolumeId, Ready>>,
    /// The volumes whose recipe was given away: they can be mounted at any time until they are unmounted.
    lent: Mutex<HashSet<VolumeId>>,
    /// Held while a merge is made.
    pub(crate) at_work: Mutex<()>,
    /// Whether somebody has set out to make what is due.
    served: Mutex<bool>,
}

impl Merges {
    pub(crate) fn lend(&self, volume: VolumeId) {
        lock(&self.lent).insert(volume);
    }

    /// Says that a volume is not in use any more, nor can be by a recipe that was given away.
    pub(crate) fn take_back(&self, volume: VolumeId) {
        lock(&self.lent).remove(&volume);
    }

    pub(crate) fn add(&self, frozen: VolumeId, active: VolumeId) {
        lock(&self.due).push_back(Due { frozen, active });
    }

    pub(crate) fn are_due(&self) -> bool {
        !lock(&self.due).is_empty()
    }

    /// Takes on the duty to make what is due, unless somebody has it.
    fn begin(&self) -> Option<Serving<'_>> {
        let mut served = lock(&self.served);
        if *served {
            return None;
        }
        *served = true;
        Some(Serving(self))
    }
}

/// The duty to make what is due, until it is dropped.
struct Serving<'a>(&'a Merges);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        *lock(&self.0.served) = false;
    }
}

impl Store {
    /// Makes every merge that is due, unless somebody else is at it already.
    ///
    /// What becomes due when the other one has looked for the last time, and has not let go of the duty yet, is seen by its
    /// look after that.
    pub(crate) fn serve_merges(&self) {
        while !self.closing.load(Ordering::Acquire)
            && self.merges.are_due()
            && let Some(_serving) = self.merges.begin()
        {
            // Whoever waits for the merges is told, and it has been logged.
            drop(self.make_due_merges());
        }
    }

    /// Makes every merge that is due, unless the store is being closed.
    ///
    /// # Errors
    /// The first failure. A merge that failed is due again at the next freeze.
    pub(crate) fn make_due_merges(&self) -> Result<()> {
        let mut outcome = Ok(());
        loop {
            let _alone = lock(&self.merges.at_work);
            if self.closing.load(Ordering::Acquire) {
                return outcome;
            }
            let Some(due) = lock(&self.merges.due).pop_front() else {
                return outcome;
            };
            if let Err(error) = self.make(&due) {
                if self.closing.load(Ordering::Acquire) {
                    return outcome;
                }
                let frozen = due.frozen;
                tracing::warn!(%frozen, %error, "the layers are merged at a later freeze");
                outcome = outcome.and(Err(error));
            }
        }
    }

    fn make(&self, due: &Due) -> Result<()> {
        let Some((chain, _kept)) = self.kept_chain(due.frozen)? else {
            return Ok(());
        };
        let Some(merged) = self.merge_if_due(&chain)? else {
            return Ok(());
        };
        let top = &chain[0];
        self.volumes.with(&[due.frozen], || {
            if self.kind(due.frozen)? == Some(VolumeKind::Frozen)
                && self.top(due.frozen, VolumeKind::Frozen)? == *top
            {
                let name = due.frozen.to_string();
                self.refer_instead(&self.frozen, &name, &merged.id)?;
            }
            Ok(())
        })?;
        self.volumes.with(&[due.active], || {
            let Some(upper) = self.upper_above(due.active, top)? else {
                return Ok(());
            };
            let lent = lock(&self.merges.lent).contains(&due.active);
            if lent || self.is_mounted(due.active)? || self.is_used(&upper)? {
                let instead_of = *top;
                let ready = merged.keep().map(|merged| Ready { instead_of, merged });
                self.set_ready(due.active, ready);
                return Ok(());
            }
            self.put_below(&upper, &merged.id)
        })
    }

    /// Gives a volume that was just found to be unused the layer that was merged for it meanwhile.
    pub(crate) fn take_ready(&self, volume: VolumeId) -> Result<()> {
        let Some(ready) = lock(&self.merges.ready).remove(&volume) else {
            return Ok(());
        };
        let merged = Staged::kept(self, ready.merged);
        match self.upper_above(volume, &ready.instead_of)? {
            Some(upper) => self.put_below(&upper, &merged.id),
            None => Ok(()),
        }
    }

    /// Lets go of the layer that was merged for a volume.
    pub(crate) fn drop_ready(&self, volume: VolumeId) {
        self.set_ready(volume, None);
    }

    fn set_ready(&self, volume: VolumeId, ready: Option<Ready>) {
        let before = match ready {
            Some(ready) => lock(&self.merges.ready).insert(volume, ready),
            None => lock(&self.merges.ready).remove(&volume),
        };
        if let Some(before) = before {
            drop(Staged::kept(self, before.merged));
        }
    }

    /// The layers of a frozen volume, and a reference that keeps them there.
    fn kept_chain(&self, frozen: VolumeId) -> Result<Option<(Vec<LayerId>, Staged<'_>)>> {
        self.volumes.with(&[frozen], || {
            if self.kind(frozen)? != Some(VolumeKind::Frozen) {
                return Ok(None);
            }
            let top = self.top(frozen, VolumeKind::Frozen)?;
            let chain = self.chain(top)?;
            let reference = fresh_reference();
            self.refer(&self.layers, &top, &self.staging, &reference)?;
            Ok(Some((chain, Staged::placed(self, top, reference))))
        })
    }

    /// The upper layer of an active volume, if the layer is right below it and nothing but the volume refers to it.
    fn upper_above(&self, active: VolumeId, layer: &LayerId) -> Result<Option<LayerId>> {
        if self.kind(active)? != Some(VolumeKind::Active) {
            return Ok(None);
        }
        let upper = self.top(active, VolumeKind::Active)?;
        let below = self.layer_at(&self.layers, &upper.parent())?;
        let alone = self.references_to(&self.layers, &upper)? == 1;
        Ok((alone && below.as_ref() == Some(layer)).then_some(upper))
    }

    fn put_below(&self, upper: &LayerId, layer: &LayerId) -> Result<()> {
        let home = open_dir(&self.layers, &upper.to_string())?;
        self.refer_instead(&home, "parent", layer)
    }

    /// Lets a name refer to another layer in one step. What it referred to is given up after that, and goes to the trash if
    /// nobody else refers to it.
    fn refer_instead(&self, folder: impl AsFd, name: &str, layer: &LayerId) -> Result<()> {
        let [before, after] = [fresh_reference(), fresh_reference()];
        // Both are in staging before the step: no power loss leaves a layer that an opening would not find.
        self.disk.link(&folder, name, &self.staging, &before)?;
        let replaced = self
            .refer(&self.layers, layer, &self.staging, &after)
            .and_then(|()| self.disk.order(&self.staging, "staging"))
            .and_then(|()| self.disk.rename(&self.staging, &after, &folder, name))
            .inspect_err(|_| self.throw_away_if_there(&self.staging, &after))
            .and_then(|()| self.disk.sync(&folder, "the reference"));
        self.throw_away_or_leave(&self.staging, &before);
        replaced
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use workdisk::Volume;
    use workdisk::volume::MountRecipe;

    use super::*;
    use crate::crash::host_can;
    use crate::{OverlayOptions, OverlayVolume};

    /// An active volume with two frozen ones below it, the merge of which is due.
    struct Scene {
        _folder: tempfile::TempDir,
        volumes: OverlayVolume,
        active: VolumeId,
        frozen: [VolumeId; 2],
    }

    impl Scene {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let options = OverlayOptions::new(folder.path()).with_merge_width(2);
            let volumes = OverlayVolume::open_with(options).await.unwrap();
            let active = VolumeId::new();
            let frozen = [VolumeId::new(), VolumeId::new()];
            volumes.create(active).await.unwrap();
            for (number, frozen) in frozen.iter().enumerate() {
                let path = volumes.mount(active).await.unwrap();
                std::fs::write(path.join(number.to_string()), "content").unwrap();
                volumes.unmount(active).await.unwrap();
                // Not by the volume's own call, which would have the merge made at any time from now on.
                volumes.store().freeze(active, *frozen, None).unwrap();
            }
            Self {
                _folder: folder,
                volumes,
                active,
                frozen,
            }
        }

        async fn lowers_of(&self, active: VolumeId) -> Vec<String> {
            let recipe = self.volumes.recipe(active).await.unwrap();
            self.volumes.unmount(active).await.unwrap();
            lowers(&recipe)
        }

        fn assert_whole(&self, path: &Path) {
            for name in ["0", "1"] {
                assert_eq!(std::fs::read_to_string(path.join(name)).unwrap(), "content");
            }
            assert_eq!(std::fs::read_dir(path).unwrap().count(), 2);
        }
    }

    fn lowers(recipe: &MountRecipe) -> Vec<String> {
        let options = recipe.options.iter();
        let lowers = options.filter(|(key, _)| key == "lowerdir+");
        lowers.map(|(_, value)| value.clone().unwrap()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn frozen_and_active_volume_get_the_merged_layer() {
        if !host_can() {
            return;
        }
        let scene = Scene::new().await;
        assert_eq!(scene.lowers_of(scene.active).await.len(), 2);
        scene.volumes.reclaim().await.unwrap();
        let merged = scene.lowers_of(scene.active).await;
        assert_eq!(merged.len(), 1);
        let fork = VolumeId::new();
        scene.volumes.fork(scene.frozen[1], fork).await.unwrap();
        assert_eq!(scene.lowers_of(fork).await, merged);
        let path = scene.volumes.mount(fork).await.unwrap();
        scene.assert_whole(&path);
        scene.volumes.unmount(fork).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn volume_that_is_mounted_keeps_its_layers_until_it_is_unmounted() {
        if !host_can() {
            return;
        }
        let scene = Scene::new().await;
        let path = scene.volumes.mount(scene.active).await.unwrap();
        scene.volumes.reclaim().await.unwrap();
        for frozen in scene.frozen {
            scene.volumes.remove(frozen).await.unwrap();
        }
        scene.volumes.reclaim().await.unwrap();
        // Nothing of it is in the caches any more: it is read from the layers that the volume was mounted with.
        std::fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
        scene.assert_whole(&path);
        scene.volumes.unmount(scene.active).await.unwrap();
        assert_eq!(scene.lowers_of(scene.active).await.len(), 1);
        let path = scene.volumes.mount(scene.active).await.unwrap();
        scene.assert_whole(&path);
        scene.volumes.unmount(scene.active).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn recipe_that_was_given_away_can_be_mounted_until_the_volume_is_unmounted() {
        if !host_can() {
            return;
        }
        let scene = Scene::new().await;
        let recipe = scene.volumes.recipe(scene.active).await.unwrap();
        scene.volumes.reclaim().await.unwrap();
        for frozen in scene.frozen {
            scene.volumes.remove(frozen).await.unwrap();
        }
        scene.volumes.reclaim().await.unwrap();
        assert!(
            lowers(&recipe)
                .iter()
                .all(|lower| Path::new(lower).exists())
        );
        scene.volumes.unmount(scene.active).await.unwrap();
        assert_eq!(scene.lowers_of(scene.active).await.len(), 1);
        scene.volumes.reclaim().await.unwrap();
        assert!(
            lowers(&recipe)
                .iter()
                .all(|lower| !Path::new(lower).exists())
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn layer_that_was_merged_for_a_volume_goes_with_it() {
        if !host_can() {
            return;
        }
        let scene = Scene::new().await;
        scene.volumes.recipe(scene.active).await.unwrap();
        scene.volumes.reclaim().await.unwrap();
        for volume in scene.frozen.into_iter().chain([scene.active]) {
            scene.volumes.remove(volume).await.unwrap();
        }
        scene.volumes.reclaim().await.unwrap();
        let store = scene.volumes.store();
        for folder in [&store.layers, &store.staging, &store.trash] {
            assert_eq!(crate::store::names(folder).unwrap(), [""; 0]);
        }
    }
}
