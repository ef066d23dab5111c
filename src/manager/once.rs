//! Doing a request once that is made under a key, however often it is made.
//!
//! What the request came to is committed in the same step as what it made, so that no crash comes between the two. While it
//! is being done, another request of the same key waits for its turn.

use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::core::Core;
use super::options::SessionInfo;
use crate::error::{BackendError, Error};
use crate::model::{
    AccountId, Intent, Made, Operation, Receipt, RequestKey, Snapshot, SnapshotRecord, Timestamp,
    Workspace, WorkspaceRecord,
};

/// How long what a request came to is kept.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// How many receipts are forgotten at a time.
const PAGE: usize = 256;

/// A request's turn: until it is dropped, no other of its key is done in this process.
#[derive(Debug)]
pub(super) struct Turn {
    key: Option<RequestKey>,
    made: Option<Made>,
    _lock: Option<OwnedMutexGuard<()>>,
}

/// A receipt that is to be written once the record is known that it tells of.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    key: RequestKey,
    of: Thing,
}

/// What a receipt tells of.
#[derive(Clone, Debug)]
pub(super) enum Thing {
    /// The workspace of the record that is committed with it.
    Workspace,
    /// A snapshot.
    Snapshot(SnapshotRecord),
    /// The session of the record that is committed with it.
    Session,
}

impl Turn {
    /// What the request came to when it was made before.
    pub(super) fn made(&self) -> Option<&Made> {
        self.made.as_ref()
    }

    /// Whether what the request comes to is to be kept.
    pub(super) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// The key under which the request is made.
    pub(super) fn key(&self) -> Option<RequestKey> {
        self.key.clone()
    }

    /// What is to be kept of the request.
    pub(super) fn draft(&self, of: Thing) -> Option<Draft> {
        let key = self.key.clone()?;
        Some(Draft { key, of })
    }
}

impl Draft {
    /// What is to be kept of the request that an operation is for.
    pub(super) fn of(operation: &Operation) -> Option<Self> {
        let of = match &operation.intent {
            Intent::Snapshot { snapshot } => Thing::Snapshot(snapshot.clone()),
            _ => Thing::Workspace,
        };
        let key = operation.request.clone()?;
        Some(Self { key, of })
    }

    /// Tells what was made, by the record that is committed with it.
    pub(super) fn receipt(self, record: &WorkspaceRecord, now: Timestamp) -> Option<Box<Receipt>> {
        let made = match self.of {
            Thing::Workspace => Made::Workspace {
                record: Box::new(record.clone()),
            },
            Thing::Snapshot(record) => Made::Snapshot { record },
            Thing::Session => Made::Session {
                workspace: record.id,
                head: record.head,
                session: record.session.clone()?,
            },
        };
        let account = record.account.clone();
        Some(Box::new(Receipt::new(account, &self.key, made, now)))
    }
}

impl Core {
    /// Whether the request that an operation is for was done elsewhere.
    pub(super) async fn is_done_elsewhere(
        &self,
        verb: &'static str,
        account: &AccountId,
        operation: &Operation,
    ) -> Result<bool, Error> {
        let Some(key) = &operation.request else {
            return Ok(false);
        };
        let found = self.metadata.receipt(account, key.key()).await;
        Ok(found
            .map_err(|error| Error::storage(verb, error))?
            .is_some())
    }

    /// Waits until no other request of the key is being done, and looks up what it came to before.
    pub(super) async fn turn(
        &self,
        verb: &'static str,
        account: &AccountId,
        key: Option<RequestKey>,
    ) -> Result<Turn, Error> {
        let Some(key) = key else {
            return Ok(Turn {
                key: None,
                made: None,
                _lock: None,
            });
        };
        let of = (account.clone(), key.key().to_owned());
        let lock = self.turns.lock(of).await;
        let found = self.metadata.receipt(account, key.key()).await;
        let found = found.map_err(|error| Error::storage(verb, error))?;
        let made = match found {
            Some(receipt) if receipt.made_at < self.oldest_receipt() => {
                self.forget_receipts(verb).await?;
                None
            }
            Some(receipt) if receipt.request != key.request() => return Err(conflict(&key)),
            found => found.map(|receipt| receipt.made),
        };
        Ok(Turn {
            key: Some(key),
            made,
            _lock: Some(lock),
        })
    }

    /// Forgets what requests came to that were made too long ago.
    pub(super) async fn forget_receipts(&self, verb: &'static str) -> Result<(), Error> {
        let before = self.oldest_receipt();
        loop {
            let forgotten = self.metadata.forget_receipts(before, PAGE).await;
            if forgotten.map_err(|error| Error::storage(verb, error))? < PAGE {
                return Ok(());
            }
        }
    }

    fn oldest_receipt(&self) -> Timestamp {
        self.now().saturating_sub(RETENTION)
    }

    /// The workspace that a request made before.
    pub(super) fn workspace_made(&self, made: &Made) -> Result<Workspace, Error> {
        match made {
            Made::Workspace { record } => Ok(self.view(record)),
            _ => Err(other_kind()),
        }
    }

    /// The session that a request made before.
    pub(super) fn session_made(&self, made: &Made) -> Result<SessionInfo, Error> {
        match made {
            Made::Session {
                workspace,
                head,
                session,
            } => Ok(self.session_info(*workspace, *head, session)),
            _ => Err(other_kind()),
        }
    }
}

/// The snapshot that a request made before.
pub(super) fn snapshot_made(made: &Made) -> Result<Snapshot, Error> {
    match made {
        Made::Snapshot { record } => Ok(Snapshot::from(record)),
        _ => Err(other_kind()),
    }
}

/// What a request is told whose key another process has used meanwhile. Asked again, it gets what that came to.
pub(super) fn overtaken(verb: &'static str) -> Error {
    let message = "the same request has just been done elsewhere; ask again";
    Error::storage(verb, BackendError::unavailable(message))
}

fn conflict(key: &RequestKey) -> Error {
    let key = key.key().to_owned();
    Error::IdempotencyConflict { key }
}

/// Two requests that ask for different things were given as the same.
fn other_kind() -> Error {
    Error::InvalidRequest {
        reason: "the idempotency key was used for a request of another kind".to_owned(),
    }
}
