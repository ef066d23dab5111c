//! What the manager promises, on the real metadata store and plain directories.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

mod support;

mod codes;
mod crash;
mod files;
mod listing;
mod names;
mod races;
mod sessions;
