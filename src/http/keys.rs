//! Keys that are kept as hashes.

use std::fmt;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::auth::{Authenticator, BearerKey};
use crate::error::Error;
use crate::model::AccountId;

/// Keys and whose they are. Only their SHA-256 is kept, and every lookup compares with all of them, each in constant time.
///
/// The hash is fast: it protects keys that are long and random, not passwords. An account may have any number of keys.
#[derive(Clone, Default)]
pub struct HashedKeys {
    keys: Vec<([u8; 32], AccountId)>,
}

/// A key cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It could not stand in a header.
    #[error("a key has one visible ASCII character at least, and no others")]
    NotVisible,
    /// It is another account's.
    #[error("the key is already another account's")]
    OfAnother,
}

impl HashedKeys {
    /// Knows no key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key of an account.
    ///
    /// # Errors
    /// [`KeyError`], which does not show the key.
    pub fn with_key(mut self, account: AccountId, key: &str) -> Result<Self, KeyError> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::NotVisible);
        }
        let hash = Sha256::digest(key.as_bytes()).into();
        match self.find(&hash) {
            Some(owner) if *owner != account => return Err(KeyError::OfAnother),
            Some(_) => {}
            None => self.keys.push((hash, account)),
        }
        Ok(self)
    }

    /// The accounts that have a key, each as often as it has one.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.keys.iter().map(|(_, account)| account)
    }

    fn find(&self, hash: &[u8; 32]) -> Option<&AccountId> {
        let mut found = u64::MAX;
        for (index, (known, _)) in (0..).zip(&self.keys) {
            let equal: Choice = known.ct_eq(hash);
            found.conditional_assign(&index, equal);
        }
        let (_, account) = self.keys.get(usize::try_from(found).ok()?)?;
        Some(account)
    }
}

#[async_trait]
impl Authenticator for HashedKeys {
    async fn account_of(&self, key: &BearerKey) -> Result<Option<AccountId>, Error> {
        let hash = Sha256::digest(key.as_bytes()).into();
        Ok(self.find(&hash).cloned())
    }
}

impl fmt::Debug for HashedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.accounts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> AccountId {
        AccountId::parse(id).unwrap()
    }

    #[test]
    fn each_key_is_its_accounts_and_another_nobodys() {
        let keys = HashedKeys::new()
            .with_key(account("a"), "first")
            .and_then(|keys| keys.with_key(account("b"), "second"))
            .and_then(|keys| keys.with_key(account("a"), "third"))
            .unwrap();
        let of = |key: &str| keys.find(&Sha256::digest(key).into()).cloned();
        assert_eq!(of("first"), Some(account("a")));
        assert_eq!(of("second"), Some(account("b")));
        assert_eq!(of("third"), Some(account("a")));
        assert_eq!(of("firs"), None);
    }

    #[test]
    fn key_is_of_one_account_and_can_stand_in_a_header() {
        let keys = HashedKeys::new().with_key(account("a"), "key").unwrap();
        let taken = keys.clone().with_key(account("b"), "key");
        assert_eq!(taken.unwrap_err(), KeyError::OfAnother);
        for key in ["", "a b", "é", "a\n"] {
            let refused = keys.clone().with_key(account("a"), key);
            assert_eq!(refused.unwrap_err(), KeyError::NotVisible);
        }
        assert!(!format!("{keys:?}").contains("key"));
    }
}
