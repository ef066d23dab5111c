//! Cases of [`Metadata`](workdisk::Metadata).

pub mod generations;
pub mod in_flight;
pub mod listing;
pub mod names;
pub mod races;
pub mod receipts;
pub mod records;
pub mod reopen;
pub mod reservations;
pub mod sessions;
pub mod snapshots;
pub mod soon;
mod steps;
pub mod upkeep;
