//! Both backends of workdisk in one process: the strict double for tests.
//!
//! [`MemoryMetadata`] keeps records in memory and [`MemoryVolume`] files in a temporary folder. Clones share one state: a
//! clone that is kept is the "disk" that a reopened store finds. Nothing outlives the last clone.
//!
//! Both are stricter than a production backend needs to be. What breaks the documented invariants of a record is
//! [`InvalidInput`](workdisk::BackendErrorKind::InvalidInput), and a frozen tree that was changed is
//! [`Corrupt`](workdisk::BackendErrorKind::Corrupt) at its next use.

mod breach;
mod copy;
mod digest;
mod disks;
mod metadata;
mod records;
mod volume;

pub use metadata::MemoryMetadata;
pub use volume::MemoryVolume;
