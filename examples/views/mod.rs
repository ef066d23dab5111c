//! How workspaces and snapshots look to a person: the tables and trees of the quickstart and of the command line.
//!
//! [`Workspace`] and [`Snapshot`] are read from their JSON form, so that they may come from the library or from a server.

mod snapshot;
mod table;
mod text;
mod tree;
pub(crate) mod workspace;

pub(crate) use snapshot::Snapshot;
pub(crate) use table::table;
pub(crate) use text::{minute, size};
pub(crate) use tree::tree;
pub(crate) use workspace::{Source, Workspace};
