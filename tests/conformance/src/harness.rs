//! What the suite needs of a backend beside the trait.

use std::future::Future;
use std::sync::Arc;

use workdisk::{Metadata, Volume};

use crate::skip::Skip;

/// A backend's disk, empty at the start and gone with the harness.
pub trait Harness: Sized + Send + Sync + 'static {
    /// Makes a new disk, apart from that of every other harness.
    ///
    /// # Errors
    /// What the machine lacks. Each case is then skipped.
    fn start() -> impl Future<Output = Result<Self, Skip>> + Send;
}

/// A disk with a [`Metadata`] store.
pub trait MetadataHarness: Harness {
    /// Opens the store that is on the disk, and makes it first if there is none.
    ///
    /// The suite has dropped what was opened before. Where closing takes time, this waits for it.
    fn open(&self) -> impl Future<Output = Arc<dyn Metadata>> + Send;
}

/// A disk with [`Volume`]s.
pub trait VolumeHarness: Harness {
    /// Opens the volumes that are on the disk. They are tied to no metadata store yet.
    ///
    /// The suite has dropped what was opened before. Where closing takes time, this waits for it.
    fn open(&self) -> impl Future<Output = Arc<dyn Volume>> + Send;

    /// What the backend documents that it does not keep from freeze to fork.
    fn loses(&self) -> Vec<Attribute> {
        Vec::new()
    }

    /// The bytes of allocated blocks of the whole disk, the backend's own files included, or `None` if they cannot be
    /// told, so that nothing is said of leaks of space. For a folder: [`allocated_below`](crate::fixtures::allocated_below).
    fn allocated_bytes(&self) -> Option<u64> {
        None
    }
}

/// What a backend may document that it loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attribute {
    /// The user and the group of a file.
    Owners,
    /// When a file was last written, to the nanosecond.
    Times,
    /// Extended attributes of the `user` namespace.
    Xattrs,
    /// That two names are one file.
    HardLinks,
    /// Named pipes.
    Fifos,
    /// That a hole takes no space.
    Holes,
}
