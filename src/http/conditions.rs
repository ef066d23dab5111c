//! The headers on which a change depends: `If-Match` and `Idempotency-Key`.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH};
use axum::http::request::Parts;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Api;
use super::auth::Caller;
use super::problem::Problem;
use crate::manager::Account;
use crate::model::{RequestKey, WorkspaceId};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The account's handle for a change of one workspace, with what `If-Match` expects of it.
#[derive(Debug)]
pub(super) struct Changer(pub(super) Account);

/// The account's handle for a request that makes something, with what `If-Match` expects and the request's key.
#[derive(Debug)]
pub(super) struct Maker {
    account: Account,
    key: Option<String>,
    /// The method and the path.
    asked: String,
}

impl Maker {
    /// The handle for the request whose body is this.
    pub(super) fn asking(self, body: &impl Serialize) -> Result<Account, Problem> {
        let Some(key) = self.key else {
            return Ok(self.account);
        };
        let body = serde_json::to_vec(body).expect("because no body holds a map");
        let mut digest = Sha256::new();
        for part in [self.asked.as_bytes(), &body] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let request: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = RequestKey::new(key, request)?;
        Ok(self.account.once(request))
    }
}

impl FromRequestParts<Api> for Changer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(account) = Caller::from_request_parts(parts, api).await?;
        match one(&parts.headers, &IF_MATCH)? {
            None | Some("*") => Ok(Self(account)),
            Some(tag) => expecting(&account, tag).map(Self).ok_or_else(|| {
                let form = "`If-Match` takes one ETag as it was answered, or `*`";
                Problem::invalid(form)
            }),
        }
    }
}

impl FromRequestParts<Api> for Maker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Changer(account) = Changer::from_request_parts(parts, api).await?;
        let key = one(&parts.headers, &IDEMPOTENCY_KEY)?.map(str::to_owned);
        if key.as_ref().is_some_and(String::is_empty) {
            return Err(Problem::invalid("the idempotency key is empty"));
        }
        let asked = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self {
            account,
            key,
            asked,
        })
    }
}

/// The value of a header that is given once at most.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut given = headers.get_all(name).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let readable = value.to_str().ok().filter(|_| given.next().is_none());
    let readable = readable.map(|value| value.trim_matches(' '));
    let unreadable = || Problem::invalid(format!("give `{name}` once, in visible characters"));
    readable.map(Some).ok_or_else(unreadable)
}

/// The handle that expects what a tag names: `"ID.REVISION"` as answers carry it, or `"REVISION"`, quoted or not.
fn expecting(account: &Account, tag: &str) -> Option<Account> {
    // Many a client takes the quotes away.
    let tag = match tag.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => tag,
    };
    let revision = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    match tag.split_once('.') {
        None => Some(account.expecting(revision(tag)?)),
        Some((id, text)) => {
            let id: WorkspaceId = id.parse().ok()?;
            Some(account.expecting_of(id, revision(text)?))
        }
    }
}
