//! Looking: lists and one workspace.

use crate::support::{Bench, mask};

#[test]
fn list_is_a_table_of_the_accounts_workspaces() {
    let bench = Bench::new();
    bench.done(["create", "base", "--template"]);
    bench.done(["create", "profile", "--type", "browser"]);
    bench.done(["clone", "base", "task 1"]);
    bench.done(["create", "foreign", "--account", "other"]);
    let expected = "\
┌──────────────────────────────────────────────────────────────────┐
│ name      type      status   snapshots   on disk   notes         │
╞══════════════════════════════════════════════════════════════════╡
│ base      sandbox   ready    0           ?         template      │
│ profile   browser   ready    0           ?                       │
│ task 1    sandbox   ready    0           ?         clone of base │
└──────────────────────────────────────────────────────────────────┘
";
    assert_eq!(mask(&bench.done(["list"])), expected);
}

#[test]
fn list_holds_what_matches_every_filter() {
    let bench = Bench::new();
    bench.done(["create", "Alpha", "--template"]);
    bench.done(["create", "alps"]);
    bench.done(["create", "beta", "--type", "browser"]);
    let names = |filter: &[&str]| -> Vec<String> {
        let listed = bench.json([&["list"], filter].concat());
        let listed = listed["workspaces"].as_array().unwrap().clone();
        let names = listed
            .iter()
            .map(|workspace| workspace["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(names(&[]), ["Alpha", "alps", "beta"]);
    assert_eq!(names(&["--templates"]), ["Alpha"]);
    assert_eq!(names(&["--type", "browser"]), ["beta"]);
    assert_eq!(names(&["--prefix", "AL"]), ["Alpha", "alps"]);
    assert_eq!(names(&["--prefix", "al", "--templates"]), ["Alpha"]);
    assert_eq!(names(&["--status", "active"]), [""; 0]);
}

#[test]
fn empty_list_says_how_to_make_a_workspace() {
    let bench = Bench::with_workspace("one");
    assert_eq!(
        bench.done(["list", "--account", "other"]),
        "no workspaces of account \"other\" in workdisk-data; `workdisk create` makes one\n"
    );
    let listed = bench.json(["list", "--account", "other"]);
    assert_eq!(listed, serde_json::json!({ "workspaces": [] }));
}

#[test]
fn show_tells_all_about_a_workspace() {
    let bench = Bench::new();
    bench.done(["create", "base", "--volume", "directory"]);
    bench.done(["snapshot", "create", "base", "v1"]);
    bench.done(["clone", "base", "copy", "--template"]);
    let expected = "\
copy
  id         00000000-0000-0000-0000-000000000000
  type       sandbox
  status     ready
  template   yes
  from       clone of \"base\"
  on disk    not measured, directory
  created    2000-01-01 00:00 UTC
  updated    2000-01-01 00:00 UTC
  saved      2000-01-01 00:00 UTC
  snapshots  0
";
    assert_eq!(mask(&bench.done(["show", "copy"])), expected);
    let base = mask(&bench.done(["show", "base"]));
    assert!(
        base.ends_with(
            "  snapshots  1\n    ● v1  (?, 2000-01-01 00:00)  <- the files started here\n"
        ),
        "{base}"
    );
}

#[test]
fn measuring_tells_what_is_on_the_disk() {
    let bench = Bench::with_workspace("one");
    bench.write("one", "file", "text");
    assert!(bench.json(["show", "one"])["persistence"]["size_bytes"].is_null());
    let measured = bench.json(["list", "--measure"]);
    let size = &measured["workspaces"][0]["persistence"]["size_bytes"];
    assert!(size.as_u64().unwrap() > 0, "{measured}");
    assert_eq!(
        bench.json(["show", "one", "--measure"])["persistence"]["size_bytes"],
        *size
    );
}

#[test]
fn json_is_as_documented() {
    let bench = Bench::with_workspace("one");
    let shown = bench.done(["show", "one", "--json"]);
    let keys: Vec<&str> = shown
        .lines()
        .filter_map(|line| {
            line.strip_prefix("  \"")?
                .split_once('"')
                .map(|(key, _)| key)
        })
        .collect();
    let expected = [
        "id",
        "name",
        "session_type",
        "status",
        "image",
        "template",
        "active_session_id",
        "last_session_id",
        "source",
        "persistence",
        "created_at",
        "updated_at",
        "revision",
    ];
    assert_eq!(keys, expected);
}
