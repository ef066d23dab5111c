//! What the manager promises, on the real metadata store and plain directories.

mod support;

mod codes;
mod crash;
mod lifecycle;
mod names;
mod races;
mod sessions;
mod snapshots;
