//! The commands, one a file. Each answers what it has to say; [`print`] says it.

mod bench;
mod check;
mod child;
mod clone;
mod completions;
mod confirm;
mod create;
mod delete;
mod export;
mod fault;
mod gc;
mod import;
mod list;
mod load;
pub(crate) mod print;
mod progress;
mod rebuild;
mod rename;
mod repair;
mod run;
mod session;
mod shell;
mod show;
mod signals;
mod snapshot;
mod template;

use clap::Subcommand;
use serde::Serialize;

use crate::places::{Failure, Missing, Place, Result, Target};
use crate::views::Workspace;

/// What every command is told.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) target: Target,
    pub(crate) json: bool,
}

impl Context {
    /// Opens the place, which must be there.
    async fn open(&self) -> Result<Box<dyn Place>> {
        self.open_or(Missing::Refuse).await
    }

    /// Opens the place, and says what that settled.
    async fn open_or(&self, missing: Missing) -> Result<Box<dyn Place>> {
        let opening = self.target.open(missing);
        let place = progress::during("opening", opening).await?;
        if let Some(recovered) = place.recovered().filter(|_| !self.json) {
            print::note(recovered.text().trim_end());
        }
        Ok(place)
    }
}

/// What a command has to say, for a person and for a script.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    text: String,
    /// Empty where a script has nothing to read.
    json: String,
    /// What failed while the rest was done.
    failures: Vec<Failure>,
    /// The exit status, if nothing failed.
    status: u8,
}

impl Answer {
    fn new(text: impl Into<String>, json: &impl Serialize) -> Result<Self> {
        Ok(Self {
            text: text.into(),
            json: serde_json::to_string_pretty(json)?,
            ..Self::default()
        })
    }
}

/// The exit status of faults that are found or left.
const FAULTY: u8 = 3;

/// A workspace's name in quotes, or its id.
fn quoted(workspace: &Workspace) -> String {
    match &workspace.name {
        Some(name) => format!("{name:?}"),
        None => workspace.id.to_string(),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    Clone(clone::Clone),
    Import(import::Import),
    #[command(visible_alias = "ls")]
    List(list::List),
    Show(show::Show),
    Rename(rename::Rename),
    Template(template::Template),
    Run(run::Run),
    Shell(shell::Shell),
    #[command(subcommand)]
    Session(session::Session),
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
    Check(check::Check),
    Repair(repair::Repair),
    Rebuild(rebuild::Rebuild),
    Gc(gc::Gc),
    Export(export::Export),
    Load(load::Load),
    Bench(bench::Bench),
    Completions(completions::Completions),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        match self {
            Command::Create(command) => command.run(context).await,
            Command::Clone(command) => command.run(context).await,
            Command::Import(command) => command.run(context).await,
            Command::List(command) => command.run(context).await,
            Command::Show(command) => command.run(context).await,
            Command::Rename(command) => command.run(context).await,
            Command::Template(command) => command.run(context).await,
            Command::Run(command) => command.run(context).await,
            Command::Shell(command) => command.run(context).await,
            Command::Session(command) => command.run(context).await,
            Command::Snapshot(command) => command.run(context).await,
            Command::Delete(command) => command.run(context).await,
            Command::Check(command) => command.run(context).await,
            Command::Repair(command) => command.run(context).await,
            Command::Rebuild(command) => command.run(context).await,
            Command::Gc(command) => command.run(context).await,
            Command::Export(command) => command.run(context).await,
            Command::Load(command) => command.run(context).await,
            Command::Bench(command) => command.run(context).await,
            Command::Completions(command) => command.run(),
        }
    }
}
