//! Backends that fail or wait where a test wants them to.
//!
//! # Words
//! A *call* is one that a wrapper was given: each has a number, from 1 on, over all wrappers that share one [`Faults`].
//! [`Volume::info`] and [`Volume::path`], which cannot fail, are no calls. A *fault* is one call that fails. A *gate* is a
//! place where one call waits until it is let go. A *turnstile* is a place where every call does.
//!
//! # What becomes of a call
//! ```text
//!   numbered ──► gate before ──► fault before ──► the backend ──► fault after ──► gate after ──► answered
//! ```
//! A turnstile stands before the first gate, and after the last.
//!
//! A fault before means that nothing happened; one after, that all of it did and nobody was told.
//!
//! # Scenario
//! To fail every call of an operation once: run it over a fresh backend and count the [`calls`](Faults::calls), then run it
//! that often with [`fail_before`](Faults::fail_before), and as often with [`fail_after`](Faults::fail_after).
//!
//! ```
//! use std::sync::Arc;
//!
//! use workdisk::{BackendErrorKind, Metadata};
//! use workdisk_conformance::{Faults, FaultyMetadata};
//! use workdisk_memory::MemoryMetadata;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let faults = Faults::new();
//! let store = FaultyMetadata::new(Arc::new(MemoryMetadata::new()), &faults);
//! faults.fail_before(2, BackendErrorKind::Unavailable);
//! assert!(store.begin().await.is_ok());
//! assert!(store.begin().await.is_err());
//! assert!(store.begin().await.is_ok());
//! assert_eq!(faults.calls(), 3);
//! # }
//! ```
//!
//! [`Volume::info`]: workdisk::Volume::info
//! [`Volume::path`]: workdisk::Volume::path

mod gate;
mod metadata;
mod method;
mod plan;
mod turnstile;
mod volume;

pub use gate::Gate;
pub use metadata::FaultyMetadata;
pub use method::Method;
pub use plan::{Faults, Moment};
pub use turnstile::{HeldCall, Turnstile};
pub use volume::FaultyVolume;
