//! Snapshots as a tree: what was taken of files that had started from another snapshot stands below that.
//!
//! ```text
//! ● first
//! ├─● a trial
//! │ ● the trial, further on
//! ● second  <- the files started here
//! ```
//! A line of descent goes straight down, however long it is; only what branches off is indented.

use std::collections::{HashMap, HashSet};

use workdisk::model::SnapshotId;

use super::{Snapshot, minute, size};

/// Snapshots as lines of a tree, and which of them the files started from, or were last saved as.
pub(crate) fn tree(snapshots: &[Snapshot], base: Option<SnapshotId>) -> String {
    let known: HashSet<SnapshotId> = snapshots.iter().map(|snapshot| snapshot.id).collect();
    let mut tree = Tree {
        base,
        children: HashMap::new(),
        text: String::new(),
    };
    for snapshot in snapshots {
        // What came from a snapshot that is deleted since has nothing above it.
        let parent = snapshot.parent.filter(|parent| known.contains(parent));
        tree.children.entry(parent).or_default().push(snapshot);
    }
    let Some((last, others)) = tree.children.remove(&None).and_then(split) else {
        return tree.text;
    };
    if !others.is_empty() {
        tree.line("", "○ nothing, or what is deleted");
    }
    for root in others {
        tree.descent(root, "├─", "│ ");
    }
    tree.descent(last, "", "");
    tree.text
}

struct Tree<'a> {
    base: Option<SnapshotId>,
    children: HashMap<Option<SnapshotId>, Vec<&'a Snapshot>>,
    text: String,
}

impl<'a> Tree<'a> {
    /// Writes a snapshot and the newest of its children, and theirs; their older sisters branch off.
    fn descent(&mut self, from: &'a Snapshot, first: &str, below: &str) {
        let (mut snapshot, mut lead) = (from, first);
        loop {
            self.line(lead, &self.label(snapshot));
            lead = below;
            let children = self.children.remove(&Some(snapshot.id)).and_then(split);
            let Some((last, others)) = children else {
                return;
            };
            for branch in others {
                self.descent(branch, &format!("{below}├─"), &format!("{below}│ "));
            }
            snapshot = last;
        }
    }

    fn label(&self, snapshot: &Snapshot) -> String {
        let size = snapshot.size_bytes.map_or_else(|| "?".to_owned(), size);
        let taken = minute(snapshot.created_at);
        let base = match self.base == Some(snapshot.id) {
            true => "  <- the files started here",
            false => "",
        };
        format!("● {}  ({size}, {taken}){base}", snapshot.name)
    }

    fn line(&mut self, lead: &str, label: &str) {
        self.text.push_str(lead);
        self.text.push_str(label);
        self.text.push('\n');
    }
}

/// The last of a list, and those before it.
fn split(mut list: Vec<&Snapshot>) -> Option<(&Snapshot, Vec<&Snapshot>)> {
    let last = list.pop()?;
    Some((last, list))
}
