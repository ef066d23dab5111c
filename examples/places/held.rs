//! A session that is kept while a command runs in it.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use workdisk::model::WorkspaceId;
use workdisk::session::ProcessSessionHost;

use super::{Failure, Missing, Place, Result, Session, Target};
use crate::views::Workspace;

/// For how long a server is asked to keep a session after each renewal.
pub(crate) const SERVER_LEASE: Duration = Duration::from_secs(60);

/// A session of this process.
///
/// A data folder is let go of meanwhile, so that other processes can use its other workspaces: the session is on record
/// as this process's, and whoever opens the folder after this process has died ends it. A server is asked to renew it.
pub(crate) struct Held {
    target: Target,
    workspace: Workspace,
    session: Session,
    renewal: Option<JoinHandle<()>>,
    lost: watch::Receiver<bool>,
}

impl Held {
    pub(crate) async fn start(target: &Target, workspace: &str) -> Result<Self> {
        let place = target.open(Missing::Refuse).await?;
        let workspace = place.get(workspace).await?;
        let session = place.start_session(&workspace.id.to_string()).await?;
        let (sender, lost) = watch::channel(false);
        let renewal = match target {
            Target::Folder(_) => None,
            Target::Server(_) => {
                let renewing = renew(place, workspace.id, session.clone(), sender);
                Some(tokio::spawn(renewing))
            }
        };
        let held = Self {
            target: target.clone(),
            workspace,
            session,
            renewal,
            lost,
        };
        match held.check_mounted_here() {
            Ok(()) => Ok(held),
            Err(failure) => {
                held.end().await?;
                Err(failure)
            }
        }
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Waits until the session is lost, so that what runs in it must stop. Never ends for one that can't be.
    pub(crate) async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending().await
        }
    }

    /// Ends the session. What its command left running on the disk is ended with it: first politely, then for good.
    pub(crate) async fn end(self) -> Result<Workspace> {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
        let place = self.target.open(Missing::Refuse).await?;
        end_by_force(&*place, &self.workspace, &self.session).await
    }

    /// A server may run on another machine, or see other mounts than this process does.
    fn check_mounted_here(&self) -> Result<()> {
        let path = &self.session.path;
        let there = match self.workspace.persistence.backend.as_str() {
            "overlayfs" => is_mount_point(path),
            _ => path.is_dir(),
        };
        if there {
            return Ok(());
        }
        let detail = format!(
            "the disk is mounted where the server runs, at {}, and not here",
            path.display()
        );
        let failure = Failure::usage("session_elsewhere", detail);
        Err(failure.with_advice("run the command on the server's machine"))
    }
}

/// Ends a session, with the processes of this machine that keep its disk in use.
pub(crate) async fn end_by_force(
    place: &dyn Place,
    workspace: &Workspace,
    session: &Session,
) -> Result<Workspace> {
    let id = workspace.id.to_string();
    match place.end_session(&id, session.id).await {
        Err(failure) if failure.code() == "session_termination_failed" => {
            let stopped = ProcessSessionHost::default()
                .stop_under(&session.path)
                .await;
            stopped.map_err(|error| Failure::new(failure.code(), error.to_string()))?;
            place.end_session(&id, session.id).await
        }
        ended => ended,
    }
}

/// Renews a session until it is lost.
async fn renew(
    place: Box<dyn Place>,
    workspace: WorkspaceId,
    session: Session,
    lost: watch::Sender<bool>,
) {
    let workspace = workspace.to_string();
    loop {
        sleep(SERVER_LEASE / 3).await;
        let renewed = place.renew_session(&workspace, session.id).await;
        if let Err(failure) = renewed
            && matches!(
                failure.code(),
                "session_fenced" | "session_not_found" | "workspace_not_found"
            )
        {
            lost.send_replace(true);
            return;
        }
    }
}

/// Whether something is mounted at a path, in the mounts that this process sees.
fn is_mount_point(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev());
    match (device(path), path.parent().map(device)) {
        (Ok(own), Some(Ok(above))) => own != above,
        _ => false,
    }
}
