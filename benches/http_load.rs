//! Loads the server beside a bare axum handler, in one run on the loopback, and prints requests a second, latencies and the
//! server's memory: `cargo bench --features http,github --bench http_load -- [--seconds N] [--connections N]`.
//!
//! The load is made by `wrk`, which Debian packages under that name. The data folder is a fresh ext4 on a loop device, which
//! needs root, so that what a change costs is what a journal costs. The bare handler answers bytes as many as a workspace has,
//! without a key, a store, a limit or a log.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it is a program that ends where it meets what it does not expect and tells what it measured"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::{Value, json};
use workdisk_conformance::{FileSystem, LoopDisk};

const KEY: &str = "a-key-of-the-benchmark";

/// How many workspaces there are to read and to list.
const WORKSPACES: usize = 1_000;

/// A process that listens, ended when it is dropped.
struct Listening {
    child: Child,
    url: String,
}

impl Listening {
    /// Starts a program that prints where it listens.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.trim().trim_start_matches("listening on ").to_owned();
        Self { child, url }
    }

    /// The greatest resident memory so far, in MiB.
    fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.unwrap().trim().trim_end_matches(" kB");
        peak.parse::<u64>().unwrap() >> 10
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is asked again and again.
struct Load {
    name: &'static str,
    method: &'static str,
    path: String,
    body: Option<Value>,
}

/// What `wrk` told.
struct Told {
    rate: f64,
    median: String,
    p99: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if let Some(length) = value("--bare") {
        return bare(length.parse().unwrap());
    }
    let seconds = value("--seconds").unwrap_or_else(|| "5".to_owned());
    let connections = value("--connections").unwrap_or_else(|| "64".to_owned());
    let wrk = |url: &str, load: &Load| run_wrk(url, load, &seconds, &connections);

    let disk = LoopDisk::new(FileSystem::Ext4, 4096).unwrap();
    let server = start_server(&disk.path().join("data"));
    let first = fill(&server.url);
    let mut bare = Command::new(std::env::current_exe().unwrap());
    let bare = Listening::start(bare.args(["--bare", &first.to_string().len().to_string()]));
    println!(
        "{connections} connections, {seconds} s each; {WORKSPACES} workspaces; wrk on the same machine"
    );
    println!(
        "{:26} {:>12} {:>8} {:>10} {:>10} {:>9}",
        "", "requests/s", "of bare", "p50", "p99", "server"
    );
    for load in loads(first["id"].as_str().unwrap()) {
        // The bare handler goes first each time, so that both meet the machine as it is at that moment.
        let method = if load.method == "GET" { "GET" } else { "POST" };
        let body = load
            .body
            .as_ref()
            .map(|_| json!({"session_type": "sandbox"}));
        let peer = Load {
            name: "bare axum handler",
            method,
            path: "/".to_owned(),
            body,
        };
        let base = wrk(&bare.url, &peer);
        tell(&format!("{} {method}", peer.name), &base, 1.0, "");
        let told = wrk(&server.url, &load);
        let memory = format!("{} MiB", server.peak_memory());
        tell(load.name, &told, told.rate / base.rate, &memory);
    }
}

fn tell(what: &str, told: &Told, ratio: f64, memory: &str) {
    let Told { rate, median, p99 } = told;
    println!("{what:26} {rate:12.0} {ratio:8.2} {median:>10} {p99:>10} {memory:>9}");
}

fn loads(first: &str) -> Vec<Load> {
    let read = |name, path: String| Load {
        name,
        method: "GET",
        path,
        body: None,
    };
    let change = |name, method, path: String, body| Load {
        name,
        method,
        path,
        body: Some(body),
    };
    let workspaces = || "/v1/workspaces".to_owned();
    vec![
        read("healthz", "/healthz".to_owned()),
        read("read a workspace", format!("/v1/workspaces/{first}")),
        read("read one by its name", "/v1/workspaces/w0".to_owned()),
        read("list a page of 100", workspaces()),
        change(
            "set template",
            "PUT",
            format!("/v1/workspaces/{first}/template"),
            json!({"template": true}),
        ),
        change(
            "create",
            "POST",
            workspaces(),
            json!({"session_type": "sandbox"}),
        ),
        change("clone", "POST", workspaces(), json!({"clone_from": "w1"})),
    ]
}

/// Runs `wrk` and reads what it prints. An answer that is no success is an error of the benchmark's.
fn run_wrk(url: &str, load: &Load, seconds: &str, connections: &str) -> Told {
    let mut script = tempfile::NamedTempFile::new().unwrap();
    let mut lua = format!("wrk.method = \"{}\"\n", load.method);
    lua += &format!("wrk.headers[\"Authorization\"] = \"Bearer {KEY}\"\n");
    if let Some(body) = &load.body {
        lua += &format!(
            "wrk.body = [[{body}]]\nwrk.headers[\"Content-Type\"] = \"application/json\"\n"
        );
    }
    std::io::Write::write_all(&mut script, lua.as_bytes()).unwrap();
    let output = Command::new("wrk")
        .args([
            "--latency",
            "--timeout",
            "30s",
            "-t",
            "2",
            "-c",
            connections,
            "-d",
        ])
        .arg(format!("{seconds}s"))
        .arg("-s")
        .arg(script.path())
        .arg(format!("{url}{}", load.path))
        .output()
        .expect("wrk is installed: apt-get install wrk");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(
        !text.contains("Non-2xx") && !text.contains("Socket errors"),
        "{}: {text}",
        load.name
    );
    let after = |start: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(start));
        line.unwrap_or_else(|| panic!("{start} is not in {text}"))
            .trim()
            .to_owned()
    };
    Told {
        rate: after("Requests/sec:").parse().unwrap(),
        median: after("50%"),
        p99: after("99%"),
    }
}

/// The server of the examples, as optimised as this benchmark.
fn start_server(folder: &Path) -> Listening {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--features",
            "http,github",
            "--example",
            "server",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
    let bench: PathBuf = std::env::current_exe().unwrap();
    let profile = bench.parent().unwrap().parent().unwrap();
    Listening::start(
        Command::new(profile.join("examples/server"))
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .env("WORKDISK_API_KEYS", format!("bench={KEY}"))
            .env("RUST_LOG", "error"),
    )
}

/// Makes what is read, and answers the first.
fn fill(url: &str) -> Value {
    let mut first = None;
    for number in 0..WORKSPACES {
        let body = json!({"session_type": "sandbox", "name": format!("w{number}")});
        let made = ureq::post(format!("{url}/v1/workspaces"))
            .header("authorization", format!("Bearer {KEY}"))
            .send_json(body);
        let made: Value = made.unwrap().body_mut().read_json().unwrap();
        first.get_or_insert(made);
    }
    first.unwrap()
}

/// The peer: a handler that reads what it is sent and answers so many bytes.
fn bare(length: usize) {
    let answer: &str = "x".repeat(length).leak();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let kind = || [(CONTENT_TYPE, "application/json")];
        let change = async move |_: Bytes| (StatusCode::CREATED, kind(), answer);
        let app = Router::new().route("/", get(async move || (kind(), answer)).post(change));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        axum::serve(listener, app).await.unwrap();
    });
}
