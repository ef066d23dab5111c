//! `workdisk snapshot`.

use clap::Subcommand;
use serde::Serialize;
use workdisk::manager::{Force, RestoreSnapshot};

use super::confirm::Confirm;
use super::{Answer, Context, progress, quoted};
use crate::places::Result;
use crate::views::{self, tree};

/// Take, list, restore and delete snapshots
#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    Create(Create),
    #[command(visible_alias = "ls")]
    List(List),
    Restore(Restore),
    #[command(visible_alias = "rm")]
    Delete(Delete),
}

/// Take a snapshot
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// The name or id of the workspace.
    workspace: String,
    /// The snapshot's name.
    name: String,
    /// End a running session first.
    #[arg(long)]
    force: bool,
}

/// Show a workspace's snapshots as a tree
///
/// Each stands below the one that its files had started from.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// The name or id of the workspace.
    workspace: String,
}

/// Replace a workspace's files by a snapshot's
///
/// No snapshot is deleted.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The name or id of the workspace.
    workspace: String,
    /// The name or id of the snapshot.
    snapshot: String,
    /// Make a snapshot of this name of the files that are replaced. Without it they are gone.
    #[arg(long, value_name = "NAME")]
    save_as: Option<String>,
    /// End a running session first.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    confirm: Confirm,
}

/// Delete a snapshot
///
/// What was cloned from it, or taken after it, stays.
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// The name or id of the workspace.
    workspace: String,
    /// The name or id of the snapshot.
    snapshot: String,
    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Serialize)]
struct Listed {
    snapshots: Vec<views::Snapshot>,
}

#[derive(Serialize)]
struct Deleted {
    workspace: String,
    snapshot: String,
    deleted: bool,
}

impl Snapshot {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        match self {
            Snapshot::Create(command) => command.run(context).await,
            Snapshot::List(command) => command.run(context).await,
            Snapshot::Restore(command) => command.run(context).await,
            Snapshot::Delete(command) => command.run(context).await,
        }
    }
}

fn force(force: bool) -> Force {
    if force { Force::Yes } else { Force::No }
}

impl Create {
    async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let taking = place.create_snapshot(&self.workspace, &self.name, force(self.force));
        let snapshot = progress::during("taking the snapshot", taking).await?;
        let text = format!("took {:?} of {:?}\n", snapshot.name, self.workspace);
        Answer::new(text, &snapshot)
    }
}

impl List {
    async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let workspace = place.get(&self.workspace).await?;
        let snapshots = place.snapshots(&workspace.id.to_string()).await?;
        let text = match snapshots.is_empty() {
            true => format!(
                "{} has no snapshots; `workdisk snapshot create` takes one\n",
                quoted(&workspace)
            ),
            false => tree(&snapshots, workspace.persistence.base_snapshot),
        };
        Answer::new(text, &Listed { snapshots })
    }
}

impl Restore {
    async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        if self.save_as.is_none() {
            self.confirm.ask(&format!(
                "Replace the files of {:?} by those of {:?}? Without --save-as they are gone.",
                self.workspace, self.snapshot
            ))?;
        }
        let mut options = RestoreSnapshot::default().with_force(force(self.force));
        options.save_head_as = self.save_as;
        let restoring = place.restore(&self.workspace, &self.snapshot, options);
        let workspace = progress::during("restoring", restoring).await?;
        progress::during("giving space back", place.reclaim()).await?;
        let text = format!(
            "{} is as it was at {:?}\n",
            quoted(&workspace),
            self.snapshot
        );
        Answer::new(text, &workspace)
    }
}

impl Delete {
    async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        self.confirm.ask(&format!(
            "Delete the snapshot {:?} of {:?}, for good?",
            self.snapshot, self.workspace
        ))?;
        let deleting = place.delete_snapshot(&self.workspace, &self.snapshot);
        progress::during("deleting", deleting).await?;
        progress::during("giving space back", place.reclaim()).await?;
        let text = format!("deleted {:?} of {:?}\n", self.snapshot, self.workspace);
        let deleted = Deleted {
            workspace: self.workspace,
            snapshot: self.snapshot,
            deleted: true,
        };
        Answer::new(text, &deleted)
    }
}
