//! Image references of sandbox workspaces.

use std::fmt;

use oci_spec::distribution::Reference;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An OCI image reference in its canonical form: registry, repository, and a tag or digest.
///
/// `ubuntu` becomes `docker.io/library/ubuntu:latest`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageRef(String);

impl ImageRef {
    /// Takes a reference in any form that the grammar of the OCI distribution specification allows.
    ///
    /// # Errors
    /// [`Error::ImageInvalid`] if the text is not one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let reference = Reference::try_from(text).map_err(|error| Error::ImageInvalid {
            image: text.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self(reference.whole()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_canonical() {
        for (given, canonical) in [
            ("ubuntu", "docker.io/library/ubuntu:latest"),
            ("ubuntu:24.04", "docker.io/library/ubuntu:24.04"),
            ("ghcr.io/a/b:c", "ghcr.io/a/b:c"),
            ("localhost:5000/x", "localhost:5000/x:latest"),
        ] {
            let image = ImageRef::parse(given).unwrap();
            assert_eq!(image.as_str(), canonical);
            assert_eq!(ImageRef::parse(image.as_str()).unwrap(), image);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "a/UPPER",
            "a b",
            "-x",
            "x:",
            "x@sha256:12",
            "http://x/y",
        ] {
            assert!(
                matches!(ImageRef::parse(text), Err(Error::ImageInvalid { .. })),
                "{text:?}"
            );
        }
    }
}
