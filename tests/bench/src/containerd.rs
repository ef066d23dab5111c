//! containerd's overlay snapshotter, as its own Go package in a process beside this one: no daemon, no gRPC and no start of a
//! program is in its times.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::disk::Disk;
use crate::process::{find, run};
use crate::samples::Counted;

/// Where Debian's package has the sources.
const GOPATH: &str = "/usr/share/gocode";

const PACKAGE: &str = "src/github.com/containerd/containerd/snapshots/overlay";

/// How to get what is missing.
pub(crate) const MISSING: &str =
    "containerd is missing: apt-get install golang-go golang-github-containerd-containerd-dev";

/// Whether what a call wrote is made durable before it counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    No,
    Yes,
}

/// The times of its calls.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) prepare: Counted,
    pub(crate) commit: Counted,
    pub(crate) remove: Counted,
}

impl Calls {
    pub(crate) fn extend(&mut self, others: Calls) {
        self.prepare.extend(others.prepare);
        self.commit.extend(others.commit);
        self.remove.extend(others.remove);
    }
}

/// A snapshotter that runs, until the value is dropped.
pub(crate) struct Containerd {
    process: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Containerd {
    /// Builds and starts it with its data on that disk; `None` where the machine lacks it.
    pub(crate) fn start(disk: &Disk) -> Result<Option<Self>> {
        let Some(program) = build()? else {
            return Ok(None);
        };
        let mut process = Command::new(program)
            .arg(disk.path().join("containerd"))
            .arg(disk.counts()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asked = process.stdin.take();
        let answers = process.stdout.take().ok_or("it has no output")?;
        Ok(Some(Self {
            process,
            asked,
            answers: BufReader::new(answers),
        }))
    }

    /// Makes the snapshot that the others start from.
    pub(crate) fn base(&mut self, files: u64) -> Result<()> {
        self.ask(&format!("base {files}")).map(drop)
    }

    /// Prepares above it, writes a file, commits and removes, one after the other.
    pub(crate) fn rounds(&mut self, count: usize, durable: Durable) -> Result<Calls> {
        let mut calls = Calls::default();
        for (call, time, flushes) in self.ask(&format!("rounds {count} {}", durable.word()))? {
            match call.as_str() {
                "prepare" => calls.prepare.add(time, flushes),
                "commit" => calls.commit.add(time, flushes),
                _ => calls.remove.add(time, flushes),
            }
        }
        Ok(calls)
    }

    /// Prepares so many above it, some at a time, and answers how long all of them took.
    pub(crate) fn crowd(
        &mut self,
        count: usize,
        at_once: usize,
        durable: Durable,
    ) -> Result<Duration> {
        let answer = self.ask(&format!("crowd {count} {at_once} {}", durable.word()))?;
        let (_, time, _) = answer.first().ok_or("it told no time")?;
        Ok(*time)
    }

    fn ask(&mut self, command: &str) -> Result<Vec<(String, Duration, u64)>> {
        let asked = self.asked.as_mut().ok_or("it was stopped")?;
        writeln!(asked, "{command}")?;
        let mut answer = Vec::new();
        for line in self.answers.by_ref().lines() {
            let line = line?;
            if line == "done" {
                return Ok(answer);
            }
            let words: Vec<&str> = line.split(' ').collect();
            let [call, nanoseconds, flushes] = words[..] else {
                return Err(format!("containerd's snapshotter said {line}").into());
            };
            let time = Duration::from_nanos(nanoseconds.parse()?);
            answer.push((call.to_owned(), time, flushes.parse()?));
        }
        Err("containerd's snapshotter ended early".into())
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // It ends with its input.
        self.asked = None;
        let ended = self.process.wait();
        debug_assert!(ended.is_ok(), "{ended:?}");
    }
}

impl Durable {
    fn word(self) -> &'static str {
        match self {
            Self::No => "plain",
            Self::Yes => "durable",
        }
    }
}

/// Builds the program in the folder of build results, where Go finds its own from the run before.
fn build() -> Result<Option<PathBuf>> {
    if find("go").is_none() || !Path::new(GOPATH).join(PACKAGE).is_dir() {
        return Ok(None);
    }
    let folder = std::env::current_exe()?.with_file_name("containerd-snapshotter");
    fs::create_dir_all(&folder)?;
    let program = folder.join("snapshotter");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("containerd");
    run(Command::new("go")
        .current_dir(source)
        .env("GO111MODULE", "off")
        .env("GOPATH", GOPATH)
        .env("GOCACHE", folder.join("cache"))
        .args(["build", "-o"])
        .arg(&program)
        .arg("."))?;
    Ok(Some(program))
}
