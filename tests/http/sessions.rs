//! Sessions: started, read, renewed and ended, and what they do to other calls.

use std::fs;

use hyper::Method;
use serde_json::{Value, json};
use workdisk::model::SessionId;

use crate::support::{Answer, Client, Server};

async fn start(client: &Client, body: Value) -> Answer {
    client.post("/v1/workspaces/w/sessions", body).await
}

#[tokio::test]
async fn session_is_started_written_renewed_and_ended() {
    for server in [Server::start().await, Server::local().await] {
        let client = server.client();
        client.sandbox("w").await;
        let body = json!({"session_type": "sandbox", "lease_seconds": 100});
        let session = start(&client, body).await.expect(201);
        fs::write(format!("{}/file", session.text("path")), "kept").unwrap();
        let active = client.get("/v1/workspaces/w").await.expect(200);
        assert_eq!(active.text("status"), "active");
        assert_eq!(active.body["active_session_id"], session.body["id"]);
        let path = format!("/v1/workspaces/w/sessions/{}", session.text("id"));
        assert_eq!(client.get(&path).await.expect(200).body, session.body);
        let renew = format!("{path}/renew");
        let renewed = client
            .send(Method::POST, &renew, &[], None)
            .await
            .expect(200);
        assert!(renewed.text("expires_at") > session.text("expires_at"));
        client.delete(&path).await.expect(204);
        let ended = client.get("/v1/workspaces/w").await.expect(200);
        assert_eq!(ended.body["last_session_id"], session.body["id"]);
        assert_eq!(
            client.get(&path).await.problem(),
            (404, "session_not_found")
        );
        let gone = client.send(Method::POST, &renew, &[], None).await;
        assert_eq!(gone.problem(), (404, "session_not_found"));
        let next = start(&client, json!({"session_type": "sandbox"}))
            .await
            .expect(201);
        let read = fs::read_to_string(format!("{}/file", next.text("path")));
        assert_eq!(read.unwrap(), "kept");
        client
            .delete("/v1/workspaces/w?force=true")
            .await
            .expect(204);
    }
}

#[tokio::test]
async fn lease_is_the_callers_the_servers_or_none() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    for (lease, lasts) in [
        (
            json!({"session_type": "sandbox", "lease_seconds": null}),
            true,
        ),
        (
            json!({"session_type": "sandbox", "lease_seconds": 1}),
            false,
        ),
        (
            json!({"session_type": "sandbox", "lease_seconds": 60.0}),
            false,
        ),
        (json!({"session_type": "sandbox"}), false),
    ] {
        let session = start(&client, lease).await.expect(201);
        assert_eq!(session.body["expires_at"].is_null(), lasts);
        let path = format!("/v1/workspaces/w/sessions/{}", session.text("id"));
        client.delete(&path).await.expect(204);
    }
    for wrong in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("60"),
        json!(31_622_401),
        json!(u64::MAX),
    ] {
        let body = json!({"session_type": "sandbox", "lease_seconds": wrong});
        assert_eq!(
            start(&client, body).await.problem(),
            (400, "invalid_request")
        );
    }
}

/// A handle that a request's handler let go of would have ended the session, or renewed it without anybody's asking.
#[tokio::test]
async fn session_goes_on_when_its_request_is_over() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let body = json!({"session_type": "sandbox", "lease_seconds": 3600});
    let session = start(&client, body).await.expect(201);
    let id: SessionId = session.text("id").parse().unwrap();
    let account = server.manager.account("acme").unwrap();
    let info = account.session("w", id).await.unwrap();
    assert_eq!(
        info.expires_at.unwrap().to_string(),
        session.text("expires_at")
    );
}

#[tokio::test]
async fn active_session_is_named_to_whom_it_is_in_the_way() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let wrong = start(&client, json!({"session_type": "browser"})).await;
    assert_eq!(wrong.problem(), (409, "session_type_mismatch"));
    assert_eq!(wrong.body["session_type"], "sandbox");
    let session = start(&client, json!({"session_type": "sandbox"}))
        .await
        .expect(201);
    for (answer, force_would_help) in [
        (
            start(&client, json!({"session_type": "sandbox"})).await,
            false,
        ),
        (
            client
                .post("/v1/workspaces", json!({"clone_from": "w"}))
                .await,
            false,
        ),
        (
            client
                .post("/v1/workspaces/w/snapshots", json!({"name": "s"}))
                .await,
            true,
        ),
        (client.delete("/v1/workspaces/w").await, true),
        (client.delete("/v1/workspaces/w?force=false").await, true),
    ] {
        assert_eq!(answer.problem(), (409, "workspace_active"));
        assert_eq!(answer.body["active_session_id"], session.body["id"]);
        assert_eq!(answer.body["force_would_help"], force_would_help);
    }
    let forced = json!({"name": "s", "force": true});
    client
        .post("/v1/workspaces/w/snapshots", forced)
        .await
        .expect(201);
}
