//! Who is measured, and what each does not promise.
//!
//! AgentFS is left out. Its crate, `agentfs-sdk` 0.6.4, keeps a workspace's files as rows of a database of its own, behind
//! calls for one file each: there is no folder for git, cargo, npm or sqlite to work in without its server of FUSE or NFS,
//! which the crate does not have. It has no call for a clone or a snapshot either: one copies the database's file, as the
//! rows of `cp` and of its reflinks do. What is left, reading and writing single files by its calls, is no figure here.

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The whole: a name that is unique, a record, a lock, files, all durable when the call is answered.
    Workdisk,
    /// The volumes of overlayfs alone.
    Overlayfs,
    Copy,
    SyncedCopy,
    Reflink,
    SyncedReflink,
    Subvolume,
    Remove,
    Containerd,
    SyncedContainerd,
    Plain,
    /// Two system calls.
    System,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workdisk => "workdisk",
            Self::Overlayfs => "workdisk's volumes",
            Self::Copy => "cp -a",
            Self::SyncedCopy => "cp -a, sync -f",
            Self::Reflink => "cp -a --reflink",
            Self::SyncedReflink => "cp -a --reflink, sync -f",
            Self::Subvolume => "btrfs subvolume snapshot",
            Self::Remove => "rm -rf",
            Self::Containerd => "containerd",
            Self::SyncedContainerd => "containerd, syncfs",
            Self::Plain => "plain directory",
            Self::System => "the file system itself",
        }
    }

    /// What it does not promise.
    pub(crate) fn lacks(self) -> &'static str {
        match self {
            Self::Workdisk => "",
            Self::Overlayfs => "a name, a record",
            Self::Copy | Self::Reflink => "durability, all or nothing, a name, a record, a lock",
            Self::SyncedCopy | Self::SyncedReflink => "all or nothing, a name, a record, a lock",
            Self::Subvolume => "a record, a lock",
            Self::Remove => "durability, all or nothing",
            Self::Containerd => "durable folders, durable files, a lock",
            Self::SyncedContainerd => "a lock",
            Self::Plain => "snapshots, a record, a lock",
            Self::System => "anything but durability",
        }
    }
}
