//! `workdisk shell`.

use super::child::run_in_session;
use super::{Answer, Context, print};
use crate::places::Result;

/// Open a shell in a workspace's disk
///
/// The session ends with the shell. /// As `workdisk run WORKSPACE -- $SHELL`.
#[derive(Debug, clap::Args)]
pub(crate) struct Shell {
    /// The name or id of the workspace.
    workspace: String,
}

impl Shell {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        print::note(format_args!(
            "a session of {:?} starts; leave the shell to end it and to save its files",
            self.workspace
        ));
        run_in_session(context, &self.workspace, &[shell]).await
    }
}
