//! What the manager promises, on the real metadata store and plain directories.

mod support;

mod codes;
mod crash;
mod files;
mod listing;
mod names;
mod races;
mod sessions;
