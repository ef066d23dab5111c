//! Redirects: within the site for the first request, and nowhere else.

use super::git::Origin;
use super::server::{Act, Server};
use super::{Stage, wanted};
use crate::support::code;

/// GitHub answers so for a repository that was renamed.
#[tokio::test]
async fn renamed_repository_is_followed_within_the_site() {
    for absolute in [true, false] {
        let stage = Stage::of(Origin::small()).await;
        let bare = stage.origin.bare();
        std::fs::rename(&bare, bare.with_file_name("new.git")).unwrap();
        let site = stage.server.url();
        stage.server.on(move |asked| {
            let Some(rest) = asked.path.strip_prefix("/o/r.git") else {
                return Act::Serve;
            };
            let root = if absolute { site.as_str() } else { "" };
            Act::Redirect(format!("{root}/o/new.git{rest}?{}", asked.query))
        });
        stage
            .import(wanted(), |_, folder| {
                assert_eq!(
                    std::fs::read_to_string(folder.join("file")).unwrap(),
                    "text\n"
                );
            })
            .await;
        let asked = stage.server.log().into_iter().map(|asked| asked.path);
        let renamed = |path: &str| format!("/o/new.git/{path}");
        assert_eq!(
            asked.collect::<Vec<_>>(),
            [
                "/o/r.git/info/refs".to_owned(),
                renamed("info/refs"),
                renamed("git-upload-pack"),
                renamed("git-upload-pack"),
            ]
        );
    }
}

#[tokio::test]
async fn redirect_to_another_site_scheme_address_or_path_is_not_followed() {
    let stage = Stage::of(Origin::small()).await;
    let other = Server::new(&stage.origin.served());
    let (port, site) = (stage.server.port(), stage.server.url());
    let tail = "/o/r.git/info/refs?service=git-upload-pack";
    for target in [
        format!("{}{tail}", other.url()),
        format!("https://127.0.0.1:{port}{tail}"),
        format!("http://localhost:{port}{tail}"),
        format!("http://user@127.0.0.1:{port}{tail}"),
        format!("//127.0.0.1:{}{tail}", other.port()),
        format!("http://169.254.169.254{tail}"),
        format!("http://127.0.0.1{tail}"),
        format!("http://[::1]:{port}{tail}"),
        "file:///etc/passwd".to_owned(),
        "ext::sh".to_owned(),
        String::new(),
        format!("{site}/elsewhere"),
        // It leads to itself.
        format!("{site}{tail}"),
    ] {
        let judged = target.clone();
        stage.server.on(move |_| Act::Redirect(judged.clone()));
        let refused = code(stage.bench.import(wanted()).await);
        assert_eq!(refused, "import_unreachable", "{target}");
        stage.bench.assert_nothing().await;
    }
    assert_eq!(other.log().len(), 0);
}

#[tokio::test]
async fn redirect_in_the_middle_is_not_followed() {
    let stage = Stage::of(Origin::small()).await;
    let site = stage.server.url();
    stage.server.on(move |asked| match asked.method.as_str() {
        "POST" => Act::Redirect(format!("{site}/o/r.git/git-upload-pack")),
        _ => Act::Serve,
    });
    assert_eq!(
        code(stage.bench.import(wanted()).await),
        "import_unreachable"
    );
    stage.bench.assert_nothing().await;
}
