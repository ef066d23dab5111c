//! Private repositories: a credential goes to the site over TLS, and nowhere else.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use workdisk::github::{Credential, CredentialError, CredentialProvider, CredentialRequest};
use workdisk::{Error, ErrorCode};

use super::certified::certified;
use super::git::Origin;
use super::server::{Act, Server};
use super::{options, wanted};
use crate::support::{Bench, code, in_session};

const SECRET: &str = "s3cr3t-t0ken";

/// Gives one credential, and notes who asked.
#[derive(Debug, Default)]
struct Keys {
    token: Option<&'static str>,
    fails: bool,
    asked: Mutex<Vec<CredentialRequest>>,
}

#[async_trait]
impl CredentialProvider for Keys {
    async fn credential(
        &self,
        request: CredentialRequest,
    ) -> Result<Option<Credential>, CredentialError> {
        self.asked.lock().unwrap().push(request);
        if self.fails {
            return Err(CredentialError::new("the vault is closed"));
        }
        Ok(self.token.map(Credential::token))
    }
}

fn keys(token: Option<&'static str>) -> Arc<Keys> {
    Arc::new(Keys {
        token,
        ..Keys::default()
    })
}

struct Private {
    _origin: Origin,
    server: Server,
    authority: String,
    bench: Bench,
}

impl Private {
    /// A server that answers only to the secret.
    async fn new() -> Self {
        let (config, authority) = certified();
        let origin = Origin::rich();
        let server = Server::with_tls(&origin.served(), config);
        let expected = format!(
            "Basic {}",
            STANDARD.encode(format!("x-access-token:{SECRET}"))
        );
        server.on(move |asked| match asked.header("authorization") {
            Some(given) if given == expected => Act::Serve,
            _ => Act::Status(401),
        });
        let bench = Bench::new().await;
        Self {
            _origin: origin,
            server,
            authority,
            bench,
        }
    }

    async fn with(&mut self, keys: &Arc<Keys>) {
        let options = options(&self.server)
            .with_root_certificates(&self.authority)
            .unwrap()
            .with_credentials(keys.clone());
        self.bench.import_from(options).await;
    }
}

/// Every file below a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let status = fs::symlink_metadata(&path).unwrap();
        if status.is_dir() {
            found.extend(contents(&path));
        } else if status.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

#[tokio::test]
async fn private_repository_is_imported_and_the_credential_is_kept_nowhere() {
    let mut private = Private::new().await;
    let keys = keys(Some(SECRET));
    private.with(&keys).await;
    let imported = private.bench.import(wanted()).await.unwrap();
    let asked = keys.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (
            asked[0].account.as_str(),
            asked[0].repo.as_str(),
            asked[0].host.as_str()
        ),
        ("acme", "o/r", "127.0.0.1")
    );
    assert!(
        private
            .server
            .log()
            .iter()
            .all(|asked| asked.header("authorization").is_some())
    );
    let url = private.server.url();
    in_session(&private.bench.account, imported.workspace.id, |root| {
        let encoded = STANDARD.encode(format!("x-access-token:{SECRET}"));
        for (path, content) in contents(root) {
            for secret in [SECRET, encoded.as_str()] {
                let holds = content
                    .windows(secret.len())
                    .any(|text| text == secret.as_bytes());
                assert!(!holds, "{path}");
            }
        }
        let config = fs::read_to_string(root.join("workspace/.git/config")).unwrap();
        assert!(config.contains(&format!("url = {url}/o/r.git")), "{config}");
    })
    .await;
    let record = private
        .bench
        .metadata
        .workspace(private.bench.account.id(), imported.workspace.id);
    assert!(!format!("{:?}", record.await.unwrap()).contains(SECRET));
}

#[tokio::test]
async fn wrong_missing_and_failing_credentials_are_unauthorized_and_in_no_text() {
    let mut private = Private::new().await;
    let failing = Arc::new(Keys {
        fails: true,
        ..Keys::default()
    });
    for keys in [
        keys(Some("wr0ng-t0ken")),
        keys(None),
        failing,
        keys(Some("line\nbreak")),
    ] {
        private.with(&keys).await;
        let before = private.server.log().len();
        let refused = private.bench.import(wanted()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ImportUnauthorized);
        assert!(!format!("{refused} {refused:?}").contains("t0ken"));
        let asked = if keys.fails { 0 } else { 1 };
        assert_eq!(private.server.log().len(), before + asked);
        private.bench.assert_nothing().await;
    }
}

#[tokio::test]
async fn credential_follows_no_redirect_within_the_site_either() {
    let mut private = Private::new().await;
    private.with(&keys(Some(SECRET))).await;
    private
        .server
        .on(|asked| match asked.path.strip_prefix("/o/r.git") {
            Some(rest) => Act::Redirect(format!("/o/new.git{rest}?{}", asked.query)),
            None => Act::Status(401),
        });
    let refused = private.bench.import(wanted()).await.unwrap_err();
    let Error::ImportUnauthorized { reason, .. } = &refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("renamed"), "{reason}");
    let log = private.server.log();
    let carried: Vec<bool> = log
        .iter()
        .map(|asked| asked.header("authorization").is_some())
        .collect();
    assert_eq!(carried, [true, false]);
}

#[tokio::test]
async fn credential_is_neither_asked_for_nor_sent_without_tls() {
    let origin = Origin::small();
    let server = Server::new(&origin.served());
    let mut bench = Bench::new().await;
    let keys = keys(Some(SECRET));
    bench
        .import_from(options(&server).with_credentials(keys.clone()))
        .await;
    bench.import(wanted()).await.unwrap();
    server.on(|_| Act::Status(401));
    assert_eq!(code(bench.import(wanted()).await), "import_unauthorized");
    assert_eq!(keys.asked.lock().unwrap().len(), 0);
    assert!(
        server
            .log()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
}

#[tokio::test]
async fn site_that_no_authority_certifies_is_refused_before_it_learns_anything() {
    let private = Private::new().await;
    let mut bench = Bench::new().await;
    let (_, another) = certified();
    let options = options(&private.server)
        .with_root_certificates(&another)
        .unwrap()
        .with_credentials(keys(Some(SECRET)));
    bench.import_from(options).await;
    assert_eq!(code(bench.import(wanted()).await), "import_unreachable");
    assert_eq!(private.server.log().len(), 0);
    bench.assert_nothing().await;
}
