//! The handle of one account, through which every call is made.

use std::fmt;
use std::sync::Arc;

use super::core::Core;
use crate::model::AccountId;

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
}

impl Account {
    pub(super) fn new(core: Arc<Core>, id: AccountId) -> Self {
        Self { core, id }
    }

    /// The account.
    pub fn id(&self) -> &AccountId {
        &self.id
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
