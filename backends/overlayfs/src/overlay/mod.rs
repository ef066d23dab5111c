//! What is asked of the kernel's overlayfs: mounts, and whether an upper layer is in use.

mod context;
pub(crate) mod in_use;
mod legacy;
pub(crate) mod mountinfo;
pub(crate) mod options;
pub(crate) mod propagation;
mod recipe;

pub(crate) use context::detached;
pub use recipe::mount_recipe;
pub(crate) use recipe::{Attachment, Stack, mount_stack};
