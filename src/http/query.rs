//! Query strings, strictly.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::Problem;

/// The parameters of a request, none of which is unknown or given twice.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

/// No parameters.
#[derive(Debug)]
pub(super) struct NoQuery;

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        if !is_well_encoded(text) {
            return Err(Problem::invalid("the query's percent-encoding is broken"));
        }
        serde_urlencoded::from_str(text)
            .map(Self)
            .map_err(|error| Problem::invalid(format!("the query is not as documented: {error}")))
    }
}

impl FromRequestParts<Api> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            Some(_) => Err(Problem::invalid(
                "this request takes no query; leave it out",
            )),
        }
    }
}

/// Whether each `%` has its two digits, and what comes out is UTF-8.
pub(super) fn is_well_encoded(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        rest = &rest[at + 3..];
    }
    percent_decode_str(text).decode_utf8().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_encoding_is_told_from_a_good_one() {
        for good in ["", "a", "%2F", "a%20b", "%F0%9F%A6%80"] {
            assert!(is_well_encoded(good), "{good}");
        }
        for bad in ["%", "%2", "%zz", "a%F", "%FF", "%C3%28"] {
            assert!(!is_well_encoded(bad), "{bad}");
        }
    }
}
