//! Making the records of a data folder again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs;
use workdisk::error::{BackendError, BackendErrorKind, Error};
use workdisk::manager::{RebuildReport, WorkspaceManager};
use workdisk::{Metadata, Volume};
use workdisk_sled::SledMetadata;

use crate::choice::{self, VolumePreference};

const VERB: &str = "rebuild the data folder";

/// Where the store grows that takes the place of the lost one when it is whole.
const PART: &str = "metadata.part";

/// What was rebuilt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// What was made, and what a person is to know of it.
    pub report: RebuildReport,
    /// Where the store is now that was lost or damaged, if there was one.
    pub set_aside: Option<PathBuf>,
}

/// Makes the records of a data folder again from what stands beside its volumes, where `metadata` in it is lost, emptied,
/// damaged so that it does not open, restored from an older copy, or another folder's.
///
/// The store that is there is put aside and never deleted. What comes back and what does not is told by
/// [`WorkspaceManagerBuilder::rebuild`](workdisk::manager::WorkspaceManagerBuilder::rebuild).
///
/// # What a crash leaves
/// The folder as it was, or rebuilt, or one that does not open because its volumes know another store; the same call again
/// completes it.
///
/// # Errors
/// - [`InvalidRequest`](Error::InvalidRequest) if the folder holds no volumes, or if its metadata is the one that the
///   volumes know: that is checked and repaired instead. Whoever wants it rebuilt all the same moves it away first.
/// - [`StorageUnavailable`](Error::StorageUnavailable) if another process has the folder open;
/// - the others of the storage.
pub async fn rebuild(folder: impl AsRef<Path>) -> Result<Rebuilt, Error> {
    let folder = folder.as_ref();
    if choice::existing(folder).is_none() {
        let reason = format!("there are no volumes in {}", folder.display());
        return Err(Error::InvalidRequest { reason });
    }
    let (volume, _) = choice::open_volume(folder, VolumePreference::Best, None).await?;
    let (metadata, part) = (folder.join("metadata"), folder.join(PART));
    refuse_if_known(&metadata, &volume).await?;
    // What is left of an attempt is made again, from the same labels.
    if exists(&part).await? {
        let removed = fs::remove_dir_all(&part).await;
        removed.map_err(|error| io(&part, error))?;
    }
    let store = SledMetadata::open(&part).await.map_err(storage)?;
    let builder = WorkspaceManager::builder(Arc::new(store), volume);
    let report = builder.rebuild().await?;
    let set_aside = put_aside(folder, &metadata).await?;
    let renamed = fs::rename(&part, &metadata).await;
    renamed.map_err(|error| io(&part, error))?;
    sync(folder).await.map_err(|error| io(folder, error))?;
    Ok(Rebuilt { report, set_aside })
}

/// Refuses to replace the store that the volumes know.
async fn refuse_if_known(metadata: &Path, volume: &Arc<dyn Volume>) -> Result<(), Error> {
    if !exists(metadata).await? {
        return Ok(());
    }
    let store = match SledMetadata::open(metadata).await {
        Ok(store) => store,
        Err(error) if matches!(error.kind(), BackendErrorKind::Corrupt { .. }) => return Ok(()),
        Err(error) => return Err(storage(error)),
    };
    let generation = match store.begin().await {
        Ok(generation) => generation,
        Err(error) if matches!(error.kind(), BackendErrorKind::Corrupt { .. }) => return Ok(()),
        Err(error) => return Err(storage(error)),
    };
    match volume.bind(generation, false).await {
        // It is put aside as it was.
        Err(error) if *error.kind() == BackendErrorKind::Mismatch => {
            store.take_back(generation).await.map_err(storage)
        }
        Err(error) => Err(storage(error)),
        Ok(()) => {
            let reason = format!(
                "{} is the metadata that the volumes know: check and repair it, or move it away first to rebuild it all the same",
                metadata.display()
            );
            Err(Error::InvalidRequest { reason })
        }
    }
}

/// Moves the lost store to a name that nothing has.
async fn put_aside(folder: &Path, metadata: &Path) -> Result<Option<PathBuf>, Error> {
    if !exists(metadata).await? {
        return Ok(None);
    }
    let mut aside = folder.join("metadata.lost");
    for number in 2_u64.. {
        if !exists(&aside).await? {
            break;
        }
        aside = folder.join(format!("metadata.lost.{number}"));
    }
    let moved = fs::rename(metadata, &aside).await;
    moved.map_err(|error| io(metadata, error))?;
    Ok(Some(aside))
}

async fn exists(path: &Path) -> Result<bool, Error> {
    let there = fs::try_exists(path).await;
    there.map_err(|error| io(path, error))
}

/// Makes names in the folder durable.
async fn sync(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder).await?.sync_all().await
}

fn storage(error: BackendError) -> Error {
    Error::storage(VERB, error)
}

fn io(path: &Path, error: std::io::Error) -> Error {
    storage(BackendError::io(format!("{}", path.display()), error))
}
