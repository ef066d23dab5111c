//! Walks and changes folders whose content a workspace chose: by descriptor, never through a symbolic link.

pub(crate) mod attributes;
mod descent;
pub(crate) mod measure;
pub(crate) mod remove;
