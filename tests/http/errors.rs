//! Failures of the storage and of sessions: what a caller is told, and what it is not.

use hyper::Method;
use serde_json::json;
use workdisk::BackendErrorKind;
use workdisk_conformance::{Method as Call, Skip};

use crate::support::{Answer, Server};

fn assert_silent(answer: &Answer) {
    let text = answer.body.to_string();
    assert!(!text.contains("planned to fail"), "{text}");
}

#[tokio::test]
async fn failure_of_the_storage_is_told_by_its_code_alone() {
    for (kind, status, code) in [
        (BackendErrorKind::Full, 507, "storage_full"),
        (BackendErrorKind::Unavailable, 503, "storage_unavailable"),
        (BackendErrorKind::Unsupported, 501, "unsupported"),
        (BackendErrorKind::NotFound, 500, "storage_corrupt"),
        (
            BackendErrorKind::Corrupt {
                object: "/a/path: planned to fail".to_owned(),
            },
            500,
            "storage_corrupt",
        ),
    ] {
        let server = Server::start().await;
        let client = server.client();
        let calls = server.faults.calls();
        server.faults.fail_before(calls + 1, kind.clone());
        let failed = client.get("/v1/workspaces/w").await;
        assert_eq!(failed.problem(), (status, code));
        assert_silent(&failed);
        let retryable = status == 503;
        assert_eq!(failed.body["retryable"], retryable);
        assert_eq!(!failed.header("retry-after").is_empty(), retryable);
        let calls = server.faults.calls();
        server.faults.fail_before(calls + 1, kind);
        let failed = server.nobody().get("/readyz").await;
        assert_eq!(failed.problem(), (status, code));
        server.nobody().get("/readyz").await.expect(200);
        server.nobody().get("/healthz").await.expect(200);
    }
}

#[tokio::test]
async fn busy_workspace_is_retryable_and_names_the_operation() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    let gate = server.faults.gate_before(Call::Freeze, 1);
    let taking = {
        let client = client.clone();
        let body = json!({"name": "s"});
        tokio::spawn(async move { client.post("/v1/workspaces/w/snapshots", body).await })
    };
    gate.reached().await;
    let busy = client
        .post(
            "/v1/workspaces/w/sessions",
            json!({"session_type": "sandbox"}),
        )
        .await;
    assert_eq!(busy.problem(), (409, "workspace_busy"));
    assert_eq!(busy.body["operation"], "snapshot");
    assert_eq!(busy.body["retryable"], true);
    assert_eq!(busy.header("retry-after"), "1");
    let shown = client.get("/v1/workspaces/w").await.expect(200);
    assert_eq!(shown.text("status"), "snapshotting");
    gate.release();
    taking.await.unwrap().expect(201);
}

#[tokio::test]
async fn failed_workspace_says_what_failed_and_not_where() {
    let server = Server::start().await;
    let client = server.client();
    client.sandbox("w").await;
    // The volume's call is the last of those that taking a snapshot makes before it fails.
    let kind = BackendErrorKind::Corrupt {
        object: "/a/path: planned to fail".to_owned(),
    };
    for n in 1..40 {
        server
            .faults
            .fail_before(server.faults.calls() + n, kind.clone());
        let answer = client
            .post(
                "/v1/workspaces/w/snapshots",
                json!({"name": format!("s{n}")}),
            )
            .await;
        assert_silent(&answer);
        let shown = client.get("/v1/workspaces/w").await;
        assert_silent(&shown);
        if shown.status == 200 && shown.text("status") == "failed" {
            assert_eq!(shown.body["failure"]["code"], "storage_corrupt");
            let refused = client
                .post("/v1/workspaces", json!({"clone_from": "w"}))
                .await;
            assert_eq!(refused.problem(), (409, "workspace_failed"));
            assert_eq!(refused.body["failure"], shown.body["failure"]);
            assert_silent(&refused);
            return;
        }
    }
    panic!("no failure failed the workspace");
}

#[tokio::test]
async fn session_that_lost_its_lease_is_fenced_and_names_its_holders() {
    let server = Server::local().await;
    let client = server.client();
    client.sandbox("w").await;
    let body = json!({"session_type": "sandbox"});
    let session = client
        .post("/v1/workspaces/w/sessions", body)
        .await
        .expect(201);
    // The test's own process holds the disk, and no host ends its own process.
    let _held = std::fs::File::create(format!("{}/held", session.text("path"))).unwrap();
    let forced = client.delete("/v1/workspaces/w?force=true").await;
    if forced.status == 204 {
        let lacking =
            "an open file keeps no disk of this volume in use: run it where overlayfs works";
        return Skip::new(lacking).announce();
    }
    assert_eq!(forced.problem(), (409, "session_termination_failed"));
    let pids: Vec<_> = forced.body["holders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["pid"])
        .collect();
    assert_eq!(pids, [&json!(std::process::id())]);
    let path = format!("/v1/workspaces/w/sessions/{}/renew", session.text("id"));
    let fenced = client.send(Method::POST, &path, &[], None).await;
    assert_eq!(fenced.problem(), (409, "session_fenced"));
    drop(_held);
    client
        .delete("/v1/workspaces/w?force=true")
        .await
        .expect(204);
}
