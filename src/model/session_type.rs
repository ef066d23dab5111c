//! The two kinds of use that a workspace can be locked to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a workspace is for, for life: it is given at creation, inherited by clones, and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionType {
    /// A browser's profile.
    Browser,
    /// A sandbox's disk.
    Sandbox,
}

impl SessionType {
    /// The type that this one is not.
    pub(crate) fn other(self) -> Self {
        match self {
            SessionType::Browser => SessionType::Sandbox,
            SessionType::Sandbox => SessionType::Browser,
        }
    }

    /// The text of the type: `browser` or `sandbox`.
    pub fn as_str(self) -> &'static str {
        match self {
            SessionType::Browser => "browser",
            SessionType::Sandbox => "sandbox",
        }
    }
}

impl fmt::Display for SessionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SessionType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "browser" => Ok(SessionType::Browser),
            "sandbox" => Ok(SessionType::Sandbox),
            _ => Err(Error::InvalidRequest {
                reason: format!("a session type is `browser` or `sandbox`, not {text:?}"),
            }),
        }
    }
}
