//! The contract of `Volume`, directly, behind a wrapper, and on other file systems.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::sync::Arc;

use tempfile::TempDir;
use workdisk::Volume;
use workdisk_conformance::fixtures::allocated_below;
use workdisk_conformance::{
    Faults, FaultyVolume, FileSystem, Harness, LoopDisk, Skip, VolumeHarness,
};
use workdisk_directory::DirectoryVolume;

struct Direct(TempDir);

impl Harness for Direct {
    async fn start() -> Result<Self, Skip> {
        let folder = tempfile::tempdir().unwrap();

        Ok(Self(folder))
    }
}

impl VolumeHarness for Direct {
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
struct Wrapped(Direct);

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

/// On xfs.
struct OnXfs(LoopDisk);

impl Harness for OnXfs {
    async fn start() -> Result<Self, Skip> {
        LoopDisk::new(FileSystem::Xfs, 0).map(Self)
    }
}

impl VolumeHarness for OnXfs {
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

/// On btrfs.
struct OnBtrfs(LoopDisk);

impl Harness for OnBtrfs {
    async fn start() -> Result<Self, Skip> {
        LoopDisk::new(FileSystem::Btrfs, 0).map(Self)
    }
}

impl VolumeHarness for OnBtrfs {
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

mod direct {
    workdisk_conformance::volume_tests!(super::Direct);
}

mod wrapped {
    workdisk_conformance::volume_tests!(super::Wrapped);
}

mod on_xfs {
    workdisk_conformance::volume_tests!(super::OnXfs);
}

mod on_btrfs {
    workdisk_conformance::volume_tests!(super::OnBtrfs);
}
