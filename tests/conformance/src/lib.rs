//! The contract of [`Metadata`](workdisk::Metadata) and [`Volume`](workdisk::Volume) as tests that a backend author runs.
//!
//! # Words
//! A *harness* makes a backend on a disk of its own and opens it again. A *case* is an async function that takes a harness
//! and panics where the backend breaks a sentence of the contract; its docs quote the sentence. A *topic* is a module of
//! cases.
//!
//! # Scenario
//! A backend implements [`MetadataHarness`] or [`VolumeHarness`] in its integration tests and names the type once:
//!
//! ```
//! use std::sync::Arc;
//!
//! use workdisk::Metadata;
//! use workdisk_conformance::{Harness, MetadataHarness, Skip};
//! use workdisk_memory::MemoryMetadata;
//!
//! struct Memory(MemoryMetadata);
//!
//! impl Harness for Memory {
//!     async fn start() -> Result<Self, Skip> {
//!         Ok(Self(MemoryMetadata::new()))
//!     }
//! }
//!
//! impl MetadataHarness for Memory {
//!     async fn open(&self) -> Arc<dyn Metadata> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! mod metadata {
//!     workdisk_conformance::metadata_tests!(super::Memory);
//! }
//! # fn main() {}
//! ```
//!
//! Each case becomes a test of its own, as `metadata::records::put_then_get_returns_it`.
//!
//! # Faults
//! [`FaultyMetadata`] and [`FaultyVolume`] wrap a backend to fail a chosen call or to hold it at a [`Gate`], or every call at
//! a [`Turnstile`], for tests of what a caller does then. A [`LoopDisk`] is a small file system of its own, to be filled up or to be of another type.

mod cases;
mod copies;
pub mod disk;
pub mod faults;
pub mod fixtures;
mod harness;
pub mod metadata;
mod pages;
mod run;
mod skip;
pub mod volume;

pub use copies::copies_of_open_file;
pub use disk::{FileSystem, LoopDisk, OnBtrfs, OnXfs, Place};
pub use faults::{Faults, FaultyMetadata, FaultyVolume, Gate, HeldCall, Method, Moment, Turnstile};
pub use harness::{Attribute, Harness, MetadataHarness, VolumeHarness};
pub use run::run;
pub use skip::Skip;
