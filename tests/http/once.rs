//! `Idempotency-Key`.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Server};

async fn under(client: &Client, key: &str, path: &str, body: Value) -> Answer {
    let headers = [("idempotency-key", key)];
    client.send(Method::POST, path, &headers, Some(body)).await
}

#[tokio::test]
async fn same_request_under_a_key_gets_the_same_answer() {
    for server in [Server::start().await, Server::local().await] {
        let client = server.client();
        client.sandbox("w").await;
        for (key, path, body) in [
            ("1", "/v1/workspaces", json!({"session_type": "sandbox"})),
            ("2", "/v1/workspaces", json!({"clone_from": "w"})),
            ("3", "/v1/workspaces/w/snapshots", json!({"name": "s"})),
            (
                "4",
                "/v1/workspaces/w/sessions",
                json!({"session_type": "sandbox"}),
            ),
        ] {
            let first = under(&client, key, path, body.clone()).await.expect(201);
            let again = under(&client, key, path, body.clone()).await.expect(201);
            assert_eq!(
                (again.body.clone(), again.header("etag")),
                (first.body.clone(), first.header("etag"))
            );
            let other = under(
                &client,
                key,
                path,
                json!({"session_type": "browser", "name": "x"}),
            )
            .await;
            assert!(
                [(409, "idempotency_conflict"), (400, "invalid_request")]
                    .contains(&other.problem())
            );
            under(
                &server.stranger(),
                key,
                "/v1/workspaces",
                json!({"session_type": "sandbox"}),
            )
            .await
            .expect(201);
        }
        let all = client.get("/v1/workspaces").await.expect(200).body;
        assert_eq!(all["workspaces"].as_array().unwrap().len(), 3);
        client
            .delete("/v1/workspaces/w?force=true")
            .await
            .expect(204);
        let gone = under(
            &client,
            "3",
            "/v1/workspaces/w/snapshots",
            json!({"name": "s"}),
        )
        .await;
        gone.expect(201);
    }
}

#[tokio::test]
async fn key_of_another_request_is_a_conflict() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let body = json!({"session_type": "sandbox", "name": "one"});
    under(&client, "k", "/v1/workspaces", body)
        .await
        .expect(201);
    for (path, body) in [
        (
            "/v1/workspaces",
            json!({"session_type": "sandbox", "name": "two"}),
        ),
        ("/v1/workspaces", json!({"clone_from": "w"})),
        ("/v1/workspaces/w/snapshots", json!({"name": "one"})),
    ] {
        let refused = under(&client, "k", path, body).await;
        assert_eq!(refused.problem(), (409, "idempotency_conflict"));
    }
}

#[tokio::test]
async fn condition_that_held_holds_for_the_same_request_again() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let seen = client.get("/v1/workspaces/w").await.expect(200);
    let headers = [("if-match", seen.header("etag")), ("idempotency-key", "k")];
    let body = || Some(json!({"name": "s"}));
    let path = "/v1/workspaces/w/snapshots";
    let first = client
        .send(Method::POST, path, &headers, body())
        .await
        .expect(201);
    let again = client
        .send(Method::POST, path, &headers, body())
        .await
        .expect(201);
    assert_eq!(again.body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_under_a_key_make_one() {
    let server = Server::start().await;
    let tasks = (0..16).map(|_| {
        let client = server.client();
        let body = json!({"session_type": "sandbox"});
        tokio::spawn(async move { under(&client, "k", "/v1/workspaces", body).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap().expect(201).text("id").to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn key_that_cannot_be_one_is_refused() {
    let server = Server::start().await;
    let client = server.client();
    let long = "k".repeat(256);
    for key in ["", long.as_str()] {
        let body = json!({"session_type": "sandbox"});
        let refused = under(&client, key, "/v1/workspaces", body).await;
        assert_eq!(refused.problem(), (400, "invalid_request"));
    }
    let all = client.get("/v1/workspaces").await.expect(200).body;
    assert_eq!(all["workspaces"], json!([]));
}
