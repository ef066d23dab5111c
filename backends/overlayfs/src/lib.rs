//! Volumes for `workdisk` as stacks of overlayfs layers.
//!
//! An active volume writes to an *upper* layer above a chain of frozen ones. To freeze is to let the upper layer stand and
//! to start a new one above it; to fork is to start a new upper layer above a frozen volume's chain. Neither copies or
//! walks a file. See [`OverlayVolume`] for what is needed, what survives and what is not kept.
//!
//! # On the disk
//! ```text
//! format.json        version, mount options, the metadata store it belongs to
//! lock               held while the folder is open
//! layers/<layer>/    fs (the files), work (of an upper layer), parent, ref.0, size, weight
//! active/<volume>    refers to the volume's upper layer
//! frozen/<volume>    refers to the volume's newest layer
//! labels/<volume>    the volume's label, as an extended attribute
//! staging/  trash/   what is being made and removed
//! mounts/<volume>    where the volume is mounted
//! swept              is there unless layers may be left to which nobody refers
//! empty/  spare/     what the kernel asks for below an empty volume, and room to ask who uses one on a full disk
//! ```
//! A reference is a hard link to the layer's `ref.0`, so that the file system counts the users of a layer. Copy the folder
//! with its hard links: `cp -a`, `rsync -aH`.

#[cfg(test)]
mod crash;
mod disk;
mod error;
#[cfg(test)]
mod faults;
mod format;
mod host;
mod in_place;
mod layer;
mod locks;
mod merge;
mod noted;
mod ops;
mod options;
mod overlay;
mod pace;
mod references;
mod staged;
mod store;
mod sweep;
mod trash;
mod tree;
mod volume;

pub use host::ProbeReport;
#[doc(hidden)]
pub use merge::merge_folders;
pub use options::OverlayOptions;
pub use overlay::mount_recipe;
pub use volume::OverlayVolume;
