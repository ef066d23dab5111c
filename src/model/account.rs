//! The tenant boundary.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Names an account: the tenant boundary of every call.
///
/// - Opaque: the text is compared byte by byte, never folded, trimmed or parsed.
/// - 1 to 255 bytes of UTF-8.
/// - Never part of a path on disk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Takes an account id.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the text is empty or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(Error::InvalidRequest {
                reason: format!(
                    "an account id has 1 to {} bytes, not {}",
                    Self::MAX_BYTES,
                    text.len()
                ),
            });
        }
        Ok(Self(text))
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.0
    }
}

impl fmt::Display for AccountId {
    /// Escapes control characters, so that an id stays on one line of a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({:?})", self.0)
    }
}
