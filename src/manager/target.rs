//! Which workspace a call is about.

use super::expected::Expected;
use crate::error::Error;
use crate::model::{Intent, Selector, WorkspaceId, WorkspaceRecord};

/// What a caller says of the workspace that it means.
///
/// The selector is looked up again for every decision, and a decision is committed only if the record is still as it was
/// found: a name that has passed to another workspace meanwhile means that one, and a call that was decided for the one
/// before is decided anew. Once something irrevocable was done to a workspace for the call, it is held on to: the call then
/// fails as if there were no such workspace when its name means another one, and never does the same to two.
#[derive(Clone, Debug)]
pub(super) struct Target {
    selector: Selector,
    expected: Expected,
    held: Option<WorkspaceId>,
    is_unmade: bool,
}

impl Target {
    pub(super) fn new(selector: Selector, expected: Expected) -> Self {
        Self {
            selector,
            expected,
            held: None,
            is_unmade: false,
        }
    }

    pub(super) fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Means this workspace alone from now on, as long as the selector does too.
    #[must_use]
    pub(super) fn holding(mut self, workspace: WorkspaceId) -> Self {
        self.held = Some(workspace);
        self
    }

    /// Notes that something irrevocable is done to a workspace, which was at the revision that was expected.
    pub(super) fn commit_to(&mut self, workspace: WorkspaceId) {
        self.held = Some(workspace);
        self.expected.meet();
    }

    /// Notes that the operation that runs on a workspace is cancelled.
    pub(super) fn cancel(&mut self, record: &WorkspaceRecord) {
        self.commit_to(record.id);
        let operation = record.operation.as_ref().map(|it| &it.intent);
        self.is_unmade = matches!(operation, Some(Intent::Create | Intent::Import));
    }

    /// The workspace whose making was cancelled.
    pub(super) fn unmade(&self) -> Option<WorkspaceId> {
        self.held.filter(|_| self.is_unmade)
    }

    /// Whether a record that the selector found can be meant.
    pub(super) fn admits(&self, record: &WorkspaceRecord) -> bool {
        self.held.is_none_or(|held| held == record.id)
    }

    /// Fails if a record is not as it is expected to be.
    pub(super) fn expect(&self, record: &WorkspaceRecord) -> Result<(), Error> {
        self.expected.check(record)
    }
}

impl From<WorkspaceId> for Target {
    fn from(id: WorkspaceId) -> Self {
        Self::new(id.into(), Expected::default())
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Self {
        target.clone()
    }
}
