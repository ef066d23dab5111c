//! Clients in numbers and sizes that nobody means well, against the server as a process: it answers others meanwhile, and its
//! memory stays bounded.

use std::fs;
use std::io::ErrorKind;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{ACCOUNT_KEY, Process};

/// How many connections are open at a time.
const CONNECTIONS: usize = 10_000;

/// What a connection that does nothing may take of the server's memory, in bytes; 11 KiB were measured.
const MEMORY_OF_A_CONNECTION: usize = 40 << 10;

/// What clients that send too much may take altogether, in bytes; 2.4 MiB were measured.
const MEMORY_OF_BODIES: usize = 64 << 20;

impl Process {
    fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid());
        fs::read_dir(folder).unwrap().count()
    }

    /// A line of what the kernel tells of the process's memory, in bytes.
    fn memory(&self, line: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let value = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
        let kib = value.trim().trim_end_matches(" kB");
        kib.parse::<usize>().unwrap() << 10
    }
}

/// What idle clients have sent: nothing, or half of a head.
fn beginning(number: usize) -> &'static str {
    match number % 10 {
        0 => "GET /v1/workspaces HTTP/1.1\r\nhost: x\r\n",
        _ => "",
    }
}

#[tokio::test]
async fn ten_thousand_idle_connections_hold_up_nobody_and_take_little() {
    let allowed = getrlimit(Resource::Nofile);
    let wanted = Some(CONNECTIONS as u64 + 1_000);
    if allowed
        .current
        .is_some_and(|current| Some(current) < wanted)
    {
        let maximum = allowed.maximum.max(wanted);
        let raised = Rlimit {
            current: wanted,
            maximum,
        };
        // The server begins with what its parent may have.
        setrlimit(Resource::Nofile, raised).expect("this many files may be open");
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(folder.path(), &["--idle-seconds", "3600"]);
    let client = server.client();
    client.sandbox("w").await;
    let (files, memory) = (server.open_files(), server.memory("VmRSS:"));
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let begun = beginning(number);
        stream.write_all(begun.as_bytes()).await.unwrap();
        connections.push(stream);
    }
    // Each request is one more turn of the server's, in which it takes connections too.
    while server.open_files() < files + CONNECTIONS {
        client.get("/v1/workspaces/w").await.expect(200);
    }
    client.sandbox("made meanwhile").await;
    let taken = server.memory("VmRSS:").saturating_sub(memory);
    let each = taken / CONNECTIONS;
    assert!(each <= MEMORY_OF_A_CONNECTION, "{each} bytes a connection");
    drop(connections);
    while server.open_files() > files + 10 {
        client.get("/v1/workspaces/w").await.expect(200);
    }
    let all = client.get("/v1/workspaces").await.expect(200).body;
    assert_eq!(all["workspaces"].as_array().unwrap().len(), 2);
}

/// Sends a body without end until the server has had enough, and answers what it said.
async fn flood(server: &Process, framing: &str, piece: &[u8]) -> String {
    let (_, key) = ACCOUNT_KEY.split_once('=').unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\n{framing}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let sending = async { while to.write_all(piece).await.is_ok() {} };
    let reading = async {
        let mut answer = vec![0; 1_024];
        match from.read(&mut answer).await {
            Ok(length) => String::from_utf8_lossy(&answer[..length]).into_owned(),
            // The server closed while there was still something to read, and the system said so first.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
            Err(error) => panic!("{error}"),
        }
    };
    tokio::select! {
        answer = reading => answer,
        () = sending => String::new(),
    }
}

#[tokio::test]
async fn bodies_without_end_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let client = server.client();
    client.sandbox("w").await;
    let memory = server.memory("VmHWM:");
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let spaces = vec![b' '; 0x10000];
    let endless = "content-length: 1000000000000";
    let (mut refused, rounds) = (0, 32);
    for _ in 0..rounds {
        let (chunked, sized) = tokio::join!(
            flood(&server, "transfer-encoding: chunked", &chunk),
            flood(&server, endless, &spaces)
        );
        for answer in [chunked, sized] {
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
                "{answer}"
            );
            refused += usize::from(!answer.is_empty());
        }
    }
    assert!(refused > 0, "no client was told");
    let taken = server.memory("VmHWM:").saturating_sub(memory);
    assert!(taken <= MEMORY_OF_BODIES, "{taken} bytes");
    client.get("/v1/workspaces/w").await.expect(200);
}
