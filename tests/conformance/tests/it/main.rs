//! The suite's own tests: that a sound backend passes it and a broken one does not.

mod faults;
mod memory;
