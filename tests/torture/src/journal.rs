//! What a worker says, from which follows what was promised at each moment.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use workdisk::model::WorkspaceId;

use crate::Result;
use crate::call::Call;
use crate::record::entries_of;
use crate::stage::Stage;
use crate::state::State;

/// One line of a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Which of the worker's callers; of a stage, which one it is.
    pub(crate) caller: usize,
    /// How many entries the record of the disk had: before a call, or after its answer. 0 without a record.
    pub(crate) entries: u64,
    pub(crate) event: Event,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    Begun { account: String, call: Call },
    Done(WorkspaceId),
    Entered(Stage),
    Left(Stage),
}

impl Line {
    /// A line with the number of entries that a record has now.
    pub(crate) fn of(caller: usize, record: Option<&Path>, event: Event) -> Result<Self> {
        let entries = record.map(entries_of).transpose()?.unwrap_or_default();
        Ok(Self {
            caller,
            entries,
            event,
        })
    }

    /// Says it at once, and whole.
    pub(crate) fn say(&self) -> Result<()> {
        let line = serde_json::to_string(self)? + "\n";
        Ok(io::stdout().lock().write_all(line.as_bytes())?)
    }
}

/// Reads what a worker said, of which the last line may be cut off.
pub(crate) fn parse(said: &str) -> Result<Vec<Line>> {
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    let lines = whole.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

/// What callers were promised, and what they asked for without being answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    pub(crate) state: State,
    /// By account.
    pub(crate) unanswered: Vec<(String, Call)>,
    /// How many calls were answered.
    pub(crate) answered: usize,
}

impl Promises {
    /// What follows from the lines, on top of what was there before.
    pub(crate) fn of<'a>(before: State, lines: impl IntoIterator<Item = &'a Line>) -> Self {
        let (mut state, mut answered) = (before, 0);
        let mut unanswered: Vec<(usize, String, Call)> = Vec::new();
        for line in lines {
            match &line.event {
                Event::Begun { account, call } => {
                    unanswered.push((line.caller, account.clone(), call.clone()));
                }
                Event::Entered(_) | Event::Left(_) => {}
                Event::Done(id) => {
                    let asked = unanswered.iter().position(|it| it.0 == line.caller);
                    let Some((_, account, call)) = asked.map(|at| unanswered.remove(at)) else {
                        continue;
                    };
                    answered += 1;
                    match call.outcome(&account, &state) {
                        Some(held) => drop(state.0.insert(*id, held)),
                        None => drop(state.0.remove(id)),
                    }
                }
            }
        }
        let unanswered = unanswered
            .into_iter()
            .map(|(_, account, call)| (account, call));
        Self {
            state,
            unanswered: unanswered.collect(),
            answered,
        }
    }
}
