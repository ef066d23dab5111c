//! `workdisk completions`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Answer;
use crate::Cli;
use crate::places::Result;

/// Write a shell's completions of the command line
///
/// For bash: `workdisk completions bash > ~/.local/share/bash-completion/completions/workdisk`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Answer> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "workdisk", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Answer::new(script.clone(), &script)
    }
}
