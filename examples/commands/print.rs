//! Printing: an answer on the standard output, a failure on the standard error. Colours go to terminals alone.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::{Answer, Context};
use crate::places::Failure;

const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Says what a command has to say, and answers the exit status.
pub(crate) fn answer(context: &Context, answer: &Answer) -> ExitCode {
    let said = match context.json {
        true if answer.json.is_empty() => Ok(()),
        true => out(format_args!("{}\n", answer.json)),
        false => out(&answer.text),
    };
    if let Err(error) = said {
        // Who reads no further has what it wanted.
        if error.kind() != ErrorKind::BrokenPipe {
            return failure(context, &error.into());
        }
    }
    let mut status = ExitCode::from(answer.status);
    for failed in &answer.failures {
        // A script reads what failed in the answer itself.
        status = match context.json {
            true => ExitCode::from(failed.status()),
            false => failure(context, failed),
        };
    }
    status
}

/// Says why a command failed, and answers the exit status.
pub(crate) fn failure(context: &Context, failure: &Failure) -> ExitCode {
    if context.json {
        err(failure.json());
        return ExitCode::from(failure.status());
    }
    let (code, detail) = (failure.code(), failure.detail());
    err(format_args!(
        "{RED}error{RED:#}: {detail} {DIM}[{code}]{DIM:#}"
    ));
    if let Some(advice) = failure.advice() {
        err(format_args!("  {advice}"));
    }
    ExitCode::from(failure.status())
}

/// Tells a person what happens beside the answer.
pub(crate) fn note(text: impl Display) {
    err(format_args!("{DIM}{text}{DIM:#}"));
}

fn out(text: impl Display) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{text}")?;
    out.flush()
}

/// Writes a line to the standard error. There is nobody to tell if that fails.
fn err(line: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}
