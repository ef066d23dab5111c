//! The contract of `Volume`, directly, behind a wrapper, and on other file systems.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::sync::Arc;

use tempfile::TempDir;
use workdisk::Volume;
use workdisk_conformance::fixtures::allocated_below;
use workdisk_conformance::{Faults, FaultyVolume, Harness, Place, Skip, VolumeHarness};
use workdisk_directory::DirectoryVolume;

/// On a disk.
struct Direct<P>(P);

impl<P: Place> Harness for Direct<P> {
    async fn start() -> Result<Self, Skip> {
        P::new().map(Self)
    }
}

impl<P: Place> VolumeHarness for Direct<P> {
    async fn open(&self) -> Arc<dyn Volume> {
        Arc::new(
            DirectoryVolume::open(self.0.path().join("volumes"))
                .await
                .unwrap(),
        )
    }

    fn allocated_bytes(&self) -> Option<u64> {
        allocated_below(&self.0.path().join("volumes")).ok()
    }
}

/// Behind a wrapper that has nothing planned.
struct Wrapped(Direct<TempDir>);

impl Harness for Wrapped {
    async fn start() -> Result<Self, Skip> {
        Ok(Self(Direct::start().await?))
    }
}

impl VolumeHarness for Wrapped {
    async fn open(&self) -> Arc<dyn Volume> {
        Arc::new(FaultyVolume::new(self.0.open().await, &Faults::new()))
    }

    fn allocated_bytes(&self) -> Option<u64> {
        self.0.allocated_bytes()
    }
}

mod direct {
    workdisk_conformance::volume_tests!(super::Direct<tempfile::TempDir>);
}

mod wrapped {
    workdisk_conformance::volume_tests!(super::Wrapped);
}

mod on_xfs {
    workdisk_conformance::volume_tests!(super::Direct<workdisk_conformance::OnXfs>);
}

mod on_btrfs {
    workdisk_conformance::volume_tests!(super::Direct<workdisk_conformance::OnBtrfs>);
}
