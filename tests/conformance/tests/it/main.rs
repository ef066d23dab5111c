//! The suite's own tests: that a sound backend passes it and a broken one does not.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

mod bad;
mod complete;
mod faults;
mod memory;
