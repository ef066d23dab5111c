//! What a check finds: the object, what follows from it, and how it is mended.

use std::fmt;

use serde::Serialize;

use crate::metadata::MetadataFault;
use crate::model::{AccountId, SnapshotId, VolumeId, WorkspaceId, WorkspaceRecord};

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// A record or an index of the metadata is damaged.
    Metadata,
    /// A dead process left an operation half done.
    Operation,
    /// A session's lease ran out, or its process is dead.
    Session,
    /// The disk is lost, or is none that can be written.
    Head,
    /// What clones of the head were to start from is lost or damaged.
    FrozenHead,
    /// A snapshot's files are lost or damaged.
    Snapshot,
    /// The disk is there and damaged.
    Damaged,
    /// What stands beside a volume is missing, damaged or out of date.
    Label,
    /// A volume is no workspace's.
    Orphan,
    /// Two workspaces have one volume.
    Shared,
    /// Two workspaces have one name.
    Name,
    /// The record counts other snapshots than there are.
    Count,
    /// The workspace failed before.
    Failed,
    /// It could not be looked at.
    Unread,
}

/// How a fault is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mend {
    /// A repair mends it, and loses nothing.
    Repair,
    /// A person restores one of the workspace's snapshots.
    Restore,
    /// A person deletes the snapshot, whose files are lost.
    DeleteSnapshot,
    /// A person deletes the workspace, which has no snapshot that could be restored.
    DeleteWorkspace,
    /// A person clones what is needed of each workspace, and then deletes them. Deleting one takes the other's files.
    CloneThenDelete,
    /// A person renames one of the workspaces, by its id.
    Rename,
    /// A person brings the records back: from a copy, or from what stands beside the volumes by
    /// [`WorkspaceManagerBuilder::rebuild`](super::WorkspaceManagerBuilder::rebuild).
    BringBack,
    /// A person decides whether the files are still wanted. Nothing removes them.
    Decide,
    /// It is looked at again.
    CheckAgain,
}

impl fmt::Display for Mend {
    /// What to do, for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mend::Repair => "a repair mends it",
            Mend::Restore => "restore one of the workspace's snapshots, or delete the workspace",
            Mend::DeleteSnapshot => "delete the snapshot",
            Mend::DeleteWorkspace => "delete the workspace; it has no snapshot to restore",
            Mend::CloneThenDelete => {
                "clone what is needed of each workspace, then delete them; deleting one takes the other's files"
            }
            Mend::Rename => "rename one of the workspaces by its id",
            Mend::BringBack => {
                "bring the records back from a copy, or rebuild them from what stands beside the volumes"
            }
            Mend::Decide => "nothing removes it; look whether it is still wanted",
            Mend::CheckAgain => "check again",
        })
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The account that it touches, if that can be told.
    pub account: Option<AccountId>,
    /// The workspace, if that can be told.
    pub workspace: Option<WorkspaceId>,
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// The snapshot, if it is one's.
    pub snapshot: Option<SnapshotId>,
    /// The volume, if it is one's.
    pub volume: Option<VolumeId>,
    /// The record, the index, the volume or the file.
    pub object: String,
    /// What is wrong with it, and what follows from that.
    pub effect: String,
    /// How it is mended.
    pub mend: Mend,
}

impl Fault {
    pub(super) fn new(
        kind: FaultKind,
        object: impl Into<String>,
        effect: impl Into<String>,
        mend: Mend,
    ) -> Self {
        Self {
            account: None,
            workspace: None,
            kind,
            snapshot: None,
            volume: None,
            object: object.into(),
            effect: effect.into(),
            mend,
        }
    }

    /// Says that it is of a workspace.
    pub(super) fn of(self, record: &WorkspaceRecord) -> Self {
        self.of_workspace(record.account.clone(), record.id)
    }

    pub(super) fn of_workspace(mut self, account: AccountId, workspace: WorkspaceId) -> Self {
        self.account = Some(account);
        self.workspace = Some(workspace);
        self
    }

    pub(super) fn with_snapshot(mut self, snapshot: Option<SnapshotId>) -> Self {
        self.snapshot = snapshot;
        self
    }

    pub(super) fn with_volume(mut self, volume: VolumeId) -> Self {
        self.volume = Some(volume);
        self
    }
}

impl From<MetadataFault> for Fault {
    fn from(fault: MetadataFault) -> Self {
        let mend = match fault.mendable {
            true => Mend::Repair,
            false => Mend::BringBack,
        };
        Self {
            account: fault.account,
            workspace: fault.workspace,
            ..Self::new(FaultKind::Metadata, fault.object, fault.effect, mend)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.object, self.effect, self.mend)
    }
}
