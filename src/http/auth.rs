//! Whose request it is.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use super::problem::Problem;
use crate::error::Error;
use crate::manager::Account;
use crate::model::AccountId;

/// The key of a request's `Authorization: Bearer KEY`. Never shown by [`Debug`](fmt::Debug).
pub struct BearerKey(String);

impl BearerKey {
    /// The key's bytes. Compare them in constant time.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for BearerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerKey(…)")
    }
}

/// Says whose key it is. [`HashedKeys`](super::HashedKeys) is the bundled one.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// The account that the key belongs to, or `None` if it is nobody's.
    ///
    /// How long it takes MUST NOT tell how much of a key is right, and it MUST NOT block the runtime.
    ///
    /// # Errors
    /// Those of a store that is asked for the key. The request is then answered with the error's code.
    async fn account_of(&self, key: &BearerKey) -> Result<Option<AccountId>, Error>;
}

/// Lets a request through that has a key, and notes whose it is.
pub(super) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = address(&request);
    if let Some(wait) = address.and_then(|address| api.throttle.wait(address)) {
        return Err(refused(
            "too many wrong keys came from this address",
            Some(wait),
        ));
    }
    let Some(key) = bearer(request.headers()) else {
        return Err(refused("give a key, as `Authorization: Bearer KEY`", None));
    };
    let Some(account) = api.authenticator.account_of(&key).await? else {
        if let Some(address) = address {
            api.throttle.note_failure(address);
        }
        return Err(refused("the key is nobody's", None));
    };
    request.extensions_mut().insert(account);
    Ok(next.run(request).await)
}

/// The account's handle, of a request that was let through.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Account);

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let account = parts.extensions.get::<AccountId>().cloned();
        let account = account.ok_or_else(|| refused("give a key", None))?;
        Ok(Self(api.manager.account_of(account)))
    }
}

/// The key of the one `Authorization` header, if it is of the scheme.
fn bearer(headers: &HeaderMap) -> Option<BearerKey> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let value = given.next()?.to_str().ok()?;
    if given.next().is_some() {
        return None;
    }
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then(|| BearerKey(key.to_owned()))
}

fn address(request: &Request) -> Option<IpAddr> {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(info.0.ip())
}

fn refused(why: &str, wait: Option<Duration>) -> Problem {
    Problem::unauthorized(format!("not authorized: {why}"), wait)
}
