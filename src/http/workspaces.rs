//! Workspaces: listing, creating, cloning, reading, renaming, the template flag, deleting.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::answer::{importing, json, workspace, workspace_unless_known};
use super::auth::Caller;
use super::body::{Body, given};
use super::conditions::{Changer, Maker};
use super::openapi::{IdempotencyKey, IfMatch};
use super::problem::{Problem, Refusal};
use super::query::{NoQuery, Query};
use super::target::Target;
use super::workspace::{ImportView, SessionTypeView, StatusView, WorkspaceView};
use crate::manager::{Account, CloneWorkspace, CreateWorkspace, Force, ListWorkspaces};
use crate::model::{SnapshotSelector, Status, WorkspaceId};

/// Which workspaces a page holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// How many at most.
    #[param(nullable = false, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the page begins: the `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Only those of this session type.
    #[param(nullable = false, inline)]
    session_type: Option<SessionTypeView>,
    /// Only templates, or only what is none.
    #[param(nullable = false)]
    template: Option<bool>,
    /// Only those in this state.
    #[param(nullable = false, inline)]
    status: Option<StatusView>,
    /// Only those whose name starts so, ignoring case.
    #[param(nullable = false)]
    name_prefix: Option<String>,
}

/// A page of workspaces, in order of creation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkspacePage)]
pub(super) struct PageView {
    workspaces: Vec<WorkspaceView>,
    /// Where the next page begins, or null if this is the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// What is wanted: a new workspace or a clone.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the two forms are only described; `CreateBody` reads both"
)]
pub(super) enum NewWorkspace {
    /// A new workspace.
    Empty(NewEmpty),
    /// A clone.
    Clone(NewClone),
}

/// A new workspace.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct NewEmpty {
    /// What sessions it takes, for life.
    session_type: SessionTypeView,
    /// Its name; one is made up without it.
    name: Option<String>,
    /// The OCI reference of a sandbox's image.
    image: Option<String>,
    /// Whether it is meant to be cloned.
    #[schema(default = false)]
    #[serde(default)]
    template: bool,
}

/// A clone. Its session type and its image are the source's.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
pub(super) struct NewClone {
    /// The name or id of the workspace to clone.
    clone_from: String,
    /// Its name; one is made up without it.
    name: Option<String>,
    /// Whether it is meant to be cloned in turn.
    #[schema(default = false)]
    #[serde(default)]
    template: bool,
    /// The name or id of the source's snapshot to start from, instead of what it holds now.
    snapshot: Option<String>,
}

/// Both forms of [`NewWorkspace`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    #[serde(default, deserialize_with = "given")]
    session_type: Option<SessionTypeView>,
    #[serde(default, deserialize_with = "given")]
    clone_from: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    template: bool,
    #[serde(default, deserialize_with = "given")]
    image: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    snapshot: Option<Option<String>>,
}

/// What [`CreateBody`] asks for.
enum Wanted {
    Empty(CreateWorkspace),
    Clone(String, CloneWorkspace),
}

/// A new name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NameBody {
    /// The name, or null to take it away.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    name: Option<String>,
}

/// A new template flag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateBody {
    /// Whether it is meant to be cloned.
    template: bool,
}

/// How a workspace is deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Whether a running session is ended and a running operation is cancelled first.
    #[serde(default)]
    #[param(default = false)]
    force: bool,
}

/// Lists workspaces, a page at a time.
#[utoipa::path(get, path = "/v1/workspaces", tag = "workspaces", params(ListQuery),
    responses((status = 200, body = PageView), Refusal))]
pub(super) async fn list(
    Caller(account): Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let mut options = ListWorkspaces::default();
    options.limit = query.limit.unwrap_or(options.limit);
    options.cursor = query.cursor.map(|cursor| cursor.parse()).transpose()?;
    options.session_type = query.session_type.map(Into::into);
    options.template = query.template;
    options.status = query.status.map(Into::into);
    options.name_prefix = query.name_prefix;
    let page = account.list(options).await?;
    let page = PageView {
        workspaces: page.workspaces.into_iter().map(Into::into).collect(),
        next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
    };
    Ok(json(StatusCode::OK, &page))
}

/// Creates a workspace, or clones one.
#[utoipa::path(post, path = "/v1/workspaces", tag = "workspaces", request_body = NewWorkspace, params(IdempotencyKey),
    responses((status = 201, body = WorkspaceView, headers(("ETag" = String))), Refusal))]
pub(super) async fn create(
    maker: Maker,
    _: NoQuery,
    Body(body): Body<CreateBody>,
) -> Result<Response, Problem> {
    let account = maker.asking(&body)?;
    let made = match body.wanted()? {
        Wanted::Empty(options) => account.create(options).await?,
        Wanted::Clone(source, options) => account.clone_workspace(source, options).await?,
    };
    Ok(workspace(StatusCode::CREATED, made))
}

/// Reads a workspace.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}", tag = "workspaces",
    params(("workspace" = String, Path, description = "Its name or id."),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "An ETag that is known already.")),
    responses((status = 200, body = WorkspaceView, headers(("ETag" = String))),
        (status = 304, description = "It is as it was."), Refusal))]
pub(super) async fn get(
    Caller(account): Caller,
    Target(selector): Target,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = account.get(selector).await?;
    if found.status == Status::Importing {
        let import = progress(&account, found.id).await;
        return Ok(importing(found, import));
    }
    Ok(workspace_unless_known(found, &headers))
}

#[cfg(feature = "github")]
async fn progress(account: &Account, id: WorkspaceId) -> Option<ImportView> {
    // It may be over by now, or another process may run it.
    let watch = account.import_progress(id).await.ok().flatten()?;
    Some(watch.current().into())
}

#[cfg(not(feature = "github"))]
async fn progress(_: &Account, _: WorkspaceId) -> Option<ImportView> {
    None
}

/// Renames a workspace, or takes its name away.
#[utoipa::path(put, path = "/v1/workspaces/{workspace}/name", tag = "workspaces", request_body = NameBody,
    params(("workspace" = String, Path, description = "Its name or id."), IfMatch),
    responses((status = 200, body = WorkspaceView, headers(("ETag" = String))), Refusal))]
pub(super) async fn rename(
    Changer(account): Changer,
    Target(selector): Target,
    _: NoQuery,
    Body(body): Body<NameBody>,
) -> Result<Response, Problem> {
    let renamed = match body.name {
        Some(name) => account.set_name(selector, &name).await?,
        None => account.clear_name(selector).await?,
    };
    Ok(workspace(StatusCode::OK, renamed))
}

/// Makes a workspace a template, or no longer one.
#[utoipa::path(put, path = "/v1/workspaces/{workspace}/template", tag = "workspaces", request_body = TemplateBody,
    params(("workspace" = String, Path, description = "Its name or id."), IfMatch),
    responses((status = 200, body = WorkspaceView, headers(("ETag" = String))), Refusal))]
pub(super) async fn set_template(
    Changer(account): Changer,
    Target(selector): Target,
    _: NoQuery,
    Body(body): Body<TemplateBody>,
) -> Result<Response, Problem> {
    let changed = account.set_template(selector, body.template).await?;
    Ok(workspace(StatusCode::OK, changed))
}

/// Deletes a workspace, its snapshots and its files.
#[utoipa::path(delete, path = "/v1/workspaces/{workspace}", tag = "workspaces",
    params(("workspace" = String, Path, description = "Its name or id."), DeleteQuery, IfMatch),
    responses((status = 204, description = "It is deleted."), Refusal))]
pub(super) async fn delete(
    Changer(account): Changer,
    Target(selector): Target,
    Query(query): Query<DeleteQuery>,
) -> Result<Response, Problem> {
    account.delete(selector, force(query.force)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a workspace can be asked for whose name is a path of its own.
pub(super) fn of_that_name() -> MethodRouter<Api> {
    axum::routing::get(get).delete(delete)
}

/// Reads a flag of a request.
pub(super) fn force(force: bool) -> Force {
    match force {
        true => Force::Yes,
        false => Force::No,
    }
}

impl CreateBody {
    fn wanted(self) -> Result<Wanted, Problem> {
        let wrong = |detail: &str| Err(Problem::invalid(detail));
        match (self.session_type, self.clone_from) {
            (None, None) => {
                wrong("give `session_type` for a new workspace or `clone_from` for a clone")
            }
            (Some(_), Some(_)) => wrong(
                "a clone's session type is its source's; leave out `session_type` or `clone_from`",
            ),
            (None, Some(_)) if self.image.is_some() => {
                wrong("a clone's image is its source's; leave out `image`")
            }
            (Some(_), None) if self.snapshot.is_some() => {
                wrong("only a clone starts from a snapshot; leave out `snapshot`")
            }
            (Some(session_type), None) => {
                let mut options = CreateWorkspace::new(session_type.into());
                options.name = self.name;
                options.image = self.image.flatten();
                options.template = self.template;
                Ok(Wanted::Empty(options))
            }
            (None, Some(source)) => {
                let mut options = CloneWorkspace::of_head();
                options.name = self.name;
                options.template = self.template;
                options.snapshot = self.snapshot.flatten().map(SnapshotSelector::parse);
                Ok(Wanted::Clone(source, options))
            }
        }
    }
}
