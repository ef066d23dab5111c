//! What a request's path means.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::Api;
use super::problem::Problem;
use super::query::is_well_encoded;
use crate::model::{Selector, SessionId, SnapshotSelector};

/// `{workspace}`.
#[derive(Debug)]
pub(super) struct Target(pub(super) Selector);

/// `{workspace}` and the `{name}` of one of its snapshots.
#[derive(Debug)]
pub(super) struct SnapshotTarget(pub(super) Selector, pub(super) SnapshotSelector);

/// `{workspace}` and the `{id}` of one of its sessions.
#[derive(Debug)]
pub(super) struct SessionTarget(pub(super) Selector, pub(super) SessionId);

impl FromRequestParts<Api> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let parameters = parameters(parts, api).await?;
        match parameter(&parameters, "workspace") {
            Some(workspace) => Ok(Self(Selector::parse(workspace))),
            // The paths that mean something else for a POST.
            None => {
                let path = parts.uri.path();
                let (_, last) = path.rsplit_once('/').unwrap_or(("", path));
                Ok(Self(Selector::parse(last)))
            }
        }
    }
}

impl FromRequestParts<Api> for SnapshotTarget {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let parameters = parameters(parts, api).await?;
        let workspace = parameter(&parameters, "workspace").unwrap_or_default();
        let name = parameter(&parameters, "name").unwrap_or_default();
        Ok(Self(
            Selector::parse(workspace),
            SnapshotSelector::parse(name),
        ))
    }
}

impl FromRequestParts<Api> for SessionTarget {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let parameters = parameters(parts, api).await?;
        let workspace = parameter(&parameters, "workspace").unwrap_or_default();
        let id = parameter(&parameters, "id").unwrap_or_default();
        let session = id.parse().map_err(|_| Problem::session_not_found(id))?;
        Ok(Self(Selector::parse(workspace), session))
    }
}

async fn parameters(parts: &mut Parts, api: &Api) -> Result<RawPathParams, Problem> {
    let broken = || Problem::invalid("the path's percent-encoding is broken");
    if !is_well_encoded(parts.uri.path()) {
        return Err(broken());
    }
    let parameters = RawPathParams::from_request_parts(parts, api).await;
    parameters.map_err(|_| broken())
}

fn parameter<'a>(parameters: &'a RawPathParams, name: &str) -> Option<&'a str> {
    let mut all = parameters.iter();
    all.find(|(key, _)| *key == name).map(|(_, value)| value)
}
