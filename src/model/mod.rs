//! The words of the library as types: parsed once, true everywhere after.
//!
//! [`WorkspaceRecord`] and [`SnapshotRecord`] are what a store keeps; [`Workspace`] and [`Snapshot`] are what callers
//! see. Everything else is a part of them.

mod account;
mod github;
mod id;
mod image;
mod name;
mod operation;
mod owner;
mod query;
mod receipt;
mod record;
mod reservation;
mod selector;
mod session;
mod session_type;
mod snapshot;
mod source;
mod status;
mod time;
mod workspace;

pub use account::AccountId;
pub use github::{GitRef, GithubRepo, ImportLimit};
pub use id::{SessionId, SnapshotId, StoreId, VolumeId, WorkspaceId};
pub use image::ImageRef;
pub use name::{NameKey, NameRule, SnapshotName, UNICODE_VERSION, WorkspaceName};
pub use operation::{Intent, Operation, OperationKind};
pub use owner::Owner;
pub use query::{Cursor, WorkspaceFilter};
pub use receipt::{Made, Receipt, RequestKey};
pub use record::WorkspaceRecord;
pub use reservation::Reservation;
pub use selector::{Selector, SnapshotSelector};
pub use session::{Lease, SessionRecord};
pub use session_type::SessionType;
pub use snapshot::{Snapshot, SnapshotRecord};
pub use source::Source;
pub use status::Status;
pub use time::{Timestamp, TimestampError};
pub use workspace::{Persistence, Workspace};
