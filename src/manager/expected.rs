//! The revision at which a caller wants a workspace to be when a change of it begins.

use crate::error::Error;
use crate::model::{WorkspaceId, WorkspaceRecord};

/// What a call expects. It is judged in the commit that begins the change, and no more once something irrevocable was done
/// on the strength of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected(Option<(Option<WorkspaceId>, u64)>);

impl Expected {
    pub(super) fn revision(revision: u64) -> Self {
        Self(Some((None, revision)))
    }

    pub(super) fn revision_of(workspace: WorkspaceId, revision: u64) -> Self {
        Self(Some((Some(workspace), revision)))
    }

    /// Fails if the record is of another workspace or at another revision.
    pub(super) fn check(self, record: &WorkspaceRecord) -> Result<(), Error> {
        let Some((workspace, expected)) = self.0 else {
            return Ok(());
        };
        if workspace.is_none_or(|id| id == record.id) && expected == record.revision {
            return Ok(());
        }
        Err(Error::RevisionConflict {
            workspace: record.id,
            expected,
            revision: record.revision,
        })
    }

    /// Expects nothing any more: the change has begun.
    pub(super) fn meet(&mut self) {
        self.0 = None;
    }
}
