//! `workdisk session`.

use clap::Subcommand;

use super::{Answer, Context, progress, quoted};
use crate::places::{Failure, Result, end_by_force};

/// End a running session, whoever started it
#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    End(End),
}

/// Unmount the disk and make its files durable
#[derive(Debug, clap::Args)]
pub(crate) struct End {
    /// The name or id of the workspace.
    workspace: String,
    /// End the processes of this machine that still use the disk.
    #[arg(long)]
    force: bool,
}

impl Session {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        match self {
            Session::End(command) => command.run(context).await,
        }
    }
}

impl End {
    async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let workspace = place.get(&self.workspace).await?;
        let Some(session) = workspace.active_session_id else {
            let detail = format!("no session runs on {}", quoted(&workspace));
            return Err(Failure::new("session_not_found", detail).without_advice());
        };
        let id = workspace.id.to_string();
        let ended = progress::during("ending the session", async {
            if self.force {
                let session = place.session(&id, session).await?;
                return end_by_force(&*place, &workspace, &session).await;
            }
            place.end_session(&id, session).await
        });
        let workspace = ended.await?;
        let text = format!(
            "ended the session of {}; its files are saved\n",
            quoted(&workspace)
        );
        Answer::new(text, &workspace)
    }
}
