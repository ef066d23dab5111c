//! What can be called.

/// A method of [`Metadata`](workdisk::Metadata) or [`Volume`](workdisk::Volume) that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// [`Metadata::begin`](workdisk::Metadata::begin).
    Begin,
    /// [`Metadata::take_back`](workdisk::Metadata::take_back).
    TakeBack,
    /// [`Metadata::commit`](workdisk::Metadata::commit).
    Commit,
    /// [`Metadata::commit_soon`](workdisk::Metadata::commit_soon).
    CommitSoon,
    /// [`Metadata::reservations`](workdisk::Metadata::reservations).
    Reservations,
    /// [`Metadata::workspace`](workdisk::Metadata::workspace).
    Workspace,
    /// [`Metadata::workspaces_named`](workdisk::Metadata::workspaces_named).
    WorkspacesNamed,
    /// [`Metadata::list`](workdisk::Metadata::list).
    ListWorkspaces,
    /// [`Metadata::snapshot`](workdisk::Metadata::snapshot).
    Snapshot,
    /// [`Metadata::snapshot_named`](workdisk::Metadata::snapshot_named).
    SnapshotNamed,
    /// [`Metadata::snapshots`](workdisk::Metadata::snapshots).
    Snapshots,
    /// [`Metadata::in_flight`](workdisk::Metadata::in_flight).
    InFlight,
    /// [`Metadata::sessions`](workdisk::Metadata::sessions).
    Sessions,
    /// [`Metadata::all`](workdisk::Metadata::all).
    AllWorkspaces,
    /// [`Metadata::check`](workdisk::Metadata::check).
    CheckRecords,
    /// [`Metadata::repair`](workdisk::Metadata::repair).
    RepairRecords,
    /// [`Metadata::receipt`](workdisk::Metadata::receipt).
    Receipt,
    /// [`Metadata::forget_receipts`](workdisk::Metadata::forget_receipts).
    ForgetReceipts,
    /// [`Volume::bind`](workdisk::Volume::bind).
    Bind,
    /// [`Volume::create`](workdisk::Volume::create).
    Create,
    /// [`Volume::fork`](workdisk::Volume::fork).
    Fork,
    /// [`Volume::freeze`](workdisk::Volume::freeze).
    Freeze,
    /// [`Volume::mount`](workdisk::Volume::mount).
    Mount,
    /// [`Volume::fill`](workdisk::Volume::fill).
    Fill,
    /// [`Volume::recipe`](workdisk::Volume::recipe).
    Recipe,
    /// [`Volume::unmount`](workdisk::Volume::unmount).
    Unmount,
    /// [`Volume::remove`](workdisk::Volume::remove).
    Remove,
    /// [`Volume::status`](workdisk::Volume::status).
    Status,
    /// [`Volume::list`](workdisk::Volume::list).
    ListVolumes,
    /// [`Volume::set_label`](workdisk::Volume::set_label).
    SetLabel,
    /// [`Volume::label`](workdisk::Volume::label).
    Label,
    /// [`Volume::usage`](workdisk::Volume::usage).
    Usage,
    /// [`Volume::check`](workdisk::Volume::check).
    Check,
    /// [`Volume::sync`](workdisk::Volume::sync).
    Sync,
    /// [`Volume::reclaim`](workdisk::Volume::reclaim).
    Reclaim,
}

impl Method {
    /// Whether it may change what is stored or what is mounted.
    pub fn is_change(self) -> bool {
        match self {
            Method::Begin
            | Method::TakeBack
            | Method::Commit
            | Method::CommitSoon
            | Method::Bind
            | Method::Create
            | Method::Fork
            | Method::Freeze
            | Method::Mount
            | Method::Fill
            | Method::Unmount
            | Method::Remove
            | Method::SetLabel
            | Method::RepairRecords
            | Method::ForgetReceipts
            | Method::Sync
            | Method::Reclaim => true,
            Method::Workspace
            | Method::WorkspacesNamed
            | Method::ListWorkspaces
            | Method::Snapshot
            | Method::SnapshotNamed
            | Method::Snapshots
            | Method::InFlight
            | Method::Reservations
            | Method::Sessions
            | Method::AllWorkspaces
            | Method::CheckRecords
            | Method::Receipt
            | Method::Label
            | Method::Recipe
            | Method::Status
            | Method::ListVolumes
            | Method::Usage
            | Method::Check => false,
        }
    }
}
