//! Sessions: starting, renewing and ending them, and taking a disk back by force.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::core::{ATTEMPTS, Core, Step};
use super::guard::Session;
use super::options::{LeaseTerm, MountMode, SessionInfo, StartSession};
use crate::error::{BackendError, BackendErrorKind, Error, Holder};
use crate::model::{
    AccountId, Lease, Selector, SessionId, SessionRecord, SessionType, Workspace, WorkspaceId,
    WorkspaceRecord,
};
use crate::session::StopRequest;
use crate::session::rules::Action;
use crate::volume::MountRecipe;

/// The bounds of a renewing lease: below a second, a slow disk alone would end it.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
const LONGEST_LEASE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Account {
    /// Starts a session: mounts the workspace's disk, and answers the handle that keeps it.
    ///
    /// # Errors
    /// - [`WorkspaceNotFound`](Error::WorkspaceNotFound);
    /// - [`SessionTypeMismatch`](Error::SessionTypeMismatch): a workspace is locked to its type for life;
    /// - [`WorkspaceActive`](Error::WorkspaceActive), [`WorkspaceBusy`](Error::WorkspaceBusy),
    ///   [`WorkspaceFailed`](Error::WorkspaceFailed);
    /// - [`InvalidRequest`](Error::InvalidRequest) for a lease of less than a second or more than a year;
    /// - [`Unsupported`](Error::Unsupported) for [`MountMode::Recipe`] on a volume without recipes;
    /// - those of the storage.
    pub async fn start_session(
        &self,
        workspace: impl Into<Selector>,
        session_type: SessionType,
        options: StartSession,
    ) -> Result<Session, Error> {
        let (core, account, workspace) = (self.core(), self.id().clone(), workspace.into());
        if let LeaseTerm::Renewing(ttl) = options.lease
            && !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&ttl)
        {
            let reason = format!("a lease is 1 second to 366 days, not {ttl:?}");
            return Err(Error::InvalidRequest { reason });
        }
        Core::detached("start_session", self.id(), async move {
            core.start_session(&account, &workspace, session_type, options)
                .await
        })
        .await
    }

    /// The session of that id, if it runs on the workspace.
    ///
    /// # Errors
    /// [`WorkspaceNotFound`](Error::WorkspaceNotFound), [`SessionNotFound`](Error::SessionNotFound), and those of the storage.
    pub async fn session(
        &self,
        workspace: impl Into<Selector>,
        session: SessionId,
    ) -> Result<SessionInfo, Error> {
        let core = self.core();
        let record = core
            .find("get_session", self.id(), &workspace.into())
            .await?;
        let running = running(&record, session)?;
        Ok(core.session_info(&record, running))
    }

    /// Renews the lease of a session that was started elsewhere, or whose handle was detached.
    ///
    /// # Errors
    /// [`SessionNotFound`](Error::SessionNotFound); [`SessionFenced`](Error::SessionFenced) if the lease was revoked; and those
    /// of the storage.
    pub async fn renew_session(
        &self,
        workspace: impl Into<Selector>,
        session: SessionId,
    ) -> Result<SessionInfo, Error> {
        let core = self.core();
        let id = core
            .find("renew_session", self.id(), &workspace.into())
            .await?
            .id;
        core.renew(self.id(), id, session, None).await
    }

    /// Ends a session: unmounts its disk, makes its files durable, and only then notes that it has ended.
    ///
    /// # Errors
    /// [`SessionNotFound`](Error::SessionNotFound); [`SessionTerminationFailed`](Error::SessionTerminationFailed) with the
    /// processes that still hold the disk, and the session then goes on; and those of the storage.
    pub async fn end_session(
        &self,
        workspace: impl Into<Selector>,
        session: SessionId,
    ) -> Result<Workspace, Error> {
        const VERB: &str = "end_session";
        let (core, account, workspace) = (self.core(), self.id().clone(), workspace.into());
        Core::detached(VERB, self.id(), async move {
            let id = core.find(VERB, &account, &workspace).await?.id;
            core.end(VERB, &account, id, session, None).await
        })
        .await
    }
}

/// The record's session, if it is the one that is meant.
fn running(record: &WorkspaceRecord, session: SessionId) -> Result<&SessionRecord, Error> {
    let current = record
        .session
        .as_ref()
        .filter(|current| current.id == session);
    current.ok_or(Error::SessionNotFound { session })
}

/// The record's session, if it is the one that is meant and its epoch, if one is given, is not stale.
fn fenced(
    record: &WorkspaceRecord,
    session: SessionId,
    epoch: Option<u64>,
) -> Result<&SessionRecord, Error> {
    match (running(record, session), epoch) {
        (Ok(current), Some(epoch)) if current.epoch != epoch => {
            Err(Error::SessionFenced { session })
        }
        (Err(_), Some(_)) => Err(Error::SessionFenced { session }),
        (result, _) => result,
    }
}

impl Core {
    async fn start_session(
        self: &Arc<Self>,
        account: &AccountId,
        workspace: &Selector,
        session_type: SessionType,
        options: StartSession,
    ) -> Result<Session, Error> {
        const VERB: &str = "start_session";
        let action = |record: &WorkspaceRecord| Action::StartSession {
            type_matches: record.session_type == session_type,
        };
        let mut workspace = workspace.clone();
        for _ in 0..ATTEMPTS {
            let id = self.admit(VERB, account, &workspace, action).await?.id;
            workspace = Selector::Id(id);
            let lock = self.locks.lock(id).await;
            let before = self.reread(VERB, account, id).await?;
            if Self::check_allowed(&before, action(&before)).is_err() {
                drop(lock);
                continue;
            }
            let mut record = before.clone();
            record.epoch += 1;
            record.session = Some(self.grant(session_type, record.epoch, options.lease));
            record.at_base = false;
            record.discard.extend(record.frozen_head.take());
            let Some(record) = self.commit(VERB, &before, Step::visible(record)).await? else {
                drop(lock);
                continue;
            };
            return match self.attach(&record, options.mount).await {
                Ok(recipe) => {
                    let session = running_of(&record)?;
                    let info = self.session_info(&record, session);
                    Ok(Session::new(
                        Arc::clone(self),
                        account.clone(),
                        info,
                        options.lease,
                        recipe,
                    ))
                }
                Err(error) => {
                    self.take_back(VERB, &record).await;
                    drop(lock);
                    self.note_corruption(VERB, account, id, &error).await;
                    Err(error)
                }
            };
        }
        Err(Self::contended(VERB))
    }

    fn grant(&self, session_type: SessionType, epoch: u64, term: LeaseTerm) -> SessionRecord {
        let owner = self.host.owner();
        let mut session =
            SessionRecord::new(SessionId::new(), session_type, epoch, owner, self.now());
        if let LeaseTerm::Renewing(ttl) = term {
            session.lease = Some(self.lease(ttl));
        }
        session
    }

    fn lease(&self, ttl: Duration) -> Lease {
        Lease::granted(
            ttl,
            self.host.owner().boot_id,
            self.host.uptime(),
            self.now(),
        )
    }

    async fn attach(
        &self,
        record: &WorkspaceRecord,
        mode: MountMode,
    ) -> Result<Option<MountRecipe>, Error> {
        let attached = match mode {
            MountMode::Mounted => self.volume.mount(record.head).await.map(|_| None),
            MountMode::Recipe => self.volume.recipe(record.head).await.map(Some),
        };
        attached.map_err(|error| Error::storage("mount", error))
    }

    /// Takes a session off the record whose disk could not be mounted.
    async fn take_back(&self, verb: &'static str, record: &WorkspaceRecord) {
        let Some(session) = record.session.as_ref().map(|session| session.id) else {
            return;
        };
        let taken = self.update(verb, &record.account, record.id, |before| {
            running(before, session)?;
            let mut record = before.clone();
            record.session = None;
            Ok(Some(Step::visible(record)))
        });
        match taken.await {
            Ok(record) => drop(self.discard(verb, record).await),
            Err(error) => {
                tracing::warn!(workspace = %record.id, %error, "could not take the session back");
            }
        }
    }

    pub(super) fn session_info(
        &self,
        record: &WorkspaceRecord,
        session: &SessionRecord,
    ) -> SessionInfo {
        SessionInfo {
            id: session.id,
            workspace: record.id,
            session_type: session.session_type,
            path: self.volume.path(record.head),
            epoch: session.epoch,
            started_at: session.started_at,
            expires_at: session.expires_at(),
            revoked: session.revoked,
        }
    }

    /// Renews a lease, unless it was revoked or its epoch is stale.
    pub(super) async fn renew(
        &self,
        account: &AccountId,
        workspace: WorkspaceId,
        session: SessionId,
        epoch: Option<u64>,
    ) -> Result<SessionInfo, Error> {
        let record = self
            .update("renew_session", account, workspace, |before| {
                if fenced(before, session, epoch)?.revoked {
                    return Err(Error::SessionFenced { session });
                }
                let mut record = before.clone();
                if let Some(session) = &mut record.session
                    && let Some(ttl) = session.lease.as_ref().map(|lease| lease.ttl)
                {
                    session.lease = Some(self.lease(ttl));
                    return Ok(Some(Step::hidden(record)));
                }
                Ok(None)
            })
            .await?;
        Ok(self.session_info(&record, running(&record, session)?))
    }

    /// Ends a session whose disk can be unmounted.
    ///
    /// The workspace's lock is held from the look at the record to the unmount, so that a late call cannot unmount the disk
    /// of the session after it.
    pub(super) async fn end(
        &self,
        verb: &'static str,
        account: &AccountId,
        workspace: WorkspaceId,
        session: SessionId,
        epoch: Option<u64>,
    ) -> Result<Workspace, Error> {
        let _lock = self.locks.lock(workspace).await;
        let record = self.reread(verb, account, workspace).await?;
        fenced(&record, session, epoch)?;
        if let Err(error) = self.unmount(&record).await {
            return Err(termination_failed(verb, &record, session, error));
        }
        // A backend that fails to remove what is discarded keeps no session from ending.
        let removed = self.remove_volumes(verb, &record.discard).await.is_ok();
        let now = self.now();
        let ended = self
            .update(verb, account, workspace, |before| {
                running(before, session)?;
                let mut after = before.clone();
                after.session = None;
                after.last_session = Some(session);
                after.saved_at = Some(now);
                if removed {
                    after
                        .discard
                        .retain(|volume| !record.discard.contains(volume));
                }
                Ok(Some(Step::visible(after)))
            })
            .await?;
        Ok(self.view(&ended))
    }

    /// Unmounts a disk, asking again for a while when it is still in use.
    async fn unmount(&self, record: &WorkspaceRecord) -> Result<(), BackendError> {
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

    /// Ends a session by force: revokes its lease, has the application stop it, unmounts, and notes the end.
    pub(super) async fn force_out(
        &self,
        verb: &'static str,
        record: &WorkspaceRecord,
    ) -> Result<(), Error> {
        let Some(session) = record.session.as_ref().map(|session| session.id) else {
            return Ok(());
        };
        let (account, workspace) = (&record.account, record.id);
        let revoked = self.update(verb, account, workspace, |before| {
            running(before, session)?;
            let mut record = before.clone();
            if let Some(session) = &mut record.session {
                session.revoked = true;
            }
            Ok(Some(Step::hidden(record)))
        });
        let record = match revoked.await {
            Ok(record) => record,
            // It ended by itself meanwhile.
            Err(Error::SessionNotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
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
            let holders = crate::session::holders_under(&self.volume.path(record.head));
            return Err(Error::SessionTerminationFailed {
                workspace,
                session,
                holders,
                reason,
            });
        }
        match self.end(verb, account, workspace, session, None).await {
            Ok(_) | Err(Error::SessionNotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn running_of(record: &WorkspaceRecord) -> Result<&SessionRecord, Error> {
    record
        .session
        .as_ref()
        .ok_or_else(|| Core::contended("start_session"))
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
