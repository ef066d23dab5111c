//! How the volumes are opened.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use workdisk::journal::Journal;

/// Where the volumes are kept and how they are mounted.
#[derive(Clone, Debug)]
#[must_use = "options do nothing until the volumes are opened with them"]
pub struct OverlayOptions {
    pub(crate) root: PathBuf,
    pub(crate) allow_suid: bool,
    pub(crate) allow_devices: bool,
    pub(crate) shared_propagation: bool,
    pub(crate) merge_width: usize,
    pub(crate) merges_at_once: bool,
    pub(crate) sweep_rate: Option<NonZeroU32>,
    pub(crate) max_links: u64,
    pub(crate) journal: Option<Journal>,
}

impl OverlayOptions {
    /// How many layers of one level are merged into one of the next.
    ///
    /// Mounting, and each first look at a name, cost more with every layer. Measured by `examples/depth.rs` where every
    /// layer has the folder that is looked in, on ext4 and xfs with Linux 6.18, as multiples of one layer:
    ///
    /// | layers | mount | a name of the lowest layer | an absent name |
    /// |---|---|---|---|
    /// | 32 | 1.7 to 2.4 | 2.7 to 3.1 | 4.1 to 4.3 |
    /// | 64 | 2.3 to 3.5 | 4.3 to 5.2 | 7.1 to 8.4 |
    /// | 128 | 3.3 to 5.2 | 8.5 to 10 | 14 to 18 |
    /// | 499 | 10 to 17 | 28 to 41 | 51 to 72 |
    ///
    /// With this width 256 snapshots in a row make a chain of at most 31 layers, 4,096 one of 46, and a million one of 75;
    /// a file takes part in one merge for every factor of the width. The kernel stacks 500.
    pub const MERGE_WIDTH: usize = 16;

    /// How many layers a volume can have without being merged within the next freeze.
    pub const DEEP: usize = 128;

    /// How many files of removed volumes are deleted in a second, so that the calls beside it find the disk and the
    /// processor free most of the time. A million are deleted in less than two minutes.
    pub const SWEEP_RATE: u32 = 10_000;

    /// Keeps the volumes in the folder `root`, which is made if it is not there.
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self {
            root: root.as_ref().to_owned(),
            allow_suid: false,
            allow_devices: false,
            shared_propagation: false,
            merge_width: Self::MERGE_WIDTH,
            merges_at_once: false,
            sweep_rate: NonZeroU32::new(Self::SWEEP_RATE),
            max_links: u64::MAX,
            journal: None,
        }
    }

    /// Lets set-user-id programs in volumes take effect. Without it volumes are mounted `nosuid`.
    pub fn with_suid(mut self) -> Self {
        self.allow_suid = true;
        self
    }

    /// Lets device nodes in volumes be opened. Without it volumes are mounted `nodev`.
    pub fn with_devices(mut self) -> Self {
        self.allow_devices = true;
        self
    }

    /// Lets mounts appear in other mount namespaces if the file system below is mounted shared. Without it they are kept
    /// to this one, because a copy elsewhere keeps a volume busy after it was unmounted here.
    pub fn with_shared_propagation(mut self) -> Self {
        self.shared_propagation = true;
        self
    }

    /// Merges layers by another width than [`MERGE_WIDTH`](Self::MERGE_WIDTH), 2 at least. A greater one merges seldomer
    /// and makes longer chains.
    pub fn with_merge_width(mut self, width: usize) -> Self {
        self.merge_width = width.max(2);
        self
    }

    /// Merges layers within the freeze that makes it due. Without it that is done beside the calls that follow, and within a
    /// freeze only where a volume has [`DEEP`](Self::DEEP) layers: for a process that ends soon after a freeze, each time.
    pub fn with_merges_at_once(mut self) -> Self {
        self.merges_at_once = true;
        self
    }

    /// Deletes what was removed, in the background, by that many files a second at most, a folder counting as two, in place
    /// of [`SWEEP_RATE`](Self::SWEEP_RATE); `None` deletes as fast as the disk allows.
    ///
    /// They are deleted in portions of some ten milliseconds, with a pause between. Where more is removed than that for long,
    /// the disk fills with what is still to be deleted. [`reclaim`](workdisk::Volume::reclaim) and a call that finds the disk
    /// full do not wait for the rate: until they are done everything is deleted as fast as it goes.
    pub fn with_sweep_rate(mut self, files_a_second: Option<NonZeroU32>) -> Self {
        self.sweep_rate = files_a_second;
        self
    }

    /// Makes what a call changes durable together with the records that are written at the same time, if those are on the
    /// same file system.
    pub fn with_journal(mut self, journal: Option<Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// Gives no file more than that many names, 1 at least, where the file system would allow more.
    #[doc(hidden)]
    pub fn with_max_links(mut self, links: u64) -> Self {
        self.max_links = links.max(1);
        self
    }
}
