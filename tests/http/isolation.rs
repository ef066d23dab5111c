//! What one account has is to another like what never was, through every operation of the document.
//!
//! A request is sent twice: with what another account has, and with what nobody has. What is refused must be answered by
//! the same bytes, the texts aside that were sent, and nothing of the other account may change.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::document::DOCUMENT;
use crate::support::{Answer, Client, Server};

/// What a stranger sends as if it were its own. What nobody has is of the same length.
#[derive(Clone, Debug)]
struct Asked {
    workspace: String,
    name: String,
    snapshot: String,
    session: String,
    etag: String,
    /// How the keys of requests begin that were made.
    key: &'static str,
    cursor: String,
}

impl Asked {
    /// The answer without what was sent.
    fn strip(&self, text: &str) -> String {
        text.replace(&self.workspace, "WORKSPACE")
            .replace(&self.name, "NAME")
            .replace(&self.snapshot, "SNAPSHOT")
            .replace(&self.session, "SESSION")
    }
}

type Request = (String, Option<Value>);

/// An operation of the document, and the requests that a stranger makes of it.
struct Row {
    operation: &'static str,
    requests: fn(&Asked) -> Vec<Request>,
}

/// What is the owner's, asked for in the owner's workspace and in the stranger's own.
fn in_both(it: &Asked, rest: &str, body: Option<Value>) -> Vec<Request> {
    let of = |workspace| (format!("/v1/workspaces/{workspace}/{rest}"), body.clone());
    vec![of(&*it.workspace), of("own")]
}

/// The operations that take nothing that an account could have.
const WITHOUT: [&str; 3] = ["GET /healthz", "GET /readyz", "GET /v1/openapi.json"];

const ROWS: [Row; 20] = [
    Row {
        operation: "GET /v1/workspaces",
        requests: |it| {
            vec![
                ("/v1/workspaces".to_owned(), None),
                (format!("/v1/workspaces?cursor={}", it.cursor), None),
                (format!("/v1/workspaces?name_prefix={}", it.name), None),
            ]
        },
    },
    Row {
        operation: "POST /v1/workspaces",
        requests: |it| {
            let clone = |body| ("/v1/workspaces".to_owned(), Some(body));
            vec![
                clone(json!({"session_type": "sandbox", "name": it.name})),
                clone(json!({"clone_from": it.workspace})),
                clone(json!({"clone_from": it.workspace, "snapshot": it.snapshot})),
                clone(json!({"clone_from": "own", "snapshot": it.snapshot})),
                clone(json!({"clone_from": "own", "name": it.name})),
            ]
        },
    },
    Row {
        operation: "POST /v1/workspaces/import",
        requests: |it| {
            let body = json!({"github_repo": "owner/repo", "name": it.name});
            vec![("/v1/workspaces/import".to_owned(), Some(body))]
        },
    },
    Row {
        operation: "POST /v1/workspaces/bulk-delete",
        requests: |it| {
            let body = json!({"workspace_ids": [it.workspace, it.name, "own"], "force": true});
            vec![("/v1/workspaces/bulk-delete".to_owned(), Some(body))]
        },
    },
    Row {
        operation: "GET /v1/workspaces/bulk-delete",
        requests: |_| vec![("/v1/workspaces/bulk-delete".to_owned(), None)],
    },
    Row {
        operation: "DELETE /v1/workspaces/bulk-delete",
        requests: |_| vec![("/v1/workspaces/bulk-delete".to_owned(), None)],
    },
    Row {
        operation: "GET /v1/workspaces/import",
        requests: |_| vec![("/v1/workspaces/import".to_owned(), None)],
    },
    Row {
        operation: "DELETE /v1/workspaces/import",
        requests: |_| vec![("/v1/workspaces/import".to_owned(), None)],
    },
    Row {
        operation: "GET /v1/workspaces/{workspace}",
        requests: |it| vec![(format!("/v1/workspaces/{}", it.workspace), None)],
    },
    Row {
        operation: "DELETE /v1/workspaces/{workspace}",
        requests: |it| {
            let path = format!("/v1/workspaces/{}", it.workspace);
            vec![(path.clone(), None), (format!("{path}?force=true"), None)]
        },
    },
    Row {
        operation: "PUT /v1/workspaces/{workspace}/name",
        requests: |it| {
            let path = format!("/v1/workspaces/{}/name", it.workspace);
            let own = "/v1/workspaces/own/name".to_owned();
            vec![
                (path.clone(), Some(json!({"name": "mine"}))),
                (path, Some(json!({"name": null}))),
                (own, Some(json!({"name": it.name}))),
            ]
        },
    },
    Row {
        operation: "PUT /v1/workspaces/{workspace}/template",
        requests: |it| {
            let path = format!("/v1/workspaces/{}/template", it.workspace);
            vec![(path, Some(json!({"template": true})))]
        },
    },
    Row {
        operation: "GET /v1/workspaces/{workspace}/snapshots",
        requests: |it| vec![(format!("/v1/workspaces/{}/snapshots", it.workspace), None)],
    },
    Row {
        operation: "POST /v1/workspaces/{workspace}/snapshots",
        requests: |it| {
            let of = |workspace: &str, name: &str| {
                let path = format!("/v1/workspaces/{workspace}/snapshots");
                (path, Some(json!({"name": name, "force": true})))
            };
            vec![of(&it.workspace, "s"), of("own", &it.name)]
        },
    },
    Row {
        operation: "DELETE /v1/workspaces/{workspace}/snapshots/{name}",
        requests: |it| in_both(it, &format!("snapshots/{}", it.snapshot), None),
    },
    Row {
        operation: "POST /v1/workspaces/{workspace}/snapshots/{name}/restore",
        requests: |it| {
            let restore = format!("snapshots/{}/restore", it.snapshot);
            in_both(it, &restore, Some(json!({"force": true})))
        },
    },
    Row {
        operation: "POST /v1/workspaces/{workspace}/sessions",
        requests: |it| {
            let path = format!("/v1/workspaces/{}/sessions", it.workspace);
            vec![(path, Some(json!({"session_type": "sandbox"})))]
        },
    },
    Row {
        operation: "GET /v1/workspaces/{workspace}/sessions/{id}",
        requests: |it| in_both(it, &format!("sessions/{}", it.session), None),
    },
    Row {
        operation: "DELETE /v1/workspaces/{workspace}/sessions/{id}",
        requests: |it| in_both(it, &format!("sessions/{}", it.session), None),
    },
    Row {
        operation: "POST /v1/workspaces/{workspace}/sessions/{id}/renew",
        requests: |it| in_both(it, &format!("sessions/{}/renew", it.session), None),
    },
];

#[test]
fn every_operation_of_the_document_is_in_the_table() {
    let mut tried: BTreeSet<String> = ROWS.iter().map(|row| row.operation.to_owned()).collect();
    tried.extend(WITHOUT.map(str::to_owned));
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(tried, described.collect());
}

#[cfg(feature = "github")]
async fn server() -> Server {
    Server::importing_from("http://127.0.0.1:1", Default::default()).await
}

#[cfg(not(feature = "github"))]
async fn server() -> Server {
    Server::start().await
}

/// How many requests the owner has made under keys.
const KEYS: usize = 100;

/// What the owner has, by ids and by names.
async fn owned(client: &Client) -> Vec<Asked> {
    for number in 0..KEYS {
        let key = format!("their {number}");
        let headers = [("idempotency-key", &*key)];
        let body = json!({"session_type": "sandbox", "name": "keyed"});
        let made = client.send(Method::POST, "/v1/workspaces", &headers, Some(body));
        made.await.expect(201);
        client.delete("/v1/workspaces/keyed").await.expect(204);
    }
    let made = client.sandbox("kept").await;
    let id = made["id"].as_str().unwrap();
    client.sandbox("more").await;
    let body = json!({"name": "first"});
    let taken = client.post("/v1/workspaces/kept/snapshots", body).await;
    let taken = taken.expect(201);
    let body = json!({"session_type": "sandbox"});
    let started = client.post("/v1/workspaces/kept/sessions", body).await;
    let page = client.get("/v1/workspaces?limit=1").await.expect(200);
    let asked = |workspace: &str, snapshot: &str| Asked {
        workspace: workspace.to_owned(),
        name: "kept".to_owned(),
        snapshot: snapshot.to_owned(),
        session: started.text("id").to_owned(),
        etag: format!("\"{id}.{}\"", made["revision"]),
        key: "their",
        cursor: page.text("next_cursor").to_owned(),
    };
    vec![asked(id, taken.text("id")), asked("kept", "first")]
}

/// The same shape of what nobody has.
fn of_nobody(asked: &Asked) -> Asked {
    let id = || uuid::Uuid::new_v4().to_string();
    let [workspace, snapshot] = match asked.workspace == asked.name {
        true => ["none".to_owned(), "never".to_owned()],
        false => [id(), id()],
    };
    Asked {
        workspace,
        name: "none".to_owned(),
        snapshot,
        session: id(),
        etag: format!("\"{}{}", id(), &asked.etag[37..]),
        key: "no-ne",
        cursor: format!("{}{}", id(), id()).replace('-', ""),
    }
}

/// Leaves the stranger one workspace with a snapshot.
async fn reset(client: &Client) {
    let all = client.get("/v1/workspaces").await.expect(200).body;
    let ids = all["workspaces"].as_array().unwrap().iter();
    let ids: Vec<&Value> = ids.map(|it| &it["id"]).collect();
    let body = json!({"workspace_ids": ids, "force": true});
    let deleted = client.post("/v1/workspaces/bulk-delete", body).await;
    deleted.expect(200);
    client.sandbox("own").await;
    let taken = client.post("/v1/workspaces/own/snapshots", json!({"name": "mine"}));
    taken.await.expect(201);
}

/// All that the owner is shown of what it has.
async fn export(client: &Client) -> String {
    let all = client.get("/v1/workspaces").await.expect(200).body;
    let mut export = all.to_string();
    for workspace in all["workspaces"].as_array().unwrap() {
        let path = format!("/v1/workspaces/{}", workspace["id"].as_str().unwrap());
        export += client.get(&path).await.expect(200).header("etag");
        let snapshots = client.get(&format!("{path}/snapshots")).await.expect(200);
        export += &snapshots.text;
        if let Some(session) = workspace["active_session_id"].as_str() {
            let session = client.get(&format!("{path}/sessions/{session}")).await;
            export += &session.expect(200).text;
        }
    }
    export
}

/// What a refusal tells, to the byte; of a success, what does not differ from one run to the next.
fn told(answer: &Answer, asked: &Asked) -> String {
    if answer.status.is_success() && answer.body["results"].is_null() {
        let (status, body) = (answer.status, answer.body.clone());
        return asked.strip(&format!("{status} {:#}", without_ids_and_times(body)));
    }
    let mut headers: Vec<String> = Vec::new();
    for (name, value) in &answer.headers {
        if !["x-request-id", "date"].contains(&name.as_str()) {
            headers.push(format!("{name}: {}", value.to_str().unwrap()));
        }
    }
    headers.sort();
    // A revision that is not as expected is told with the id of one's own workspace, which is made anew each time.
    let text = match answer.status.as_u16() {
        412 => without_ids_and_times(answer.body.clone()).to_string(),
        _ => answer.text.clone(),
    };
    asked.strip(&format!("{} {headers:?} {text}", answer.status))
}

fn without_ids_and_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_fresh = name.ends_with("_at")
                    || [
                        "id",
                        "clone_of",
                        "base_snapshot",
                        "parent",
                        "path",
                        "workspace_id",
                        "detail",
                    ]
                    .contains(&&**name);
                if is_fresh && field.is_string() {
                    *field = json!("fresh");
                } else {
                    *field = without_ids_and_times(field.take());
                }
            }
        }
        Value::Array(all) => {
            for item in all {
                *item = without_ids_and_times(item.take());
            }
        }
        _ => {}
    }
    value
}

#[tokio::test]
async fn what_another_account_has_is_answered_like_what_never_was() {
    let server = server().await;
    let (owner, stranger) = (server.client(), server.stranger());
    let all = owned(&owner).await;
    let before = export(&owner).await;
    reset(&stranger).await;
    let mut keys = 0..KEYS;
    for row in &ROWS {
        let (method, _) = row.operation.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        for theirs in &all {
            let nobodys = of_nobody(theirs);
            let pairs = (row.requests)(theirs).into_iter();
            for (one, other) in pairs.zip((row.requests)(&nobodys)) {
                let key = keys.next().unwrap();
                for header in Header::ALL {
                    let first = ask(&stranger, &method, &one, theirs, (header, key)).await;
                    let second = ask(&stranger, &method, &other, &nobodys, (header, key)).await;
                    assert_eq!(first, second, "{method} {} {header:?}", one.0);
                }
            }
        }
        assert_eq!(export(&owner).await, before, "{} changes", row.operation);
    }
}

/// A header on which a request depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    None,
    IfMatch,
    IdempotencyKey,
}

impl Header {
    const ALL: [Self; 3] = [Self::None, Self::IfMatch, Self::IdempotencyKey];

    fn of(self, asked: &Asked, key: usize) -> Vec<(&'static str, String)> {
        match self {
            Self::None => vec![],
            Self::IfMatch => vec![("if-match", asked.etag.clone())],
            Self::IdempotencyKey => vec![("idempotency-key", format!("{} {key}", asked.key))],
        }
    }
}

async fn ask(
    stranger: &Client,
    method: &Method,
    (path, body): &Request,
    asked: &Asked,
    (header, key): (Header, usize),
) -> String {
    let headers = header.of(asked, key);
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let answer = stranger.send(method.clone(), path, &headers, body.clone());
    let answer = answer.await;
    if answer.status.is_success() && *method != Method::GET {
        reset(stranger).await;
    }
    told(&answer, asked)
}
