//! What a caller may do, at random.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::oracle::{NAMES, VALID};
use crate::tree::{Edit, edit};

/// A selector, by numbers: one of the workspaces that there are, or of those that are gone, by its name or its id, asked of
/// its own account or of the other one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    pub(super) nth: usize,
    pub(super) by_name: bool,
    pub(super) of_stranger: bool,
    pub(super) is_gone: bool,
}

/// A call, or something that befalls the manager. A name is the number of one of [`NAMES`](super::oracle::NAMES).
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create {
        of_stranger: bool,
        browser: bool,
        image: Option<usize>,
        name: Option<usize>,
        template: bool,
    },
    Clone {
        source: Pick,
        snapshot: Option<usize>,
        name: Option<usize>,
        template: bool,
    },
    Rename(Pick, Option<usize>),
    Template(Pick, bool),
    Start(Pick, bool),
    /// Changes files in the session that the workspace has, if it has one.
    Work(Pick, Vec<Edit>),
    End(Pick),
    Snapshot(Pick, usize, bool),
    Restore {
        workspace: Pick,
        snapshot: usize,
        save_as: Option<usize>,
        force: bool,
    },
    DeleteSnapshot(Pick, usize),
    Delete(Pick, bool),
    BulkDelete(Vec<Pick>, bool),
    List {
        of_stranger: bool,
        browser: Option<bool>,
        template: Option<bool>,
        active: Option<bool>,
        prefix: Option<usize>,
        limit: usize,
    },
    /// The process dies between two calls.
    Crash,
    /// The storage fails from a step of the call on, before the step or after it, and then the process dies.
    Broken {
        call: Box<Operation>,
        step: usize,
        after: bool,
    },
}

impl Operation {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Operation::Create { .. } => "create",
            Operation::Clone { .. } => "clone",
            Operation::Rename(..) => "rename",
            Operation::Template(..) => "set the template flag",
            Operation::Start(..) => "start a session",
            Operation::End(..) => "end a session",
            Operation::Snapshot(..) => "snapshot",
            Operation::Restore { .. } => "restore",
            Operation::DeleteSnapshot(..) => "delete a snapshot",
            Operation::Delete(..) => "delete",
            _ => "none of the calls",
        }
    }
}

fn pick() -> impl Strategy<Value = Pick> {
    let seldom = || prop::bool::weighted(0.06);
    (any::<usize>(), any::<bool>(), seldom(), seldom()).prop_map(
        |(nth, by_name, of_stranger, is_gone)| Pick {
            nth,
            by_name,
            of_stranger,
            is_gone,
        },
    )
}

/// A name, a valid one for the most part.
fn name() -> impl Strategy<Value = usize> {
    prop_oneof![12 => 0..VALID, 1 => VALID..NAMES.len()]
}

/// Calls that change what a crash must keep whole.
fn change() -> impl Strategy<Value = Operation> {
    let number = || any::<usize>();
    let flag = || any::<bool>();
    prop_oneof![
        4 => (flag(), prop::bool::weighted(0.2), option::weighted(0.2, number()), option::of(name()), flag())
            .prop_map(|(of_stranger, browser, image, name, template)| Operation::Create {
                of_stranger, browser, image, name, template
            }),
        4 => (pick(), option::of(number()), option::weighted(0.3, name()), flag())
            .prop_map(|(source, snapshot, name, template)| Operation::Clone { source, snapshot, name, template }),
        2 => (pick(), option::weighted(0.8, name())).prop_map(|(at, name)| Operation::Rename(at, name)),
        1 => (pick(), flag()).prop_map(|(at, template)| Operation::Template(at, template)),
        6 => (pick(), name(), flag()).prop_map(|(at, name, force)| Operation::Snapshot(at, name, force)),
        5 => (pick(), number(), option::weighted(0.4, name()), flag())
            .prop_map(|(workspace, snapshot, save_as, force)| Operation::Restore { workspace, snapshot, save_as, force }),
        2 => (pick(), number()).prop_map(|(at, snapshot)| Operation::DeleteSnapshot(at, snapshot)),
        2 => (pick(), flag()).prop_map(|(at, force)| Operation::Delete(at, force)),
    ]
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let flag = || any::<bool>();
    prop_oneof![
        26 => change(),
        12 => (pick(), prop::bool::weighted(0.9)).prop_map(|(at, matching)| Operation::Start(at, matching)),
        18 => (pick(), vec(edit(), 1..16)).prop_map(|(at, edits)| Operation::Work(at, edits)),
        8 => pick().prop_map(Operation::End),
        1 => (vec(pick(), 1..4), flag()).prop_map(|(at, force)| Operation::BulkDelete(at, force)),
        2 => (flag(), option::of(flag()), option::of(flag()), option::of(flag()), option::of(any::<usize>()), 0..5_usize)
            .prop_map(|(of_stranger, browser, template, active, prefix, limit)| Operation::List {
                of_stranger, browser, template, active, prefix, limit
            }),
        1 => Just(Operation::Crash),
        6 => (change(), 1..8_usize, flag())
            .prop_map(|(call, step, after)| Operation::Broken { call: Box::new(call), step, after }),
    ]
}
