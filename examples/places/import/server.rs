//! Importing on a server.
//!
//! The server is asked to answer when the import is done, so that it can say why one failed: of an import that failed there
//! is no workspace to ask. Who hangs up has it cancelled. An import that takes longer than the server waits goes on, and is
//! followed by its workspace.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use workdisk::manager::{Force, ListWorkspaces};
use workdisk::model::Status;

use super::{Wanted, Watch, stopped};
use crate::places::server::{Server, given};
use crate::places::{Failure, Place, Result};
use crate::views::workspace::Step;
use crate::views::{Source, Workspace};

/// How often the server is asked how far it is.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn import(
    server: &Server,
    wanted: Wanted,
    mut watch: Watch<'_>,
) -> Result<Workspace> {
    let body = given(json!({
        "github_repo": wanted.github_repo,
        "ref": wanted.reference,
        "depth": wanted.depth,
        "name": wanted.name,
        "image": wanted.image,
        "template": wanted.template,
    }));
    let asked = server.send_json("POST", "/workspaces/import", body);
    let mut asked = std::pin::pin!(asked);
    let answered: Workspace = loop {
        tokio::select! {
            answered = &mut asked => break answered?,
            // The server sees that nobody waits any more when this process ends.
            () = &mut watch.stopped => return Err(stopped()),
            step = look(server, &wanted) => if let Some(step) = step {
                (watch.tell)(&step);
            },
        }
    };
    follow(server, answered, watch).await
}

/// Waits until an import that goes on is done.
async fn follow(server: &Server, begun: Workspace, mut watch: Watch<'_>) -> Result<Workspace> {
    let id = begun.id.to_string();
    let mut seen = begun;
    while is_importing(&seen) {
        if let Some(step) = &seen.import {
            (watch.tell)(step);
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = &mut watch.stopped => {
                for deleted in server.delete(&[id], Force::Yes).await? {
                    deleted.result?;
                }
                return Err(stopped());
            }
        }
        seen = match server.get(&id).await {
            Err(failure) if failure.code() == "workspace_not_found" => return Err(failed()),
            seen => seen?,
        };
    }
    Ok(seen)
}

/// How far the import is, after a pause. It is known by what was asked for, and not told if there is another like it.
async fn look(server: &Server, wanted: &Wanted) -> Option<Step> {
    sleep(PAUSE).await;
    let importing = ListWorkspaces::default().with_status(Status::Importing);
    let all = server.list(importing).await.ok()?;
    let mut alike = all.into_iter().filter(|seen| is_of(seen, wanted));
    let found = alike.next()?;
    alike.next().is_none().then_some(found.import)?
}

fn is_of(seen: &Workspace, wanted: &Wanted) -> bool {
    let Some(Source::Other(source)) = &seen.source else {
        return false;
    };
    source["github_repo"] == wanted.github_repo.as_str()
        && (wanted.name.is_none() || seen.name == wanted.name)
}

fn is_importing(seen: &Workspace) -> bool {
    seen.status == Status::Importing.as_str()
}

fn failed() -> Failure {
    let detail = "the import failed after the server had stopped waiting for it";
    Failure::new("import_failed", detail).with_advice("the server's log tells why")
}
