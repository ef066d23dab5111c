//! Which operation is allowed when: the table of the README as one pure function.

use crate::model::{OperationKind, Status, WorkspaceRecord};

/// What a caller wants of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Start a session of the workspace's type, or of the other one.
    StartSession { type_matches: bool },
    /// Clone what the workspace holds now.
    CloneHead,
    /// Clone one of its snapshots.
    CloneSnapshot,
    /// Rename it, clear its name, make it a template or none.
    Edit,
    /// Take a snapshot.
    CreateSnapshot { force: bool },
    /// Replace its files by a snapshot's.
    Restore { force: bool },
    /// Read it or list its snapshots.
    Read,
    /// Delete a snapshot.
    DeleteSnapshot,
    /// Delete it.
    Delete { force: bool },
}

/// What a workspace is doing, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Nothing.
    Ready,
    /// It has a session.
    Active,
    /// An operation runs.
    Busy(OperationKind),
    /// Its files can't be used.
    Failed,
}

impl State {
    /// The state that a record is in.
    pub(crate) fn of(record: &WorkspaceRecord) -> Self {
        match (&record.operation, record.status()) {
            (Some(operation), _) => State::Busy(operation.intent.kind()),
            (None, Status::Active) => State::Active,
            (None, Status::Failed) => State::Failed,
            (None, _) => State::Ready,
        }
    }
}

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// Go on.
    Allow,
    /// End the session by force, then ask again.
    EndSessionFirst,
    /// Cancel the running operation, then ask again.
    CancelFirst,
    /// Refuse, because the session type is the other one.
    RefuseType,
    /// Refuse, because a session runs.
    RefuseActive { force_would_help: bool },
    /// Refuse, because an operation runs.
    RefuseBusy(OperationKind),
    /// Refuse, because the workspace is failed.
    RefuseFailed,
}

/// Decides whether an action is allowed in a state.
pub(crate) fn decide(state: State, action: Action) -> Verdict {
    use Action::{
        CloneHead, CloneSnapshot, CreateSnapshot, Delete, DeleteSnapshot, Edit, Read, Restore,
        StartSession,
    };
    match (state, action) {
        (_, Read) => Verdict::Allow,
        // A workspace is locked to its type for life, so that no other state can make the call succeed.
        (
            _,
            StartSession {
                type_matches: false,
            },
        ) => Verdict::RefuseType,

        (State::Ready, _) => Verdict::Allow,

        (State::Active, CloneSnapshot | Edit | DeleteSnapshot) => Verdict::Allow,
        (
            State::Active,
            CreateSnapshot { force: true } | Restore { force: true } | Delete { force: true },
        ) => Verdict::EndSessionFirst,
        (State::Active, CreateSnapshot { .. } | Restore { .. } | Delete { .. }) => {
            Verdict::RefuseActive {
                force_would_help: true,
            }
        }
        (State::Active, StartSession { .. } | CloneHead) => Verdict::RefuseActive {
            force_would_help: false,
        },

        (State::Busy(OperationKind::Delete), CloneSnapshot | Edit) => {
            Verdict::RefuseBusy(OperationKind::Delete)
        }
        (State::Busy(_), CloneSnapshot | Edit) => Verdict::Allow,
        (State::Busy(_), Delete { force: true }) => Verdict::CancelFirst,
        (State::Busy(kind), _) => Verdict::RefuseBusy(kind),

        (State::Failed, CloneSnapshot | Edit | Restore { .. } | DeleteSnapshot | Delete { .. }) => {
            Verdict::Allow
        }
        (State::Failed, StartSession { .. } | CloneHead | CreateSnapshot { .. }) => {
            Verdict::RefuseFailed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: State = State::Busy(OperationKind::Snapshot);
    const DELETING: State = State::Busy(OperationKind::Delete);

    /// The table of the specification, row by row: what happens in the states ready, active, busy, deleting, failed.
    #[test]
    fn every_cell_is_as_the_table_says() {
        use Verdict::{Allow, CancelFirst, EndSessionFirst, RefuseFailed, RefuseType};
        let busy = Verdict::RefuseBusy(OperationKind::Snapshot);
        let deleting = Verdict::RefuseBusy(OperationKind::Delete);
        let active = Verdict::RefuseActive {
            force_would_help: false,
        };
        let active_unless_forced = Verdict::RefuseActive {
            force_would_help: true,
        };
        let states = [State::Ready, State::Active, BUSY, DELETING, State::Failed];
        let table = [
            (
                Action::StartSession { type_matches: true },
                [Allow, active, busy, deleting, RefuseFailed],
            ),
            (
                Action::StartSession {
                    type_matches: false,
                },
                [RefuseType; 5],
            ),
            (
                Action::CloneHead,
                [Allow, active, busy, deleting, RefuseFailed],
            ),
            (
                Action::CloneSnapshot,
                [Allow, Allow, Allow, deleting, Allow],
            ),
            (Action::Edit, [Allow, Allow, Allow, deleting, Allow]),
            (
                Action::CreateSnapshot { force: false },
                [Allow, active_unless_forced, busy, deleting, RefuseFailed],
            ),
            (
                Action::CreateSnapshot { force: true },
                [Allow, EndSessionFirst, busy, deleting, RefuseFailed],
            ),
            (
                Action::Restore { force: false },
                [Allow, active_unless_forced, busy, deleting, Allow],
            ),
            (
                Action::Restore { force: true },
                [Allow, EndSessionFirst, busy, deleting, Allow],
            ),
            (Action::Read, [Allow; 5]),
            (
                Action::DeleteSnapshot,
                [Allow, Allow, busy, deleting, Allow],
            ),
            (
                Action::Delete { force: false },
                [Allow, active_unless_forced, busy, deleting, Allow],
            ),
            (
                Action::Delete { force: true },
                [Allow, EndSessionFirst, CancelFirst, CancelFirst, Allow],
            ),
        ];
        for (action, verdicts) in table {
            for (state, verdict) in states.into_iter().zip(verdicts) {
                assert_eq!(decide(state, action), verdict, "{action:?} in {state:?}");
            }
        }
    }
}
