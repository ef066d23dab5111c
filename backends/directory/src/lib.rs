#![doc = include_str!("../README.md")]

mod copy;
mod remove;
mod store;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Mutex as AsyncMutex;
use workdisk::error::{BackendError, BackendErrorKind};
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::session::holders_under;
use workdisk::volume::{
    MountRecipe, Usage, Volume, VolumeFault, VolumeInfo, VolumeKind, VolumeStatus,
};

use crate::store::Store;

/// Volumes as plain directories.
///
/// # Requirements
/// A folder on a local file system. No privileges. One process opens it at a time.
///
/// # Durability
/// What was answered is durable against power loss: a volume is built aside, synced, and put in place by one rename.
///
/// # Limitations
/// A fork or freeze copies every file, by reflink where the file system has it. Without privileges, owners are the
/// process's own and devices are left out. A mount is only a path: who uses it is seen as far as `/proc` shows it to the
/// process, so that a process of another user may be missed.
#[derive(Clone, Debug)]
pub struct DirectoryVolume {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    mounted: Mutex<HashSet<VolumeId>>,
    /// Puts the calls that change volumes in order. A copy of one tree slows another down anyway.
    turn: AsyncMutex<()>,
}

impl DirectoryVolume {
    /// Opens the volumes in a folder, which is made if it is missing.
    ///
    /// # Errors
    /// [`InUse`](BackendErrorKind::InUse) if it is open elsewhere, [`Mismatch`](BackendErrorKind::Mismatch) if another
    /// release wrote it, [`Unavailable`](BackendErrorKind::Unavailable) if it can't be read or written.
    pub async fn open(root: impl AsRef<Path>) -> Result<Self, BackendError> {
        let root = root.as_ref().to_owned();
        let store = blocking(move || Store::open(&root)).await?;
        let shared = Shared {
            store,
            mounted: Mutex::default(),
            turn: AsyncMutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Does blocking work in turn; a caller that goes away does not break it off.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, BackendError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let _turn = shared.turn.lock().await;
            let working = Arc::clone(&shared);
            blocking(move || work(&working)).await
        });
        task.await
            .map_err(|error| BackendError::unavailable("broken off").with_source(error))?
    }
}

impl Shared {
    fn mounted(&self) -> MutexGuard<'_, HashSet<VolumeId>> {
        // Each critical section is one call of the set, which a panic cannot leave half done.
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn need(&self, id: VolumeId, kind: VolumeKind) -> Result<PathBuf, BackendError> {
        match self.store.kind(id)? {
            None => Err(BackendError::not_found(format!(
                "volume {id} does not exist"
            ))),
            Some(found) if found != kind => {
                let message = format!("volume {id} is not {kind:?}").to_lowercase();
                Err(BackendError::new(BackendErrorKind::WrongState, message))
            }
            Some(_) => Ok(self.store.data(id, kind)),
        }
    }

    fn need_fresh(&self, id: VolumeId) -> Result<(), BackendError> {
        match self.store.kind(id)? {
            None => Ok(()),
            Some(_) => {
                let message = format!("volume {id} exists already");
                Err(BackendError::new(BackendErrorKind::AlreadyExists, message))
            }
        }
    }

    fn need_unmounted(&self, id: VolumeId) -> Result<(), BackendError> {
        if self.mounted().contains(&id) {
            return Err(BackendError::busy(
                format!("volume {id} is mounted"),
                Vec::new(),
            ));
        }
        self.need_unheld(id)
    }

    fn need_unheld(&self, id: VolumeId) -> Result<(), BackendError> {
        let holders = holders_under(&self.store.data(id, VolumeKind::Active));
        if holders.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
        let message = format!("volume {id} is in use by {}", names.join(", "));
        Err(BackendError::busy(message, holders))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    let broken = |error| BackendError::unavailable("broken off").with_source(error);
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

#[async_trait]
impl Volume for DirectoryVolume {
    fn info(&self) -> VolumeInfo {
        VolumeInfo::new("directory").with_durable().with_recipes()
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        self.in_turn(move |shared| shared.store.bind(generation, adopt))
            .await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        self.in_turn(move |shared| {
            shared.need_fresh(id)?;
            shared.store.build(id, VolumeKind::Active, None)
        })
        .await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        self.in_turn(move |shared| {
            let from = shared.need(parent, VolumeKind::Frozen)?;
            shared.need_fresh(id)?;
            shared.store.build(id, VolumeKind::Active, Some(&from))
        })
        .await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        self.in_turn(move |shared| {
            let from = shared.need(id, VolumeKind::Active)?;
            shared.need_fresh(frozen)?;
            shared.need_unmounted(id)?;
            shared.store.build(frozen, VolumeKind::Frozen, Some(&from))
        })
        .await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.shared.store.data(id, VolumeKind::Active)
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.in_turn(move |shared| {
            let path = shared.need(id, VolumeKind::Active)?;
            shared.need_unmounted(id)?;
            shared.mounted().insert(id);
            Ok(path)
        })
        .await
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        self.in_turn(move |shared| {
            let path = shared.need(id, VolumeKind::Active)?;
            shared.need_unmounted(id)?;
            let source = path.to_str().ok_or_else(|| {
                BackendError::unsupported(
                    "the data folder's path is not UTF-8, which a recipe needs",
                )
            })?;
            Ok(MountRecipe::new("bind", source)
                .with_flag("nosuid")
                .with_flag("nodev"))
        })
        .await
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        self.in_turn(move |shared| {
            shared.need(id, VolumeKind::Active)?;
            shared.need_unheld(id)?;
            let unsynced =
                |error| BackendError::io(format!("volume {id} could not be synced"), error);
            shared.store.sync().map_err(unsynced)?;
            shared.mounted().remove(&id);
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        self.in_turn(move |shared| {
            let Some(kind) = shared.store.kind(id)? else { return Ok(()) };
            shared.need_unmounted(id)?;
            shared.store.discard(id, kind)?;
            if let Err(error) = shared.store.empty_trash() {
                tracing::warn!(volume = %id, %error, "the trash could not be emptied; `reclaim` tries again");
            }
            Ok(())
        })
        .await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let mounted = shared.mounted().contains(&id);
            let kind = shared.store.kind(id)?;
            Ok(kind.map(|kind| VolumeStatus::new(id, kind, mounted)))
        })
        .await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let mut page = shared.store.list(after, limit)?;
            let mounted = shared.mounted();
            for status in &mut page {
                status.mounted = mounted.contains(&status.id);
            }
            Ok(page)
        })
        .await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let kind = shared.store.kind(id)?;
            let missing = || BackendError::not_found(format!("volume {id} does not exist"));
            let path = shared.store.data(id, kind.ok_or_else(missing)?);
            let unread =
                |error| BackendError::io(format!("volume {id} could not be measured"), error);
            Ok(Usage::new(Store::measure(&path).map_err(unread)?, 0))
        })
        .await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let kind = shared.store.kind(id)?;
            let missing = || BackendError::not_found(format!("volume {id} does not exist"));
            let path = shared.store.data(id, kind.ok_or_else(missing)?);
            if path.is_dir() {
                return Ok(Vec::new());
            }
            Ok(vec![VolumeFault::new(
                path.display().to_string(),
                "the folder of its files is gone",
            )])
        })
        .await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        self.in_turn(|shared| shared.store.empty_trash()).await
    }
}
