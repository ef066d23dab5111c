//! New active volumes: empty, or above a frozen one.

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::error::Result;
use crate::layer::LayerId;
use crate::store::{Store, exists};

impl Store {
    pub(crate) fn create(&self, volume: VolumeId, label: Option<&str>) -> Result<()> {
        self.volumes.with(&[volume], || {
            self.must_be_free(volume)?;
            self.new_active(volume, None, label)?;
            self.fresh.add(volume);
            Ok(())
        })
    }

    pub(crate) fn fork(
        &self,
        parent: VolumeId,
        volume: VolumeId,
        label: Option<&str>,
    ) -> Result<()> {
        // Many are forked from one parent at a time, and a parent is not changed by it.
        self.volumes.with_shared(parent, volume, || {
            self.must_be(parent, VolumeKind::Frozen)?;
            self.must_be_free(volume)?;
            let top = self.top(parent, VolumeKind::Frozen)?;
            self.chain(top)?;
            self.new_active(volume, Some(top), label)
        })
    }

    /// The volume exists from the moment when its name refers to the layer, which is complete and durable by then.
    fn new_active(
        &self,
        volume: VolumeId,
        parent: Option<LayerId>,
        label: Option<&str>,
    ) -> Result<()> {
        let (name, work) = (volume.to_string(), self.disk.begin());
        let layer = self.stage_upper(parent.as_ref(), parent.as_ref())?;
        let placed = self.place_label(volume, label);
        let done = placed.and_then(|()| layer.give_to(&self.active, &name, work));
        match done {
            Ok(()) => {
                self.saved.add(volume);
                self.idle.add(volume);
            }
            Err(_) => self.undo_name(VolumeKind::Active, &name),
        }
        done
    }

    /// Takes back the name of a volume whose making failed. If that fails too the volume is there, and complete.
    pub(crate) fn undo_name(&self, kind: VolumeKind, name: &str) {
        let folder = self.folder(kind);
        self.drop_label(name);
        if !matches!(exists(folder, name), Ok(false)) {
            self.throw_away_or_leave(folder, name);
        }
    }
}
