//! What a private repository is read with.

use std::fmt;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use crate::model::{AccountId, GithubRepo};

/// A secret that GitHub takes. It shows itself to nobody, and is overwritten when it is dropped.
pub struct Credential {
    /// `user:password`.
    pair: Zeroizing<String>,
}

impl Credential {
    /// A personal access token, or the token of a GitHub app's installation.
    pub fn token(token: impl Into<String>) -> Self {
        Self::basic("x-access-token", token)
    }

    /// A user's name and a password or token.
    pub fn basic(user: &str, password: impl Into<String>) -> Self {
        let password = Zeroizing::new(password.into());
        let mut pair = Zeroizing::new(String::with_capacity(user.len() + 1 + password.len()));
        pair.push_str(user);
        pair.push(':');
        pair.push_str(&password);
        Self { pair }
    }

    /// The value of an `Authorization` header, which hyper leaves out of whatever it shows.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(self.pair.as_bytes())));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

/// For which import a credential is wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialRequest {
    /// The account that imports.
    pub account: AccountId,
    /// The repository.
    pub repo: GithubRepo,
    /// The host that the credential is sent to.
    pub host: String,
}

/// Gives the credentials of imports.
///
/// It is asked once an import, when that begins and only if the site is reached over TLS. A credential is sent to the
/// site's host alone and follows no redirect; it is never written to disk, to a log or into an error.
#[async_trait]
pub trait CredentialProvider: fmt::Debug + Send + Sync + 'static {
    /// The credential to read a repository with, or `None` to read it as anybody can.
    ///
    /// # Errors
    /// The import fails as unauthorized.
    async fn credential(
        &self,
        request: CredentialRequest,
    ) -> Result<Option<Credential>, CredentialError>;
}

/// A credential could not be had. The reason is logged, and MUST hold no secret.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct CredentialError {
    reason: String,
}

impl CredentialError {
    /// Says why.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_shows_nothing_and_its_header_is_sensitive() {
        let credential = Credential::token("secret");
        assert_eq!(format!("{credential:?}"), "Credential");
        let header = credential.authorization().unwrap();
        assert_eq!(header, "Basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
