//! What holds of volumes as plain directories beyond what every backend is held to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod copying;
mod filesystems;
mod holding;
mod labels;
mod opening;
mod support;
