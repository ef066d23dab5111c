//! Requests that cannot be read: each is told so, in the one form, and changes nothing.

use hyper::Method;
use serde_json::json;

use crate::support::{Client, Server};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn refused(client: &Client, method: Method, path: &str, body: &[u8]) -> (u16, String) {
    let answer = client.send_bytes(method, path, &JSON, body.to_vec()).await;
    let (status, code) = answer.problem();
    assert!(!answer.text("detail").is_empty());
    assert!(answer.text("type").ends_with(code));
    (status, code.to_owned())
}

fn invalid(status: u16) -> (u16, String) {
    (status, "invalid_request".to_owned())
}

#[tokio::test]
async fn body_that_is_not_as_documented_is_invalid() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let nested = format!(
        "{{\"name\": {}1{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let bodies: Vec<&[u8]> = vec![
        b"",
        b"{",
        b"null",
        b"[]",
        b"\"x\"",
        b"{} {}",
        b"{\"session_type\": \"sandbox\"} x",
        b"{\"session_type\": \"sandbox\", \"session_type\": \"sandbox\"}",
        b"{\"session_type\": \"sandbox\", \"unknown\": 1}",
        b"{\"session_type\": \"Sandbox\"}",
        b"{\"session_type\": null}",
        b"{\"session_type\": \"sandbox\", \"clone_from\": \"w\"}",
        b"{\"session_type\": \"sandbox\", \"clone_from\": null}",
        b"{\"session_type\": \"sandbox\", \"name\": 1}",
        b"{\"session_type\": \"sandbox\", \"template\": null}",
        b"{\"session_type\": \"sandbox\", \"template\": \"true\"}",
        b"{\"session_type\": \"sandbox\", \"snapshot\": null}",
        b"{\"clone_from\": \"w\", \"image\": null}",
        b"{\"name\": \"x\"}",
        b"{\"session_type\": \"sandbox\", \"name\": \"\xff\"}",
        b"{\"session_type\": \"sandbox\", \"name\": \"\\ud800\"}",
        &deep,
        nested.as_bytes(),
    ];
    for body in bodies {
        let answer = refused(&client, Method::POST, "/v1/workspaces", body).await;
        assert_eq!(answer, invalid(400), "{}", String::from_utf8_lossy(body));
    }
    for (method, path, body) in [
        (Method::PUT, "/v1/workspaces/w/name", "{}"),
        (
            Method::PUT,
            "/v1/workspaces/w/template",
            "{\"template\": null}",
        ),
        (
            Method::POST,
            "/v1/workspaces/w/snapshots",
            "{\"name\": null}",
        ),
        (
            Method::POST,
            "/v1/workspaces/w/snapshots/s/restore",
            "{\"force\": 1}",
        ),
        (
            Method::POST,
            "/v1/workspaces/bulk-delete",
            "{\"workspace_ids\": [1]}",
        ),
        (
            Method::POST,
            "/v1/workspaces/bulk-delete",
            "{\"workspace_ids\": \"w\"}",
        ),
        (Method::POST, "/v1/workspaces/w/sessions", "{}"),
    ] {
        let answer = refused(&client, method, path, body.as_bytes()).await;
        assert_eq!(answer, invalid(400), "{path} {body}");
    }
    let all = client.get("/v1/workspaces").await.expect(200).body;
    assert_eq!(all["workspaces"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn body_of_another_type_is_refused() {
    let server = Server::start().await;
    let client = server.client();
    let body = b"{\"session_type\": \"sandbox\"}";
    for kind in [
        None,
        Some("text/plain"),
        Some("application/json; charset=latin1"),
        Some("json"),
    ] {
        let headers: Vec<_> = kind.iter().map(|kind| ("content-type", *kind)).collect();
        let answer = client
            .send_bytes(Method::POST, "/v1/workspaces", &headers, body.to_vec())
            .await;
        assert_eq!(answer.problem(), (415, "invalid_request"), "{kind:?}");
    }
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        let headers = [("content-type", kind)];
        let made = client.send_bytes(Method::POST, "/v1/workspaces", &headers, body.to_vec());
        made.await.expect(201);
    }
}

#[tokio::test]
async fn query_that_is_not_as_documented_is_invalid() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1&limit=1",
        "limit=99999999999999999999",
        "unknown=1",
        "template=yes",
        "session_type=Sandbox",
        "status=gone",
        "cursor=x",
        "cursor=%F0%9F%A6%80%F0%9F%A6%80%F0%9F%A6%80%F0%9F%A6%80%F0%9F%A6%80%F0%9F%A6%80%F0%9F%A6%80%F0%9F%A6%80",
        "name_prefix=%zz",
        "name_prefix=%ff",
        "name_prefix=%",
    ] {
        let answer = refused(
            &client,
            Method::GET,
            &format!("/v1/workspaces?{query}"),
            b"",
        )
        .await;
        assert_eq!(answer, invalid(400), "{query}");
    }
    for path in [
        "/v1/workspaces/w?x=1",
        "/v1/workspaces/w/snapshots?x",
        "/healthz?x=1",
    ] {
        assert_eq!(
            refused(&client, Method::GET, path, b"").await,
            invalid(400),
            "{path}"
        );
    }
    for query in ["force=1", "force=yes", "force=true&force=true", "x=1"] {
        let path = format!("/v1/workspaces/w?{query}");
        assert_eq!(
            refused(&client, Method::DELETE, &path, b"").await,
            invalid(400)
        );
    }
    client.get("/v1/workspaces?").await.expect(200);
}

#[tokio::test]
async fn path_that_is_not_as_documented_is_told() {
    let server = Server::start().await;
    let client = server.client();
    for path in [
        "/v1/workspaces/%zz",
        "/v1/workspaces/%ff",
        "/v1/workspaces/a%2",
    ] {
        assert_eq!(
            refused(&client, Method::GET, path, b"").await,
            invalid(400),
            "{path}"
        );
    }
    for path in [
        "/",
        "/v1",
        "/v1/workspaces/",
        "/v2/workspaces",
        "/v1/workspaces/a/b",
        "/v1/x",
    ] {
        assert_eq!(
            refused(&client, Method::GET, path, b"").await,
            invalid(404),
            "{path}"
        );
    }
    for (method, path) in [
        (Method::PATCH, "/v1/workspaces"),
        (Method::DELETE, "/v1/workspaces"),
        (Method::POST, "/v1/workspaces/w"),
        (Method::PUT, "/v1/workspaces/import"),
        (Method::POST, "/healthz"),
    ] {
        let answer = client.send(method, path, &[], None).await;
        assert_eq!(answer.problem(), (405, "invalid_request"), "{path}");
        assert!(answer.header("allow").contains("GET"), "{path}");
    }
    let id = "/v1/workspaces/w/sessions/not-an-id";
    let answer = client.get(id).await;
    assert_eq!(answer.problem(), (404, "session_not_found"));
}

#[tokio::test]
async fn names_and_images_that_break_a_rule_are_told_which() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    for name in [
        json!(""),
        json!(" a"),
        json!("a\nb"),
        json!("\u{202e}abc"),
        json!("x".repeat(65)),
        json!("0193f0a0-0000-7000-8000-000000000000"),
    ] {
        let body = json!({"session_type": "sandbox", "name": name});
        let refused = client.post("/v1/workspaces", body).await;
        assert_eq!(refused.problem(), (422, "workspace_name_invalid"), "{name}");
        let refused = client
            .put("/v1/workspaces/w/name", json!({"name": name}))
            .await;
        assert_eq!(refused.problem(), (422, "workspace_name_invalid"), "{name}");
        let refused = client
            .post("/v1/workspaces/w/snapshots", json!({"name": name}))
            .await;
        assert_eq!(refused.problem(), (422, "snapshot_name_invalid"), "{name}");
    }
    let body = json!({"session_type": "sandbox", "image": "UPPER/case"});
    let refused = client.post("/v1/workspaces", body).await;
    assert_eq!(refused.problem(), (422, "image_invalid"));
    let body = json!({"session_type": "browser", "image": "ubuntu"});
    let refused = client.post("/v1/workspaces", body).await;
    assert_eq!(refused.problem(), (422, "image_not_allowed"));
    client.sandbox("x".repeat(64).as_str()).await;
    let body = json!({"session_type": "sandbox", "name": "W"});
    let refused = client.post("/v1/workspaces", body).await;
    assert_eq!(refused.problem(), (409, "workspace_name_taken"));
    client
        .post("/v1/workspaces/w/snapshots", json!({"name": "s"}))
        .await
        .expect(201);
    let refused = client
        .post("/v1/workspaces/w/snapshots", json!({"name": "S"}))
        .await;
    assert_eq!(refused.problem(), (409, "snapshot_name_taken"));
}
