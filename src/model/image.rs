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
        let invalid = |reason: String| Error::ImageInvalid {
            image: text.to_owned(),
            reason,
        };
        let reference = Reference::try_from(text).map_err(|error| invalid(error.to_string()))?;
        let canonical = reference.whole();
        // The grammar reads upper-case letters before the first slash as a registry's; without a dot or a port the
        // parser makes them a part of the repository, where they are not allowed.
        match Reference::try_from(canonical.as_str()) {
            Ok(again) if again.whole() == canonical => Ok(Self(canonical)),
            _ => Err(invalid(format!(
                "its canonical form {canonical:?} is not one"
            ))),
        }
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

    /// `localhostX/y` was taken, with a canonical form that was refused when it was read again.
    #[test]
    fn reference_whose_canonical_form_is_none_is_refused() {
        for text in ["localhostX/y", "UPPER/case"] {
            assert!(
                matches!(ImageRef::parse(text), Err(Error::ImageInvalid { .. })),
                "{text:?}"
            );
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
