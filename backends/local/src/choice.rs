//! Which volume a data folder uses.

use std::path::Path;
use std::sync::Arc;

use workdisk::error::{BackendError, Error};
use workdisk::journal::Journal;
use workdisk::volume::Volume;
use workdisk_directory::DirectoryVolume;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

const VERB: &str = "open the data folder";
const OVERLAYFS: &str = "overlayfs";
const DIRECTORY: &str = "directory";

/// Which volume a caller wants for a new data folder. A folder that exists keeps the one that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VolumePreference {
    /// overlayfs where it works, else directory.
    #[default]
    Best,
    /// overlayfs, or an error that says why it does not work here.
    Overlayfs,
    /// directory.
    Directory,
}

/// Which volume holds the files of a data folder, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeChoice {
    backend: &'static str,
    reason: String,
}

impl VolumeChoice {
    /// The volume backend's name: `overlayfs` or `directory`.
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// Why it was chosen, as a sentence for a person.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Opens the volume that the folder has, or the one that is wanted and possible.
pub(crate) async fn open_volume(
    folder: &Path,
    preference: VolumePreference,
    journal: Option<Journal>,
) -> Result<(Arc<dyn Volume>, VolumeChoice), Error> {
    let choice = choose(folder, preference).await?;
    let storage = |error| Error::storage(VERB, error);
    let root = folder.join(choice.backend);
    let volume: Arc<dyn Volume> = if choice.backend == OVERLAYFS {
        let options = OverlayOptions::new(root).with_journal(journal);
        Arc::new(OverlayVolume::open_with(options).await.map_err(storage)?)
    } else {
        Arc::new(DirectoryVolume::open(root).await.map_err(storage)?)
    };
    Ok((volume, choice))
}

/// Which volumes a folder has.
pub(crate) fn existing(folder: &Path) -> Option<&'static str> {
    let has = |backend: &str| folder.join(backend).join("format.json").exists();
    [OVERLAYFS, DIRECTORY]
        .into_iter()
        .find(|backend| has(backend))
}

async fn choose(folder: &Path, preference: VolumePreference) -> Result<VolumeChoice, Error> {
    if let Some(backend) = existing(folder) {
        let unwanted = match preference {
            VolumePreference::Best => false,
            VolumePreference::Overlayfs => backend != OVERLAYFS,
            VolumePreference::Directory => backend != DIRECTORY,
        };
        if unwanted {
            let reason = format!("the data folder holds {backend} volumes; open it with those");
            return Err(Error::InvalidRequest { reason });
        }
        let reason = "the data folder was made with it".to_owned();
        return Ok(VolumeChoice { backend, reason });
    }
    if preference == VolumePreference::Directory {
        return Ok(VolumeChoice {
            backend: DIRECTORY,
            reason: "it was asked for".to_owned(),
        });
    }
    let root = folder.join(OVERLAYFS);
    let probed = tokio::task::spawn_blocking(move || OverlayVolume::probe(root)).await;
    let broken = |error| BackendError::unavailable("the trial mount broke off").with_source(error);
    match probed.map_err(broken).flatten() {
        Ok(_) => Ok(VolumeChoice {
            backend: OVERLAYFS,
            reason: "a trial mount worked, so that clones and snapshots share files".to_owned(),
        }),
        Err(error) if preference == VolumePreference::Overlayfs => Err(Error::storage(VERB, error)),
        Err(error) => Ok(VolumeChoice {
            backend: DIRECTORY,
            reason: format!("overlayfs does not work here, so that clones are copies ({error})"),
        }),
    }
}
