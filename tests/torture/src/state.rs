//! What workspaces hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use workdisk::model::WorkspaceId;

/// A workspace: every file of its disk holds one word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) account: String,
    pub(crate) name: Option<String>,
    pub(crate) template: bool,
    /// The word, or nothing while there are no files.
    pub(crate) head: String,
    /// That of each snapshot, by name.
    pub(crate) snapshots: BTreeMap<String, String>,
}

impl Held {
    /// The same, but for the files of the head.
    pub(crate) fn apart_from_files(&self) -> Self {
        Self {
            head: String::new(),
            ..self.clone()
        }
    }
}

/// Every workspace of every account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State(pub(crate) BTreeMap<WorkspaceId, Held>);
