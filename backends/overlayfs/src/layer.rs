//! Names of layers.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Names a layer: how often its files were merged, and a random id.
///
/// The level stands in the name, so that it is written and read in the same step as the layer itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LayerId {
    pub(crate) level: u8,
    id: Uuid,
}

impl LayerId {
    pub(crate) fn fresh(level: u8) -> Self {
        Self {
            level,
            id: Uuid::new_v4(),
        }
    }

    /// The name of the layer's `n`-th reference, relative to the folder that holds layers.
    pub(crate) fn reference(&self, n: u32) -> String {
        format!("{self}/ref.{n}")
    }

    /// The link to the layer below.
    pub(crate) fn parent(&self) -> String {
        format!("{self}/parent")
    }

    /// The files.
    pub(crate) fn files(&self) -> String {
        format!("{self}/fs")
    }

    /// What overlayfs works in while the layer is an upper one.
    pub(crate) fn work(&self) -> String {
        format!("{self}/work")
    }

    /// How many names there are in it, once that was counted.
    pub(crate) fn weight(&self) -> String {
        format!("{self}/weight")
    }

    /// The measured size, once the layer is frozen.
    pub(crate) fn size(&self) -> String {
        format!("{self}/size")
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.level, self.id)
    }
}

/// A text that is no layer's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotALayer;

impl FromStr for LayerId {
    type Err = NotALayer;

    fn from_str(text: &str) -> Result<Self, NotALayer> {
        let (level, id) = text.split_once('-').ok_or(NotALayer)?;
        let layer = Self {
            level: level.parse().map_err(|_| NotALayer)?,
            id: Uuid::try_parse(id).map_err(|_| NotALayer)?,
        };
        // One spelling only: the name is a path.
        (layer.to_string() == text)
            .then_some(layer)
            .ok_or(NotALayer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_name_reads_back_and_nothing_else_does() {
        let layer = LayerId::fresh(3);
        assert_eq!(layer.to_string().parse(), Ok(layer));
        for text in ["", "3-", "../x", "+3-6ba7b810-9dad-41d1-80b4-00c04fd430c8"] {
            assert_eq!(text.parse::<LayerId>(), Err(NotALayer), "{text}");
        }
    }
}
