//! Snapshots: taken, shown as a tree, restored and deleted.

use crate::support::{Bench, mask};

#[test]
fn tree_goes_straight_down_and_branches_where_descent_does() {
    let bench = Bench::with_workspace("base");
    for name in ["first", "a trial", "the trial, further on"] {
        bench.done(["snapshot", "create", "base", name]);
    }
    bench.done(["snapshot", "restore", "base", "first", "--yes"]);
    bench.done(["snapshot", "create", "base", "second"]);
    let expected = "\
● first  (?, 2000-01-01 00:00)
├─● a trial  (?, 2000-01-01 00:00)
│ ● the trial, further on  (?, 2000-01-01 00:00)
● second  (?, 2000-01-01 00:00)  <- the files started here
";
    assert_eq!(mask(&bench.done(["snapshot", "list", "base"])), expected);
}

/// The quickstart's tree showed nothing that came from a deleted snapshot.
#[test]
fn tree_shows_what_came_from_a_snapshot_that_is_deleted() {
    let bench = Bench::with_workspace("base");
    for name in ["first", "second"] {
        bench.done(["snapshot", "create", "base", name]);
    }
    bench.done(["snapshot", "restore", "base", "first", "--yes"]);
    bench.done(["snapshot", "create", "base", "third"]);
    bench.done(["snapshot", "delete", "base", "first", "--yes"]);
    let expected = "\
○ nothing, or what is deleted
├─● second  (?, 2000-01-01 00:00)
● third  (?, 2000-01-01 00:00)  <- the files started here
";
    assert_eq!(mask(&bench.done(["snapshot", "list", "base"])), expected);
}

#[test]
fn workspace_without_snapshots_says_how_to_take_one() {
    let bench = Bench::with_workspace("base");
    assert_eq!(
        bench.done(["snapshot", "list", "base"]),
        "\"base\" has no snapshots; `workdisk snapshot create` takes one\n"
    );
}

#[test]
fn snapshot_in_json_is_as_documented() {
    let bench = Bench::with_workspace("base");
    let taken = bench.json(["snapshot", "create", "base", "v1"]);
    assert_eq!(taken["name"], "v1");
    let listed = bench.json(["snapshot", "list", "base"]);
    assert_eq!(listed["snapshots"][0], taken);
    let mut keys: Vec<&String> = taken.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["created_at", "id", "name", "parent", "size_bytes"]);
}

#[test]
fn restore_brings_the_files_back_and_can_save_the_present_ones() {
    let bench = Bench::with_workspace("base");
    bench.write("base", "file", "then");
    assert_eq!(
        bench.done(["snapshot", "create", "base", "v1"]),
        "took \"v1\" of \"base\"\n"
    );
    bench.write("base", "file", "now");
    let restored = bench.done(["snapshot", "restore", "base", "v1", "--save-as", "accident"]);
    assert_eq!(restored, "\"base\" is as it was at \"v1\"\n");
    assert_eq!(bench.read("base", "file"), "then");
    bench.done(["clone", "base", "copy", "--snapshot", "accident"]);
    assert_eq!(bench.read("copy", "file"), "now");
}

#[test]
fn deleted_snapshot_is_gone() {
    let bench = Bench::with_workspace("base");
    bench.done(["snapshot", "create", "base", "v1"]);
    let deleted = bench.json(["snapshot", "delete", "base", "v1", "--yes"]);
    assert_eq!(deleted["deleted"], true);
    let again = bench.run(["snapshot", "delete", "base", "v1", "--yes"]);
    let (status, told) = again.failure();
    assert_eq!(status, 1);
    assert!(told.contains("[snapshot_not_found]"), "{told}");
}
