//! Volumes as plain directories.
//!
//! A volume is a folder of files; to fork or to freeze one is to copy it, by reflink on a file system that has it (xfs,
//! btrfs), so that neither time for the bytes nor space is spent, and byte by byte elsewhere. Nothing is mounted, so that
//! it works without any privilege and inside containers.
//!
//! See [`DirectoryVolume`].

mod attributes;
mod content;
mod copy;
mod error;
mod folder;
mod format;
mod holds;
mod label;
mod layout;
mod locks;
mod measure;
mod store;
mod trash;
mod volume;
mod walk;

pub use volume::DirectoryVolume;
