//! Kills a worker of many callers at any moment, again and again on one store.

use crate::Result;
use crate::dice::Dice;
use crate::journal::{self, Promises};
use crate::judge::judge;
use crate::own::{self, Own};
use crate::place::Place;
use crate::report::Report;
use crate::state::State;
use crate::work::Work;

/// How many callers a worker has.
const CALLERS: usize = 16;

/// How often a store is killed before there is a new one.
const KILLS_OF_A_STORE: usize = 25;

/// The most lines that a worker says before it is killed.
const LINES: usize = 240;

pub(crate) fn run(kills: usize, seed: u64, report: &mut Report) -> Result<()> {
    let mut dice = Dice::new((seed, "random"));
    let mut left = kills;
    while left > 0 {
        let round = left.min(KILLS_OF_A_STORE);
        kill_again_and_again(round, left, &mut dice, report)?;
        left -= round;
    }
    Ok(())
}

fn kill_again_and_again(
    kills: usize,
    number: usize,
    dice: &mut Dice,
    report: &mut Report,
) -> Result<()> {
    let place = Place::new()?;
    let mut found = State::default();
    for kill in 0..kills {
        let work = Work {
            folder: place.folder().to_owned(),
            callers: CALLERS,
            calls: usize::MAX,
            label: format!("r{number}.{kill}"),
            ..Work::default()
        };
        let lines = 1 + dice.below(LINES);
        let said = work_until_said(&work, &found, lines)?;
        let lines = journal::parse(&said)?;
        let promises = Promises::of(found, &lines);
        let outcome = own::verify(place.folder()).and_then(|now| {
            judge(&promises, &now)?;
            place.is_unmounted()?;
            Ok(now)
        });
        let case = format!("store {number}, kill {kill}");
        match outcome {
            Ok(now) => {
                let (answered, open) = (promises.answered, promises.unanswered.len());
                let kept = format!("{answered} calls kept, {open} unanswered");
                report.note("kill at random", case, Ok(kept));
                found = now;
            }
            // What follows on such a store would prove nothing.
            Err(wrong) => {
                report.note("kill at random", case, Err(wrong));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Kills a worker as soon as it has said so many lines, wherever its other callers then are.
fn work_until_said(work: &Work, found: &State, lines: usize) -> Result<String> {
    let mut own = Own::start(&work.arguments())?;
    own.tell(found)?;
    let said = own.said_until(lines)?;
    own.child.kill()?;
    own.child.wait()?;
    Ok(said + &own.said()?)
}
