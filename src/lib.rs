#![doc = include_str!("../README.md")]

pub mod error;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "http")]
pub mod http;
pub mod journal;
pub mod manager;
pub mod metadata;
pub mod model;
pub mod session;
pub mod volume;

pub use error::{BackendError, BackendErrorKind, Error, ErrorCode, Failure, Holder};
pub use manager::{Account, Session, WorkspaceManager};
pub use metadata::Metadata;
pub use volume::Volume;
