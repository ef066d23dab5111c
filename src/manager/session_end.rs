//! Ending a session, by its own wish or by force: the disk is unmounted and durable before the end is noted.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::core::{Core, Step};
use super::session::{fenced, running};
use super::target::Target;
use crate::error::{BackendError, BackendErrorKind, Error, Holder};
use crate::model::{AccountId, SessionId, SessionRecord, Workspace, WorkspaceRecord};
use crate::session::{StopRequest, holders_under};

impl Core {
    /// Ends a session whose disk can be unmounted.
    ///
    /// The workspace's lock is held from the look at the record to the unmount, so that a late call cannot unmount the disk
    /// of the session after it. A session is one workspace's, so that it is ended there once it was found, whatever the
    /// workspace is called by then.
    pub(super) async fn end(
        &self,
        verb: &'static str,
        account: &AccountId,
        target: &Target,
        session: SessionId,
        epoch: Option<u64>,
    ) -> Result<Workspace, Error> {
        let found = self.look_up(verb, account, target).await?;
        let (_lock, record) = self.lock(verb, account, target, found.id).await?;
        target.expect(&record)?;
        fenced(&record, session, epoch)?;
        if let Err(error) = self.unmount(&record).await {
            return Err(termination_failed(verb, &record, session, error));
        }
        let now = self.now();
        let ended = self
            .update_known(verb, &record, |before| {
                running(before, session)?;
                let mut after = before.clone();
                after.session = None;
                after.last_session = Some(session);
                after.saved_at = Some(now);
                Ok(Some(Step::visible(after)))
            })
            .await?;
        // A backend that fails to remove what is discarded keeps no session from ending.
        Ok(self.view(&self.discard(verb, ended).await))
    }

    /// Unmounts a disk, asking again for a while when it is still in use.
    pub(super) async fn unmount(&self, record: &WorkspaceRecord) -> Result<(), BackendError> {
        let end = Instant::now() + self.patience.unmount;
        let mut pause = Duration::from_millis(5);
        loop {
            match self.volume.unmount(record.head).await {
                Err(error) if error.is_busy() && Instant::now() + pause < end => {
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                // A disk that is lost has nothing mounted, and its session must be able to end.
                Err(error) if error.is_not_found() => return Ok(()),
                result => return result,
            }
        }
    }

    /// Ends a session by force: revokes its lease, has the application stop it, unmounts, and notes the end. Answers whether
    /// it did: a session that has ended by itself is left, and so is one that `is_over` no longer says to end.
    pub(super) async fn force_out(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
        target: &mut Target,
        is_over: impl Fn(&SessionRecord) -> bool + Send + Sync,
    ) -> Result<bool, Error> {
        let Some(session) = record.session.as_ref().map(|session| session.id) else {
            return Ok(false);
        };
        let (account, workspace) = (&record.account, record.id);
        let revoked = self.update(verb, account, &*target, |before| {
            if !is_over(running(before, session)?) {
                return Err(Error::SessionNotFound { session });
            }
            target.expect(before)?;
            let mut record = before.clone();
            if let Some(session) = &mut record.session {
                session.revoked = true;
            }
            Ok(Some(Step::hidden(record)))
        });
        let record = match revoked.await {
            Ok(record) => record,
            // It ended by itself meanwhile, or is no longer meant.
            Err(Error::SessionNotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        target.commit_to(workspace);
        let request = StopRequest {
            account: account.clone(),
            workspace,
            session,
            path: self.volume.path(record.head),
        };
        let stopped = timeout(self.patience.stop, self.session_host.stop(request)).await;
        let reason = match stopped {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!(
                "the application did not stop it in {:?}",
                self.patience.stop
            )),
        };
        if let Some(reason) = reason {
            let path = self.volume.path(record.head);
            let holders = spawn_blocking(move || holders_under(&path)).await;
            return Err(Error::SessionTerminationFailed {
                workspace,
                session,
                holders: holders.unwrap_or_default(),
                reason,
            });
        }
        let target = workspace.into();
        let ended = self.end(verb, account, &target, session, None);
        match ended.await {
            Ok(_) | Err(Error::SessionNotFound { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn termination_failed(
    verb: &'static str,
    record: &WorkspaceRecord,
    session: SessionId,
    error: BackendError,
) -> Error {
    let holders: Vec<Holder> = match error.kind() {
        BackendErrorKind::Busy { holders } => holders.clone(),
        _ => return Error::storage(verb, error),
    };
    let reason = "its disk is still in use".to_owned();
    Error::SessionTerminationFailed {
        workspace: record.id,
        session,
        holders,
        reason,
    }
}
