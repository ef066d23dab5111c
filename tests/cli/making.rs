//! Creating, cloning, renaming, and templates.

use serde_json::json;

use crate::support::{Bench, mask};

#[test]
fn workspace_is_made_with_its_data_folder_and_told_with_its_id() {
    let bench = Bench::new();
    let told = bench.done(["create", "base"]);
    assert_eq!(
        mask(&told),
        "created \"base\"  00000000-0000-0000-0000-000000000000\n"
    );
    let id = bench.json(["show", "base"])["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told.contains(&id), "{told}");
    assert!(bench.data().is_dir());
}

#[test]
fn workspace_is_made_as_it_was_asked_for() {
    let bench = Bench::new();
    let made = bench.json(["create", "--template", "--image", "ubuntu", "base"]);
    assert_eq!(made["name"], "base");
    assert_eq!(made["session_type"], "sandbox");
    assert_eq!(made["image"], "docker.io/library/ubuntu:latest");
    assert_eq!(made["template"], true);
    let made = bench.json(["create", "--type", "browser"]);
    assert_eq!(made["session_type"], "browser");
    assert!(made["name"].is_string(), "a name is made up: {made}");
}

#[test]
fn clone_has_the_files_of_the_head_or_of_a_snapshot() {
    let bench = Bench::with_workspace("base");
    bench.write("base", "file", "then");
    bench.done(["snapshot", "create", "base", "v1"]);
    bench.write("base", "file", "now");
    let told = bench.done(["clone", "base", "of now"]);
    assert_eq!(
        mask(&told),
        "cloned \"base\" as \"of now\"  00000000-0000-0000-0000-000000000000\n"
    );
    let made = bench.json(["clone", "base", "of then", "--snapshot", "v1", "--template"]);
    assert_eq!(made["template"], true);
    assert_eq!(
        made["source"]["clone_of"],
        bench.json(["show", "base"])["id"]
    );
    assert_eq!(bench.read("of now", "file"), "now");
    assert_eq!(bench.read("of then", "file"), "then");
}

#[test]
fn name_is_changed_and_taken_away() {
    let bench = Bench::with_workspace("one");
    assert_eq!(
        bench.done(["rename", "one", "Größe 2"]),
        "\"one\" is now \"Größe 2\"\n"
    );
    let cleared = bench.json(["rename", "größe 2", "--clear"]);
    assert_eq!(cleared["name"], json!(null));
    let id = cleared["id"].as_str().unwrap();
    assert_eq!(bench.json(["show", id])["id"], id);
    assert_eq!(
        bench.run(["rename", id]).status,
        2,
        "neither a name nor --clear"
    );
}

#[test]
fn template_is_switched_on_and_off() {
    let bench = Bench::with_workspace("one");
    assert_eq!(
        bench.done(["template", "one"]),
        "\"one\" is now a template\n"
    );
    assert_eq!(bench.json(["show", "one"])["template"], true);
    assert_eq!(
        bench.done(["template", "one", "off"]),
        "\"one\" is no template\n"
    );
    assert_eq!(bench.json(["show", "one"])["template"], false);
}

#[test]
fn volume_is_the_one_that_was_asked_for_when_the_folder_was_made() {
    let bench = Bench::new();
    let made = bench.json(["create", "one", "--volume", "directory"]);
    assert_eq!(made["persistence"]["backend"], "directory");
    bench.write("one", "file", "text");
    assert_eq!(bench.read("one", "file"), "text");
}
