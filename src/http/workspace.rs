//! A workspace as the API writes it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::FailureView;
use crate::model::{Persistence, SessionType, Source, Status, Workspace};

/// A workspace at the moment of the answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(super) struct WorkspaceView {
    /// Its id, for life.
    id: Uuid,
    /// Its name as it was given, or null.
    #[schema(required = true)]
    name: Option<String>,
    /// What sessions it takes, for life.
    session_type: SessionTypeView,
    /// Its state.
    status: StatusView,
    /// How far the import is, if the status is `importing` and this server runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    import: Option<ImportView>,
    /// What failed, if the status is `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<FailureView>,
    /// The canonical OCI reference of a sandbox's image, or null.
    #[schema(required = true)]
    image: Option<String>,
    /// Whether it is meant to be cloned.
    template: bool,
    /// The running session, or null.
    #[schema(required = true)]
    active_session_id: Option<Uuid>,
    /// The session before, or null.
    #[schema(required = true)]
    last_session_id: Option<Uuid>,
    /// What it was made from, or null.
    #[schema(required = true)]
    source: Option<SourceView>,
    /// How its files are kept.
    persistence: PersistenceView,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Grows with every change that a caller can see.
    revision: u64,
}

/// What a workspace is for, for life.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionType)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionTypeView {
    /// A browser's profile.
    Browser,
    /// A sandbox's disk.
    Sandbox,
}

/// A workspace's state.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Status)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusView {
    /// Its disk is being made.
    Creating,
    /// A repository is being imported into it.
    Importing,
    /// Nothing is going on.
    Ready,
    /// A session is running.
    Active,
    /// Its files are being frozen, for a snapshot or a clone.
    Snapshotting,
    /// Its files are being replaced by a snapshot's.
    Restoring,
    /// It is being removed.
    Deleting,
    /// Its files can't be used. It can be read, restored from a snapshot, and deleted.
    Failed,
}

/// Where a workspace came from. What it names may be deleted since.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
#[serde(untagged)]
enum SourceView {
    /// A clone.
    Clone {
        /// The workspace that was cloned.
        clone_of: Uuid,
        /// The snapshot that it started from, or null for the head.
        #[schema(required = true)]
        snapshot: Option<Uuid>,
    },
    /// An import from GitHub.
    Github {
        /// `owner/repo`.
        github_repo: String,
        /// The branch or the tag that was checked out, or null if a commit was asked for.
        #[serde(rename = "ref")]
        #[schema(required = true)]
        reference: Option<String>,
        /// The commit that was checked out, or null while the import runs and for an empty repository.
        #[schema(required = true)]
        commit: Option<String>,
    },
}

/// How far an import is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(super) struct ImportView {
    /// What it is doing: `connecting`, `receiving`, `resolving`, `checking_out`, `saving`.
    phase: &'static str,
    /// How many objects are received or resolved, or files checked out.
    done: u64,
    /// Of how many, or null until that is known.
    #[schema(required = true)]
    total: Option<u64>,
    /// How many bytes were received.
    bytes: u64,
}

/// How a workspace's files are kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Persistence)]
struct PersistenceView {
    /// The volume backend's name.
    backend: String,
    /// When the files were last made durable, or null.
    #[schema(required = true, format = DateTime)]
    saved_at: Option<String>,
    /// The bytes on disk that the files take, those shared with others included, or null until measured.
    #[schema(required = true)]
    size_bytes: Option<u64>,
    /// How many snapshots there are.
    snapshot_count: u64,
    /// The snapshot that the files last started from, or were last saved as, or null.
    #[schema(required = true)]
    base_snapshot: Option<Uuid>,
}

impl From<Workspace> for WorkspaceView {
    fn from(workspace: Workspace) -> Self {
        Self {
            id: *workspace.id.as_uuid(),
            name: workspace.name,
            session_type: workspace.session_type.into(),
            status: workspace.status.into(),
            import: None,
            failure: workspace.failure.map(FailureView::from),
            image: workspace.image,
            template: workspace.template,
            active_session_id: workspace.active_session_id.map(|id| *id.as_uuid()),
            last_session_id: workspace.last_session_id.map(|id| *id.as_uuid()),
            source: workspace.source.map(SourceView::from),
            persistence: workspace.persistence.into(),
            created_at: workspace.created_at.to_string(),
            updated_at: workspace.updated_at.to_string(),
            revision: workspace.revision,
        }
    }
}

impl WorkspaceView {
    /// With how far its import is.
    pub(super) fn importing(mut self, import: Option<ImportView>) -> Self {
        self.import = import;
        self
    }
}

#[cfg(feature = "github")]
impl From<crate::github::ImportProgress> for ImportView {
    fn from(progress: crate::github::ImportProgress) -> Self {
        Self {
            phase: progress.phase.as_str(),
            done: progress.done,
            total: progress.total,
            bytes: progress.bytes,
        }
    }
}

impl From<Source> for SourceView {
    fn from(source: Source) -> Self {
        match source {
            Source::Clone { clone_of, snapshot } => Self::Clone {
                clone_of: *clone_of.as_uuid(),
                snapshot: snapshot.map(|id| *id.as_uuid()),
            },
            Source::Github {
                github_repo,
                reference,
                commit,
            } => Self::Github {
                github_repo: github_repo.to_string(),
                reference,
                commit,
            },
        }
    }
}

impl From<Persistence> for PersistenceView {
    fn from(persistence: Persistence) -> Self {
        Self {
            backend: persistence.backend,
            saved_at: persistence.saved_at.map(|at| at.to_string()),
            size_bytes: persistence.size_bytes,
            snapshot_count: persistence.snapshot_count,
            base_snapshot: persistence.base_snapshot.map(|id| *id.as_uuid()),
        }
    }
}

impl From<SessionType> for SessionTypeView {
    fn from(session_type: SessionType) -> Self {
        match session_type {
            SessionType::Browser => Self::Browser,
            SessionType::Sandbox => Self::Sandbox,
        }
    }
}

impl From<SessionTypeView> for SessionType {
    fn from(session_type: SessionTypeView) -> Self {
        match session_type {
            SessionTypeView::Browser => Self::Browser,
            SessionTypeView::Sandbox => Self::Sandbox,
        }
    }
}

impl From<Status> for StatusView {
    fn from(status: Status) -> Self {
        match status {
            Status::Creating => Self::Creating,
            Status::Importing => Self::Importing,
            Status::Ready => Self::Ready,
            Status::Active => Self::Active,
            Status::Snapshotting => Self::Snapshotting,
            Status::Restoring => Self::Restoring,
            Status::Deleting => Self::Deleting,
            Status::Failed => Self::Failed,
        }
    }
}

impl From<StatusView> for Status {
    fn from(status: StatusView) -> Self {
        match status {
            StatusView::Creating => Self::Creating,
            StatusView::Importing => Self::Importing,
            StatusView::Ready => Self::Ready,
            StatusView::Active => Self::Active,
            StatusView::Snapshotting => Self::Snapshotting,
            StatusView::Restoring => Self::Restoring,
            StatusView::Deleting => Self::Deleting,
            StatusView::Failed => Self::Failed,
        }
    }
}
