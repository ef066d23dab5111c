//! Sessions: the verbs, and what a record says of the one that runs.

use std::time::Duration;

use super::account::Account;
use super::core::{Core, Step};
use super::guard::Session;
use super::options::{LeaseTerm, SessionInfo, StartSession};
use super::target::Target;
use crate::error::Error;
use crate::model::{
    AccountId, Selector, SessionId, SessionRecord, SessionType, VolumeId, Workspace, WorkspaceId,
    WorkspaceRecord,
};

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
    /// - [`Unsupported`](Error::Unsupported) for [`MountMode::Recipe`](super::MountMode::Recipe) on a volume without recipes;
    /// - those of the storage.
    pub async fn start_session(
        &self,
        workspace: impl Into<Selector>,
        session_type: SessionType,
        options: StartSession,
    ) -> Result<Session, Error> {
        let (core, account, target) = (self.core(), self.id().clone(), self.target(workspace));
        if let LeaseTerm::Renewing(ttl) | LeaseTerm::Remote(ttl) = options.lease
            && !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&ttl)
        {
            let reason = format!("a lease is 1 second to 366 days, not {ttl:?}");
            return Err(Error::InvalidRequest { reason });
        }
        let request = self.request();
        Core::detached("start_session", self.id(), async move {
            core.start_session(&account, target, request, session_type, options)
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
        const VERB: &str = "get_session";
        let (core, workspace) = (self.core(), workspace.into());
        Core::spanned(VERB, Some(self.id()), async {
            let record = core.find(VERB, self.id(), &workspace).await?;
            let running = running(&record, session)?;
            Ok(core.session_info(record.id, record.head, running))
        })
        .await
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
        const VERB: &str = "renew_session";
        let (core, target) = (self.core(), self.target(workspace));
        Core::spanned(VERB, Some(self.id()), async {
            core.renew(self.id(), target, session, None).await
        })
        .await
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
        let (core, account, target) = (self.core(), self.id().clone(), self.target(workspace));
        Core::detached(VERB, self.id(), async move {
            core.end(VERB, &account, &target, session, None).await
        })
        .await
    }
}

/// The record's session, if it is the one that is meant.
pub(super) fn running(
    record: &WorkspaceRecord,
    session: SessionId,
) -> Result<&SessionRecord, Error> {
    let current = record
        .session
        .as_ref()
        .filter(|current| current.id == session);
    current.ok_or(Error::SessionNotFound { session })
}

/// The record's session, if it is the one that is meant and its epoch, if one is given, is not stale.
pub(super) fn fenced(
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
    pub(super) fn session_info(
        &self,
        workspace: WorkspaceId,
        head: VolumeId,
        session: &SessionRecord,
    ) -> SessionInfo {
        SessionInfo {
            id: session.id,
            workspace,
            session_type: session.session_type,
            path: self.volume.path(head),
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
        target: impl Into<Target>,
        session: SessionId,
        epoch: Option<u64>,
    ) -> Result<SessionInfo, Error> {
        let record = self
            .update("renew_session", account, target, |before| {
                if fenced(before, session, epoch)?.revoked {
                    return Err(Error::SessionFenced { session });
                }
                let mut record = before.clone();
                if let Some(session) = &mut record.session
                    && let Some(lease) = &session.lease
                {
                    session.lease = Some(self.lease(lease.ttl).with_remote(lease.remote));
                    return Ok(Some(Step::hidden(record)));
                }
                Ok(None)
            })
            .await?;
        let running = running(&record, session)?;
        Ok(self.session_info(record.id, record.head, running))
    }
}
