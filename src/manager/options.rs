//! What callers ask for, where a call takes more than one choice.

use std::time::Duration;

use crate::model::{
    Cursor, SessionId, SessionType, SnapshotSelector, Status, Workspace, WorkspaceId,
};

/// What a new workspace is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreateWorkspace {
    /// What sessions it takes, for life.
    pub session_type: SessionType,
    /// Its name; one is made up without it.
    pub name: Option<String>,
    /// The OCI reference of a sandbox's image.
    pub image: Option<String>,
    /// Whether it is meant to be cloned.
    pub template: bool,
}

impl CreateWorkspace {
    /// Asks for a workspace of a session type.
    pub fn new(session_type: SessionType) -> Self {
        Self {
            session_type,
            name: None,
            image: None,
            template: false,
        }
    }

    /// Gives it a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives it an image. Only a sandbox takes one.
    #[must_use]
    pub fn with_image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Makes it a template.
    #[must_use]
    pub fn with_template(mut self, template: bool) -> Self {
        self.template = template;
        self
    }
}

/// What a clone is to be. Its session type and image are the source's.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CloneWorkspace {
    /// Its name; one is made up without it.
    pub name: Option<String>,
    /// Whether it is meant to be cloned in turn.
    pub template: bool,
    /// The snapshot of the source to start from, instead of its head.
    pub snapshot: Option<SnapshotSelector>,
}

impl CloneWorkspace {
    /// Asks for a clone of what the source holds now.
    pub fn of_head() -> Self {
        Self::default()
    }

    /// Asks for a clone of one of the source's snapshots.
    pub fn of_snapshot(snapshot: impl Into<SnapshotSelector>) -> Self {
        Self {
            snapshot: Some(snapshot.into()),
            ..Self::default()
        }
    }

    /// Gives it a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes it a template.
    #[must_use]
    pub fn with_template(mut self, template: bool) -> Self {
        self.template = template;
        self
    }
}

/// What an import is to be. The workspace takes sandbox sessions.
#[cfg(feature = "github")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportRepository {
    /// The repository: `owner/repo`.
    pub github_repo: String,
    /// The branch, tag or full commit id to check out, instead of the default branch.
    pub reference: Option<String>,
    /// How many commits of history there are to be at most, instead of all. Then only the one branch, tag or commit is
    /// fetched, as `git clone --depth` does.
    pub depth: Option<std::num::NonZeroU32>,
    /// The workspace's name; one is made up without it.
    pub name: Option<String>,
    /// The OCI reference of its image.
    pub image: Option<String>,
    /// Whether it is meant to be cloned.
    pub template: bool,
}

#[cfg(feature = "github")]
impl ImportRepository {
    /// Asks for a repository, `owner/repo`, with all its history.
    pub fn new(github_repo: impl Into<String>) -> Self {
        Self {
            github_repo: github_repo.into(),
            reference: None,
            depth: None,
            name: None,
            image: None,
            template: false,
        }
    }

    /// Checks out a branch, a tag or a commit by its full id.
    #[must_use]
    pub fn with_reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// Takes so much history at most.
    #[must_use]
    pub fn with_depth(mut self, depth: std::num::NonZeroU32) -> Self {
        self.depth = Some(depth);
        self
    }

    /// Gives the workspace a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives it an image.
    #[must_use]
    pub fn with_image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Makes it a template.
    #[must_use]
    pub fn with_template(mut self, template: bool) -> Self {
        self.template = template;
        self
    }
}

/// Whether a running session is in the way, or is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Force {
    /// A running session refuses the call.
    #[default]
    No,
    /// A running session is ended first; a delete also cancels a running operation.
    Yes,
}

impl Force {
    pub(super) fn is_yes(self) -> bool {
        self == Force::Yes
    }
}

/// How a snapshot is restored.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RestoreSnapshot {
    /// Whether a running session is ended first.
    pub force: Force,
    /// The name of a snapshot to make of the files that are replaced. Without it they are gone.
    pub save_head_as: Option<String>,
}

impl RestoreSnapshot {
    /// Ends a running session first.
    #[must_use]
    pub fn with_force(mut self, force: Force) -> Self {
        self.force = force;
        self
    }

    /// Makes a snapshot of the files that are replaced.
    #[must_use]
    pub fn with_save_head_as(mut self, name: impl Into<String>) -> Self {
        self.save_head_as = Some(name.into());
        self
    }
}

/// How long a session holds its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaseTerm {
    /// For this long after each renewal, one second at least. The [`Session`](super::Session) renews it by itself.
    Renewing(Duration),
    /// For this long after each renewal by [`Account::renew_session`](super::Account::renew_session), one second at least,
    /// whatever becomes of the process that started it. It ends with its host's boot.
    Remote(Duration),
    /// Until it is ended or its host reboots, whatever becomes of the process that started it.
    Lasting,
}

impl Default for LeaseTerm {
    /// Thirty seconds, renewed every ten.
    fn default() -> Self {
        LeaseTerm::Renewing(Duration::from_secs(30))
    }
}

/// Who mounts a session's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MountMode {
    /// The library, at the session's path.
    #[default]
    Mounted,
    /// The caller, in a mount namespace of its own, by the session's recipe. It must have unmounted before it ends the
    /// session.
    Recipe,
}

/// How a session starts.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct StartSession {
    /// How long it holds the workspace.
    pub lease: LeaseTerm,
    /// Who mounts the disk.
    pub mount: MountMode,
}

impl StartSession {
    /// Sets how long it holds the workspace.
    #[must_use]
    pub fn with_lease(mut self, lease: LeaseTerm) -> Self {
        self.lease = lease;
        self
    }

    /// Sets who mounts the disk.
    #[must_use]
    pub fn with_mount(mut self, mount: MountMode) -> Self {
        self.mount = mount;
        self
    }
}

/// Which workspaces a page holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListWorkspaces {
    /// How many at most: 1 to 1,000.
    pub limit: usize,
    /// Where the page begins: what the page before gave.
    pub cursor: Option<Cursor>,
    /// Only those of this session type.
    pub session_type: Option<SessionType>,
    /// Only templates, or only what is none.
    pub template: Option<bool>,
    /// Only those in this state.
    pub status: Option<Status>,
    /// Only those whose name starts so, ignoring case.
    pub name_prefix: Option<String>,
}

impl ListWorkspaces {
    /// The greatest limit.
    pub const MAX_LIMIT: usize = 1_000;
}

impl Default for ListWorkspaces {
    /// A hundred of all, from the first.
    fn default() -> Self {
        Self {
            limit: 100,
            cursor: None,
            session_type: None,
            template: None,
            status: None,
            name_prefix: None,
        }
    }
}

impl ListWorkspaces {
    /// Sets how many there are at most.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Goes on where another page ended.
    #[must_use]
    pub fn with_cursor(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Keeps those of one session type.
    #[must_use]
    pub fn with_session_type(mut self, session_type: SessionType) -> Self {
        self.session_type = Some(session_type);
        self
    }

    /// Keeps templates, or what is none.
    #[must_use]
    pub fn with_template(mut self, template: bool) -> Self {
        self.template = Some(template);
        self
    }

    /// Keeps those in one state.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Keeps those whose name starts so, ignoring case.
    #[must_use]
    pub fn with_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name_prefix = Some(prefix.into());
        self
    }
}

/// A page of a listing, in order of creation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkspacePage {
    /// The workspaces.
    pub workspaces: Vec<Workspace>,
    /// Where the next page begins, or `None` if this is the last.
    pub next_cursor: Option<Cursor>,
}

/// How one item of a bulk delete went.
#[derive(Debug)]
#[non_exhaustive]
pub struct BulkDeleted {
    /// The selector as it was given.
    pub selector: String,
    /// The workspace that it found.
    pub workspace: Option<WorkspaceId>,
    /// Whether it is deleted, or why not.
    pub result: Result<(), crate::Error>,
}

/// A session as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The session.
    pub id: SessionId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its type.
    pub session_type: SessionType,
    /// Where its disk is mounted.
    pub path: std::path::PathBuf,
    /// Its fencing epoch: greater than that of every earlier session of the workspace.
    pub epoch: u64,
    /// When it started.
    pub started_at: crate::model::Timestamp,
    /// When its lease ends by the wall clock unless it is renewed, or `None` if it lasts.
    pub expires_at: Option<crate::model::Timestamp>,
    /// Whether a forced call has revoked the lease and is ending the session, or tried to.
    pub revoked: bool,
}
