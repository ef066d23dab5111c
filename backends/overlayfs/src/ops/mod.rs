//! What the trait's methods do, one verb a file. All of it blocks.

mod check;
mod create;
mod fill;
mod find;
mod freeze;
mod hold;
mod label;
mod list;
mod mount;
mod remove;
mod usage;
