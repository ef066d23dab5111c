//! Request bodies: JSON, strictly.

use std::error::Error as StdError;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::Api;
use super::problem::Problem;

/// A JSON body that has to be there.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// A JSON body that may be left out, or null.
#[derive(Debug)]
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send a JSON body, with `Content-Type: application/json`";
            return Err(Problem::invalid_as(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail,
            ));
        }
        parse(&read(request).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            let detail = "send a JSON body, with `Content-Type: application/json`, or none";
            return Err(Problem::invalid_as(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail,
            ));
        }
        let given: Option<T> = parse(&bytes)?;
        Ok(Self(given.unwrap_or_default()))
    }
}

/// A field that was given, be it null: tells it from one that was left out.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A whole number as JSON Schema has it, to which `60.0` is one.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let whole = || {
        let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
        // Beyond this not every whole number has a form of its own.
        let exact = 0.0..=9_007_199_254_740_992.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number is whole and in range"
        )]
        exact.contains(&number).then_some(number as u64)
    };
    let wrong = || D::Error::custom(format!("{number} is no whole number in range"));
    number.as_u64().or_else(whole).ok_or_else(wrong)
}

/// The same, or null.
pub(super) fn whole_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole")] u64);

    let number = Option::<Whole>::deserialize(deserializer)?;
    Ok(number.map(|Whole(number)| number))
}

/// The same, told apart from one that was left out.
pub(super) fn given_whole_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<u64>>, D::Error> {
    whole_or_null(deserializer).map(Some)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::invalid(format!("the body is not as documented: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    let parameters = parameters.trim().to_ascii_lowercase();
    let is_utf_8 = ["", "charset=utf-8", "charset=\"utf-8\""].contains(&parameters.as_str());
    kind.trim().eq_ignore_ascii_case("application/json") && is_utf_8
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    // A layer limits how much there can be.
    let read = to_bytes(request.into_body(), usize::MAX).await;
    read.map_err(|error| {
        if has_source::<http_body_util::LengthLimitError>(&error) {
            return Problem::of_layer(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if has_source::<tower_http::timeout::TimeoutError>(&error) {
            let detail = "the body did not arrive in time; send it faster";
            return Problem::invalid_as(StatusCode::REQUEST_TIMEOUT, detail);
        }
        Problem::invalid("the body broke off")
    })
}

fn has_source<E: StdError + 'static>(error: &axum::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<E>() {
            return true;
        }
        source = error.source();
    }
    false
}
