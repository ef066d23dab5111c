//! The crash protocol of an import: it is stopped at each of its steps, and the next process recovers.

use workdisk::manager::ListWorkspaces;
use workdisk::model::Status;

use super::git::{Origin, git};
use super::server::Server;
use super::{options, wanted};
use crate::support::steps::Break;
use crate::support::{Backing, Bench, code, in_session};

#[tokio::test]
async fn import_is_done_or_not_done() {
    let origin = Origin::small();
    let server = Server::new(&origin.served());
    for backing in [Backing::Directory, Backing::Overlayfs] {
        for kind in [Break::Before as fn(usize) -> Break, Break::After] {
            let mut stopped = 0;
            while let Some(true) = stopped_at(backing, &server, kind(stopped + 1)).await {
                stopped += 1;
            }
            assert!(stopped > 4 || Bench::on(backing).await.is_none());
        }
    }
}

/// Stops an import at a step. Answers whether it has so many, or nothing where the host can't mount and does not have to.
async fn stopped_at(backing: Backing, server: &Server, step: Break) -> Option<bool> {
    let mut bench = Bench::on(backing).await?;
    bench.import_from(options(server)).await;
    bench.steps.break_at(step);
    let result = bench.import(wanted().with_name("new")).await;
    let broken = bench.steps.has_broken();
    bench.crash().await;
    bench.assert_no_orphan().await;
    assert!(
        bench.manager.recover().await.unwrap().is_empty(),
        "{step:?}"
    );
    let page = bench.account.list(ListWorkspaces::default()).await.unwrap();
    for workspace in &page.workspaces {
        assert_eq!(workspace.status, Status::Ready, "{step:?}");
        in_session(&bench.account, workspace.id, |root| {
            assert_eq!(git(&root.join("workspace"), &["status", "--porcelain"]), "");
        })
        .await;
    }
    if !broken {
        result.unwrap();
        return Some(false);
    }
    bench.import_from(options(server)).await;
    let again = code(bench.import(wanted().with_name("new")).await);
    match page.workspaces.len() {
        0 => assert_eq!(again, crate::support::OK, "{step:?}"),
        _ => assert_eq!(again, "workspace_name_taken", "{step:?}"),
    }
    bench.assert_no_orphan().await;
    Some(true)
}
