//! Importing a repository from GitHub.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, whole_or_null};
use super::conditions::Maker;
use super::openapi::IdempotencyKey;
use super::problem::{Problem, Refusal};
use super::query::NoQuery;

/// What to import.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportBody {
    /// `owner/repo`.
    github_repo: String,
    /// Its name; one is made up without it.
    #[serde(default)]
    name: Option<String>,
    /// A branch, a tag or a commit, instead of the default branch.
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    /// How many commits of history, instead of all.
    #[serde(default, deserialize_with = "whole_or_null")]
    #[schema(minimum = 1, maximum = 4294967295u32)]
    depth: Option<u64>,
    /// Whether it is meant to be cloned.
    #[serde(default)]
    template: bool,
    /// The OCI reference of its image.
    #[serde(default)]
    image: Option<String>,
    /// Whether to answer when it is done, or at once.
    #[serde(default = "yes")]
    wait: bool,
}

fn yes() -> bool {
    true
}

/// Imports a repository from GitHub into a new sandbox workspace.
///
/// This server cannot: it answers `unsupported`.
#[utoipa::path(post, path = "/v1/workspaces/import", tag = "workspaces", request_body = ImportBody,
    params(IdempotencyKey),
    responses(Refusal))]
pub(super) async fn import(
    maker: Maker,
    _: NoQuery,
    Body(body): Body<ImportBody>,
) -> Result<Response, Problem> {
    maker.asking(&body)?;
    if body
        .depth
        .is_some_and(|depth| !(1..=u64::from(u32::MAX)).contains(&depth))
    {
        return Err(Problem::invalid("a depth is 1 to 4294967295"));
    }
    let detail = "this server was built without the feature `github`; create a workspace and fill it in a session";
    Err(Problem::unsupported(detail))
}
