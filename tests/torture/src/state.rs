//! What workspaces hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A workspace: every file of its disk holds one word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// The word, or nothing while there are no files.
    pub(crate) head: String,
    /// That of each snapshot, by name.
    pub(crate) snapshots: BTreeMap<String, String>,
}

/// Every workspace, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State(pub(crate) BTreeMap<String, Held>);

impl State {
    /// A workspace, made if there is none.
    pub(crate) fn held(&mut self, name: &str) -> &mut Held {
        self.0.entry(name.to_owned()).or_default()
    }

    /// The workspaces that are not the same in another state: as they are here and there.
    pub(crate) fn differences<'a>(
        &'a self,
        other: &'a Self,
    ) -> Vec<(&'a str, Option<&'a Held>, Option<&'a Held>)> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let both = names
            .into_iter()
            .map(|name| (name.as_str(), self.0.get(name), other.0.get(name)));
        both.filter(|(_, here, there)| here != there).collect()
    }

    /// The same, but for the files of one workspace.
    pub(crate) fn apart_from(&self, workspace: Option<&str>) -> Self {
        let mut state = self.clone();
        let held = workspace.and_then(|name| state.0.get_mut(name));
        if let Some(held) = held {
            held.head.clear();
        }
        state
    }
}

/// What a caller was promised when a call was answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Promise {
    /// How many entries the record of the disk had by then.
    pub(crate) entries: u64,
    /// The workspace whose session ended with this call.
    pub(crate) session: Option<String>,
    pub(crate) state: State,
}
