//! What an import makes is what `git clone` makes.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use workdisk::model::{Source, Status};

use super::git::{Origin, git, listing};
use super::{Stage, wanted};

/// What of a repository must not differ from a clone's: files, refs, configuration and history.
fn assert_same(imported: &Path, cloned: &Path) {
    let (ours, theirs) = (listing(imported), listing(cloned));
    for (path, held) in &theirs {
        assert_eq!(ours.get(path), Some(held), "{}", path.display());
    }
    assert_eq!(ours.len(), theirs.len());
    let refs = [
        "for-each-ref",
        "--format=%(refname) %(objectname) %(symref)",
    ];
    for arguments in [
        &refs[..],
        &["config", "--local", "--list"],
        &["log", "--all", "--format=%H %s"],
        &["ls-files", "--stage", "--debug"],
    ] {
        assert_eq!(told(imported, arguments), told(cloned, arguments));
    }
    for file in ["HEAD", "shallow"] {
        let [ours, theirs] = [imported, cloned]
            .map(|folder| fs::read_to_string(folder.join(".git").join(file)).unwrap_or_default());
        assert_eq!(ours, theirs, "{file}");
    }
    assert_eq!(git(imported, &["status", "--porcelain", "--ignored"]), "");
    git(imported, &["fsck", "--strict", "--no-dangling"]);
    for entry in fs::read_dir(imported.join(".git/objects/pack")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".pack") || name.ends_with(".idx"), "{name}");
    }
}

/// What git tells of a repository, in an order that says nothing, without the times and inodes that differ.
fn told(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let (mut lines, mut is_module) = (Vec::new(), false);
    for line in git(folder, arguments).lines() {
        let is_detail = line.starts_with("  ");
        if !is_detail {
            is_module = line.starts_with("160000 ");
        }
        // A module's folder has a size of the file system's choice.
        if !is_detail || line.starts_with("  size:") && !is_module {
            lines.push(line.to_owned());
        }
    }
    if arguments[0] == "config" {
        lines.sort();
    }
    lines
}

/// Clones with git from the same server.
fn clone(stage: &Stage, arguments: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/o/r.git", stage.server.url());
    let mut all = vec!["clone", "-q"];
    all.extend(arguments);
    all.extend([url.as_str(), "."]);
    git(folder.path(), &all);
    folder
}

const ONE: NonZeroU32 = NonZeroU32::MIN;

#[tokio::test]
async fn import_equals_a_clone_to_the_byte_and_the_mode() {
    let stage = Stage::of(Origin::rich()).await;
    let cloned = clone(&stage, &[]);
    let commit = stage.origin.id("main");
    stage
        .import(wanted(), |imported, folder| {
            assert_same(folder, cloned.path());
            let source = Source::Github {
                github_repo: "o/r".to_owned().try_into().unwrap(),
                reference: Some("main".to_owned()),
                commit: Some(commit),
            };
            assert_eq!(imported.workspace.source, Some(source));
            assert_eq!(imported.workspace.status, Status::Ready);
            assert!(imported.workspace.persistence.saved_at.is_some());
            let files = git(folder, &["ls-files"]).lines().count() as u64;
            assert_eq!(imported.files, files - imported.submodules);
            assert_eq!((imported.lfs_pointers, imported.submodules), (1, 1));
            assert!(folder.join("module").is_dir());
        })
        .await;
}

#[tokio::test]
async fn protocol_is_version_2_and_only_the_repository_is_asked_for() {
    let stage = Stage::of(Origin::rich()).await;
    stage.import(wanted(), |_, _| ()).await;
    for asked in stage.server.log() {
        assert_eq!(asked.header("git-protocol"), Some("version=2"));
        assert!(asked.path.starts_with("/o/r.git/"), "{asked:?}");
        assert_eq!(asked.header("authorization"), None);
    }
    assert_eq!(stage.server.log().len(), 3);
}

#[tokio::test]
async fn depth_fetches_the_default_branch_alone_as_a_clone_does() {
    let stage = Stage::of(Origin::rich()).await;
    let cloned = clone(&stage, &["--depth", "1"]);
    stage
        .import(wanted().with_depth(ONE), |_, folder| {
            assert_same(folder, cloned.path());
            git(folder, &["fetch", "-q", "--unshallow"]);
            git(folder, &["fsck", "--strict"]);
        })
        .await;
}

#[tokio::test]
async fn branch_is_checked_out_and_tracks_its_origin() {
    let stage = Stage::of(Origin::rich()).await;
    for depth in [None, Some(ONE)] {
        let mut arguments = vec!["--branch", "feature/x"];
        arguments.extend(depth.iter().flat_map(|_| ["--depth", "1"]));
        let cloned = clone(&stage, &arguments);
        let mut wanted = wanted().with_reference("feature/x");
        wanted.depth = depth;
        stage
            .import(wanted, |_, folder| {
                assert_same(folder, cloned.path());
                git(folder, &["pull", "-q"]);
            })
            .await;
    }
}

#[tokio::test]
async fn tag_is_checked_out_without_a_branch() {
    let stage = Stage::of(Origin::rich()).await;
    for (tag, depth) in [
        ("v1", None),
        ("v1", Some(ONE)),
        ("light", None),
        ("light", Some(ONE)),
    ] {
        let mut arguments = vec!["-c", "advice.detachedHead=false", "--branch", tag];
        arguments.extend(depth.iter().flat_map(|_| ["--depth", "1"]));
        let cloned = clone(&stage, &arguments);
        git(cloned.path(), &["config", "--unset", "advice.detachedHead"]);
        let mut wanted = wanted().with_reference(tag);
        wanted.depth = depth;
        let commit = stage.origin.id(&format!("{tag}^{{commit}}"));
        stage
            .import(wanted, |imported, folder| {
                assert_same(folder, cloned.path());
                let Some(Source::Github {
                    reference,
                    commit: Some(id),
                    ..
                }) = &imported.workspace.source
                else {
                    panic!("{imported:?}");
                };
                assert_eq!((reference.as_deref(), id), (Some(tag), &commit));
            })
            .await;
    }
}

#[tokio::test]
async fn commit_is_checked_out_by_its_id_whether_a_branch_has_it_or_not() {
    let stage = Stage::of(Origin::rich()).await;
    let old = stage.origin.id("main~1");
    let tree = stage.origin.id("main~1^{tree}");
    let hidden = git(
        &stage.origin.bare(),
        &["commit-tree", &tree, "-m", "hidden"],
    );
    for (commit, depth) in [
        (&old, None),
        (&old, Some(ONE)),
        (&hidden, None),
        (&hidden, Some(ONE)),
    ] {
        let mut wanted = wanted().with_reference(commit.as_str());
        wanted.depth = depth;
        stage
            .import(wanted, |imported, folder| {
                assert_eq!(&git(folder, &["rev-parse", "HEAD"]), commit);
                assert_eq!(git(folder, &["status", "--porcelain"]), "");
                assert_eq!(git(folder, &["rev-parse", "HEAD^{tree}"]), tree);
                git(folder, &["fsck", "--strict"]);
                git(folder, &["fetch", "-q"]);
                git(folder, &["rev-parse", "origin/feature/x"]);
                let Some(Source::Github { reference, .. }) = &imported.workspace.source else {
                    panic!("{imported:?}");
                };
                assert_eq!(reference, &None);
            })
            .await;
    }
}

/// A clone with a depth of such a repository can fetch nothing later, since git writes no refspec; an import can.
#[tokio::test]
async fn repository_whose_default_branch_is_missing_is_fetched_and_not_checked_out() {
    let stage = Stage::of(Origin::rich()).await;
    let head = ["symbolic-ref", "HEAD", "refs/heads/gone"];
    git(&stage.origin.bare(), &head);
    for depth in [None, Some(ONE)] {
        let cloned = clone(&stage, depth.map_or(&[][..], |_| &["--depth", "1"]));
        let mut wanted = wanted();
        wanted.depth = depth;
        stage
            .import(wanted, |imported, folder| {
                assert_eq!(imported.files, 0);
                assert_eq!(listing(folder), listing(cloned.path()));
                for arguments in [&head[..2], &["for-each-ref"]] {
                    assert_eq!(told(folder, arguments), told(cloned.path(), arguments));
                }
                git(folder, &["fetch", "-q"]);
                git(folder, &["checkout", "-q", "main"]);
            })
            .await;
    }
}

#[tokio::test]
async fn empty_repository_makes_an_empty_one_that_can_be_fetched_into() {
    let stage = Stage::of(Origin::empty()).await;
    let cloned = clone(&stage, &[]);
    stage
        .import(wanted(), |imported, folder| {
            assert_eq!(listing(folder), listing(cloned.path()));
            for arguments in [
                &["symbolic-ref", "HEAD"][..],
                &["config", "--local", "--list"],
            ] {
                assert_eq!(told(folder, arguments), told(cloned.path(), arguments));
            }
            let Some(Source::Github { commit, .. }) = &imported.workspace.source else {
                panic!("{imported:?}");
            };
            assert_eq!(commit, &None);
        })
        .await;
}

/// The origin is the public URL. A user reaches the test's server under that name by git's own means.
#[tokio::test]
async fn origin_is_the_public_url_and_can_be_fetched_from() {
    let stage = Stage::of(Origin::rich()).await;
    stage
        .import(wanted(), |_, folder| {
            let url = format!("{}/o/r.git", stage.server.url());
            assert_eq!(git(folder, &["remote", "get-url", "origin"]), url);
            fs::write(stage.origin.work().join("new"), "new").unwrap();
            stage.origin.commit("five");
            stage.origin.push();
            git(folder, &["fetch", "-q"]);
            git(folder, &["merge", "-q", "--ff-only"]);
            assert_eq!(fs::read_to_string(folder.join("new")).unwrap(), "new");
        })
        .await;
}
