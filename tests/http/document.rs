//! The document: what it holds, and that it is the one that is served.

use std::collections::BTreeSet;

use hyper::Method;

use crate::support::Server;
use crate::support::document::{DOCUMENT, operation};

#[tokio::test]
async fn document_is_served_and_is_openapi_3_1() {
    let server = Server::start().await;
    let served = server.nobody().get("/v1/openapi.json").await;
    assert_eq!(served.status, 200);
    assert_eq!(served.body, *DOCUMENT);
    assert!(DOCUMENT["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn every_endpoint_is_in_the_document_and_nothing_else() {
    let described: BTreeSet<String> = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let expected = [
        "DELETE /v1/workspaces/bulk-delete",
        "DELETE /v1/workspaces/import",
        "DELETE /v1/workspaces/{workspace}",
        "DELETE /v1/workspaces/{workspace}/sessions/{id}",
        "DELETE /v1/workspaces/{workspace}/snapshots/{name}",
        "GET /healthz",
        "GET /readyz",
        "GET /v1/openapi.json",
        "GET /v1/workspaces",
        "GET /v1/workspaces/bulk-delete",
        "GET /v1/workspaces/import",
        "GET /v1/workspaces/{workspace}",
        "GET /v1/workspaces/{workspace}/sessions/{id}",
        "GET /v1/workspaces/{workspace}/snapshots",
        "POST /v1/workspaces",
        "POST /v1/workspaces/bulk-delete",
        "POST /v1/workspaces/import",
        "POST /v1/workspaces/{workspace}/sessions",
        "POST /v1/workspaces/{workspace}/sessions/{id}/renew",
        "POST /v1/workspaces/{workspace}/snapshots",
        "POST /v1/workspaces/{workspace}/snapshots/{name}/restore",
        "PUT /v1/workspaces/{workspace}/name",
        "PUT /v1/workspaces/{workspace}/template",
    ];
    assert_eq!(described, expected.map(str::to_owned).into());
}

#[test]
fn every_post_that_makes_something_takes_a_key_and_every_change_a_condition() {
    let takes = |method: Method, path: &str, header: &str| {
        let parameters = &operation(&method, path).unwrap()["parameters"];
        let mut all = parameters.as_array().into_iter().flatten();
        all.any(|parameter| parameter["in"] == "header" && parameter["name"] == header)
    };
    for path in [
        "/v1/workspaces",
        "/v1/workspaces/import",
        "/v1/workspaces/w/snapshots",
        "/v1/workspaces/w/sessions",
    ] {
        assert!(takes(Method::POST, path, "Idempotency-Key"), "{path}");
    }
    for (method, path) in [
        (Method::PUT, "/v1/workspaces/w/name"),
        (Method::PUT, "/v1/workspaces/w/template"),
        (Method::DELETE, "/v1/workspaces/w"),
        (Method::POST, "/v1/workspaces/w/snapshots"),
        (Method::POST, "/v1/workspaces/w/snapshots/s/restore"),
        (Method::DELETE, "/v1/workspaces/w/snapshots/s"),
        (Method::POST, "/v1/workspaces/w/sessions"),
        (Method::DELETE, "/v1/workspaces/w/sessions/s"),
    ] {
        assert!(takes(method, path, "If-Match"), "{path}");
    }
}
