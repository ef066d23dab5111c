//! What opening a data folder settled that dead processes had left.

use serde::Serialize;
use workdisk::manager::RecoveryReport;
use workdisk::model::WorkspaceId;

/// A recovery in its JSON form.
#[derive(Debug, Serialize)]
pub(crate) struct Recovered {
    undone: Vec<WorkspaceId>,
    deleted: Vec<WorkspaceId>,
    discarded: Vec<WorkspaceId>,
    sessions_ended: Vec<WorkspaceId>,
    failures: Vec<Unsettled>,
}

#[derive(Debug, Serialize)]
struct Unsettled {
    workspace: WorkspaceId,
    detail: String,
}

impl Recovered {
    pub(crate) fn of(report: &RecoveryReport) -> Self {
        let unsettled = |(workspace, detail): &(WorkspaceId, String)| Unsettled {
            workspace: *workspace,
            detail: detail.clone(),
        };
        Self {
            undone: report.undone.clone(),
            deleted: report.deleted.clone(),
            discarded: report.discarded.clone(),
            sessions_ended: report.sessions_ended.clone(),
            failures: report.failures.iter().map(unsettled).collect(),
        }
    }

    /// A line for each workspace.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let settled = [
            ("undid an unfinished operation of", &self.undone),
            ("finished the deletion of", &self.deleted),
            ("removed leftovers of", &self.discarded),
            (
                "ended the session of a dead process on",
                &self.sessions_ended,
            ),
        ];
        for (what, workspaces) in settled {
            for workspace in workspaces {
                text.push_str(&format!("{what} {workspace}\n"));
            }
        }
        for Unsettled { workspace, detail } in &self.failures {
            text.push_str(&format!("could not settle {workspace}: {detail}\n"));
        }
        text
    }
}
