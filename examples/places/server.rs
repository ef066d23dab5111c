//! Workspaces on a server, through its HTTP API.

use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot::{self, Receiver};
use ureq::http::Request;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot};
use workdisk::model::SessionId;

use super::held::SERVER_LEASE;
use super::{BULK_LIMIT, Deleted, Failure, Place, Recovered, Result, Session, Wanted, Watch};
use crate::views::{Snapshot, Workspace};

/// The longest answer that is read: a page of a thousand workspaces is a tenth of it.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;

/// Which server is meant, and the account's key.
#[derive(Clone)]
pub(crate) struct ServerTarget {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
}

impl std::fmt::Debug for ServerTarget {
    /// Leaves the key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTarget")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A server that is asked.
pub(crate) struct Server {
    agent: ureq::Agent,
    target: ServerTarget,
}

impl Server {
    pub(crate) fn new(target: &ServerTarget) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Self {
            agent: config.new_agent(),
            target: target.clone(),
        }
    }

    async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(self.call("GET", path, None).await?)
    }

    pub(super) async fn send_json<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Value,
    ) -> Result<T> {
        read(self.call(method, path, Some(body)).await?)
    }

    /// Makes a call, and answers the text of the answer if the server did what was asked.
    async fn call(&self, method: &'static str, path: &str, body: Option<Value>) -> Result<String> {
        let url = format!("{}/v1{path}", self.target.url.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(url);
        if let Some(key) = &self.target.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let agent = self.agent.clone();
        let called = on_a_thread(move || {
            let response = match body {
                Some(body) => {
                    let request = request.header("content-type", "application/json");
                    agent.run(request.body(body.to_string())?)
                }
                None => agent.run(request.body(())?),
            };
            let mut response = response?;
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(MAX_ANSWER);
            Ok((status, body.read_to_string()?))
        });
        let called = called.await.map_err(|error| self.unreachable(&error))?;
        match called.map_err(|error: ureq::Error| self.unreachable(&error))? {
            (200..300, text) => Ok(text),
            (status, text) => Err(refused(status, &text)),
        }
    }

    fn unreachable(&self, error: &dyn std::fmt::Display) -> Failure {
        let detail = format!("the server at {} does not answer: {error}", self.target.url);
        Failure::new("server_unreachable", detail)
    }
}

/// Does what blocks on a thread that does not keep the process from ending, if nobody waits for the server any more.
fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, done) = oneshot::channel();
    std::thread::spawn(move || sender.send(work()));
    done
}

/// Reads an answer of a form that this release knows.
fn read<T: DeserializeOwned>(text: String) -> Result<T> {
    Ok(serde_json::from_str(&text)?)
}

/// Reads a problem, or says that the answer is none of a workdisk server.
fn refused(status: u16, text: &str) -> Failure {
    let problem = serde_json::from_str::<Map<String, Value>>(text);
    match problem.map(problem_of) {
        Ok(Some(failure)) => failure,
        _ => Failure::new(
            "server_unknown",
            format!("the answer (HTTP status {status}) is none of a workdisk server"),
        )
        .with_advice("is --url or WORKDISK_URL right?"),
    }
}

fn problem_of(mut problem: Map<String, Value>) -> Option<Failure> {
    let code = problem.remove("code")?.as_str()?.to_owned();
    let detail = problem.remove("detail");
    let detail = detail
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or(&code)
        .to_owned();
    for of_http in ["type", "title", "status", "instance"] {
        problem.remove(of_http);
    }
    Some(Failure::new(code, detail).with_data(problem))
}

/// A part of a path that may hold anything.
fn part(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

fn workspace_path(workspace: &str) -> String {
    format!("/workspaces/{}", part(workspace))
}

fn snapshots_path(workspace: &str) -> String {
    format!("{}/snapshots", workspace_path(workspace))
}

fn session_path(workspace: &str, session: SessionId) -> String {
    format!("{}/sessions/{session}", workspace_path(workspace))
}

/// The query of a listing.
fn query(options: &ListWorkspaces, cursor: Option<&str>) -> String {
    let mut query = format!("?limit={}", ListWorkspaces::MAX_LIMIT);
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            query.push_str(&format!("&{key}={}", part(&value)));
        }
    };
    add("cursor", cursor.map(str::to_owned));
    add(
        "session_type",
        options.session_type.map(|it| it.to_string()),
    );
    add("template", options.template.map(|it| it.to_string()));
    add("status", options.status.map(|it| it.to_string()));
    add("name_prefix", options.name_prefix.clone());
    query
}

/// An object without the fields that are null.
pub(super) fn given(fields: Value) -> Value {
    match fields {
        Value::Object(fields) => {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.collect())
        }
        other => other,
    }
}

#[derive(Deserialize)]
struct Page {
    workspaces: Vec<Workspace>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Snapshots {
    snapshots: Vec<Snapshot>,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    workspace: String,
    error: Option<Map<String, Value>>,
}

impl From<Item> for Deleted {
    fn from(item: Item) -> Self {
        let failure = item.error.map(|problem| {
            problem_of(problem)
                .unwrap_or_else(|| Failure::new("server_unknown", "it was not deleted"))
        });
        Self {
            workspace: item.workspace,
            result: failure.map_or(Ok(()), Err),
        }
    }
}

#[async_trait]
impl Place for Server {
    async fn create(&self, options: CreateWorkspace) -> Result<Workspace> {
        let body = given(json!({
            "session_type": options.session_type,
            "name": options.name,
            "image": options.image,
            "template": options.template,
        }));
        self.send_json("POST", "/workspaces", body).await
    }

    async fn clone_workspace(&self, source: &str, options: CloneWorkspace) -> Result<Workspace> {
        let body = given(json!({
            "clone_from": source,
            "name": options.name,
            "template": options.template,
            "snapshot": options.snapshot.map(|snapshot| snapshot.to_string()),
        }));
        self.send_json("POST", "/workspaces", body).await
    }

    async fn import(&self, wanted: Wanted, watch: Watch<'_>) -> Result<Workspace> {
        super::import::server::import(self, wanted, watch).await
    }

    async fn list(&self, options: ListWorkspaces) -> Result<Vec<Workspace>> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let path = format!("/workspaces{}", query(&options, cursor.as_deref()));
            let page: Page = self.get_json(&path).await?;
            all.extend(page.workspaces);
            if page.next_cursor.is_none() {
                return Ok(all);
            }
            cursor = page.next_cursor;
        }
    }

    async fn get(&self, workspace: &str) -> Result<Workspace> {
        self.get_json(&workspace_path(workspace)).await
    }

    /// A server measures when it sees fit.
    async fn measure(&self, workspace: &str) -> Result<Workspace> {
        self.get(workspace).await
    }

    async fn set_name(&self, workspace: &str, name: Option<&str>) -> Result<Workspace> {
        let path = format!("{}/name", workspace_path(workspace));
        self.send_json("PUT", &path, json!({ "name": name })).await
    }

    async fn set_template(&self, workspace: &str, template: bool) -> Result<Workspace> {
        let path = format!("{}/template", workspace_path(workspace));
        self.send_json("PUT", &path, json!({ "template": template }))
            .await
    }

    async fn snapshots(&self, workspace: &str) -> Result<Vec<Snapshot>> {
        let snapshots: Snapshots = self.get_json(&snapshots_path(workspace)).await?;
        Ok(snapshots.snapshots)
    }

    async fn create_snapshot(&self, workspace: &str, name: &str, force: Force) -> Result<Snapshot> {
        let body = json!({ "name": name, "force": force == Force::Yes });
        self.send_json("POST", &snapshots_path(workspace), body)
            .await
    }

    async fn restore(
        &self,
        workspace: &str,
        snapshot: &str,
        options: RestoreSnapshot,
    ) -> Result<Workspace> {
        let path = format!("{}/{}/restore", snapshots_path(workspace), part(snapshot));
        let body = given(json!({
            "force": options.force == Force::Yes,
            "save_head_as": options.save_head_as,
        }));
        self.send_json("POST", &path, body).await
    }

    async fn delete_snapshot(&self, workspace: &str, snapshot: &str) -> Result<()> {
        let path = format!("{}/{}", snapshots_path(workspace), part(snapshot));
        self.call("DELETE", &path, None).await.map(|_| ())
    }

    async fn delete(&self, workspaces: &[String], force: Force) -> Result<Vec<Deleted>> {
        let mut deleted = Vec::new();
        for some in workspaces.chunks(BULK_LIMIT) {
            let body = json!({ "workspace_ids": some, "force": force == Force::Yes });
            let answer: Results = self
                .send_json("POST", "/workspaces/bulk-delete", body)
                .await?;
            deleted.extend(answer.results.into_iter().map(Deleted::from));
        }
        Ok(deleted)
    }

    async fn start_session(&self, workspace: &str) -> Result<Session> {
        let session_type = self.get(workspace).await?.session_type;
        let path = format!("{}/sessions", workspace_path(workspace));
        let body = json!({ "session_type": session_type, "lease_seconds": SERVER_LEASE.as_secs() });
        self.send_json("POST", &path, body).await
    }

    async fn session(&self, workspace: &str, session: SessionId) -> Result<Session> {
        self.get_json(&session_path(workspace, session)).await
    }

    async fn renew_session(&self, workspace: &str, session: SessionId) -> Result<Session> {
        let path = format!("{}/renew", session_path(workspace, session));
        read(self.call("POST", &path, None).await?)
    }

    async fn end_session(&self, workspace: &str, session: SessionId) -> Result<Workspace> {
        self.call("DELETE", &session_path(workspace, session), None)
            .await?;
        self.get(workspace).await
    }

    /// That is for the server's log.
    fn recovered(&self) -> Option<Recovered> {
        None
    }

    /// A server gives space back by itself, whether it is asked or not.
    async fn reclaim(&self) -> Result<()> {
        Ok(())
    }
}
