//! How a caller says which workspace or snapshot it means.

use std::fmt;

use uuid::Uuid;

use super::id::{SnapshotId, WorkspaceId};
use super::name::NameKey;

macro_rules! selector {
    ($(#[$doc:meta])* $selector:ident, $id:ident) => {
        $(#[$doc])*
        ///
        /// A text shaped like a UUID is an id; anything else is a name, matched by its key. No name is shaped like a
        /// UUID, so a selector has one reading. Making one never fails: a text that breaks the rules of names finds
        /// nothing.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $selector {
            /// By id.
            Id($id),
            /// By name, ignoring case.
            Name {
                /// The text as it was given.
                text: String,
                /// What it is matched by.
                key: NameKey,
            },
        }

        impl $selector {
            /// Reads a text.
            pub fn parse(text: impl Into<String>) -> Self {
                let text = text.into();
                match Uuid::try_parse(&text) {
                    Ok(uuid) => Self::Id($id::from_uuid(uuid)),
                    Err(_) => Self::Name { key: NameKey::of(&text), text },
                }
            }
        }

        impl fmt::Display for $selector {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Id(id) => fmt::Display::fmt(id, f),
                    Self::Name { text, .. } => f.write_str(text),
                }
            }
        }

        impl From<$id> for $selector {
            fn from(id: $id) -> Self {
                Self::Id(id)
            }
        }

        impl From<&str> for $selector {
            fn from(text: &str) -> Self {
                Self::parse(text)
            }
        }

        impl From<String> for $selector {
            fn from(text: String) -> Self {
                Self::parse(text)
            }
        }

        impl From<&String> for $selector {
            fn from(text: &String) -> Self {
                Self::parse(text.as_str())
            }
        }

        impl From<&$selector> for $selector {
            fn from(selector: &$selector) -> Self {
                selector.clone()
            }
        }
    };
}

selector!(
    /// Which workspace of an account is meant.
    Selector,
    WorkspaceId
);
selector!(
    /// Which snapshot of a workspace is meant.
    SnapshotSelector,
    SnapshotId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shaped_like_a_uuid_is_an_id_and_all_else_a_name() {
        let id = WorkspaceId::new();
        assert_eq!(Selector::parse(id.to_string()), Selector::Id(id));
        assert_eq!(
            Selector::parse(id.as_uuid().simple().to_string()),
            Selector::Id(id)
        );
        for text in [
            "",
            "x",
            "0193f0a0",
            "\n",
            "0193f0a0-0000-7000-8000-00000000000",
        ] {
            assert!(
                matches!(Selector::parse(text), Selector::Name { .. }),
                "{text:?}"
            );
        }
    }
}
