//! `workdisk run`.

use std::ffi::OsString;

use super::child::run_in_session;
use super::{Answer, Context};
use crate::places::Result;

/// Run a command in a workspace's disk
///
/// That is a session from its start to its end. The command starts in the disk's top folder, whose path is in WORKDISK_PATH; WORKDISK_WORKSPACE and WORKDISK_SESSION
/// hold the ids. Signals are passed on to it. When it ends, what it left running is ended too, the disk is unmounted and
/// its files are made durable; the exit status is the command's.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The name or id of the workspace.
    workspace: String,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        run_in_session(context, &self.workspace, &self.command).await
    }
}
