//! Workspaces: every endpoint, in memory and on a disk.

use serde_json::{Value, json};

use crate::support::{Client, Server};

#[tokio::test]
async fn workspace_is_created_read_renamed_and_deleted() {
    for server in [Server::start().await, Server::local().await] {
        let client = server.client();
        let body = json!({"session_type": "sandbox", "name": "project 1", "image": "ubuntu"});
        let made = client.post("/v1/workspaces", body).await.expect(201);
        assert_eq!(made.text("image"), "docker.io/library/ubuntu:latest");
        assert_eq!(made.text("status"), "ready");
        let id = made.text("id");
        let read = client
            .get(&format!("/v1/workspaces/{id}"))
            .await
            .expect(200);
        assert_eq!(read.body, made.body);
        assert_eq!(read.header("etag"), made.header("etag"));
        let path = "/v1/workspaces/PROJECT%201/name";
        let renamed = client
            .put(path, json!({"name": "a/b 🦀"}))
            .await
            .expect(200);
        assert_eq!(renamed.text("name"), "a/b 🦀");
        let path = "/v1/workspaces/a%2Fb%20%F0%9F%A6%80/template";
        let changed = client
            .put(path, json!({"template": true}))
            .await
            .expect(200);
        assert_eq!(changed.body["template"], true);
        let path = format!("/v1/workspaces/{id}/name");
        let cleared = client.put(&path, json!({"name": null})).await.expect(200);
        assert_eq!(cleared.body["name"], Value::Null);
        let path = format!("/v1/workspaces/{id}");
        client.delete(&path).await.expect(204);
        assert_eq!(
            client.get(&path).await.problem(),
            (404, "workspace_not_found")
        );
    }
}

#[tokio::test]
async fn name_is_made_up_where_none_is_given() {
    let server = Server::start().await;
    for body in [
        json!({"session_type": "browser"}),
        json!({"session_type": "browser", "name": null, "image": null}),
    ] {
        let made = server
            .client()
            .post("/v1/workspaces", body)
            .await
            .expect(201);
        assert!(!made.text("name").is_empty());
    }
}

#[tokio::test]
async fn clone_inherits_what_cannot_be_given() {
    for server in [Server::start().await, Server::local().await] {
        let client = server.client();
        let body =
            json!({"session_type": "sandbox", "name": "base", "image": "ubuntu", "template": true});
        let base = client.post("/v1/workspaces", body).await.expect(201);
        let taken = client
            .post("/v1/workspaces/base/snapshots", json!({"name": "v1"}))
            .await
            .expect(201);
        let body = json!({"clone_from": "BASE", "name": "copy"});
        let copy = client.post("/v1/workspaces", body).await.expect(201);
        assert_eq!(copy.body["image"], base.body["image"]);
        assert_eq!(copy.body["template"], false);
        let source = json!({"clone_of": base.body["id"], "snapshot": null});
        assert_eq!(copy.body["source"], source);
        let body = json!({"clone_from": base.body["id"], "snapshot": "V1"});
        let copy = client.post("/v1/workspaces", body).await.expect(201);
        let source = json!({"clone_of": base.body["id"], "snapshot": taken.body["id"]});
        assert_eq!(copy.body["source"], source);
    }
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let page = client
        .get(&format!("/v1/workspaces?{query}"))
        .await
        .expect(200);
    let all = page.body["workspaces"].as_array().unwrap().clone();
    let name = |workspace: &Value| workspace["name"].as_str().unwrap().to_owned();
    all.iter().map(name).collect()
}

#[tokio::test]
async fn listing_is_paged_and_filtered() {
    let server = Server::start().await;
    let client = server.client();
    for name in ["a1", "a2", "b1"] {
        client.sandbox(name).await;
    }
    let body = json!({"session_type": "browser", "name": "A3", "template": true});
    client.post("/v1/workspaces", body).await.expect(201);
    server.stranger().sandbox("theirs").await;
    let mut found = Vec::new();
    let mut path = "/v1/workspaces?limit=3".to_owned();
    loop {
        let page = client.get(&path).await.expect(200).body;
        found.extend(page["workspaces"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        let theirs = format!("/v1/workspaces?cursor={cursor}");
        let refused = server.stranger().get(&theirs).await;
        assert_eq!(refused.problem(), (400, "invalid_request"));
        path = format!("/v1/workspaces?limit=3&cursor={cursor}");
    }
    assert_eq!(found.len(), 4);
    assert_eq!(names(&client, "name_prefix=a").await, ["a1", "a2", "A3"]);
    assert_eq!(names(&client, "session_type=browser").await, ["A3"]);
    assert_eq!(names(&client, "template=true&status=ready").await, ["A3"]);
    assert_eq!(names(&client, "status=active").await, [""; 0]);
}

#[tokio::test]
async fn workspace_may_be_named_like_a_path() {
    let server = Server::start().await;
    let client = server.client();
    for name in ["import", "bulk-delete", "snapshots"] {
        client.sandbox(name).await;
        let path = format!("/v1/workspaces/{name}");
        assert_eq!(client.get(&path).await.expect(200).text("name"), name);
        client.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn bulk_delete_answers_each_once_and_in_order() {
    for server in [Server::start().await, Server::local().await] {
        let client = server.client();
        let (one, _) = (client.sandbox("one").await, client.sandbox("two").await);
        server.stranger().sandbox("theirs").await;
        let body = json!({"workspace_ids": ["ONE", one["id"], "theirs", "two"]});
        let answer = client
            .post("/v1/workspaces/bulk-delete", body)
            .await
            .expect(200);
        let results = answer.body["results"].as_array().unwrap();
        let shown: Vec<_> = results
            .iter()
            .map(|item| {
                (
                    item["workspace"].as_str().unwrap(),
                    item["deleted"].as_bool().unwrap(),
                )
            })
            .collect();
        assert_eq!(shown, [("ONE", true), ("theirs", false), ("two", true)]);
        assert_eq!(results[1]["error"]["code"], "workspace_not_found");
        assert_eq!(results[0]["error"], Value::Null);
        server
            .stranger()
            .get("/v1/workspaces/theirs")
            .await
            .expect(200);
        let many: Vec<_> = (0..1_001).map(|n| n.to_string()).collect();
        let body = json!({"workspace_ids": many});
        let refused = client.post("/v1/workspaces/bulk-delete", body).await;
        assert_eq!(refused.problem(), (400, "invalid_request"));
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let server = Server::start().await;
    server.client().sandbox("w").await;
    let address = server.address;
    let text = crate::hostile::exchange(address, &format!(
        "HEAD /v1/workspaces/w HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        crate::support::KEY
    ))
    .await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

#[cfg(not(feature = "github"))]
#[tokio::test]
async fn import_is_unsupported_without_its_feature() {
    let server = Server::start().await;
    let body = json!({"github_repo": "owner/repo"});
    let refused = server.client().post("/v1/workspaces/import", body).await;
    assert_eq!(refused.problem(), (501, "unsupported"));
    let refused = server
        .client()
        .post("/v1/workspaces/import", json!({}))
        .await;
    assert_eq!(refused.problem(), (400, "invalid_request"));
}
