//! `workdisk delete`.

use serde::Serialize;
use serde_json::Value;
use workdisk::manager::Force;

use super::confirm::Confirm;
use super::{Answer, Context, progress, quoted};
use crate::places::{Deleted, Failure, Result};
use crate::views::Workspace;

/// Delete workspaces, their snapshots and files
///
/// What is shared with clones stays until the last of them goes. On a data folder the space of the rest is given back
/// when the command ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// Their names or ids.
    #[arg(required = true)]
    workspaces: Vec<String>,
    /// End a running session, and cancel a running operation.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let mut found = Vec::new();
        for workspace in &self.workspaces {
            // What is not there is for the deletion to tell.
            found.extend(place.get(workspace).await.ok());
        }
        if !found.is_empty() {
            self.confirm.ask(&question(&found))?;
        }
        let force = if self.force { Force::Yes } else { Force::No };
        let deleted = progress::during("deleting", place.delete(&self.workspaces, force)).await?;
        progress::during("giving space back", place.reclaim()).await?;
        answer(deleted)
    }
}

fn question(workspaces: &[Workspace]) -> String {
    let names: Vec<String> = workspaces.iter().map(quoted).collect();
    let snapshots = workspaces
        .iter()
        .map(|workspace| workspace.persistence.snapshot_count);
    let snapshots = match snapshots.sum() {
        0 => String::new(),
        1 => " and 1 snapshot".to_owned(),
        many => format!(" and {many} snapshots"),
    };
    format!("Delete {}{snapshots}, for good?", names.join(", "))
}

#[derive(Serialize)]
struct Results {
    results: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    workspace: String,
    deleted: bool,
    error: Option<Value>,
}

fn answer(deleted: Vec<Deleted>) -> Result<Answer> {
    let (mut text, mut results, mut failures) = (String::new(), Vec::new(), Vec::new());
    for Deleted { workspace, result } in deleted {
        let error = result.as_ref().err().map(Failure::json);
        match result {
            Ok(()) => text.push_str(&format!("deleted {workspace:?}\n")),
            Err(failure) => failures.push(failure),
        }
        results.push(Item {
            workspace,
            deleted: error.is_none(),
            error,
        });
    }
    let answer = Answer::new(text, &Results { results })?;
    Ok(Answer { failures, ..answer })
}
