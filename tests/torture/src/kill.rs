//! Kills a worker at every change that it makes, and what recovers after it too.

use clap::Args;

use crate::Result;
use crate::deed::{Coverage, Kind, deeds};
use crate::dice::Dice;
use crate::journal::{self, Line, Promises};
use crate::judge::judge;
use crate::own::{self, Own};
use crate::place::Place;
use crate::report::Report;
use crate::state::State;
use crate::trace::{End, kill_at};
use crate::work::Work;

/// More than any worker changes.
const NEVER: usize = usize::MAX;

/// Every which recovery is killed at each of its changes, and not at one alone.
const WHOLE: usize = 25;

/// From so many points on they fall into calls of every kind, and have to.
const COVERS: usize = 200;

#[derive(Args, Debug)]
pub(crate) struct Kill {
    /// At how many changes, evenly spread; at every single one if there are fewer.
    #[arg(long, default_value_t = 30)]
    points: usize,
    /// Chooses other calls.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many calls the worker makes.
    #[arg(long, default_value_t = 36)]
    calls: usize,
    /// How often a worker of 16 callers is killed at any moment, on top.
    #[arg(long, default_value_t = 0)]
    random: usize,
}

impl Kill {
    pub(crate) fn run(&self, report: &mut Report) -> Result<()> {
        if self.points > 0 {
            self.sweep(report)?;
        }
        crate::random::run(self.random, self.seed, report)
    }

    fn sweep(&self, report: &mut Report) -> Result<()> {
        let (_place, _, end) = self.work_until(NEVER)?;
        let End::Untouched { changes, .. } = end else {
            return Err("a worker that nobody kills was killed".into());
        };
        println!("{} calls make {changes} changes", self.calls);
        let step = (changes / self.points.max(1)).max(1);
        let (mut dice, mut coverage) = (Dice::new(self.seed), Coverage::default());
        for nth in (1 + dice.below(step)..).step_by(step) {
            match self.kill(nth, &mut dice, report)? {
                Some(kinds) => coverage.note(kinds),
                None => break,
            }
        }
        // A few points need not be in everything.
        if self.points >= COVERS {
            coverage.conclude("kills", report);
        }
        Ok(())
    }

    /// Runs a worker up to its nth change.
    fn work_until(&self, nth: usize) -> Result<(Place, Vec<Line>, End)> {
        let place = Place::new()?;
        let work = Work {
            folder: place.folder().to_owned(),
            calls: self.calls,
            label: format!("k{}", self.seed),
            merges_at_once: true,
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        let end = kill_at(own.child.id(), nth, || own.tell(&State::default()))?;
        if let End::Untouched { status: 1.., .. } = end {
            return Err(format!("the worker failed: {}", own.complaint()?).into());
        }
        Ok((place, journal::parse(&own.said()?)?, end))
    }

    /// One case: the worker is killed, its recovery is killed, and then all must be there. Answers what the worker was about,
    /// unless it ended before it could be killed.
    fn kill(&self, nth: usize, dice: &mut Dice, report: &mut Report) -> Result<Option<Vec<Kind>>> {
        let (place, lines, end) = self.work_until(nth)?;
        let promises = Promises::of(State::default(), &lines);
        let at = match promises.unanswered.first() {
            Some((_, call)) => format!("change {nth}, in {call:?}"),
            None => format!("change {nth}"),
        };
        let outcome = kill_recovery(&place, dice).and_then(|recoveries| {
            judge(&promises, &own::verify(place.folder())?)?;
            place.is_unmounted()?;
            let answered = promises.answered;
            Ok(format!(
                "{answered} calls kept, recovery killed {recoveries} times"
            ))
        });
        report.note("kill", at, outcome);
        let open = deeds(&lines).into_iter().filter(|deed| deed.to.is_none());
        Ok((end == End::Killed).then(|| open.map(|deed| deed.kind).collect()))
    }
}

/// Kills the recovery of a store: at one of its first changes, or now and then at each of them in turn, until one ends
/// untouched. Answers how often it was killed.
fn kill_recovery(place: &Place, dice: &mut Dice) -> Result<usize> {
    let whole = dice.below(WHOLE) == 0;
    let first = if whole { 1 } else { 1 + dice.below(60) };
    let mut killed = 0;
    for nth in first.. {
        let mut own = Own::start(&["recover".to_owned(), place.folder().display().to_string()])?;
        match kill_at(own.child.id(), nth, || own.tell(&State::default()))? {
            End::Killed => killed += 1,
            End::Untouched { status: 0, .. } => break,
            End::Untouched { .. } => {
                return Err(format!("the recovery failed: {}", own.complaint()?).into());
            }
        }
        if !whole {
            break;
        }
    }
    Ok(killed)
}
