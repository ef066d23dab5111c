//! The memory backend, directly and behind everything that may stand before a backend.

use std::sync::Arc;

use workdisk::Metadata;
use workdisk_conformance::{Harness, MetadataHarness, Skip};
use workdisk_memory::MemoryMetadata;

struct Direct(MemoryMetadata);

impl Harness for Direct {
    async fn start() -> Result<Self, Skip> {
        Ok(Self(MemoryMetadata::new()))
    }
}

impl MetadataHarness for Direct {
    async fn open(&self) -> Arc<dyn Metadata> {
        Arc::new(self.0.clone())
    }
}

mod metadata {
    workdisk_conformance::metadata_tests!(super::Direct);
}
