//! Clients that go away, are slow, or send too much.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use workdisk::http::HttpOptions;
use workdisk_conformance::Method as Call;

use crate::support::{KEY, Server};

/// Sends bytes as they are, and reads until the server closes.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn creation(length: usize, body: &str) -> String {
    format!(
        "POST /v1/workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn client_that_goes_away_leaves_no_operation_half_done() {
    let server = Server::start().await;
    let gate = server.faults.gate_before(Call::Create, 1);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = "{\"session_type\": \"sandbox\", \"name\": \"w\"}";
    stream
        .write_all(creation(body.len(), body).as_bytes())
        .await
        .unwrap();
    gate.reached().await;
    drop(stream);
    let client = server.client();
    let creating = client.get("/v1/workspaces/w").await.expect(200);
    assert_eq!(creating.text("status"), "creating");
    gate.release();
    // The next call that needs the workspace waits for its turn or is told to come again.
    loop {
        let answer = client
            .post("/v1/workspaces/w/snapshots", json!({"name": "s"}))
            .await;
        if answer.status == 201 {
            break;
        }
        assert_eq!(answer.problem(), (409, "workspace_busy"));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn body_that_is_too_large_is_refused() {
    let options = HttpOptions::default().with_body_limit(1_000);
    let server = Server::with(options).await;
    let client = server.client();
    let body = json!({"session_type": "sandbox", "name": "x".repeat(1_000)});
    let refused = client.post("/v1/workspaces", body).await;
    assert_eq!(refused.problem(), (413, "invalid_request"));
    let chunk = "x".repeat(2_000);
    let request = format!(
        "POST /v1/workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{chunk}\r\n0\r\n\r\n"
    );
    let answer = exchange(server.address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn body_that_does_not_arrive_is_given_up() {
    let options = HttpOptions::default().with_body_timeout(Duration::from_millis(50));
    let server = Server::with(options).await;
    let request = creation(1_000, "{").replace("host: x", "host: x\r\nconnection: close");
    let answer = exchange(server.address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("invalid_request"), "{answer}");
}

/// The answer is given up and not the call: under its key it is found again.
#[tokio::test]
async fn call_that_takes_too_long_goes_on() {
    let options = HttpOptions::default().with_timeout(Duration::from_millis(50));
    let server = Server::with(options).await;
    let client = server.client();
    let gate = server.faults.gate_before(Call::Create, 1);
    let key = [("idempotency-key", "k")];
    let body = || Some(json!({"session_type": "sandbox", "name": "w"}));
    let late = client
        .send(Method::POST, "/v1/workspaces", &key, body())
        .await;
    assert_eq!(late.problem(), (503, "storage_unavailable"));
    assert_eq!(late.header("retry-after"), "5");
    gate.release();
    loop {
        let again = client
            .send(Method::POST, "/v1/workspaces", &key, body())
            .await;
        if again.status == 201 {
            break;
        }
        assert_eq!(again.problem(), (503, "storage_unavailable"));
    }
    let all = client.get("/v1/workspaces").await.expect(200).body;
    assert_eq!(all["workspaces"].as_array().unwrap().len(), 1);
}
