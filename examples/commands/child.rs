//! A command in a workspace's disk: started, sent the signals that we are sent, and waited for.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::signals::{Signals, comes_from_terminal};
use super::{Answer, Context, print, progress};
use crate::places::{Failure, Held, Result, Target};

/// workdisk itself failed, before the command ran or after it.
pub(crate) const OWN_FAILURE: u8 = 125;
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
const BY_SIGNAL: u8 = 128;

/// Runs a command in a session of a workspace, from the disk's top folder, and answers with the command's exit status.
pub(crate) async fn run_in_session(
    context: &Context,
    workspace: &str,
    command: &[OsString],
) -> Result<Answer> {
    let own = |failure: Failure| failure.with_status(OWN_FAILURE);
    let mut signals = Signals::catch().map_err(own)?;
    let starting = Held::start(&context.target, workspace);
    let starting = progress::during("starting the session", starting).await;
    let held = starting.map_err(own)?;
    let ran = match signals.pending_end() {
        Some(signal) => Ok(by_signal(signal as i32)),
        None => run_and_wait(&held, command, &mut signals).await,
    };
    let ended = progress::during("ending the session", held.end()).await;
    match ended {
        Err(failure) if is_ended(&failure) => print::note("the session was ended by another call"),
        ended => drop(ended.map_err(own)?),
    }
    Ok(Answer {
        status: ran?,
        ..Answer::default()
    })
}

/// Whether a forced call has ended the session before, or deleted its workspace.
fn is_ended(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        "session_not_found" | "session_fenced" | "workspace_not_found"
    )
}

async fn run_and_wait(held: &Held, command: &[OsString], signals: &mut Signals) -> Result<u8> {
    let mut child = match spawn(held, command) {
        Ok(child) => child,
        Err(error) => return cannot_run(command, &error),
    };
    let mut lost = std::pin::pin!(held.lost());
    let mut is_lost = false;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status_of(status?)),
            signal = signals.next() => {
                if !comes_from_terminal(signal) {
                    pass_on(&child, signal);
                }
            }
            () = &mut lost, if !is_lost => {
                is_lost = true;
                print::note("the session is lost; its command is asked to end");
                pass_on(&child, Signal::SIGTERM);
            }
        }
    }
}

fn spawn(held: &Held, command: &[OsString]) -> std::io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or(ErrorKind::InvalidInput)?;
    let session = held.session();
    let path = std::path::absolute(&session.path)?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&path);
    command.env("WORKDISK_PATH", &path);
    command.env("WORKDISK_WORKSPACE", held.workspace().id.to_string());
    command.env("WORKDISK_SESSION", session.id.to_string());
    // So that `workdisk` in the command means the same place, wherever it is called.
    match held.target() {
        Target::Folder(folder) => {
            command.env("WORKDISK_DATA_DIR", std::path::absolute(&folder.path)?);
            command.env("WORKDISK_ACCOUNT", &folder.account);
            command.env_remove("WORKDISK_URL");
        }
        Target::Server(server) => {
            command.env("WORKDISK_URL", &server.url);
        }
    }
    command.spawn()
}

fn cannot_run(command: &[OsString], error: &std::io::Error) -> Result<u8> {
    let program = command.first().cloned().unwrap_or_default();
    let status = match error.kind() {
        ErrorKind::NotFound => NOT_FOUND,
        _ => CANNOT_RUN,
    };
    let detail = format!("{} cannot be run: {error}", program.display());
    Err(Failure::usage("command_not_run", detail).with_status(status))
}

/// Sends a signal to a child that has not been waited for, so that its id is no other process's.
fn pass_on(child: &Child, signal: Signal) {
    if let Some(id) = child.id() {
        // It may have ended by itself, which is as well.
        let _ = kill(Pid::from_raw(id.cast_signed()), signal);
    }
}

/// The exit status as a shell tells it.
fn status_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(OWN_FAILURE),
        (None, signal) => by_signal(signal.unwrap_or_default()),
    }
}

fn by_signal(number: i32) -> u8 {
    u8::try_from(number).map_or(OWN_FAILURE, |number| BY_SIGNAL.saturating_add(number))
}
