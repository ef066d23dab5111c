//! The handle of one account, through which every call is made.

use std::fmt;
use std::sync::Arc;

use super::core::Core;
use super::expected::Expected;
use super::target::Target;
use crate::model::{AccountId, RequestKey, Selector, WorkspaceId};

/// The workspaces of one account.
///
/// Every call is made through it, so that the account is never forgotten: nothing of another account can be seen, matched
/// or counted through it. Cheap to clone.
///
/// # Cancel safety
/// Each call that changes something runs in a task of its own. A caller that drops its future lets go of the answer and
/// not of the call, which ends or is undone by itself.
#[derive(Clone)]
pub struct Account {
    core: Arc<Core>,
    id: AccountId,
    expected: Expected,
    once: Option<RequestKey>,
}

impl Account {
    pub(super) fn new(core: Arc<Core>, id: AccountId) -> Self {
        let expected = Expected::default();
        Self {
            core,
            id,
            expected,
            once: None,
        }
    }

    /// The account.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// A handle whose calls change a workspace only if it has this [revision](crate::model::Workspace::revision), and fail
    /// with [`RevisionConflict`](crate::Error::RevisionConflict) otherwise.
    ///
    /// The revision is compared in the commit that begins the change: of two callers that saw the same one, exactly one
    /// goes on. With force it is compared before anything is ended or cancelled. Creating, cloning, deleting in bulk and
    /// reading do not look at it.
    #[must_use]
    pub fn expecting(&self, revision: u64) -> Self {
        let expected = Expected::revision(revision);
        Self {
            expected,
            ..self.clone()
        }
    }

    /// A handle whose call that makes something, be it a workspace, a clone, a snapshot or a session, is done once.
    ///
    /// A call under a key of the last 24 hours answers what the first one made, as it was then, though it may have changed
    /// or be gone since; if the first one asked for something else, it fails with
    /// [`IdempotencyConflict`](crate::Error::IdempotencyConflict). While the first one goes on, the second one waits. A call
    /// that failed has made nothing and is done again.
    ///
    /// What a call made and that it was made under the key are committed in one step, so that this holds over a crash too.
    #[must_use]
    pub fn once(&self, request: RequestKey) -> Self {
        Self {
            once: Some(request),
            ..self.clone()
        }
    }

    pub(super) fn request(&self) -> Option<RequestKey> {
        self.once.clone()
    }

    /// A handle of the same account that expects nothing.
    pub(super) fn expecting_nothing(&self) -> Self {
        Self::new(self.core(), self.id.clone())
    }

    /// As [`expecting`](Self::expecting), and only if the workspace is this one, whichever the selector means by then.
    #[must_use]
    pub fn expecting_of(&self, workspace: WorkspaceId, revision: u64) -> Self {
        let expected = Expected::revision_of(workspace, revision);
        Self {
            expected,
            ..self.clone()
        }
    }

    /// What a call of this handle means by a selector.
    pub(super) fn target(&self, workspace: impl Into<Selector>) -> Target {
        Target::new(workspace.into(), self.expected)
    }

    pub(super) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.core)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
