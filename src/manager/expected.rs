//! The revision at which a caller wants a workspace to be when a change of it begins.

use crate::error::Error;
use crate::model::WorkspaceRecord;

/// What a call expects. It is judged in the commit that begins the change, and no more once something irrevocable was done
/// on the strength of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected(Option<u64>);

impl Expected {
    pub(super) fn revision(revision: u64) -> Self {
        Self(Some(revision))
    }

    /// Fails if the record is at another revision.
    pub(super) fn check(self, record: &WorkspaceRecord) -> Result<(), Error> {
        match self.0 {
            Some(expected) if expected != record.revision => Err(Error::RevisionConflict {
                workspace: record.id,
                expected,
                revision: record.revision,
            }),
            _ => Ok(()),
        }
    }

    /// Expects nothing any more: the change has begun.
    pub(super) fn meet(&mut self) {
        self.0 = None;
    }
}
