//! What a verb wants of a workspace, and what it would put on the record for it.

use super::core::Core;
use super::options::Force;
use crate::error::Error;
use crate::model::{
    Intent, SessionType, SnapshotName, SnapshotRecord, SnapshotSelector, VolumeId, WorkspaceRecord,
};
use crate::session::rules::Action;

/// What a verb wants of whatever workspace its selector means.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Edit,
    StartSession(SessionType),
    CloneHead,
    CloneSnapshot,
    Snapshot {
        name: SnapshotName,
        force: Force,
    },
    Restore {
        snapshot: SnapshotSelector,
        save_head_as: Option<SnapshotName>,
        force: Force,
    },
    DeleteSnapshot,
    Delete {
        force: Force,
    },
}

impl Wish {
    /// What the rules are asked about a record.
    pub(super) fn action(&self, record: &WorkspaceRecord) -> Action {
        match self {
            Wish::Edit => Action::Edit,
            Wish::StartSession(session_type) => Action::StartSession {
                type_matches: record.session_type == *session_type,
            },
            Wish::CloneHead => Action::CloneHead,
            Wish::CloneSnapshot => Action::CloneSnapshot,
            Wish::Snapshot { force, .. } => Action::CreateSnapshot {
                force: force.is_yes(),
            },
            Wish::Restore { force, .. } => Action::Restore {
                force: force.is_yes(),
            },
            Wish::DeleteSnapshot => Action::DeleteSnapshot,
            Wish::Delete { force } => Action::Delete {
                force: force.is_yes(),
            },
        }
    }

    /// How many volumes may be made for it.
    pub(super) fn volumes(&self) -> usize {
        match self {
            Wish::CloneHead | Wish::Snapshot { .. } => 1,
            Wish::Restore { save_head_as, .. } => 1 + usize::from(save_head_as.is_some()),
            Wish::Edit
            | Wish::StartSession(_)
            | Wish::CloneSnapshot
            | Wish::DeleteSnapshot
            | Wish::Delete { .. } => 0,
        }
    }

    /// Whether a record's snapshots are asked before the rules are.
    pub(super) fn depends_on_snapshots(&self) -> bool {
        matches!(self, Wish::Snapshot { .. } | Wish::Restore { .. })
    }
}

/// A record on which a wish is allowed, and what its snapshots say to it.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) record: WorkspaceRecord,
    pub(super) said: Said,
}

/// What the snapshots of a record say to a wish that they do not refuse.
///
/// Snapshots change with the version of their record, so that it holds as long as that does.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// The snapshot that is to be restored.
    pub(super) restored: Option<SnapshotRecord>,
}

impl Core {
    /// Asks the snapshots of a record what they say to a wish, and fails if they refuse it.
    pub(super) async fn ask_snapshots(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        wish: &Wish,
    ) -> Result<Said, Error> {
        match wish {
            Wish::Snapshot { name, .. } => {
                self.check_snapshot_free(verb, record.id, name).await?;
                Ok(Said::default())
            }
            Wish::Restore {
                snapshot,
                save_head_as,
                ..
            } => {
                let restored = self.find_snapshot(verb, record.id, snapshot).await?;
                if let Some(name) = save_head_as {
                    self.check_snapshot_free(verb, record.id, name).await?;
                }
                let restored = Some(restored);
                Ok(Said { restored })
            }
            Wish::Edit
            | Wish::StartSession(_)
            | Wish::CloneHead
            | Wish::CloneSnapshot
            | Wish::DeleteSnapshot
            | Wish::Delete { .. } => Ok(Said::default()),
        }
    }

    /// The intent that a wish puts on a record, or `None` if it needs none, with an `id` for each volume to make.
    pub(super) fn intent(
        &self,
        record: &WorkspaceRecord,
        wish: &Wish,
        said: &Said,
        mut id: impl FnMut() -> VolumeId,
    ) -> Option<Intent> {
        match wish {
            Wish::CloneHead => Some(Intent::Freeze { frozen: id() }),
            Wish::Snapshot { name, .. } => {
                let snapshot = self.record_of_snapshot(record, name, id());
                Some(Intent::Snapshot { snapshot })
            }
            Wish::Restore { save_head_as, .. } => {
                let restored = said.restored.as_ref()?;
                let saved = save_head_as.as_ref();
                Some(Intent::Restore {
                    snapshot: restored.id,
                    head: id(),
                    save_head_as: saved.map(|name| self.record_of_snapshot(record, name, id())),
                    size_bytes: restored.size_bytes,
                })
            }
            Wish::Delete { .. } => Some(Intent::Delete),
            Wish::Edit | Wish::StartSession(_) | Wish::CloneSnapshot | Wish::DeleteSnapshot => None,
        }
    }
}
