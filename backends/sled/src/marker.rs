//! A file that says that a store was made here, beside sled's own files: sled takes an empty folder for a new store.
//!
//! It also says how often the store was closed, which is the last that is written to the log: sled takes a log with a
//! damaged stretch for one that a crash cut off there, and would forget all that came after without a word.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use workdisk::model::StoreId;

use crate::error::{Result, StoreError};

const NAME: &str = "store.json";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) store: StoreId,
    /// Never more than the log says.
    #[serde(default)]
    pub(crate) closings: u64,
}

impl Marker {
    /// The folder's marker, if a store was ever made in it.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(NAME);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(StoreError::io(format!("read {}", path.display())))?,
        };
        let marker = serde_json::from_slice(&text);
        marker
            .map_err(|error: serde_json::Error| StoreError::damaged_file(&path, error.to_string()))
    }

    /// Writes the marker in one step, durably, and closes the folder to other users.
    pub(crate) fn write(self, folder: &Path) -> io::Result<()> {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let draft = folder.join("store.json.draft");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(&self)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, folder.join(NAME))?;
        sync_folder(Some(folder))
    }
}

/// Syncs a folder; none, and one without a name, is the working folder.
pub(crate) fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    File::open(named.unwrap_or(Path::new(".")))?.sync_all()
}
