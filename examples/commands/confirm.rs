//! Asking before what cannot be undone.

use std::io::{IsTerminal, Write, stderr, stdin};

use crate::places::{Failure, Result};

/// Whether a person has said already that it is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Confirm {
    /// Do not ask. Needed where nobody can be asked.
    #[arg(long, short)]
    yes: bool,
}

impl Confirm {
    /// Asks on the terminal, unless that was said before.
    ///
    /// # Errors
    /// If the answer is no, or nobody can be asked.
    pub(crate) fn ask(&self, question: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !stdin().is_terminal() || !stderr().is_terminal() {
            let detail = format!("{question} Nobody can be asked here");
            let failure = Failure::usage("confirmation_required", detail);
            return Err(failure.with_advice("give --yes if it is meant"));
        }
        let mut terminal = anstream::stderr();
        write!(terminal, "{question} [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        stdin().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::usage("not_confirmed", "nothing was changed")),
        }
    }
}
