//! What a person and a script are told when a command fails.

use serde_json::Value;

use crate::support::Bench;

/// The exit status, and what a script is told, of a command that must fail.
fn refused(bench: &Bench, arguments: &[&str]) -> (i32, Value) {
    let ran = bench.run([&["--json"], arguments].concat());
    let (status, told) = ran.failure();
    (status, serde_json::from_str(told).unwrap())
}

#[test]
fn failure_tells_its_code_and_what_to_do_next() {
    let bench = Bench::with_workspace("one");
    let ran = bench.run(["show", "nope"]);
    let expected = "\
error: no workspace \"nope\" in this account [workspace_not_found]
  `workdisk list` shows what there is, and --account chooses another account
";
    assert_eq!(ran.failure(), (1, expected));
}

#[test]
fn failure_in_json_has_the_code_the_text_and_the_advice() {
    let bench = Bench::with_workspace("one");
    let (status, told) = refused(&bench, &["show", "nope"]);
    assert_eq!(status, 1);
    assert_eq!(told["code"], "workspace_not_found");
    assert_eq!(told["detail"], "no workspace \"nope\" in this account");
    assert!(told["advice"].as_str().unwrap().contains("workdisk list"));
}

#[test]
fn rules_refuse_with_status_1() {
    let bench = Bench::with_workspace("one");
    for (arguments, code) in [
        (&["create", "ONE"][..], "workspace_name_taken"),
        (&["create", " "], "workspace_name_invalid"),
        (&["create", "--image", "::"], "image_invalid"),
        (
            &["create", "--type", "browser", "--image", "x"],
            "image_not_allowed",
        ),
        (&["clone", "one", "--snapshot", "v9"], "snapshot_not_found"),
        (&["rename", "one", "a\nb"], "workspace_name_invalid"),
        (&["snapshot", "create", "one", ""], "snapshot_name_invalid"),
        (&["session", "end", "one"], "session_not_found"),
    ] {
        let (status, told) = refused(&bench, arguments);
        assert_eq!((status, &told["code"]), (1, &code.into()), "{arguments:?}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused_with_status_2() {
    let bench = Bench::new();
    for arguments in [
        &[][..],
        &["fly"],
        &["create", "--type", "boat"],
        &["list", "--status", "tired"],
        &["run", "one"],
        &["delete"],
    ] {
        assert_eq!(bench.run(arguments).status, 2, "{arguments:?}");
    }
}

#[test]
fn looking_makes_no_data_folder() {
    let bench = Bench::new();
    for arguments in [
        &["list"][..],
        &["show", "x"],
        &["gc"],
        &["export"],
        &["run", "x", "--", "true"],
    ] {
        let (_, told) = refused(&bench, arguments);
        assert_eq!(told["code"], "data_dir_not_found", "{arguments:?}");
    }
    assert!(!bench.data().exists());
}

#[test]
fn damaged_store_is_trouble_of_status_3() {
    let bench = Bench::with_workspace("one");
    for entry in std::fs::read_dir(bench.data().join("metadata")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::write(path, "nonsense").unwrap();
        }
    }
    let (status, told) = refused(&bench, &["list"]);
    assert_eq!(status, 3, "{told}");
    assert!(
        told["code"].as_str().unwrap().starts_with("storage_"),
        "{told}"
    );
}

#[test]
fn server_that_does_not_answer_is_status_4() {
    let bench = Bench::new();
    // Bound and closed again: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}");
    let (status, told) = refused(&bench, &["list", "--url", &url]);
    assert_eq!((status, &told["code"]), (4, &"server_unreachable".into()));
}

#[test]
fn what_needs_the_data_folder_is_refused_on_a_server() {
    let bench = Bench::new();
    for arguments in [&["gc"][..], &["export"], &["bench"]] {
        let (status, told) = refused(
            &bench,
            &[&["--url", "http://127.0.0.1:1"], arguments].concat(),
        );
        assert_eq!(
            (status, &told["code"]),
            (2, &"unsupported".into()),
            "{arguments:?}"
        );
    }
}

#[test]
fn data_folder_that_is_named_comes_before_a_server_in_the_environment() {
    let bench = Bench::with_workspace("one");
    let mut command = bench.command(["list", "--data-dir", "workdisk-data"]);
    command.env("WORKDISK_URL", "http://127.0.0.1:1");
    assert_eq!(command.status().unwrap().code(), Some(0));
}

#[test]
fn place_and_account_are_read_from_the_environment() {
    let bench = Bench::new();
    let mut command = bench.command(["create", "one"]);
    command
        .env("WORKDISK_DATA_DIR", "elsewhere")
        .env("WORKDISK_ACCOUNT", "acme");
    assert!(command.status().unwrap().success());
    let listed = bench.json(["list", "--data-dir", "elsewhere", "--account", "acme"]);
    assert_eq!(listed["workspaces"][0]["name"], "one");
}
