//! The memory backend, directly and behind everything that may stand before a backend.

use std::sync::Arc;

use workdisk::model::VolumeId;
use workdisk::{Metadata, Volume};
use workdisk_conformance::fixtures::allocated_below;
use workdisk_conformance::{Harness, MetadataHarness, Skip, VolumeHarness};
use workdisk_memory::{MemoryMetadata, MemoryVolume};

/// Clones share one state, so that what is kept here is the disk.
struct Direct {
    metadata: MemoryMetadata,
    volume: MemoryVolume,
}

impl Harness for Direct {
    async fn start() -> Result<Self, Skip> {
        Ok(Self {
            metadata: MemoryMetadata::new(),
            volume: MemoryVolume::new().unwrap(),
        })
    }
}

impl MetadataHarness for Direct {
    async fn open(&self) -> Arc<dyn Metadata> {
        Arc::new(self.metadata.clone())
    }
}

impl VolumeHarness for Direct {
    async fn open(&self) -> Arc<dyn Volume> {
        Arc::new(self.volume.clone())
    }

    fn allocated_bytes(&self) -> Option<u64> {
        let path = self.volume.path(VolumeId::new());
        allocated_below(path.parent()?).ok()
    }
}

mod direct {
    mod metadata {
        workdisk_conformance::metadata_tests!(super::super::Direct);
    }
    mod volume {
        workdisk_conformance::volume_tests!(super::super::Direct);
    }
}
