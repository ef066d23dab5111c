//! What the command line promises: each test runs `workdisk`, the example, as a process.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

mod completing;
mod failing;
mod listing;
mod making;
mod mending;
mod removing;
mod running;
mod sharing;
mod snapshots;
mod support;
mod terminal;
