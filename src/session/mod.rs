//! Running uses of a workspace.

mod holders;

pub use holders::{holders_under, holders_where};
