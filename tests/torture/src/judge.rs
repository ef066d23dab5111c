//! Whether what is found is what was promised.

use std::collections::BTreeSet;

use workdisk::model::WorkspaceId;

use crate::Result;
use crate::call::Call;
use crate::journal::Promises;
use crate::state::{Held, State};

/// Every workspace must be as it was promised, or that and the one call on it that was not answered. What nobody asked for
/// must not be there.
pub(crate) fn judge(promises: &Promises, found: &State) -> Result<()> {
    let mut made: Vec<Held> = promises
        .unanswered
        .iter()
        .filter(|(_, call)| call.target().is_none())
        .filter_map(|(account, call)| call.outcome(account, &promises.state))
        .collect();
    let ids: BTreeSet<&WorkspaceId> = promises.state.0.keys().chain(found.0.keys()).collect();
    for id in ids {
        let (promised, found) = (promises.state.0.get(id), found.0.get(id));
        if promised == found || promised.is_some() && is_after_its_call(promises, *id, found) {
            continue;
        }
        let made_it = made.iter().position(|held| Some(held) == found);
        match made_it.filter(|_| promised.is_none()) {
            Some(at) => drop(made.swap_remove(at)),
            None => return Err(format!("{id}: promised {promised:?}, found {found:?}").into()),
        }
    }
    Ok(())
}

/// Whether the workspace is as an unanswered call on it left it.
fn is_after_its_call(promises: &Promises, id: WorkspaceId, found: Option<&Held>) -> bool {
    let mut on_it = promises.unanswered.iter();
    let Some((account, call)) = on_it.find(|(_, call)| call.target() == Some(id)) else {
        return false;
    };
    let after = call.outcome(account, &promises.state);
    match (call, &after, found) {
        // What a session wrote that had not ended was promised to nobody.
        (Call::Work { .. }, Some(after), Some(found)) => {
            after.apart_from_files() == found.apart_from_files()
        }
        _ => after.as_ref() == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Event, Line};

    fn created(name: &str) -> Call {
        let name = name.to_owned();
        let template = false;
        Call::Create { name, template }
    }

    fn line(event: Event) -> Line {
        Line {
            caller: 0,
            entries: 0,
            event,
        }
    }

    fn begun(call: Call) -> Line {
        let account = "a".to_owned();
        line(Event::Begun { account, call })
    }

    /// One workspace that is there, and a call on it that was not answered.
    fn unanswered(call: impl FnOnce(WorkspaceId) -> Call) -> (WorkspaceId, Promises) {
        let id = WorkspaceId::new();
        let lines = [begun(created("w")), line(Event::Done(id)), begun(call(id))];
        (id, Promises::of(State::default(), &lines))
    }

    #[test]
    fn what_was_answered_must_be_there_and_nothing_else() {
        let (id, promises) = unanswered(|workspace| Call::Delete { workspace });
        let held = promises.state.0[&id].clone();
        assert!(judge(&promises, &State([(id, held.clone())].into())).is_ok());
        assert!(
            judge(&promises, &State::default()).is_ok(),
            "it was deleted"
        );
        let torn = Held {
            head: "torn".to_owned(),
            ..held.clone()
        };
        assert!(judge(&promises, &State([(id, torn)].into())).is_err());
        let more = State([(id, held.clone()), (WorkspaceId::new(), held)].into());
        assert!(judge(&promises, &more).is_err());
    }

    #[test]
    fn files_of_a_session_that_has_not_ended_are_promised_to_nobody_but_all_else_is() {
        let (id, promises) = unanswered(|workspace| Call::Work {
            workspace,
            word: "x".to_owned(),
        });
        let mut held = promises.state.0[&id].clone();
        held.head = "torn".to_owned();
        assert!(judge(&promises, &State([(id, held.clone())].into())).is_ok());
        held.name = None;
        assert!(judge(&promises, &State([(id, held)].into())).is_err());
        assert!(judge(&promises, &State::default()).is_err());
    }

    #[test]
    fn what_an_unanswered_call_made_may_be_there_once() {
        let (id, promises) = unanswered(|_| created("new"));
        let held = promises.state.0[&id].clone();
        let new = created("new").outcome("a", &State::default()).unwrap();
        let with = |made: usize| {
            let made = (0..made).map(|_| (WorkspaceId::new(), new.clone()));
            State(made.chain([(id, held.clone())]).collect())
        };
        assert!(judge(&promises, &with(0)).is_ok());
        assert!(judge(&promises, &with(1)).is_ok());
        assert!(judge(&promises, &with(2)).is_err());
    }
}
