//! The memory backend, directly and behind everything that may stand before a backend.

use std::sync::Arc;

use workdisk::model::VolumeId;
use workdisk::{Metadata, Volume};
use workdisk_conformance::fixtures::allocated_below;
use workdisk_conformance::{
    Faults, FaultyMetadata, FaultyVolume, Harness, MetadataHarness, Skip, VolumeHarness,
};
use workdisk_memory::{MemoryMetadata, MemoryVolume};

/// Clones share one state, so that what is kept here is the disk.
pub(crate) struct Direct {
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

/// Two pointers deep, as a caller that shares a shared store has it.
struct Shared(Direct);

/// Behind wrappers that have nothing planned.
struct Wrapped(Direct);

macro_rules! behind {
    ($harness:ident, $metadata:expr, $volume:expr) => {
        impl Harness for $harness {
            async fn start() -> Result<Self, Skip> {
                Ok(Self(Direct::start().await?))
            }
        }

        impl MetadataHarness for $harness {
            async fn open(&self) -> Arc<dyn Metadata> {
                $metadata(MetadataHarness::open(&self.0).await)
            }
        }

        impl VolumeHarness for $harness {
            async fn open(&self) -> Arc<dyn Volume> {
                $volume(VolumeHarness::open(&self.0).await)
            }

            fn allocated_bytes(&self) -> Option<u64> {
                self.0.allocated_bytes()
            }
        }
    };
}

behind!(
    Shared,
    |inner: Arc<dyn Metadata>| -> Arc<dyn Metadata> { Arc::new(inner) },
    |inner: Arc<dyn Volume>| -> Arc<dyn Volume> { Arc::new(inner) }
);
behind!(
    Wrapped,
    |inner| -> Arc<dyn Metadata> { Arc::new(FaultyMetadata::new(inner, &Faults::new())) },
    |inner| -> Arc<dyn Volume> { Arc::new(FaultyVolume::new(inner, &Faults::new())) }
);

mod shared {
    mod metadata {
        workdisk_conformance::metadata_tests!(super::super::Shared);
    }
    mod volume {
        workdisk_conformance::volume_tests!(super::super::Shared);
    }
}

mod wrapped {
    mod metadata {
        workdisk_conformance::metadata_tests!(super::super::Wrapped);
    }
    mod volume {
        workdisk_conformance::volume_tests!(super::super::Wrapped);
    }
}
