//! The store that is worked on: sled and overlayfs in one folder.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use workdisk::session::ProcessSessionHost;
use workdisk::{Account, WorkspaceManager};
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};
use workdisk_sled::SledMetadata;

use crate::Result;

/// How long what holds a disk is asked politely.
const GRACE: Duration = Duration::from_millis(300);

/// How many accounts share it.
const ACCOUNTS: usize = 4;

pub(crate) struct Store {
    pub(crate) manager: WorkspaceManager,
}

impl Store {
    /// Opens it, which recovers. Layers are merged as often as can be, so that merges are broken too, beside the calls.
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        let options = OverlayOptions::new(folder.join("volumes")).with_merge_width(2);
        Self::open_with(folder, options).await
    }

    /// The same, but layers are merged within the calls that make it due: before each is answered, and not at any time.
    pub(crate) async fn open_merging_at_once(folder: &Path) -> Result<Self> {
        let options = OverlayOptions::new(folder.join("volumes")).with_merge_width(2);
        Self::open_with(folder, options.with_merges_at_once()).await
    }

    async fn open_with(folder: &Path, options: OverlayOptions) -> Result<Self> {
        let metadata = Arc::new(SledMetadata::open(folder.join("metadata")).await?);
        let volumes = Arc::new(OverlayVolume::open_with(options).await?);
        let manager = WorkspaceManager::builder(metadata, volumes)
            .with_session_host(Arc::new(ProcessSessionHost::new(GRACE)))
            .with_unmount_patience(GRACE)
            .open()
            .await?;
        Ok(Self { manager })
    }

    /// The account of a caller, of which several share one.
    pub(crate) fn account_of(&self, caller: usize) -> Result<Account> {
        let number = caller % ACCOUNTS;
        Ok(self.manager.account(format!("account-{number}"))?)
    }

    pub(crate) fn accounts(&self) -> Result<Vec<Account>> {
        (0..ACCOUNTS)
            .map(|number| self.account_of(number))
            .collect()
    }
}
