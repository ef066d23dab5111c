//! Cases of [`Volume`](workdisk::Volume).

pub mod bind;
pub mod busy;
pub mod errors;
pub mod fidelity;
pub mod filling;
pub mod hostile;
pub mod immutability;
pub mod independence;
pub mod labels;
pub mod lifecycle;
pub mod listing;
pub mod recipes;
pub mod removal;
pub mod reopen;
mod steps;
