//! Starting a session: the lease goes on the record first, the disk is mounted after it.

use std::sync::Arc;
use std::time::Duration;

use super::core::{ATTEMPTS, Core, Step};
use super::guard::Session;
use super::once::{Thing, Turn};
use super::options::{LeaseTerm, MountMode, StartSession};
use super::running::RunningOperation;
use super::session::running;
use super::target::Target;
use super::wish::Wish;
use crate::error::Error;
use crate::model::{
    AccountId, Lease, RequestKey, SessionId, SessionRecord, SessionType, WorkspaceRecord,
};
use crate::volume::MountRecipe;

impl Core {
    pub(super) async fn start_session(
        self: &Arc<Self>,
        account: &AccountId,
        mut target: Target,
        request: Option<RequestKey>,
        session_type: SessionType,
        options: StartSession,
    ) -> Result<Session, Error> {
        const VERB: &str = "start_session";
        let turn = self.turn(VERB, account, request).await?;
        if let Some(made) = turn.made() {
            let info = self.session_made(made)?;
            return Ok(Session::of_before(Arc::clone(self), account.clone(), info));
        }
        // A session whose owner's end does not end it, or of which a receipt tells, is not there before its disk is.
        let is_renewing = matches!(options.lease, LeaseTerm::Renewing(_));
        let starting = turn.is_keyed() || !is_renewing;
        let wish = Wish::StartSession(session_type);
        for _ in 0..ATTEMPTS {
            // What it takes to force others out makes no call as large as it is.
            let admitted = Box::pin(self.admit(VERB, account, &mut target, &wish)).await?;
            let (lock, before) = self
                .lock(VERB, account, &target, admitted.record.id)
                .await?;
            target.expect(&before)?;
            if Self::check_allowed(&before, wish.action(&before)).is_err() {
                drop(lock);
                continue;
            }
            let mut record = before.clone();
            record.epoch += 1;
            let mut session = self.grant(session_type, record.epoch, options.lease);
            session.starting = starting;
            let _running = RunningOperation::enter(*session.id.as_uuid());
            record.session = Some(session);
            record.at_base = false;
            record.discard.extend(record.frozen_head.take());
            let Some(record) = self.commit(VERB, &before, Step::visible(record)).await? else {
                drop(lock);
                continue;
            };
            return match self.attach(&record, options.mount).await {
                Ok(recipe) => {
                    let record = self.confirm(VERB, record, &turn).await?;
                    let session = running_of(&record)?;
                    let info = self.session_info(record.id, record.head, session);
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
                    self.note_corruption(VERB, account, before.id, &error).await;
                    Err(error)
                }
            };
        }
        Err(Self::contended(VERB))
    }

    /// Notes that a session that was starting has its disk, and what the request came to.
    ///
    /// After an error it may be noted or not. The session is left as it is: if it is still starting, the next call that
    /// needs the workspace ends it.
    async fn confirm(
        &self,
        verb: &'static str,
        record: WorkspaceRecord,
        turn: &Turn,
    ) -> Result<WorkspaceRecord, Error> {
        let session = running_of(&record)?;
        if !session.starting {
            return Ok(record);
        }
        let id = session.id;
        self.update_known(verb, &record, |before| {
            running(before, id)?;
            let mut record = before.clone();
            if let Some(session) = &mut record.session {
                session.starting = false;
            }
            let step = Step::hidden(record);
            Ok(Some(step.with_draft(turn.draft(Thing::Session))))
        })
        .await
    }

    fn grant(&self, session_type: SessionType, epoch: u64, term: LeaseTerm) -> SessionRecord {
        let owner = self.host.owner();
        let mut session =
            SessionRecord::new(SessionId::new(), session_type, epoch, owner, self.now());
        session.lease = match term {
            LeaseTerm::Renewing(ttl) => Some(self.lease(ttl)),
            LeaseTerm::Remote(ttl) => Some(self.lease(ttl).with_remote(true)),
            LeaseTerm::Lasting => None,
        };
        session
    }

    pub(super) fn lease(&self, ttl: Duration) -> Lease {
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
        // What was mounted before the failure would keep the disk from everybody.
        if let Err(error) = self.volume.unmount(record.head).await {
            tracing::debug!(workspace = %record.id, %error, "nothing was unmounted");
        }
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
}

fn running_of(record: &WorkspaceRecord) -> Result<&SessionRecord, Error> {
    record
        .session
        .as_ref()
        .ok_or_else(|| Core::contended("start_session"))
}
