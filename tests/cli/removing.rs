//! Deleting, and being asked first.

use std::process::Stdio;

use crate::support::pty::Terminal;
use crate::support::{Bench, Ran};

#[test]
fn deletion_goes_through_what_it_can_and_answers_for_each() {
    let bench = Bench::new();
    for name in ["one", "two"] {
        bench.done(["create", name]);
    }
    let ran = bench.run(["delete", "one", "nope", "two", "ONE", "--yes"]);
    assert_eq!(
        (ran.status, ran.out.as_str()),
        (1, "deleted \"one\"\ndeleted \"two\"\n")
    );
    assert!(ran.err.contains("no workspace \"nope\""), "{}", ran.err);
    assert_eq!(bench.json(["list"])["workspaces"], serde_json::json!([]));
}

#[test]
fn deletion_in_json_tells_what_failed_in_the_answer() {
    let bench = Bench::with_workspace("one");
    let ran = bench.run(["delete", "one", "nope", "--yes", "--json"]);
    assert_eq!((ran.status, ran.err.as_str()), (1, ""));
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let results = &answer["results"];
    assert_eq!(
        (&results[0]["workspace"], &results[0]["deleted"]),
        (&"one".into(), &true.into())
    );
    assert_eq!(results[1]["error"]["code"], "workspace_not_found");
}

#[test]
fn space_is_given_back_when_the_command_has_ended() {
    let bench = Bench::with_workspace("one");
    bench.done([
        "run",
        "one",
        "--",
        "sh",
        "-c",
        "head -c 10000000 /dev/zero > big",
    ]);
    let before = bytes_under(&bench.data());
    bench.done(["delete", "one", "--yes"]);
    let freed = before - bytes_under(&bench.data());
    assert!(freed >= 10_000_000, "{freed} bytes were given back");
}

fn bytes_under(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    let sizes = entries.map(|entry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => bytes_under(&entry.path()),
        metadata => metadata.len(),
    });
    sizes.sum()
}

#[test]
fn nothing_is_deleted_unasked_where_nobody_can_be_asked() {
    let bench = Bench::with_workspace("one");
    bench.done(["snapshot", "create", "one", "v1"]);
    for command in [
        &["delete", "one"][..],
        &["snapshot", "delete", "one", "v1"],
        &["snapshot", "restore", "one", "v1"],
    ] {
        // Not even if the answer is piped in.
        let mut child = bench.command(command);
        child
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"y\n").ok();
        let ran = Ran::from(child.wait_with_output().unwrap());
        let (status, told) = ran.failure();
        assert_eq!(status, 2, "{command:?}");
        assert!(told.contains("[confirmation_required]"), "{told}");
        assert!(told.contains("--yes"), "{told}");
    }
    assert_eq!(
        bench.json(["show", "one"])["persistence"]["snapshot_count"],
        1
    );
}

#[test]
fn person_at_a_terminal_is_asked_and_can_refuse() {
    let bench = Bench::with_workspace("one");
    bench.done(["snapshot", "create", "one", "v1"]);
    for answer in ["n\r", "\r", "\u{4}"] {
        let mut terminal = Terminal::start(&mut bench.command(["delete", "one"]));
        terminal.wait_for("Delete \"one\" and 1 snapshot, for good? [y/N] ");
        terminal.type_in(answer);
        let (status, shown) = terminal.end();
        assert_eq!(status, 2, "{shown}");
        assert!(shown.contains("not_confirmed"), "{shown}");
    }
    assert_eq!(bench.json(["show", "one"])["name"], "one");
}

#[test]
fn person_at_a_terminal_is_asked_and_can_agree() {
    let bench = Bench::with_workspace("one");
    let mut terminal = Terminal::start(&mut bench.command(["delete", "one"]));
    terminal.wait_for("[y/N] ");
    terminal.type_in("y\r");
    let (status, shown) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.ends_with("deleted \"one\"\n"), "{shown}");
    assert_eq!(bench.run(["show", "one"]).status, 1);
}
