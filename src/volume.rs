//! Where files are kept.
//!
//! # Words
//! A *volume* is a disk under an opaque id. An *active* volume can be mounted and written; a *frozen* one never changes
//! again and can be the parent of others. To *fork* is to make an active volume that starts with a frozen one's files; to
//! *freeze* is to make a frozen volume that keeps an active one's files, while the active one goes on with the same.
//!
//! # Lifecycle
//! ```text
//!   create ──► active ──freeze──► frozen ──fork──► active
//!                │                  │                │
//!          fill or mount           │              mount …
//!            … unmount              │                │
//!                │                  │                │
//!              remove             remove           remove
//! ```
//! A fork and its parent are independent: either may be changed or removed first.
//!
//! # Scenario
//! Two clones of a template. The template's head `t` is frozen as `f`; `f` is forked to `a` and to `b`; `f` and `t` may
//! now be removed. What the three share stays on the disk until the last of them goes.
//!
//! # What a crash leaves
//! What a method was answered `Ok` for MUST survive the death of the process, and power loss too if
//! [`VolumeInfo::durable`] says so and the method does not say otherwise. A call whose future was dropped, or that ended in an error, is done or not done; in
//! particular a [`fork`](Volume::fork) or [`freeze`](Volume::freeze) never leaves a volume that is there but incomplete.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::BackendError;
use crate::metadata::Generation;
use crate::model::VolumeId;

/// What a volume backend is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeInfo {
    /// Its name, as callers see it in [`Persistence`](crate::model::Persistence): `overlayfs`, `directory`.
    pub backend: &'static str,
    /// Whether what was answered `Ok` survives power loss.
    pub durable: bool,
    /// Whether [`Volume::recipe`] works, so that a caller can mount in a namespace of its own. Without it that method
    /// MUST fail with [`Unsupported`](crate::BackendErrorKind::Unsupported) and change nothing.
    pub recipes: bool,
}

impl VolumeInfo {
    /// Describes a backend that claims nothing.
    pub fn new(backend: &'static str) -> Self {
        Self {
            backend,
            durable: false,
            recipes: false,
        }
    }

    /// Claims that what was answered `Ok` survives power loss.
    #[must_use]
    pub fn with_durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Claims [`Volume::recipe`].
    #[must_use]
    pub fn with_recipes(mut self) -> Self {
        self.recipes = true;
        self
    }
}

/// The greatest length of a [label](Volume::set_label), in bytes: what every file system takes as one extended attribute
/// that it writes in one step.
pub const MAX_LABEL: usize = 3_000;

/// Whether a volume can still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VolumeKind {
    /// It can be mounted and written.
    Active,
    /// It never changes again.
    Frozen,
}

/// A volume that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeStatus {
    /// The volume.
    pub id: VolumeId,
    /// Whether it can still change.
    pub kind: VolumeKind,
    /// Whether it is mounted at its path. What a caller mounted by a recipe does not count.
    pub mounted: bool,
}

impl VolumeStatus {
    /// Describes a volume.
    pub fn new(id: VolumeId, kind: VolumeKind, mounted: bool) -> Self {
        Self { id, kind, mounted }
    }
}

/// How much of the disk a volume takes, in bytes of allocated blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// What the volume alone holds.
    pub own_bytes: u64,
    /// What it may share with other volumes.
    pub shared_bytes: u64,
}

impl Usage {
    /// Reports what is held alone and what is shared.
    pub fn new(own_bytes: u64, shared_bytes: u64) -> Self {
        Self {
            own_bytes,
            shared_bytes,
        }
    }

    /// Both together: an upper bound of what the volume's files take.
    pub fn total_bytes(&self) -> u64 {
        self.own_bytes.saturating_add(self.shared_bytes)
    }
}

/// What is wrong with a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeFault {
    /// The file or folder.
    pub object: String,
    /// What is wrong and what follows from it.
    pub effect: String,
}

impl VolumeFault {
    /// Reports a fault.
    pub fn new(object: impl Into<String>, effect: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            effect: effect.into(),
        }
    }
}

/// Everything that a caller needs to mount a volume in a mount namespace of its own.
///
/// The options are to be given to the kernel one by one, through `fsconfig(2)`, because values may hold commas and colons
/// and because `mount(2)` cuts a text of options at 4,096 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MountRecipe {
    /// The file system's type: `overlay`, or `bind` for a bind mount of `source`.
    pub fs_type: String,
    /// The source: a folder for a bind mount, else a label.
    pub source: String,
    /// The file system's options in order, each with its value if it takes one. A key may stand more than once.
    pub options: Vec<(String, Option<String>)>,
    /// The mount's flags, as mount(8) names them: `nosuid`, `nodev`, `private`.
    pub flags: Vec<String>,
}

impl MountRecipe {
    /// Begins a recipe without options or flags.
    pub fn new(fs_type: impl Into<String>, source: impl Into<String>) -> Self {
        Self {
            fs_type: fs_type.into(),
            source: source.into(),
            options: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// Adds an option with a value.
    #[must_use]
    pub fn with_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((key.into(), Some(value.into())));
        self
    }

    /// Adds a flag of the mount.
    #[must_use]
    pub fn with_flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }
}

/// A store of disks.
///
/// It holds no policy: it knows nothing of accounts, names, sessions or leases, and judges only what would harm the
/// bytes. Object-safe, and used as [`Arc<dyn Volume>`](std::sync::Arc). There are no default methods, so that a wrapper
/// that forgets to forward one does not compile.
///
/// # Contract
/// - **Independent.** What is written to one volume is never seen in another, shared bytes included.
/// - **Immutable.** A frozen volume's files never change, whatever becomes of the volume that it was frozen from. A volume
///   that anything can still write to, in another mount namespace too, is [`Busy`](crate::BackendErrorKind::Busy) and is
///   not frozen.
/// - **Faithful.** Contents, names of any bytes, modes, owners, times, extended attributes, links and holes are kept from
///   freeze to fork; a backend documents each exception.
/// - **Contained.** Nothing inside a volume, symbolic links included, makes any method touch what lies outside.
/// - **Leak-free.** A failed call leaves no volume, and [`remove`](Self::remove) followed by [`reclaim`](Self::reclaim)
///   gives back all space that no other volume uses.
/// - Calls on different volumes may run at the same time; calls on the same one are put in order by the backend.
/// - No method blocks the runtime, and each may be dropped at any await point.
///
/// # Errors
/// [`NotFound`](crate::BackendErrorKind::NotFound) for a volume that is not there, but for [`status`](Self::status) and
/// removal;
/// [`WrongState`](crate::BackendErrorKind::WrongState) for a volume of the other kind;
/// [`AlreadyExists`](crate::BackendErrorKind::AlreadyExists) for a fresh id that is taken;
/// [`Full`](crate::BackendErrorKind::Full), [`Unavailable`](crate::BackendErrorKind::Unavailable) and
/// [`Corrupt`](crate::BackendErrorKind::Corrupt) as their docs say.
#[async_trait]
pub trait Volume: fmt::Debug + Send + Sync + 'static {
    /// What the backend is and can do. The same at every call.
    fn info(&self) -> VolumeInfo;

    /// Ties the volumes to a metadata store, before anything else is done with them but reading.
    ///
    /// Volumes that were never tied take the store if there are none of them yet. Otherwise the store MUST be the one that
    /// they know, and its generation MUST be greater than the last that they saw: a store that is new, another, or
    /// restored from an older copy would take volumes that it does not know for orphans. The generation is durable before
    /// `Ok` is answered. With `adopt` the volumes take the store whatever it is.
    ///
    /// # Errors
    /// [`Mismatch`](crate::BackendErrorKind::Mismatch), saying which of the two it is, with nothing changed.
    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError>;

    /// Makes an empty active volume: a root folder of mode 0755 of the process's user.
    async fn create(&self, id: VolumeId) -> Result<(), BackendError>;

    /// Makes the active volume `id` with the files of the frozen volume `parent`.
    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError>;

    /// Makes the frozen volume `frozen` with the files of the active volume `id`, which keeps them and stays active.
    ///
    /// # Errors
    /// [`Busy`](crate::BackendErrorKind::Busy) if the volume is mounted, or if anything can still write to it.
    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError>;

    /// As [`create`](Self::create), with a label beside the volume. After an error the volume may be there without it.
    ///
    /// # Errors
    /// Those of [`set_label`](Self::set_label), too.
    async fn create_labelled(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        self.create(id).await?;
        self.set_label(id, label).await
    }

    /// As [`fork`](Self::fork), with a label beside the new volume. After an error it may be there without it.
    ///
    /// # Errors
    /// Those of [`set_label`](Self::set_label), too.
    async fn fork_labelled(
        &self,
        parent: VolumeId,
        id: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        self.fork(parent, id).await?;
        self.set_label(id, label).await
    }

    /// As [`freeze`](Self::freeze), with a label beside the new volume. After an error it may be there without it.
    ///
    /// # Errors
    /// Those of [`set_label`](Self::set_label), too.
    async fn freeze_labelled(
        &self,
        id: VolumeId,
        frozen: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        self.freeze(id, frozen).await?;
        self.set_label(frozen, label).await
    }

    /// Where [`mount`](Self::mount) puts a volume: the same at every call, whether or not it is mounted or exists.
    fn path(&self, id: VolumeId) -> PathBuf;

    /// Mounts an active volume and answers its [`path`](Self::path).
    ///
    /// # Errors
    /// [`Busy`](crate::BackendErrorKind::Busy) if it is mounted already, here or by a recipe.
    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError>;

    /// Answers the folder in which the caller writes the first files of a volume that [`create`](Self::create) has just
    /// made: files, folders and symbolic links, with modes and without other attributes. It need be no mount, and
    /// [`VolumeStatus::mounted`] may stay false.
    ///
    /// [`unmount`](Self::unmount) makes the files durable and ends this. [`remove`](Self::remove) ends it too; what it throws
    /// away it need not make durable first. Before either, the caller keeps the folder to itself, calls nothing else that
    /// changes or mounts the volume, and closes all that it has open in it.
    ///
    /// # Errors
    /// [`WrongState`](crate::BackendErrorKind::WrongState) for a volume that is seen to have been used before.
    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError>;

    /// How a caller mounts an active volume in a namespace of its own. Nothing is mounted, and
    /// [`VolumeStatus::mounted`] stays false; [`unmount`](Self::unmount), [`freeze`](Self::freeze) and
    /// [`remove`](Self::remove) find such a mount all the same, and are [`Busy`](crate::BackendErrorKind::Busy).
    ///
    /// # Errors
    /// [`Busy`](crate::BackendErrorKind::Busy) if it is mounted already, here or by a recipe.
    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError>;

    /// Unmounts an active volume and makes its files durable. Once it is answered, nothing can write to the volume.
    ///
    /// A volume that is not mounted is made durable all the same. Until a program begins, what it has taken over from this
    /// process is no use, neither here nor where a volume is frozen or removed:
    /// [`lasting_holders`](crate::session::lasting_holders) tells.
    ///
    /// # Errors
    /// [`Busy`](crate::BackendErrorKind::Busy) with the holders, as far as they can be seen; the volume is then still
    /// mounted, unless only a mount elsewhere holds it.
    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError>;

    /// Removes a volume; one that is not there is removed already. Its space may be given back later, by
    /// [`reclaim`](Self::reclaim).
    ///
    /// It survives the death of the process. A power cut may bring the volume back, until [`sync`](Self::sync) or
    /// [`reclaim`](Self::reclaim) has been answered; what is brought back can be removed again.
    ///
    /// # Errors
    /// [`Busy`](crate::BackendErrorKind::Busy) if it is mounted or anything can still write to it. It works on a full disk.
    async fn remove(&self, id: VolumeId) -> Result<(), BackendError>;

    /// A volume's state, or `None`.
    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError>;

    /// All volumes in ascending order of id, those after `after` only, `limit` at most. Fewer are answered only if there
    /// are no more.
    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError>;

    /// Puts a text beside a volume, instead of the one that is there.
    ///
    /// It is none of the volume's files, goes when the volume goes, and is taken over neither by a fork nor by what is frozen.
    /// After a crash the text is the old one or the new one, whole. It survives the death of the process; it need not survive
    /// power loss before something else of the volumes is made durable, so that it costs no waiting for the disk.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::BackendErrorKind::InvalidInput) for more than [`MAX_LABEL`] bytes, with nothing changed.
    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError>;

    /// The text beside a volume. `None` if it has none or is not there. It works before [`bind`](Self::bind).
    ///
    /// # Errors
    /// [`Corrupt`](crate::BackendErrorKind::Corrupt) if the text is damaged.
    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError>;

    /// How much of the disk a volume takes. It may walk what has changed since it was last asked.
    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError>;

    /// Looks for faults of a volume and changes nothing. No fault is an empty list.
    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError>;

    /// Makes the removal of every volume that was removed so far durable.
    async fn sync(&self) -> Result<(), BackendError>;

    /// Waits until the space of every volume removed so far is given back, and makes their removal durable.
    ///
    /// # Errors
    /// As the removal itself failed; what could be removed is.
    async fn reclaim(&self) -> Result<(), BackendError>;
}

#[async_trait]
impl<V: Volume + ?Sized> Volume for Arc<V> {
    fn info(&self) -> VolumeInfo {
        (**self).info()
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        (**self).bind(generation, adopt).await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        (**self).create(id).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        (**self).fork(parent, id).await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        (**self).freeze(id, frozen).await
    }

    async fn create_labelled(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        (**self).create_labelled(id, label).await
    }

    async fn fork_labelled(
        &self,
        parent: VolumeId,
        id: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        (**self).fork_labelled(parent, id, label).await
    }

    async fn freeze_labelled(
        &self,
        id: VolumeId,
        frozen: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        (**self).freeze_labelled(id, frozen, label).await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        (**self).path(id)
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        (**self).mount(id).await
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        (**self).fill(id).await
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        (**self).recipe(id).await
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        (**self).unmount(id).await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        (**self).remove(id).await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        (**self).status(id).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        (**self).list(after, limit).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        (**self).set_label(id, label).await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        (**self).label(id).await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        (**self).usage(id).await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        (**self).check(id).await
    }

    async fn sync(&self) -> Result<(), BackendError> {
        (**self).sync().await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        (**self).reclaim().await
    }
}
