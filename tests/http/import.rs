//! Importing over HTTP, from git's own server in GitHub's place.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use workdisk::http::HttpOptions;

use crate::git::Origin;
use crate::git_server::{Act, Server as GitServer};
use crate::support::Server;

const PATH: &str = "/v1/workspaces/import";

struct Stage {
    origin: Origin,
    git: GitServer,
    server: Server,
}

impl Stage {
    async fn new(options: HttpOptions) -> Self {
        let origin = Origin::small();
        let git = GitServer::new(&origin.served());
        let server = Server::importing_from(&git.url(), options).await;
        Self {
            origin,
            git,
            server,
        }
    }

    /// Waits until there are so many workspaces.
    async fn until_there_are(&self, count: usize) {
        loop {
            let page = self.server.client().get("/v1/workspaces").await;
            if page.body["workspaces"].as_array().unwrap().len() == count {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn import_is_answered_when_it_is_done_and_tells_its_source() {
    let stage = Stage::new(HttpOptions::default()).await;
    let body = json!({"github_repo": "o/r", "name": "imported", "depth": 1, "template": true});
    let made = stage.server.client().post(PATH, body).await.expect(201);
    assert_eq!(made.text("status"), "ready");
    assert_eq!(made.body["template"], true);
    assert_eq!(made.body["source"]["github_repo"], "o/r");
    assert_eq!(
        made.body["source"]["commit"],
        stage.origin.id("HEAD").as_str()
    );
    assert!(!made.header("etag").is_empty());
}

#[tokio::test]
async fn import_that_is_not_waited_for_tells_how_far_it_is_until_it_is_cancelled() {
    let stage = Stage::new(HttpOptions::default()).await;
    stage.git.on(|_| Act::Stall);
    let client = stage.server.client();
    let body = json!({"github_repo": "o/r", "name": "slow", "wait": false});
    let begun = client.post(PATH, body).await.expect(202);
    assert_eq!(begun.text("status"), "importing");
    let seen = client.get("/v1/workspaces/slow").await.expect(200);
    assert_eq!(seen.body["import"]["phase"], "connecting");
    let stranger = stage.server.stranger();
    stranger.get("/v1/workspaces/slow").await.expect(404);
    client.delete("/v1/workspaces/slow").await.expect(409);
    client
        .delete("/v1/workspaces/slow?force=true")
        .await
        .expect(204);
    client.get("/v1/workspaces/slow").await.expect(404);
}

#[tokio::test]
async fn import_that_takes_longer_than_the_server_waits_goes_on() {
    let options = HttpOptions::default().with_timeout(Duration::from_millis(500));
    let stage = Stage::new(options).await;
    stage.git.on(|_| Act::Stall);
    let body = json!({"github_repo": "o/r"});
    let begun = stage.server.client().post(PATH, body).await.expect(202);
    let path = format!("/v1/workspaces/{}", begun.text("id"));
    let seen = stage.server.client().get(&path).await.expect(200);
    assert_eq!(seen.text("status"), "importing");
}

#[tokio::test]
async fn client_that_goes_away_in_an_import_leaves_nothing() {
    let stage = Stage::new(HttpOptions::default()).await;
    stage.git.on(|_| Act::Stall);
    let client = stage.server.client();
    let gone = tokio::spawn({
        let client = client.clone();
        async move { client.post(PATH, json!({"github_repo": "o/r"})).await }
    });
    stage.until_there_are(1).await;
    gone.abort();
    stage.until_there_are(0).await;
}

#[tokio::test]
async fn import_under_a_key_is_done_once() {
    let stage = Stage::new(HttpOptions::default()).await;
    let client = stage.server.client();
    let key = [("idempotency-key", "one")];
    let send = || {
        let body = json!({"github_repo": "o/r"});
        client.send(Method::POST, PATH, &key, Some(body))
    };
    let (first, second) = tokio::join!(send(), send());
    assert_eq!(first.expect(201).body, second.expect(201).body);
    stage.until_there_are(1).await;
}

/// Such a request was told to look at the workspace, which was not found any more.
#[tokio::test]
async fn import_that_was_not_waited_for_is_told_again_after_its_workspace_is_deleted() {
    let stage = Stage::new(HttpOptions::default()).await;
    let client = stage.server.client();
    let key = [("idempotency-key", "one")];
    let send = || {
        let body = json!({"github_repo": "o/r", "name": "w", "wait": false});
        client.send(Method::POST, PATH, &key, Some(body))
    };
    let begun = send().await;
    let id = begun.text("id").to_owned();
    // Its turn comes when the first has ended.
    let again = send().await.expect(201);
    assert_eq!((again.text("id"), again.text("status")), (&*id, "ready"));
    client.delete("/v1/workspaces/w").await.expect(204);
    assert_eq!(send().await.expect(201).body, again.body);
    stage.until_there_are(0).await;
}

#[tokio::test]
async fn import_that_fails_leaves_nothing_and_says_why() {
    let stage = Stage::new(HttpOptions::default()).await;
    let client = stage.server.client();
    let import = async |body| {
        let refused = client.post(PATH, body).await;
        let (status, code) = refused.problem();
        (status, code.to_owned())
    };
    let told = |status: u16, code: &str| (status, code.to_owned());
    for (body, answer) in [
        (json!({}), told(400, "invalid_request")),
        (
            json!({"github_repo": "o/r", "depth": 0}),
            told(400, "invalid_request"),
        ),
        (
            json!({"github_repo": "no repo"}),
            told(422, "github_repo_invalid"),
        ),
        (
            json!({"github_repo": "o/r", "ref": "absent"}),
            told(422, "import_ref_not_found"),
        ),
        (
            json!({"github_repo": "o/absent"}),
            told(422, "import_not_found"),
        ),
    ] {
        assert_eq!(import(body.clone()).await, answer, "{body}");
    }
    stage.git.on(|_| Act::Status(401));
    let body = json!({"github_repo": "o/r"});
    assert_eq!(import(body).await, told(422, "import_unauthorized"));
    stage.until_there_are(0).await;
}
