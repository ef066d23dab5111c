//! Running uses of a workspace: who holds a disk, for how long, and how it is taken back.
//!
//! The embedding application sees `Session`, the handle that keeps a session alive, and
//! implements [`SessionHost`] to stop what runs on a disk. [`Host`] is the machine's clocks and processes.

mod holders;
mod host;
mod lasting;
pub(crate) mod lease;
pub(crate) mod rules;
mod stop;

pub use holders::{holders_under, holders_where};
pub use host::{Host, Liveness, SystemHost};
pub use lasting::lasting_holders;
pub use stop::{ProcessSessionHost, SessionHost, StopError, StopRequest};
