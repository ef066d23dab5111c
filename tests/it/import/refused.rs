//! What can't be imported, each with its own code, and what is left of it: nothing.

use std::net::TcpListener;
use std::time::Duration;

use workdisk::ErrorCode;
use workdisk::github::{GithubOptions, Retries};
use workdisk::manager::{ImportRepository, ListWorkspaces};

use super::git::Origin;
use super::server::Act;
use super::{Stage, options, wanted};
use crate::support::{Bench, code};

impl Bench {
    /// No workspace, no volume, no file.
    pub(crate) async fn assert_nothing(&self) {
        let page = self.account.list(ListWorkspaces::default()).await.unwrap();
        assert_eq!(page.workspaces, []);
        let volumes = self.volume.list(None, 10).await.unwrap();
        assert_eq!(volumes, []);
    }
}

#[tokio::test]
async fn text_that_is_no_repository_or_ref_connects_to_nothing() {
    let stage = Stage::of(Origin::small()).await;
    for text in [
        "https://github.com/o/r",
        "../r",
        "-oProxyCommand=x/r",
        "o/r.git",
        "user:secret@host/r",
    ] {
        let refused = stage.bench.import(ImportRepository::new(text)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::GithubRepoInvalid);
        assert!(!refused.to_string().contains("secret"));
    }
    for text in ["-x", "a..b", "a b", "refs/pull/1/head", ""] {
        let refused = stage.bench.import(wanted().with_reference(text)).await;
        assert_eq!(code(refused), "invalid_request");
    }
    let refused = stage.bench.import(wanted().with_name(" x")).await;
    assert_eq!(code(refused), "workspace_name_invalid");
    let refused = stage.bench.import(wanted().with_image("a b")).await;
    assert_eq!(code(refused), "image_invalid");
    stage.bench.sandbox("taken").await;
    let refused = stage.bench.import(wanted().with_name("TAKEN")).await;
    assert_eq!(code(refused), "workspace_name_taken");
    assert_eq!(stage.server.log().len(), 0);
}

#[tokio::test]
async fn each_refusal_has_its_code_and_is_not_tried_again() {
    let mut stage = Stage::of(Origin::small()).await;
    let retrying = options(&stage.server).with_retries(Retries::new(3, Duration::ZERO));
    stage.bench.import_from(retrying).await;
    for (status, expected) in [
        (401, "import_unauthorized"),
        (403, "import_unauthorized"),
        (404, "import_not_found"),
        (410, "import_not_found"),
        (418, "import_unreachable"),
    ] {
        let before = stage.server.log().len();
        stage.server.on(move |_| Act::Status(status));
        assert_eq!(code(stage.bench.import(wanted()).await), expected);
        assert_eq!(stage.server.log().len(), before + 1, "{status}");
        stage.bench.assert_nothing().await;
    }
    stage.server.on(|_| Act::Serve);
    let missing = stage.bench.import(ImportRepository::new("o/missing")).await;
    assert_eq!(code(missing), "import_not_found");
    stage.bench.assert_nothing().await;
}

#[tokio::test]
async fn ref_that_is_not_there_is_not_found_and_leaves_nothing() {
    let stage = Stage::of(Origin::small()).await;
    let absent = "0123456789abcdef0123456789abcdef01234567";
    for depth in [None, std::num::NonZeroU32::new(1)] {
        for reference in ["missing", "refs/tags/missing", "refs/heads/mai", absent] {
            let mut wanted = wanted().with_reference(reference);
            wanted.depth = depth;
            let refused = stage.bench.import(wanted).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::ImportRefNotFound, "{reference}");
            assert!(refused.to_string().contains(reference));
            stage.bench.assert_nothing().await;
        }
    }
}

#[tokio::test]
async fn server_that_can_not_be_reached_is_unreachable() {
    let mut bench = Bench::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for url in [url.as_str(), "http://host.invalid"] {
        let options = GithubOptions::default()
            .with_base_url(url)
            .unwrap()
            .with_retries(Retries::new(1, Duration::ZERO));
        bench.import_from(options).await;
        assert_eq!(code(bench.import(wanted()).await), "import_unreachable");
        bench.assert_nothing().await;
    }
}

/// A page instead of refs, as a site gives that wants its visitors to sign in first.
#[tokio::test]
async fn what_is_not_git_is_unreachable_and_asked_once() {
    let mut stage = Stage::of(Origin::small()).await;
    let retrying = options(&stage.server).with_retries(Retries::new(3, Duration::ZERO));
    stage.bench.import_from(retrying).await;
    for method in ["GET", "POST"] {
        let before = stage.server.log().len();
        stage.server.on(move |asked| match asked.method == method {
            true => Act::Page,
            false => Act::Serve,
        });
        let refused = stage.bench.import(wanted()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ImportUnreachable);
        assert!(!refused.is_retryable(), "{refused}");
        let asked = stage.server.log().len() - before;
        assert_eq!(asked, if method == "GET" { 1 } else { 2 });
        stage.bench.assert_nothing().await;
    }
}
