//! Ids: one type each, so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $new:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a fresh id, different from every other.
            #[expect(clippy::new_without_default, reason = "a default that differs each time would surprise")]
            pub fn new() -> Self {
                Self($new)
            }

            /// Takes an id that was made before.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// Names a workspace for life. A UUID of version 7: it sorts by, and so discloses, the time of creation.
    WorkspaceId,
    Uuid::now_v7()
);
id!(
    /// Names a snapshot for life.
    SnapshotId,
    Uuid::now_v7()
);
id!(
    /// Names a session for life.
    SessionId,
    Uuid::now_v7()
);
id!(
    /// Names a disk of a [`Volume`](crate::Volume). Never reused, and never a name that a caller chose.
    VolumeId,
    Uuid::new_v4()
);
id!(
    /// Names a metadata store, so that volumes know to which store they belong.
    StoreId,
    Uuid::new_v4()
);
