//! Whose a request is.

use std::time::Duration;

use serde_json::json;
use workdisk::http::HttpOptions;

use crate::support::{KEY, Server};

#[tokio::test]
async fn request_without_a_good_key_is_unauthorized() {
    let server = Server::start().await;
    let nobody = server.nobody();
    let headers = [
        vec![],
        vec![("authorization", "Basic YTpi")],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Bearer another")],
        vec![("authorization", KEY)],
    ];
    for headers in headers {
        let refused = nobody
            .send(hyper::Method::GET, "/v1/workspaces", &headers, None)
            .await;
        assert_eq!(refused.problem(), (401, "unauthorized"));
        assert_eq!(
            refused.header("www-authenticate"),
            "Bearer realm=\"workdisk\""
        );
        assert!(!refused.body.to_string().contains("another"));
    }
    let lower = format!("bearer {KEY}");
    let headers = [("authorization", lower.as_str())];
    nobody
        .send(hyper::Method::GET, "/v1/workspaces", &headers, None)
        .await
        .expect(200);
    for path in ["/healthz", "/readyz", "/v1/openapi.json"] {
        nobody.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn what_is_of_another_account_is_answered_as_what_never_was() {
    let server = Server::start().await;
    let (ours, theirs) = (server.client(), server.stranger());
    let secret = theirs.sandbox("secret").await;
    theirs
        .post("/v1/workspaces/secret/snapshots", json!({"name": "s"}))
        .await
        .expect(201);
    let id = secret["id"].as_str().unwrap();
    for suffix in ["", "/snapshots"] {
        for selector in ["secret", id] {
            let foreign = ours
                .get(&format!("/v1/workspaces/{selector}{suffix}"))
                .await;
            assert_eq!(foreign.problem(), (404, "workspace_not_found"));
            theirs
                .get(&format!("/v1/workspaces/{selector}{suffix}"))
                .await
                .expect(200);
        }
    }
    let foreign = ours.get("/v1/workspaces/secret").await;
    theirs.delete("/v1/workspaces/secret").await.expect(204);
    let missing = ours.get("/v1/workspaces/secret").await;
    assert_eq!(foreign.body, missing.body);
    ours.sandbox("secret").await;
}

#[tokio::test]
async fn address_that_gives_wrong_keys_has_to_wait() {
    let options = HttpOptions::default().with_attempt_limit(3, Duration::from_secs(1000));
    let server = Server::with(options).await;
    let client = server.client();
    for _ in 0..3 {
        client.get("/v1/workspaces").await.expect(200);
        let refused = client
            .with_key("wrong")
            .get("/v1/workspaces")
            .await
            .expect(401);
        assert_eq!(refused.header("retry-after"), "");
    }
    for key in [KEY, "wrong"] {
        let refused = client.with_key(key).get("/v1/workspaces").await.expect(401);
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=1000).contains(&wait));
        assert_eq!(refused.body["retryable"], true);
    }
    client.get("/healthz").await.expect(200);
}
