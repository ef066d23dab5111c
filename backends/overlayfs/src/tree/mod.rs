//! Walks and changes folders whose content a workspace chose: by descriptor, never through a symbolic link.

pub(crate) mod attributes;
pub(crate) mod copy;
pub(crate) mod count;
mod descent;
pub(crate) mod measure;
pub(crate) mod remove;

use rustix::fs::Stat;

/// How many names a file has.
#[expect(
    clippy::unnecessary_cast,
    reason = "the kernel's type of this field differs from one architecture to the next"
)]
pub(crate) fn names_of(stat: &Stat) -> u64 {
    stat.st_nlink as u64
}
