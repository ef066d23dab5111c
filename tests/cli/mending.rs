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
        // Each process leaves a few ids behind that it did not come to use.
        .filter(|kind| *kind != "reservation")
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

#[test]
fn check_of_a_sound_folder_finds_nothing() {
    let bench = Bench::with_workspace("one");
    bench.done(["snapshot", "create", "one", "v1"]);
    bench.done(["create", "two", "--account", "other"]);
    assert_eq!(
        bench.done(["check"]),
        "no fault in 2 workspaces and 3 volumes\n"
    );
    let told = bench.json(["check"]);
    assert_eq!(told["faults"], serde_json::json!([]));
    assert_eq!(told["workspaces"], 2);
    assert_eq!(bench.done(["repair"]), "0 faults mended, 0 left\n");
}

#[test]
fn faults_are_told_with_what_mends_them_and_by_the_status() {
    let bench = Bench::new();
    bench.done(["create", "one", "--volume", "directory"]);
    let id = bench.json(["show", "one"])["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let disk = bench.done(["run", "one", "--", "pwd"]);
    let label = std::path::Path::new(disk.trim()).with_file_name("label");
    std::fs::remove_file(label).unwrap();
    let checked = bench.run(["check"]);
    assert_eq!(checked.status, 3, "{checked:?}");
    assert!(
        checked.out.contains("`workdisk repair` mends it"),
        "{checked:?}"
    );
    assert!(
        checked
            .out
            .ends_with("1 fault in 1 workspace and 1 volume\n")
    );
    assert!(bench.done(["repair"]).ends_with("1 fault mended, 0 left\n"));
    bench.done(["check"]);
    std::fs::remove_dir_all(disk.trim()).unwrap();
    let repaired = bench.run(["repair", "--json"]);
    assert_eq!(repaired.status, 3, "{repaired:?}");
    let told: Value = serde_json::from_str(&repaired.out).unwrap();
    assert_eq!(told["left"][0]["mend"], "delete_workspace");
    assert_eq!(told["left"][0]["workspace"], id);
    let told = bench.run(["check"]);
    assert!(
        told.out.contains(&format!("`workdisk delete {id}`")),
        "{told:?}"
    );
}

#[test]
fn lost_metadata_is_rebuilt_and_each_failure_on_the_way_names_it() {
    let bench = Bench::with_workspace("one");
    bench.write("one", "file", "kept");
    bench.done(["snapshot", "create", "one", "v1"]);
    std::fs::rename(bench.data().join("metadata"), bench.folder().join("lost")).unwrap();
    let refused = bench.run(["list"]);
    assert_eq!(refused.failure().0, 2);
    assert!(refused.err.contains("`workdisk rebuild`"), "{refused:?}");
    // A creation makes new metadata, which the files are not of.
    let refused = bench.run(["create", "two"]);
    assert_eq!(refused.failure().0, 3);
    assert!(refused.err.contains("`workdisk rebuild`"), "{refused:?}");
    let refused = bench.run(["rebuild"]);
    assert!(refused.err.contains("--yes"), "{refused:?}");
    let told = bench.done(["rebuild", "--yes"]);
    assert!(
        told.ends_with("rebuilt 1 workspace and 1 snapshot\n"),
        "{told}"
    );
    assert!(told.contains("metadata.lost"), "{told}");
    bench.done(["check"]);
    assert_eq!(bench.read("one", "file"), "kept");
    let listed = bench.json(["snapshot", "list", "one"]);
    assert_eq!(listed["snapshots"][0]["name"], "v1");
    let refused = bench.run(["rebuild", "--yes"]);
    assert_eq!(refused.failure().0, 1);
    assert!(refused.err.contains("move it away first"), "{refused:?}");
}

#[test]
fn mending_works_on_a_data_folder_and_not_on_a_server() {
    let bench = Bench::new();
    for command in ["check", "repair", "rebuild"] {
        let refused = bench.run([command, "--url", "http://127.0.0.1:1"]);
        assert_eq!(refused.failure().0, 2);
        assert!(refused.err.contains("[unsupported]"), "{refused:?}");
    }
}
