//! What a worker is about when it is broken, so that it can be shown that everything was.

use std::collections::BTreeMap;
use std::fmt;

use crate::call::Call;
use crate::journal::{Event, Line};
use crate::report::Report;
use crate::stage::Stage;

/// What a call or a part of it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Create,
    Clone,
    Snapshot,
    Restore,
    Delete,
    Rename,
    SessionEnd,
    Merge,
    /// What is not counted: the beginning of a session and what is written in it, a template, a snapshot that goes.
    Other,
}

impl Kind {
    /// Those that have to be broken at some point.
    pub(crate) const ALL: [Self; 8] = [
        Self::Create,
        Self::Clone,
        Self::Snapshot,
        Self::Restore,
        Self::Delete,
        Self::Rename,
        Self::SessionEnd,
        Self::Merge,
    ];

    fn of_call(call: &Call) -> Self {
        match call {
            Call::Create { .. } => Self::Create,
            Call::Clone { .. } => Self::Clone,
            Call::Snapshot { .. } => Self::Snapshot,
            Call::Restore { .. } => Self::Restore,
            Call::Delete { .. } => Self::Delete,
            Call::SetName { .. } => Self::Rename,
            Call::Work { .. } | Call::DeleteSnapshot { .. } | Call::SetTemplate { .. } => {
                Self::Other
            }
        }
    }

    fn of_stage(stage: Stage) -> Self {
        match stage {
            Stage::SessionEnd => Self::SessionEnd,
            Stage::Merge => Self::Merge,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Clone => "clone",
            Self::Snapshot => "snapshot",
            Self::Restore => "restore",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::SessionEnd => "session end",
            Self::Merge => "merge",
            Self::Other => "other",
        })
    }
}

/// From when to when something was done, in entries of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) kind: Kind,
    pub(crate) from: u64,
    /// Nothing if it was not finished.
    pub(crate) to: Option<u64>,
}

impl Deed {
    /// Whether a disk that has so many entries has some of the deed, or all of it and nothing that came after.
    pub(crate) fn is_at(&self, entries: u64) -> bool {
        self.from < entries && self.to.is_none_or(|to| entries <= to)
    }
}

/// What a worker did, as it said.
pub(crate) fn deeds(lines: &[Line]) -> Vec<Deed> {
    let mut all: Vec<Deed> = Vec::new();
    let mut open: Vec<(usize, bool, usize)> = Vec::new();
    for line in lines {
        let (is_stage, begins) = match &line.event {
            Event::Begun { call, .. } => (false, Some(Kind::of_call(call))),
            Event::Done(_) => (false, None),
            Event::Entered(stage) => (true, Some(Kind::of_stage(*stage))),
            Event::Left(_) => (true, None),
        };
        if let Some(kind) = begins {
            open.push((line.caller, is_stage, all.len()));
            let (from, to) = (line.entries, None);
            all.push(Deed { kind, from, to });
        } else {
            let own = |it: &(usize, bool, usize)| it.0 == line.caller && it.1 == is_stage;
            if let Some(at) = open.iter().position(own) {
                all[open.swap_remove(at).2].to = Some(line.entries);
            }
        }
    }
    all
}

/// How often each kind was broken.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<Kind, usize>);

impl Coverage {
    /// Notes a point at which all these were going on.
    pub(crate) fn note(&mut self, kinds: impl IntoIterator<Item = Kind>) {
        for kind in kinds {
            *self.0.entry(kind).or_default() += 1;
        }
    }

    /// Says how often each kind was broken. One that never was shows nothing, which is as bad as a loss.
    pub(crate) fn conclude(&self, what: &str, report: &mut Report) {
        for kind in Kind::ALL {
            let outcome = match self.0.get(&kind) {
                Some(points) => Ok(format!("{points} points")),
                None => Err("no point".into()),
            };
            report.note(&format!("{what} within"), kind, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use workdisk::model::WorkspaceId;

    use super::*;

    fn line(caller: usize, entries: u64, event: Event) -> Line {
        Line {
            caller,
            entries,
            event,
        }
    }

    #[test]
    fn stage_is_within_its_call_and_what_was_not_answered_stays_open() {
        let workspace = WorkspaceId::new();
        let begun = |call| Event::Begun {
            account: "a".to_owned(),
            call,
        };
        let snapshot = Call::Snapshot {
            workspace,
            name: "s".to_owned(),
        };
        let lines = [
            line(0, 10, begun(snapshot)),
            line(0, 12, Event::Entered(Stage::Merge)),
            line(0, 15, Event::Left(Stage::Merge)),
            line(0, 20, Event::Done(workspace)),
            line(0, 20, begun(Call::Delete { workspace })),
        ];
        let kinds_at = |entries: u64| {
            let deeds = deeds(&lines).into_iter();
            let there = deeds.filter(|deed| deed.is_at(entries));
            there.map(|deed| deed.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds_at(10), []);
        assert_eq!(kinds_at(11), [Kind::Snapshot]);
        assert_eq!(kinds_at(15), [Kind::Snapshot, Kind::Merge]);
        assert_eq!(kinds_at(20), [Kind::Snapshot]);
        assert_eq!(kinds_at(21), [Kind::Delete]);
    }

    #[test]
    fn kind_that_was_never_broken_is_a_failure() {
        let mut coverage = Coverage::default();
        coverage.note(Kind::ALL);
        let mut report = Report::default();
        coverage.conclude("cuts", &mut report);
        assert!(!report.has_failed());
        let (_, most) = Kind::ALL.split_last().unwrap();
        let mut coverage = Coverage::default();
        coverage.note(most.iter().copied());
        coverage.conclude("cuts", &mut report);
        assert!(report.has_failed());
    }
}
