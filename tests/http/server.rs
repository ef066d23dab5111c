//! The server of the examples, as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::Client;

pub(crate) const ACCOUNT_KEY: &str = "acme=a-key-of-acme";

/// The server's program, built once.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--features",
            "http",
            "--example",
            "server",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    profile.join("examples/server")
});

/// A server's process, ended when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// With further arguments.
    pub(crate) fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(folder);
        command.args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").unwrap().trim();
        let address = address.parse().unwrap();
        Self { child, address }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, Some("a-key-of-acme"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(&mut self, signal: Signal) -> bool {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command
        .args([
            "--listen",
            "127.0.0.1:0",
            "--api-key",
            ACCOUNT_KEY,
            "--data-dir",
        ])
        .arg(folder)
        .env("RUST_LOG", "error");
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[tokio::test]
async fn second_server_on_a_folder_is_refused_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(folder.path());
    let refused = run(&mut command(folder.path()));
    assert!(!refused.status.success());
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        text.starts_with("error: ") && text.lines().count() == 1,
        "{text}"
    );
    assert!(text.contains("open"), "{text}");
    first.client().sandbox("w").await;
}

#[tokio::test]
async fn sessions_and_answers_outlive_the_server() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Process::start(folder.path());
        let client = server.client();
        client.sandbox("w").await;
        let key = [("idempotency-key", "k")];
        let body = || Some(json!({"session_type": "sandbox", "lease_seconds": 600}));
        let path = "/v1/workspaces/w/sessions";
        let session = client
            .send(hyper::Method::POST, path, &key, body())
            .await
            .expect(201);
        std::fs::write(format!("{}/file", session.text("path")), "kept").unwrap();
        assert_eq!(server.end(signal), signal == Signal::SIGTERM);
        let server = Process::start(folder.path());
        let client = server.client();
        let again = client
            .send(hyper::Method::POST, path, &key, body())
            .await
            .expect(201);
        assert_eq!(again.body, session.body);
        let renew = format!("{path}/{}/renew", session.text("id"));
        client
            .send(hyper::Method::POST, &renew, &[], None)
            .await
            .expect(200);
        let file = format!("{}/file", session.text("path"));
        assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
        client
            .delete(&format!("{path}/{}", session.text("id")))
            .await
            .expect(204);
        client.delete("/v1/workspaces/w").await.expect(204);
    }
}

#[tokio::test]
async fn metrics_count_operations_by_their_result() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let client = server.client();
    client.sandbox("w").await;
    client.get("/v1/workspaces/missing").await.expect(404);
    let body = json!({"session_type": "sandbox"});
    client
        .post("/v1/workspaces/w/sessions", body)
        .await
        .expect(201);
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let text = crate::hostile::exchange(server.address, request).await;
    for line in [
        r#"workdisk_operations_total{method="POST",route="/v1/workspaces",status="201"} 1"#,
        r#"workdisk_operations_total{method="GET",route="/v1/workspaces/{workspace}",status="404"} 1"#,
        "workdisk_sessions 1",
        r#"workdisk_sweeps_total{what="done"} "#,
        r#"workdisk_operation_seconds_count{method="POST",route="/v1/workspaces"} 1"#,
        r#"workdisk_body_bytes_total{direction="answered"} "#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    client
        .delete("/v1/workspaces/w?force=true")
        .await
        .expect(204);
}

#[test]
fn keys_come_from_a_file_and_the_environment_and_none_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "# a comment\n\nacme=secret key\n").unwrap();
    let mut command = Command::new(&*PROGRAM);
    command
        .args(["--volume", "memory", "--api-keys-file"])
        .arg(&file);
    let refused = run(&mut command);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && text.contains("line 3"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
    let mut command = Command::new(&*PROGRAM);
    command
        .args(["--volume", "memory"])
        .env("WORKDISK_API_KEYS", "secret");
    let text = String::from_utf8(run(&mut command).stderr).unwrap();
    assert!(text.contains("WORKDISK_API_KEYS, line 1"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let text =
        String::from_utf8(run(Command::new(&*PROGRAM).env_remove("WORKDISK_API_KEYS")).stderr);
    assert!(text.unwrap().contains("there is no key"));
}
