//! This program again, in a process of its own.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::Result;
use crate::state::State;

/// A process that has not ended by then never will.
const HANGS: Duration = Duration::from_secs(300);

/// A process of this program, which reads from its input what the store holds before it begins.
pub(crate) struct Own {
    pub(crate) child: Child,
    said: NamedTempFile,
    complained: NamedTempFile,
}

impl Own {
    /// Starts it. It does nothing before it is told what there is.
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        Self::start_by(Command::new(std::env::current_exe()?), arguments)
    }

    /// Starts it by a command that ends with the path of this program.
    pub(crate) fn start_by(mut command: Command, arguments: &[String]) -> Result<Self> {
        let (said, complained) = (NamedTempFile::new()?, NamedTempFile::new()?);
        let child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(said.reopen()?)
            .stderr(complained.reopen()?)
            .spawn()?;
        Ok(Self {
            child,
            said,
            complained,
        })
    }

    /// Lets it begin.
    pub(crate) fn tell(&mut self, found: &State) -> Result<()> {
        if let Some(mut input) = self.child.stdin.take() {
            input.write_all(serde_json::to_string(found)?.as_bytes())?;
        }
        Ok(())
    }

    /// What it has said since this was asked last.
    pub(crate) fn said(&mut self) -> Result<String> {
        let mut text = String::new();
        self.said.read_to_string(&mut text)?;
        Ok(text)
    }

    /// What it says until it has said so many lines, and what it said meanwhile.
    pub(crate) fn said_until(&mut self, lines: usize) -> Result<String> {
        let mut said = String::new();
        while said.matches('\n').count() < lines {
            said += &self.said()?;
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended, {status}: {}", self.complaint()?).into());
            }
            std::thread::yield_now();
        }
        Ok(said)
    }

    pub(crate) fn complaint(&mut self) -> Result<String> {
        let mut text = String::new();
        self.complained.read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }

    /// Waits for its end, and answers what it said, or its complaint if it failed. One that hangs has failed.
    pub(crate) fn end(mut self) -> Result<String> {
        let begin = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return self.said(),
                Some(status) => return Err(format!("{status}: {}", self.complaint()?).into()),
                None if begin.elapsed() > HANGS => {
                    self.child.kill()?;
                    self.child.wait()?;
                    return Err(format!("it hung: {}", self.complaint()?).into());
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

/// Opens the store in a folder in a process of its own, proves that it is in order, and tells what is there.
pub(crate) fn verify(folder: &Path) -> Result<State> {
    let mut own = Own::start(&["verify".to_owned(), folder.display().to_string()])?;
    own.tell(&State::default())?;
    Ok(serde_json::from_str(&own.end()?)?)
}
