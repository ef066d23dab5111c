//! Stopping what uses a disk, when a session is forced out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::holders::holders_under;
use crate::error::Holder;
use crate::model::{AccountId, SessionId, WorkspaceId};

/// Which session is to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopRequest {
    /// The account.
    pub account: AccountId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The session. Its lease is revoked already.
    pub session: SessionId,
    /// Where the disk is mounted.
    pub path: PathBuf,
}

/// Why a session could not be stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct StopError {
    reason: String,
}

impl StopError {
    /// Gives the reason, on one line and without a file's content.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// How the embedding application stops its container, virtual machine or browser.
///
/// Asked once for each session that is forced out, before the disk is unmounted. When it answers `Ok`, nothing of the
/// session may use the disk any more; what still does is named in the call's error. It may be asked for a session that
/// it does not know, or that has ended: that is `Ok`.
#[async_trait]
pub trait SessionHost: fmt::Debug + Send + Sync + 'static {
    /// Stops a session, or says why it can't.
    async fn stop(&self, request: StopRequest) -> Result<(), StopError>;
}

/// Ends the processes that hold the disk: SIGTERM, then after a grace SIGKILL.
///
/// - It sees what [`holders_under`] sees. What holds the disk in another mount namespace, or belongs to a user whose
///   processes may not be read, is the application's to stop.
/// - It never signals its own process, nor pid 1.
#[derive(Clone, Debug)]
pub struct ProcessSessionHost {
    grace: Duration,
    kill_wait: Duration,
}

impl ProcessSessionHost {
    /// How often it looks whether the processes have gone.
    const POLL: Duration = Duration::from_millis(20);

    /// Gives processes `grace` between the polite signal and the kill.
    pub fn new(grace: Duration) -> Self {
        Self {
            grace,
            kill_wait: Duration::from_secs(5),
        }
    }

    /// Ends the processes that hold a folder, as for a session whose disk is mounted there: for a caller that ran them and
    /// now wants to end the session.
    ///
    /// # Errors
    /// If one outlived SIGKILL. Processes that were ended stay so.
    pub async fn stop_under(&self, path: &Path) -> Result<(), StopError> {
        let left = self.drive_out(path, Signal::SIGTERM, self.grace).await;
        if left.is_empty() {
            return Ok(());
        }
        let left = self.drive_out(path, Signal::SIGKILL, self.kill_wait).await;
        match left.first() {
            None => Ok(()),
            Some(holder) => Err(StopError::new(format!("process {holder} outlived SIGKILL"))),
        }
    }

    /// Signals every holder, and those that come meanwhile, until there is none or the time is up.
    async fn drive_out(&self, path: &Path, signal: Signal, patience: Duration) -> Vec<Holder> {
        let deadline = Instant::now() + patience;
        let mut signalled: Vec<u32> = Vec::new();
        loop {
            let holders = others_under(path.to_owned()).await;
            for holder in &holders {
                if !signalled.contains(&holder.pid) {
                    signalled.push(holder.pid);
                    // A process that ended by itself meanwhile is what was wanted.
                    let _ = kill(Pid::from_raw(holder.pid.cast_signed()), signal);
                }
            }
            if holders.is_empty() || Instant::now() >= deadline {
                return holders;
            }
            sleep(Self::POLL).await;
        }
    }
}

impl Default for ProcessSessionHost {
    /// A grace of ten seconds, as container engines give.
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

#[async_trait]
impl SessionHost for ProcessSessionHost {
    async fn stop(&self, request: StopRequest) -> Result<(), StopError> {
        self.stop_under(&request.path).await
    }
}

async fn others_under(path: PathBuf) -> Vec<Holder> {
    let own = std::process::id();
    let holders = tokio::task::spawn_blocking(move || holders_under(&path)).await;
    let holders = holders.unwrap_or_default();
    holders
        .into_iter()
        .filter(|holder| holder.pid != own && holder.pid != 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    use super::*;

    fn request(path: &Path) -> StopRequest {
        StopRequest {
            account: AccountId::parse("a").unwrap(),
            workspace: WorkspaceId::new(),
            session: SessionId::new(),
            path: path.to_owned(),
        }
    }

    fn spawn_in(path: &Path, script: &str) -> Child {
        let child = Command::new("sh")
            .args(["-c", script])
            .current_dir(path)
            .spawn()
            .unwrap();
        while !path.join("ready").exists() {
            std::thread::yield_now();
        }
        child
    }

    #[tokio::test]
    async fn polite_process_ends_by_the_polite_signal() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = spawn_in(folder.path(), "touch ready; exec sleep 60");
        ProcessSessionHost::default()
            .stop(request(folder.path()))
            .await
            .unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
    }

    #[tokio::test]
    async fn process_that_ignores_the_polite_signal_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; touch ready; while :; do sleep 1; done";
        let mut child = spawn_in(folder.path(), script);
        let host = ProcessSessionHost::new(Duration::from_millis(50));
        host.stop(request(folder.path())).await.unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
    }
}
