//! `ETag`, `If-Match` and `If-None-Match`.

use hyper::Method;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn change_of_another_revision_is_refused() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let seen = client.get("/v1/workspaces/w").await.expect(200);
    let at = [("if-match", seen.header("etag"))];
    let body = || Some(json!({"template": true}));
    let path = "/v1/workspaces/w/template";
    let changed = client
        .send(Method::PUT, path, &at, body())
        .await
        .expect(200);
    let requests = [
        (Method::PUT, path, body()),
        (
            Method::PUT,
            "/v1/workspaces/w/name",
            Some(json!({"name": "v"})),
        ),
        (
            Method::POST,
            "/v1/workspaces/w/snapshots",
            Some(json!({"name": "s"})),
        ),
        (
            Method::POST,
            "/v1/workspaces/w/sessions",
            Some(json!({"session_type": "sandbox"})),
        ),
        (Method::DELETE, "/v1/workspaces/w?force=true", None),
    ];
    for (method, path, body) in requests {
        let refused = client.send(method, path, &at, body).await;
        assert_eq!(refused.problem(), (412, "revision_conflict"));
        assert_eq!(refused.body["revision"], changed.body["revision"]);
    }
    let bare = format!("\"{}\"", changed.body["revision"]);
    for tag in [
        bare.as_str(),
        bare.trim_matches('"'),
        "*",
        changed.header("etag"),
    ] {
        client
            .send(Method::PUT, path, &[("if-match", tag)], body())
            .await
            .expect(200);
    }
    for wrong in [
        "x",
        "\"1",
        "\"x\"",
        "W/\"1\"",
        "\"1\", \"2\"",
        "\"1.1\"",
        "\"+1\"",
        "",
    ] {
        let refused = client
            .send(Method::PUT, path, &[("if-match", wrong)], body())
            .await;
        assert_eq!(refused.problem(), (400, "invalid_request"), "{wrong}");
    }
}

/// Two workspaces that one after the other have a name can have the same revision.
#[tokio::test]
async fn tag_is_of_the_workspace_and_not_of_its_name() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let seen = client.get("/v1/workspaces/w").await.expect(200);
    client.delete("/v1/workspaces/w").await.expect(204);
    client.sandbox("w").await;
    let at = [("if-match", seen.header("etag"))];
    let refused = client
        .send(Method::DELETE, "/v1/workspaces/w", &at, None)
        .await;
    assert_eq!(refused.problem(), (412, "revision_conflict"));
}

#[tokio::test]
async fn workspace_that_is_known_is_not_sent_again() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let seen = client.get("/v1/workspaces/w").await.expect(200);
    let weak = format!("\"other\", W/{}", seen.header("etag"));
    for known in [seen.header("etag"), weak.as_str(), "*"] {
        let headers = [("if-none-match", known)];
        let known = client
            .send(Method::GET, "/v1/workspaces/w", &headers, None)
            .await
            .expect(304);
        assert_eq!(known.header("etag"), seen.header("etag"));
    }
    let headers = [("if-none-match", "\"other\"")];
    client
        .send(Method::GET, "/v1/workspaces/w", &headers, None)
        .await
        .expect(200);
}
