//! Importing a repository from GitHub.

use std::num::NonZeroU32;
#[cfg(feature = "github")]
use std::time::Duration;

use axum::extract::State;
#[cfg(feature = "github")]
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
#[cfg(feature = "github")]
use super::answer::workspace;
use super::body::{Body, whole_or_null};
use super::conditions::Maker;
use super::openapi::IdempotencyKey;
use super::problem::{Problem, Refusal};
use super::query::NoQuery;
use super::workspace::WorkspaceView;
#[cfg(feature = "github")]
use crate::github::ImportWatch;
use crate::manager::Account;
#[cfg(feature = "github")]
use crate::manager::ImportRepository;

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
/// It answers when the import is done, or at once with `wait` false, or when it takes longer than the server waits: then it
/// goes on, and reading the workspace tells how far it is. A client that goes away while it waits cancels the import. A
/// server that cannot import answers `unsupported`.
#[utoipa::path(post, path = "/v1/workspaces/import", tag = "workspaces", request_body = ImportBody,
    params(IdempotencyKey),
    responses((status = 201, body = WorkspaceView, headers(("ETag" = String))),
        (status = 202, description = "It goes on.", body = WorkspaceView, headers(("ETag" = String))),
        (status = 502, description = "`import_unreachable`: the site does not answer.", body = Problem,
            content_type = "application/problem+json"), Refusal))]
pub(super) async fn import(
    State(api): State<Api>,
    maker: Maker,
    _: NoQuery,
    Body(body): Body<ImportBody>,
) -> Result<Response, Problem> {
    let account = maker.asking(&body)?;
    let depth = body.depth()?;
    run(&api, &account, body, depth).await
}

impl ImportBody {
    fn depth(&self) -> Result<Option<NonZeroU32>, Problem> {
        let depth = self.depth.map(|depth| {
            let depth = u32::try_from(depth).ok().and_then(NonZeroU32::new);
            depth.ok_or_else(|| Problem::invalid("a depth is 1 to 4294967295"))
        });
        depth.transpose()
    }
}

#[cfg(feature = "github")]
async fn run(
    api: &Api,
    account: &Account,
    body: ImportBody,
    depth: Option<NonZeroU32>,
) -> Result<Response, Problem> {
    let mut wanted = ImportRepository::new(body.github_repo);
    wanted.reference = body.reference;
    wanted.depth = depth;
    wanted.name = body.name;
    wanted.image = body.image;
    wanted.template = body.template;
    let import = account.import(wanted).await?;
    let patience = match body.wait {
        // It must answer before the layer does that would drop it, and so cancel the import.
        true => api.options.timeout.mul_f32(0.8),
        // What was done before under the same key is over by now, and its workspace may be gone.
        false => Duration::ZERO,
    };
    if is_over_within(import.progress(), patience).await {
        let made = import.finish().await?;
        return Ok(workspace(StatusCode::CREATED, made.workspace));
    }
    let id = import.detach();
    Ok(workspace(StatusCode::ACCEPTED, account.get(id).await?))
}

#[cfg(feature = "github")]
async fn is_over_within(mut watch: ImportWatch, patience: Duration) -> bool {
    let over = async { while !watch.current().is_over() && watch.changed().await.is_some() {} };
    tokio::time::timeout(patience, over).await.is_ok()
}

#[cfg(not(feature = "github"))]
async fn run(
    _: &Api,
    _: &Account,
    _: ImportBody,
    _: Option<NonZeroU32>,
) -> Result<Response, Problem> {
    let detail = "this server was built without the feature `github`; create a workspace and fill it in a session";
    Err(Problem::unsupported(detail))
}
