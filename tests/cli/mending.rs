//! Copies of the metadata, space, and timing.

use std::io::{BufRead, Cursor};

use serde_json::Value;

use crate::support::Bench;

#[test]
fn export_holds_every_record() {
    let bench = Bench::with_workspace("one");
    bench.done(["snapshot", "create", "one", "v1"]);
    bench.done(["create", "two", "--account", "other"]);
    let exported = bench.done(["export"]);
    let lines: Vec<Value> = Cursor::new(&exported)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line["line"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["header", "workspace", "workspace", "snapshot", "end"]
    );
}

#[test]
fn export_brings_back_what_was_lost_of_the_metadata() {
    let bench = Bench::with_workspace("one");
    bench.write("one", "file", "kept");
    bench.done(["snapshot", "create", "one", "v1"]);
    bench.done(["export", "copy.jsonl"]);
    bench.done(["rename", "one", "two"]);
    let refused = bench.run(["load", "copy.jsonl"]);
    assert_eq!(refused.failure().0, 2);
    assert!(refused.err.contains("[data_dir_not_empty]"), "{refused:?}");
    std::fs::rename(bench.data().join("metadata"), bench.folder().join("lost")).unwrap();
    bench.done(["load", "copy.jsonl"]);
    assert_eq!(bench.read("one", "file"), "kept");
    let listed = bench.json(["snapshot", "list", "one"]);
    assert_eq!(listed["snapshots"][0]["name"], "v1");
}

#[test]
fn export_that_is_cut_short_is_not_loaded() {
    let bench = Bench::with_workspace("one");
    let exported = bench.done(["export"]);
    std::fs::write(
        bench.folder().join("part"),
        exported.lines().next().unwrap(),
    )
    .unwrap();
    std::fs::rename(bench.data().join("metadata"), bench.folder().join("lost")).unwrap();
    let refused = bench.run(["load", "part"]);
    assert!(refused.failure().1.contains("cut short"), "{refused:?}");
    assert_eq!(bench.run(["list"]).status, 2, "there is no data folder yet");
    std::fs::write(bench.folder().join("whole"), exported).unwrap();
    bench.done(["load", "whole"]);
    assert_eq!(bench.json(["show", "one"])["name"], "one");
}

#[test]
fn export_writes_a_file_and_never_over_one() {
    let bench = Bench::with_workspace("one");
    assert_eq!(bench.done(["export", "copy.jsonl"]), "wrote copy.jsonl\n");
    let copy = std::fs::read_to_string(bench.folder().join("copy.jsonl")).unwrap();
    assert_eq!(copy, bench.done(["export"]));
    let again = bench.run(["export", "copy.jsonl"]);
    assert_eq!(again.failure().0, 2);
    assert!(again.err.contains("exists"), "{again:?}");
}

#[test]
fn gc_tells_what_it_settled_and_what_is_free() {
    let bench = Bench::with_workspace("one");
    let told = bench.done(["gc"]);
    assert!(
        told.starts_with("the space of everything deleted is given back"),
        "{told}"
    );
    let told = bench.json(["gc"]);
    assert_eq!(told["recovered"]["undone"], serde_json::json!([]));
    assert!(told["free_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn bench_times_every_operation_and_leaves_nothing() {
    let bench = Bench::with_workspace("one");
    let before = names(&bench);
    let timed = bench.json(["bench", "--rounds", "2", "--files", "10"]);
    let operations = timed["operations"].as_array().unwrap();
    let names_of: Vec<&str> = operations
        .iter()
        .map(|row| row["operation"].as_str().unwrap())
        .collect();
    let expected = [
        "create",
        "clone",
        "start a session",
        "end a session",
        "snapshot",
        "restore",
        "delete a snapshot",
        "delete",
    ];
    assert_eq!(names_of, expected);
    assert!(
        operations
            .iter()
            .all(|row| row["fastest_ms"].as_f64() <= row["slowest_ms"].as_f64())
    );
    assert_eq!(names(&bench), before);
    let table = bench.done(["bench", "--rounds", "1", "--files", "1"]);
    assert!(table.contains("│ clone "), "{table}");
}

fn names(bench: &Bench) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(bench.data()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}
