//! What the manager promises, on the real metadata store and plain directories.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where it meets what it does not expect, and tells what it has tried"
)]

#[path = "../model/mod.rs"]
mod model;
mod spans;
mod support;
#[path = "../tree/mod.rs"]
mod tree;

mod backends;
mod check;
mod clocks;
mod codes;
mod crash;
mod expected;
mod failing;
mod files;
mod folder;
mod histories;
#[cfg(feature = "github")]
mod import;
mod isolation;
mod journal;
mod labels;
mod listing;
mod names;
mod once;
mod races;
mod random;
mod rebuild;
mod repair;
mod schedule;
mod sessions;
