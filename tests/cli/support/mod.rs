//! A data folder of a test, and commands on it.

mod mask;
mod program;
pub(crate) mod pty;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) use mask::mask;
#[cfg(all(feature = "github", feature = "http"))]
pub(crate) use program::built;
pub(crate) use program::program;

/// A folder to work in, with a data folder to come.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// One with a workspace.
    pub(crate) fn with_workspace(name: &str) -> Self {
        let bench = Self::new();
        bench.done(["create", name]);
        bench
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("workdisk-data")
    }

    /// A command in the folder, as from a script: with no terminal and nothing to read.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(program());
        clean(&mut command)
            .args(arguments)
            .current_dir(self.folder());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// What a command that must succeed says.
    pub(crate) fn done<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.out
    }

    /// What a command that must succeed says in JSON.
    pub(crate) fn json<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Value {
        let mut command = self.command(arguments);
        let ran = ran(command.arg("--json"));
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Writes a file in a workspace's disk.
    pub(crate) fn write(&self, workspace: &str, file: &str, text: &str) {
        self.done([
            "run",
            workspace,
            "--",
            "sh",
            "-c",
            &format!("printf %s '{text}' > {file}"),
        ]);
    }

    /// Reads a file in a workspace's disk.
    pub(crate) fn read(&self, workspace: &str, file: &str) -> String {
        self.done(["run", workspace, "--", "cat", file])
    }
}

impl Ran {
    /// The exit status, and what was said on the standard error.
    pub(crate) fn failure(&self) -> (i32, &str) {
        assert_eq!(self.out, "", "{self:?}");
        (self.status, &self.err)
    }
}

/// Takes out of the environment what would choose a place or a form.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WORKDISK_") {
            command.env_remove(name);
        }
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color")
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ran::from(output)
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            status: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}
