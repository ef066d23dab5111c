//! One call that opens a data folder: sled for the metadata, and the best volume that the host allows.
//!
//! ```no_run
//! # async fn run() -> Result<(), workdisk::Error> {
//! let local = workdisk_local::open("data").await?;
//! println!("{}: {}", local.volume().backend(), local.volume().reason());
//! let account = local.manager().account("acme")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! `metadata/` is sled's. The files are under `overlayfs/` or `directory/`, whichever was chosen when the folder was first
//! opened; the choice is kept for life, since the two cannot read each other's files.
//!
//! # Requirements
//! The overlayfs volume needs the right to mount and a data folder on a file system that can be an upper layer (ext4, xfs,
//! btrfs). Without them the directory volume serves, which copies. One process opens a folder at a time.

mod choice;
mod rebuild;

use std::path::Path;
use std::sync::Arc;

use workdisk::error::{BackendError, Error};
use workdisk::manager::{WorkspaceManager, WorkspaceManagerBuilder};
use workdisk_sled::SledMetadata;

pub use choice::{VolumeChoice, VolumePreference};
pub use rebuild::{Rebuilt, rebuild};

/// A data folder that is open.
#[derive(Clone, Debug)]
pub struct Local {
    manager: WorkspaceManager,
    volume: VolumeChoice,
}

impl Local {
    /// The manager over the folder's stores.
    pub fn manager(&self) -> &WorkspaceManager {
        &self.manager
    }

    /// Which volume holds the files, and why.
    pub fn volume(&self) -> &VolumeChoice {
        &self.volume
    }
}

/// Opens a data folder, made if it is missing, with the best volume that the host allows.
///
/// # Errors
/// As [`open_with`].
pub async fn open(folder: impl AsRef<Path>) -> Result<Local, Error> {
    open_with(folder, VolumePreference::Best, |builder| builder).await
}

/// Opens a data folder with a volume of the caller's choice, and lets it set the manager up.
///
/// # Errors
/// - [`StorageUnavailable`](Error::StorageUnavailable) if another process has the folder open, if it can't be read or
///   written, or if its volume can't be used on this host, saying what to do;
/// - [`StorageCorrupt`](Error::StorageCorrupt) if a store is damaged, or the two do not belong together: [`rebuild`] then
///   makes the records again;
/// - [`InvalidRequest`](Error::InvalidRequest) if the folder holds files of the volume that was not asked for.
pub async fn open_with(
    folder: impl AsRef<Path>,
    preference: VolumePreference,
    set_up: impl FnOnce(WorkspaceManagerBuilder) -> WorkspaceManagerBuilder,
) -> Result<Local, Error> {
    const VERB: &str = "open the data folder";
    let folder = folder.as_ref().to_owned();
    let made = tokio::fs::create_dir_all(&folder).await;
    made.map_err(|error| {
        let message = format!("cannot make {}", folder.display());
        Error::storage(VERB, BackendError::io(message, error))
    })?;
    let metadata = SledMetadata::open(folder.join("metadata")).await;
    let metadata = metadata.map_err(|error| Error::storage(VERB, error))?;
    let (store, volume) = choice::open_volume(&folder, preference, metadata.journal()).await?;
    let manager = set_up(WorkspaceManager::builder(Arc::new(metadata), store))
        .open()
        .await?;
    tracing::info!(
        backend = volume.backend(),
        reason = volume.reason(),
        "opened"
    );
    Ok(Local { manager, volume })
}
