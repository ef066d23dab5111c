//! Chooses what a caller does next.

use workdisk::model::WorkspaceId;

use crate::call::Call;
use crate::dice::Dice;
use crate::state::{Held, State};

/// More workspaces than this a caller does not keep.
const WORKSPACES: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Create,
    CloneHead,
    CloneSnapshot,
    Work,
    Snapshot,
    Restore,
    RestoreAndSave,
    DeleteSnapshot,
    Rename,
    ClearName,
    Template,
    Delete,
}

/// Every kind of call once or more, in an order in which each finds what it needs.
const TURNS: [Kind; 18] = [
    Kind::Create,
    Kind::Work,
    Kind::Snapshot,
    Kind::Work,
    Kind::CloneHead,
    Kind::RestoreAndSave,
    Kind::Work,
    Kind::Template,
    Kind::Snapshot,
    Kind::Work,
    Kind::Snapshot,
    Kind::ClearName,
    Kind::CloneSnapshot,
    Kind::DeleteSnapshot,
    Kind::Work,
    Kind::Restore,
    Kind::Rename,
    Kind::Delete,
];

/// One caller: its workspaces are its own, and nobody else changes them.
#[derive(Debug)]
pub(crate) struct Chooser {
    label: String,
    dice: Dice,
    turn: usize,
    /// A workspace that every caller clones and none changes.
    shared: Option<WorkspaceId>,
}

impl Chooser {
    /// A caller whose names and words all begin with the label.
    pub(crate) fn new(label: String, shared: Option<WorkspaceId>) -> Self {
        Self {
            dice: Dice::new(&label),
            turn: 0,
            label,
            shared,
        }
    }

    /// The next call of one that has these workspaces, and those that it shares.
    pub(crate) fn next(&mut self, own: &State) -> Call {
        let in_turn = TURNS[self.turn % TURNS.len()];
        self.turn += 1;
        // Past the first round one call in three is out of turn.
        let kind = match self.turn > TURNS.len() && self.dice.below(3) == 0 {
            true => TURNS[self.dice.below(TURNS.len())],
            false => in_turn,
        };
        self.call(kind, own).unwrap_or_else(|| Call::Create {
            name: self.fresh("n"),
            template: false,
        })
    }

    fn fresh(&self, letter: &str) -> String {
        format!("{} {letter}{}", self.label, self.turn)
    }

    fn call(&mut self, kind: Kind, own: &State) -> Option<Call> {
        let full = own.0.len() >= WORKSPACES;
        let fresh = self.fresh("n");
        let template = self.dice.below(2) == 0;
        match kind {
            Kind::Create if full => self.call(Kind::Delete, own),
            Kind::Create => Some(Call::Create {
                name: fresh,
                template,
            }),
            Kind::CloneHead | Kind::CloneSnapshot if full => self.call(Kind::Delete, own),
            Kind::CloneHead => {
                let shared = self.shared;
                let source = self.dice.one_of(own.0.keys().copied().chain(shared))?;
                Some(Call::Clone {
                    source,
                    snapshot: None,
                    name: fresh,
                })
            }
            Kind::CloneSnapshot => {
                let (source, snapshot) = self.snapshot(own)?;
                Some(Call::Clone {
                    source,
                    snapshot: Some(snapshot),
                    name: fresh,
                })
            }
            Kind::Work => Some(Call::Work {
                workspace: self.one(own)?,
                word: self.fresh("w"),
            }),
            Kind::Snapshot => Some(Call::Snapshot {
                workspace: self.one(own)?,
                name: fresh,
            }),
            Kind::Restore | Kind::RestoreAndSave => {
                let (workspace, snapshot) = self.snapshot(own)?;
                let saves = matches!(kind, Kind::RestoreAndSave);
                Some(Call::Restore {
                    workspace,
                    snapshot,
                    save_head_as: saves.then_some(fresh),
                })
            }
            Kind::DeleteSnapshot => {
                let (workspace, name) = self.snapshot(own)?;
                Some(Call::DeleteSnapshot { workspace, name })
            }
            Kind::Rename | Kind::ClearName => Some(Call::SetName {
                workspace: self.one(own)?,
                name: matches!(kind, Kind::Rename).then_some(fresh),
            }),
            Kind::Template => Some(Call::SetTemplate {
                workspace: self.one(own)?,
                template,
            }),
            Kind::Delete => Some(Call::Delete {
                workspace: self.one(own)?,
            }),
        }
    }

    fn one(&mut self, own: &State) -> Option<WorkspaceId> {
        self.dice.one_of(own.0.keys().copied())
    }

    fn snapshot(&mut self, own: &State) -> Option<(WorkspaceId, String)> {
        let names = |(id, held): (&WorkspaceId, &Held)| {
            let id = *id;
            let names = held.snapshots.keys().cloned();
            names.map(move |name| (id, name)).collect::<Vec<_>>()
        };
        self.dice.one_of(own.0.iter().flat_map(names))
    }
}
