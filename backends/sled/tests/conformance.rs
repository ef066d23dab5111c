//! The contract of `Metadata`, directly and behind a wrapper.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::sync::Arc;

use tempfile::TempDir;
use workdisk::Metadata;
use workdisk_conformance::{Faults, FaultyMetadata, Harness, MetadataHarness, Skip};
use workdisk_sled::SledMetadata;

struct Direct(TempDir);

impl Harness for Direct {
    async fn start() -> Result<Self, Skip> {
        Ok(Self(tempfile::tempdir().unwrap()))
    }
}

impl MetadataHarness for Direct {
    async fn open(&self) -> Arc<dyn Metadata> {
        Arc::new(
            SledMetadata::open(self.0.path().join("store"))
                .await
                .unwrap(),
        )
    }
}

/// Behind a wrapper that has nothing planned.
struct Wrapped(Direct);

impl Harness for Wrapped {
    async fn start() -> Result<Self, Skip> {
        Ok(Self(Direct::start().await?))
    }
}

impl MetadataHarness for Wrapped {
    async fn open(&self) -> Arc<dyn Metadata> {
        Arc::new(FaultyMetadata::new(self.0.open().await, &Faults::new()))
    }
}

mod direct {
    workdisk_conformance::metadata_tests!(super::Direct);
}

mod wrapped {
    workdisk_conformance::metadata_tests!(super::Wrapped);
}
