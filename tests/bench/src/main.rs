//! Times what workdisk does beside others that do the like, in the same run.
//!
//! As root:
//! ```text
//! cargo run --release -p workdisk-bench -- \
//!   [--quick | --full] [--only clone,store] [--json FILE] [--markdown FILE] [--plot FILE]
//! ```
//! It prints a table a figure, says beside each bar whether it is met, and can write all of it as JSON and as Markdown, and
//! the cost against the size of the tree as a plot. It installs nothing: a peer that is missing is named, with what to
//! install. Nobody else should use the machine meanwhile; the load before and after is told.
//!
//! # What is compared
//! Everything runs on file systems of its own, in sparse files below `TMPDIR`: ext4 with a journal, xfs and btrfs. Ours and
//! the peers' turns are on the same one, one after the other, and before each that is timed nothing is left to be written.
//! Beside each peer stands what it does *not* promise.
//!
//! [`peers`] tells why AgentFS is not among them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures says what it found, and how far it is"
)]

mod containerd;
mod disk;
mod figures;
mod machine;
mod options;
mod peers;
mod plot;
mod process;
mod records;
mod report;
mod samples;
mod store;
mod table;
mod tree;
mod work;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::figures::FIGURES;
use crate::options::{Form, Options};
use crate::report::Report;

type Error = Box<dyn std::error::Error + Send + Sync>;

type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    options.check()?;
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(folder) = &options.look_into_store {
        runtime.block_on(figures::look_into(folder, options.workspaces))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::begin(options.form());
    for (name, measure) in FIGURES {
        if !options.wants(name) {
            continue;
        }
        eprintln!("{name} …");
        match runtime.block_on(measure(&options)) {
            Ok(mut figure) => {
                // Too small and too seldom done to be held against anything.
                if options.form() == Form::Quick {
                    figure.bars.clear();
                }
                println!("{}", table::of(&figure));
                report.add(figure);
            }
            Err(error) => {
                eprintln!("{name} could not be measured: {error}");
                report.fail(name, &error);
            }
        }
    }
    report.end();
    println!("{}", table::summary(&report));
    if let Some(path) = &options.json {
        write(path, report.json()?)?;
    }
    if let Some(path) = &options.markdown {
        write(path, table::page(&report))?;
    }
    if let Some(path) = &options.plot {
        write(path, plot::of(&report)?)?;
    }
    Ok(report.conclude())
}

fn write(path: &Path, text: String) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}
