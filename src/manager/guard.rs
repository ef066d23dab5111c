//! The handle that keeps a session.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::core::Core;
use super::options::{LeaseTerm, SessionInfo};
use crate::error::Error;
use crate::model::{AccountId, SessionId, Workspace};
use crate::volume::MountRecipe;

const VERB: &str = "end_session";

/// A running session: the disk is mounted at [`path`](Self::path) as long as it is held.
///
/// It renews its lease by itself. [`end`](Self::end) closes it; a handle that is dropped with a renewing lease is ended in
/// the background, as a safety net that can't tell whether it worked. A session that is renewed from elsewhere or has no lease
/// goes on when its handle is dropped.
#[must_use = "a session whose handle is dropped is ended"]
pub struct Session {
    core: Arc<Core>,
    account: AccountId,
    info: SessionInfo,
    recipe: Option<MountRecipe>,
    renewal: Option<Renewal>,
    end_on_drop: bool,
}

/// The task that renews a lease.
struct Renewal {
    task: JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Session {
    pub(super) fn new(
        core: Arc<Core>,
        account: AccountId,
        info: SessionInfo,
        lease: LeaseTerm,
        recipe: Option<MountRecipe>,
    ) -> Self {
        let renewal = match lease {
            LeaseTerm::Renewing(ttl) => Some(Renewal::start(
                Arc::clone(&core),
                account.clone(),
                &info,
                ttl,
            )),
            LeaseTerm::Remote(_) | LeaseTerm::Lasting => None,
        };
        let end_on_drop = renewal.is_some();
        Self {
            core,
            account,
            info,
            recipe,
            renewal,
            end_on_drop,
        }
    }

    /// The handle of a session that the same request started before: it ends nothing and renews nothing.
    pub(super) fn of_before(core: Arc<Core>, account: AccountId, info: SessionInfo) -> Self {
        Self::new(core, account, info, LeaseTerm::Lasting, None)
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.info.id
    }

    /// Where the disk is mounted. With [`MountMode::Recipe`](super::MountMode::Recipe) nothing is mounted there.
    pub fn path(&self) -> &Path {
        &self.info.path
    }

    /// The fencing epoch.
    pub fn epoch(&self) -> u64 {
        self.info.epoch
    }

    /// What was known of the session when it started.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// How to mount the disk, if the caller does that.
    pub fn recipe(&self) -> Option<&MountRecipe> {
        self.recipe.as_ref()
    }

    /// Waits until the session is lost: revoked by a forced call, ended, or fenced by a later one. What runs on the disk
    /// must then stop. Never ends for a session that the handle does not renew.
    pub async fn lost(&self) {
        let Some(renewal) = &self.renewal else {
            return std::future::pending().await;
        };
        let mut lost = renewal.lost.clone();
        // The sender goes with the task, which ends when the session is lost.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Ends the session: unmounts the disk, makes its files durable, and only then notes that it has ended.
    ///
    /// # Errors
    /// [`SessionTerminationFailed`](Error::SessionTerminationFailed) with the processes that still hold the disk,
    /// [`SessionFenced`](Error::SessionFenced) if it was ended by force already, and those of the storage. The handle comes
    /// back, so that the call can be repeated.
    pub async fn end(mut self) -> Result<Workspace, EndSessionError> {
        let ended = Core::detached(VERB, &self.account, self.ending());
        match ended.await {
            Ok(workspace) => {
                self.end_on_drop = false;
                Ok(workspace)
            }
            Err(error) => {
                // There is nothing left that dropping the handle could end.
                if matches!(
                    error,
                    Error::SessionFenced { .. } | Error::WorkspaceNotFound { .. }
                ) {
                    self.end_on_drop = false;
                }
                Err(EndSessionError {
                    session: Box::new(self),
                    error,
                })
            }
        }
    }

    /// What ends it, whether or not the handle is still there.
    fn ending(&self) -> impl Future<Output = Result<Workspace, Error>> + Send + use<> {
        let (core, account) = (Arc::clone(&self.core), self.account.clone());
        let (workspace, id, epoch) = (self.info.workspace, self.info.id, self.info.epoch);
        async move {
            core.end(VERB, &account, &workspace.into(), id, Some(epoch))
                .await
        }
    }

    /// Lets go of the session without ending it. It is no longer renewed by itself: use
    /// [`Account::renew_session`](super::Account::renew_session) and [`Account::end_session`](super::Account::end_session).
    pub fn detach(mut self) -> SessionInfo {
        self.end_on_drop = false;
        self.info.clone()
    }
}

impl Renewal {
    fn start(core: Arc<Core>, account: AccountId, info: &SessionInfo, ttl: Duration) -> Self {
        let (sender, lost) = watch::channel(false);
        let (workspace, id, epoch) = (info.workspace, info.id, info.epoch);
        let task = tokio::spawn(async move {
            loop {
                sleep(ttl / 3).await;
                match core.renew(&account, workspace, id, Some(epoch)).await {
                    // A store that does not answer now may before the lease runs out.
                    Ok(_) | Err(Error::StorageUnavailable { .. } | Error::StorageFull { .. }) => {}
                    Err(error) => {
                        tracing::warn!(%workspace, session = %id, %error, "the session is lost");
                        sender.send_replace(true);
                        return;
                    }
                }
            }
        });
        Self { task, lost }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.task.abort();
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !self.end_on_drop {
            return;
        }
        let (workspace, id, ending) = (self.info.workspace, self.info.id, self.ending());
        runtime.spawn(async move {
            if let Err(error) = ending.await {
                tracing::warn!(%workspace, session = %id, %error, "a dropped session did not end");
            }
        });
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// A session could not be ended. It goes on, and its handle comes back.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct EndSessionError {
    /// The session's handle.
    pub session: Box<Session>,
    /// Why it could not be ended.
    pub error: Error,
}
