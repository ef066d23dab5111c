//! A server in place of a data folder: that of the examples, as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};

use serde_json::{Value, json};

use crate::git_server::Act;
use crate::importing::{Stage, interrupt, start_stalled};
use crate::support::{built, ran};

const KEY: &str = "a-key-of-acme";

static SERVER: LazyLock<std::path::PathBuf> = LazyLock::new(|| built("server"));

/// A server's process over the stage's folder, ended when it is dropped.
struct Process {
    stage: Stage,
    child: Child,
    url: String,
}

impl Process {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Self {
        let stage = Stage::new();
        let mut child = Command::new(&*SERVER)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(stage.bench.data())
            .args(["--github-base-url", &stage.git.url()])
            .args(options)
            .env("WORKDISK_API_KEYS", format!("acme={KEY}"))
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").unwrap().trim();
        let url = url.to_owned();
        Self { stage, child, url }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.bench.command(arguments);
        command.env("WORKDISK_URL", &self.url);
        command.env("WORKDISK_API_KEY", KEY);
        command
    }

    /// Waits until the server has answered a method on a route with a status.
    fn wait_for_answer(&self, method: &str, route: &str, status: u16) {
        let counted = format!(
            r#"operations_total{{method="{method}",route="/v1{route}",status="{status}"}}"#
        );
        let metrics = || {
            let mut answer = ureq::get(format!("{}/metrics", self.url)).call().unwrap();
            answer.body_mut().read_to_string().unwrap()
        };
        while !metrics().contains(&counted) {
            std::thread::yield_now();
        }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = ran(self.command(arguments).arg("--json"));
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        serde_json::from_str(&ran.out).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server was asked to clone by a name of the field that it does not know.
#[test]
fn workspace_is_cloned_on_a_server() {
    let server = Process::start();
    let source = server.json(&["create", "base"]);
    let made = server.json(&["clone", "base", "copy"]);
    assert_eq!(made["source"]["clone_of"], source["id"]);
}

#[test]
fn repository_is_imported_on_a_server() {
    let server = Process::start();
    let made = server.json(&["import", "o/r", "base", "--template", "--depth", "1"]);
    assert_eq!(
        (&made["name"], &made["status"]),
        (&json!("base"), &json!("ready"))
    );
    assert_eq!(made["template"], true);
    let commit = server.stage.origin.id("HEAD");
    assert_eq!(made["source"]["commit"], commit.as_str());
}

#[test]
fn import_that_fails_on_a_server_says_why() {
    let server = Process::start();
    let ran = ran(&mut server.command(&["import", "o/r", "--ref", "absent"]));
    let (status, told) = ran.failure();
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("[import_ref_not_found]"), "{told}");
    assert_eq!(server.json(&["list"])["workspaces"], json!([]));
}

#[test]
fn import_that_is_interrupted_leaves_nothing_on_the_server() {
    let server = Process::start();
    let git = &server.stage.git;
    let child = start_stalled(git, &mut server.command(&["import", "o/r", "base"]));
    assert_eq!(interrupt(child), Some(130));
    // The server sees that the client has gone, and removes what it has made.
    while server.json(&["list"])["workspaces"] != json!([]) {}
}

/// An import on a server that has stopped waiting for it and answered 202. The repository's server answers once the sender
/// is gone.
struct Followed {
    server: Process,
    child: Child,
    go: Sender<()>,
}

impl Followed {
    fn start(then: fn() -> Act) -> Self {
        let server = Process::start_with(&["--timeout-seconds", "3"]);
        let (go, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        server.stage.git.on(move |_| {
            let _ = wait.lock().unwrap().recv();
            then()
        });
        let mut command = server.command(&["import", "o/r", "base", "--json"]);
        command.stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        server.wait_for_answer("POST", "/workspaces/import", 202);
        Self { server, child, go }
    }

    /// Lets the repository's server answer, and waits for the command.
    fn end(self) -> (Process, Output) {
        drop(self.go);
        (self.server, self.child.wait_with_output().unwrap())
    }
}

#[test]
fn import_that_the_server_no_longer_waits_for_is_followed_until_it_is_done() {
    let (server, ended) = Followed::start(|| Act::Serve).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let made: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(
        (&made["name"], &made["status"]),
        (&json!("base"), &json!("ready"))
    );
    let commit = server.stage.origin.id("HEAD");
    assert_eq!(made["source"]["commit"], commit.as_str());
}

#[test]
fn import_that_fails_after_the_server_stopped_waiting_is_told() {
    let (server, ended) = Followed::start(|| Act::Status(404)).end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told: Value = serde_json::from_slice(&ended.stderr).unwrap();
    assert_eq!(told["code"], "import_failed", "{told}");
    assert_eq!(server.json(&["list"])["workspaces"], json!([]));
}

#[test]
fn import_that_is_followed_and_interrupted_leaves_nothing_on_the_server() {
    let followed = Followed::start(|| Act::Serve);
    // Before that, whoever hangs up may not have heard yet that the import goes on.
    followed
        .server
        .wait_for_answer("GET", "/workspaces/{workspace}", 200);
    assert_eq!(interrupt(followed.child), Some(130));
    let listed = followed.server.json(&["list"]);
    assert_eq!(listed["workspaces"], json!([]));
    drop(followed.go);
}
