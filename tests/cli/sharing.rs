//! More than one process on a data folder.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::support::{Bench, ran};

/// A session whose command waits for its input to end.
fn session(bench: &Bench, workspace: &str) -> Child {
    let script = "echo ready; read line; exit 4";
    let mut command = bench.command(["run", workspace, "--", "sh", "-c", script]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn folder_is_free_for_others_while_a_command_runs() {
    let bench = Bench::with_workspace("one");
    bench.done(["create", "two"]);
    let first = session(&bench, "one");
    let second = session(&bench, "two");
    let shown = bench.json(["list", "--status", "active"]);
    assert_eq!(shown["workspaces"].as_array().unwrap().len(), 2);
    let shown = bench.done(["show", "one"]);
    assert!(shown.contains("mounted at"), "{shown}");
    bench.done(["create", "three"]);
    end(first);
    end(second);
    let shown = bench.json(["list", "--status", "ready"]);
    assert_eq!(shown["workspaces"].as_array().unwrap().len(), 3);
}

#[test]
fn session_of_a_killed_process_is_ended_by_the_next() {
    let bench = Bench::with_workspace("one");
    bench.write("one", "file", "kept");
    let mut child = session(&bench, "one");
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = bench.run(["show", "one"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(
        ran.err.contains("ended the session of a dead process on"),
        "{ran:?}"
    );
    assert!(ran.out.contains("status     ready"), "{ran:?}");
    assert_eq!(bench.read("one", "file"), "kept");
}

#[test]
fn session_is_ended_from_elsewhere() {
    let bench = Bench::with_workspace("one");
    let mut child = session(&bench, "one");
    let ran = bench.run(["session", "end", "one"]);
    assert_eq!(ran.status, 1, "its command holds the disk: {ran:?}");
    assert!(ran.err.contains("[session_termination_failed]"), "{ran:?}");
    let ended = bench.done(["session", "end", "one", "--force"]);
    assert_eq!(ended, "ended the session of \"one\"; its files are saved\n");
    assert_eq!(
        child.wait().unwrap().code(),
        Some(143),
        "its command was asked to end"
    );
    bench.write("one", "file", "text");
}

#[test]
fn forced_deletion_ends_the_session_first() {
    let bench = Bench::with_workspace("one");
    let mut child = session(&bench, "one");
    let refused = bench.run(["delete", "one", "--yes"]);
    assert!(refused.err.contains("[workspace_active]"), "{refused:?}");
    assert_eq!(
        bench.done(["delete", "one", "--yes", "--force"]),
        "deleted \"one\"\n"
    );
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let bench = Bench::with_workspace("one");
    let names: Vec<String> = (0..6).map(|number| format!("copy {number}")).collect();
    let clones: Vec<Child> = names
        .iter()
        .map(|name| {
            let mut command = bench.command(["clone", "one", name, "--wait", "60"]);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut clone in clones {
        assert!(clone.wait().unwrap().success());
    }
    assert_eq!(
        bench.json(["list"])["workspaces"].as_array().unwrap().len(),
        7
    );
}

#[test]
fn folder_that_stays_in_use_is_told_with_what_to_do() {
    let bench = Bench::with_workspace("one");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let open = runtime
        .block_on(workdisk_local::open(bench.data()))
        .unwrap();
    let ran = ran(bench.command(["list", "--wait", "0"]).env("NO_COLOR", "1"));
    let (status, told) = ran.failure();
    assert_eq!(status, 3);
    assert!(told.contains("[storage_unavailable]"), "{told}");
    assert!(told.contains("--url"), "{told}");
    drop(open);
}
