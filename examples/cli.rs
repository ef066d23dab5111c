//! `workdisk`, the command line: looks at workspaces, works in them, and mends what was damaged.
//!
//! `cargo run --example workdisk -- --help` tells what it can do. It works on a data folder, or asks a server.

mod commands;
mod places;
mod views;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum};
use workdisk_local::VolumePreference;

use crate::commands::{Command, Context, print};
use crate::places::{FolderTarget, ServerTarget, Target};

const EXIT_STATUS: &str = "\
Exit status:
  0    done
  1    refused by a rule; the standard error tells the code
  2    the command cannot be done as it was given
  3    the storage is in trouble, or `check` found faults
  4    the server cannot be reached, or does not know the key
  128 and a signal's number  it stopped an import, of which nothing is left
  `run` and `shell` answer the status of their command: 128 and its number if a
  signal ended it, 127 if it is not found, 126 if it cannot be run, and 125 if
  workdisk itself failed.

Examples:
  workdisk create base --template
  workdisk import rust-lang/log log --depth 1
  workdisk run base -- sh -c 'echo hello > greeting'
  workdisk snapshot create base v1
  workdisk clone base 'task 1' --snapshot v1
  workdisk delete 'task 1' --yes";

/// Named disks with sessions, clones, templates and snapshots.
#[derive(Debug, Parser)]
#[command(name = "workdisk", version, after_help = EXIT_STATUS, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    place: PlaceArgs,
    /// Answer in JSON, failures too.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Where the workspaces are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where the workspaces are")]
struct PlaceArgs {
    /// The data folder.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "WORKDISK_DATA_DIR",
        default_value = "workdisk-data"
    )]
    data_dir: PathBuf,
    /// Whose workspaces. A server knows that from the key.
    #[arg(
        long,
        global = true,
        value_name = "ACCOUNT",
        env = "WORKDISK_ACCOUNT",
        default_value = "default"
    )]
    account: String,
    /// A server to ask instead: http://HOST:PORT.
    #[arg(long, global = true, value_name = "URL", env = "WORKDISK_URL")]
    url: Option<String>,
    /// The account's key on the server. Others can see arguments: prefer the variable.
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "WORKDISK_API_KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,
    /// What keeps the files of a new data folder: auto is overlayfs where it works, else directory.
    #[arg(
        long,
        global = true,
        value_name = "VOLUME",
        default_value = "auto",
        hide_short_help = true
    )]
    volume: VolumeArg,
    /// How long to wait for another process that has the data folder open.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 5,
        hide_short_help = true
    )]
    wait: u64,
}

/// What keeps the files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum VolumeArg {
    Auto,
    Overlayfs,
    Directory,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let matches = Cli::command().get_matches_from(arguments);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let context = Context {
        target: cli.place.target(&matches),
        json: cli.json,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return print::failure(&context, &error.into()),
    };
    runtime.block_on(async {
        match cli.command.run(&context).await {
            Ok(answer) => print::answer(&context, &answer),
            Err(failure) => print::failure(&context, &failure),
        }
    })
}

impl PlaceArgs {
    /// The place that is meant: what is given as an argument comes before what is in the environment.
    fn target(self, matches: &ArgMatches) -> Target {
        let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        match self.url {
            Some(url) if given("url") || !given("data_dir") => Target::Server(ServerTarget {
                url,
                key: self.api_key,
            }),
            _ => Target::Folder(FolderTarget {
                path: self.data_dir,
                account: self.account,
                volume: match self.volume {
                    VolumeArg::Auto => VolumePreference::Best,
                    VolumeArg::Overlayfs => VolumePreference::Overlayfs,
                    VolumeArg::Directory => VolumePreference::Directory,
                },
                github_site: None,
                wait: Duration::from_secs(self.wait),
            }),
        }
    }
}
