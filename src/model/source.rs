//! Where a workspace's files came from.

use serde::{Deserialize, Serialize};

use super::github::GithubRepo;
use super::id::{SnapshotId, WorkspaceId};

/// What a workspace was made from. It says where the files came from once; nothing depends on it later, and what it
/// names may be deleted since.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Source {
    /// A clone.
    Clone {
        /// The workspace that was cloned.
        clone_of: WorkspaceId,
        /// The snapshot that it started from, or `None` for the head.
        snapshot: Option<SnapshotId>,
    },
    /// An import from GitHub.
    Github {
        /// The repository.
        github_repo: GithubRepo,
        /// The branch or the tag that was checked out: the one asked for, or the default branch. `None` if a commit was
        /// asked for. While the import runs, what was asked for.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// The commit that was checked out. `None` while the import runs, and for an empty repository.
        commit: Option<String>,
    },
}
