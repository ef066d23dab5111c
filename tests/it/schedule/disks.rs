//! Volumes whose files are one number: they take no thread and no disk, so that a schedule takes no time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeKind, VolumeStatus};
use workdisk::{BackendError, BackendErrorKind, Volume};

/// Every volume, strict about its state. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Disks {
    volumes: Arc<Mutex<BTreeMap<VolumeId, Disk>>>,
}

#[derive(Clone, Debug)]
struct Disk {
    kind: VolumeKind,
    mounted: bool,
    content: u64,
    label: Option<String>,
}

impl Disks {
    /// Writes the content of the volume at a path, as a process would that works there. Answers whether it is mounted.
    pub(super) fn write(&self, path: &Path, content: u64) -> bool {
        let mut volumes = self.volumes();
        let disk = volumes.get_mut(&id_of(path)).filter(|disk| disk.mounted);
        disk.map(|disk| disk.content = content).is_some()
    }

    /// What a volume holds, or nothing if there is none.
    pub(super) fn content(&self, id: VolumeId) -> Option<u64> {
        self.volumes().get(&id).map(|disk| disk.content)
    }

    /// Which volumes are mounted.
    pub(super) fn mounted(&self) -> Vec<VolumeId> {
        let volumes = self.volumes();
        let mounted = volumes.iter().filter(|(_, disk)| disk.mounted);
        mounted.map(|(id, _)| *id).collect()
    }

    fn volumes(&self) -> MutexGuard<'_, BTreeMap<VolumeId, Disk>> {
        self.volumes.lock().unwrap()
    }
}

fn id_of(path: &Path) -> VolumeId {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.parse().unwrap()
}

type Volumes<'a> = MutexGuard<'a, BTreeMap<VolumeId, Disk>>;

fn find<'a>(volumes: &'a mut Volumes<'_>, id: VolumeId) -> Result<&'a mut Disk, BackendError> {
    let missing = || BackendError::not_found(format!("no volume {id}"));
    volumes.get_mut(&id).ok_or_else(missing)
}

fn expect_kind(disk: &Disk, kind: VolumeKind) -> Result<(), BackendError> {
    if disk.kind == kind {
        return Ok(());
    }
    let message = format!("the volume is not {kind:?}");
    Err(BackendError::new(BackendErrorKind::WrongState, message))
}

fn expect_unmounted(disk: &Disk) -> Result<(), BackendError> {
    if disk.mounted {
        return Err(BackendError::busy("the volume is mounted", Vec::new()));
    }
    Ok(())
}

fn add(
    volumes: &mut Volumes<'_>,
    id: VolumeId,
    kind: VolumeKind,
    content: u64,
) -> Result<(), BackendError> {
    let disk = Disk {
        kind,
        mounted: false,
        content,
        label: None,
    };
    match volumes.insert(id, disk) {
        None => Ok(()),
        Some(_) => Err(BackendError::new(
            BackendErrorKind::AlreadyExists,
            format!("volume {id} exists"),
        )),
    }
}

#[async_trait]
impl Volume for Disks {
    fn info(&self) -> VolumeInfo {
        VolumeInfo::new("numbers")
    }

    async fn bind(&self, _: Generation, _: bool) -> Result<(), BackendError> {
        Ok(())
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        add(&mut self.volumes(), id, VolumeKind::Active, 0)
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        let mut volumes = self.volumes();
        let parent = find(&mut volumes, parent)?.clone();
        expect_kind(&parent, VolumeKind::Frozen)?;
        add(&mut volumes, id, VolumeKind::Active, parent.content)
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        let mut volumes = self.volumes();
        let head = find(&mut volumes, id)?.clone();
        expect_kind(&head, VolumeKind::Active)?;
        expect_unmounted(&head)?;
        add(&mut volumes, frozen, VolumeKind::Frozen, head.content)
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        Path::new("/nowhere").join(id.to_string())
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        let mut volumes = self.volumes();
        let disk = find(&mut volumes, id)?;
        expect_kind(disk, VolumeKind::Active)?;
        expect_unmounted(disk)?;
        disk.mounted = true;
        Ok(self.path(id))
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        let mut volumes = self.volumes();
        let disk = find(&mut volumes, id)?;
        expect_kind(disk, VolumeKind::Active)?;
        expect_unmounted(disk)?;
        Ok(self.path(id))
    }

    async fn recipe(&self, _: VolumeId) -> Result<MountRecipe, BackendError> {
        Err(BackendError::unsupported("numbers give no recipe"))
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        let mut volumes = self.volumes();
        let disk = find(&mut volumes, id)?;
        expect_kind(disk, VolumeKind::Active)?;
        disk.mounted = false;
        Ok(())
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        let mut volumes = self.volumes();
        if let Some(disk) = volumes.get(&id) {
            expect_unmounted(disk)?;
        }
        volumes.remove(&id);
        Ok(())
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        let status = |disk: &Disk| VolumeStatus::new(id, disk.kind, disk.mounted);
        Ok(self.volumes().get(&id).map(status))
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        let volumes = self.volumes();
        let later = volumes
            .iter()
            .filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(later
            .take(limit)
            .map(|(id, disk)| VolumeStatus::new(*id, disk.kind, disk.mounted))
            .collect())
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        find(&mut self.volumes(), id)?.label = Some(label.to_owned());
        Ok(())
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        let volumes = self.volumes();
        Ok(volumes.get(&id).and_then(|disk| disk.label.clone()))
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        find(&mut self.volumes(), id).map(|_| Usage::new(1, 0))
    }

    async fn check(&self, _: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        Ok(Vec::new())
    }

    async fn sync(&self) -> Result<(), BackendError> {
        Ok(())
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        Ok(())
    }
}
