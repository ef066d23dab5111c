//! Trees that git would not make, made to write where they must not.

use std::fs;
use std::path::Path;

use super::git::{Origin, git, git_with};
use super::{Stage, wanted};
use crate::support::code;

/// Names that lead out of the folder or into `.git`, on this system or on another that the disk may come to.
const NAMES: [&str; 14] = [
    "..",
    ".",
    ".git",
    ".GIT",
    ".Git",
    "git~1",
    "GIT~1",
    ".git ",
    ".git.",
    ".git::$INDEX_ALLOCATION",
    ".git\\config",
    "a/b",
    "../outside",
    "",
];

#[tokio::test]
async fn name_that_git_refuses_is_refused_as_a_file_a_folder_and_a_link() {
    let stage = Stage::of(Origin::small()).await;
    let bare = stage.origin.bare();
    let blob = git_with(&bare, &["hash-object", "-w", "--stdin"], b"pwned");
    let link = git_with(&bare, &["hash-object", "-w", "--stdin"], b"/tmp");
    for name in NAMES {
        let folder = stage.origin.tree(&[("100755", "post-checkout", &blob)]);
        for (mode, object) in [("100644", &blob), ("40000", &folder), ("120000", &link)] {
            let tree = stage.origin.tree(&[(mode, name, object)]);
            let nested = stage.origin.tree(&[("40000", "inner", &tree)]);
            for tree in [tree, nested] {
                stage.origin.forge(&tree);
                let refused = stage.bench.import(wanted()).await.unwrap_err();
                assert!(!refused.is_retryable(), "{mode} {name:?}");
                let code = refused.code().as_str();
                assert_eq!(code, "import_unreachable", "{mode} {name:?}");
                stage.bench.assert_nothing().await;
            }
        }
    }
}

#[tokio::test]
async fn file_behind_a_link_of_the_same_name_is_not_written_through_it() {
    let stage = Stage::of(Origin::small()).await;
    let outside = tempfile::tempdir().unwrap();
    let bare = stage.origin.bare();
    let target = outside.path().to_str().unwrap().as_bytes();
    let link = git_with(&bare, &["hash-object", "-w", "--stdin"], target);
    let blob = git_with(&bare, &["hash-object", "-w", "--stdin"], b"pwned");
    let folder = stage.origin.tree(&[("100644", "file", &blob)]);
    for entries in [
        [
            ("120000", "a", link.as_str()),
            ("40000", "a", folder.as_str()),
        ],
        [
            ("40000", "a", folder.as_str()),
            ("120000", "a", link.as_str()),
        ],
        [
            ("120000", "a", link.as_str()),
            ("100644", "a", blob.as_str()),
        ],
        [
            ("100644", "a", blob.as_str()),
            ("100644", "a", blob.as_str()),
        ],
    ] {
        let tree = stage.origin.tree(&entries);
        stage.origin.forge(&tree);
        assert_eq!(
            code(stage.bench.import(wanted()).await),
            "import_unreachable"
        );
        stage.bench.assert_nothing().await;
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn links_stay_links_and_lead_the_import_nowhere() {
    let stage = Stage::of(Origin::small()).await;
    let bare = stage.origin.bare();
    let root = git_with(&bare, &["hash-object", "-w", "--stdin"], b"/");
    let blob = git_with(&bare, &["hash-object", "-w", "--stdin"], b"text");
    let tree = stage.origin.tree(&[
        ("120000", ".gitattributes", &root),
        ("120000", "a", &root),
        ("100644", "b", &blob),
    ]);
    stage.origin.forge(&tree);
    stage
        .import(wanted(), |_, folder| {
            assert_eq!(fs::read_link(folder.join("a")).unwrap(), Path::new("/"));
            assert_eq!(fs::read_to_string(folder.join("b")).unwrap(), "text");
        })
        .await;
}

#[tokio::test]
async fn nothing_that_the_repository_names_is_run() {
    let stage = Stage::of(Origin::small()).await;
    let (work, outside) = (stage.origin.work(), tempfile::tempdir().unwrap());
    let trap = outside.path().join("sprung");
    let run = format!("touch {}", trap.display());
    let write = |name: &str, text: String| fs::write(work.join(name), text).unwrap();
    write(
        ".gitattributes",
        "* filter=evil diff=evil merge=evil\n".to_owned(),
    );
    write(
        ".gitconfig",
        format!("[filter \"evil\"]\nsmudge = {run}\n[core]\nhooksPath = .\nfsmonitor = {run}\n"),
    );
    write(
        ".gitmodules",
        format!("[submodule \"m\"]\npath = m\nurl = -u./x\nupdate = !{run}\n"),
    );
    write(".lfsconfig", format!("[lfs]\nurl = file:///{run}\n"));
    write("post-checkout", format!("#!/bin/sh\n{run}\n"));
    let commit = stage.origin.id("HEAD");
    stage.origin.commit("trap");
    let entry = format!("160000,{commit},m");
    git(&work, &["update-index", "--add", "--cacheinfo", &entry]);
    git(&work, &["commit", "-q", "-m", "module"]);
    stage.origin.push();
    stage
        .import(wanted(), |imported, folder| {
            assert_eq!(imported.submodules, 1);
            let hooks = fs::read_dir(folder.join(".git/hooks")).unwrap();
            for hook in hooks {
                let name = hook.unwrap().file_name().into_string().unwrap();
                assert!(
                    name.ends_with(".sample") || name.ends_with(".url"),
                    "{name}"
                );
            }
        })
        .await;
    assert!(!trap.exists());
}

#[tokio::test]
async fn objects_that_are_missing_or_no_trees_are_refused() {
    let stage = Stage::of(Origin::small()).await;
    let absent = "0123456789abcdef0123456789abcdef01234567";
    let blob = git(&stage.origin.bare(), &["rev-parse", "main:file"]);
    for entries in [
        [("100644", "a", absent)],
        [("40000", "a", absent)],
        [("40000", "a", blob.as_str())],
    ] {
        let tree = stage.origin.tree(&entries);
        stage.origin.forge(&tree);
        assert_eq!(
            code(stage.bench.import(wanted()).await),
            "import_unreachable"
        );
        stage.bench.assert_nothing().await;
    }
}
