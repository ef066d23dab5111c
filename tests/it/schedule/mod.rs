//! Races in every order, or in very many: a scheduler decides which call of the stores goes next.
//!
//! All processes of a race run on one thread. The stores are all that processes share, and the locks and tables of one
//! process are touched only between two calls of the stores, so that the order of those calls, and of their answers, is
//! the order of everything. Each is held at a turnstile until the scheduler lets it go.
//!
//! # How schedules are chosen
//! Half of them by search, which runs every schedule with no switch from a task that could have gone on, then every one
//! with a single switch, and so on; a quarter at random; and a quarter by random priorities.
//!
//! # How to run more, or one again
//! `WORKDISK_SCHEDULES=100000` sets how many there are of each race, `WORKDISK_SEED` what is drawn at random. A schedule that
//! fails is printed: with `WORKDISK_REPLAY` set to its choices, a test runs that one alone and tells its steps.

mod choice;
mod disks;
mod dropped;
mod names;
mod races;
mod run;
mod stage;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;

use self::choice::{Choice, Chooser, Priorities, Random, Replay, Search, Step};
use self::run::{Answer, Race, run};

/// How many schedules of each race there are, unless it is said otherwise.
const SCHEDULES: usize = 1_000;

/// How many of the endings of a race are printed.
const SHOWN: usize = 8;

/// How often each list of answers was given.
type Tally = BTreeMap<Vec<String>, usize>;

/// Runs a race in many schedules. It must end in no fewer ways than `endings`, or the schedules reach nothing.
fn explore(name: &str, race: &Race, endings: usize) {
    if let Ok(list) = env::var("WORKDISK_REPLAY") {
        let list = list.split(',').map(|it| it.trim().parse().unwrap());
        return drop(attempt(name, race, &mut Replay::new(list.collect()), true));
    }
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap());
    let schedules = number("WORKDISK_SCHEDULES").unwrap_or(SCHEDULES);
    let seed = number("WORKDISK_SEED").unwrap_or(1);
    let (mut tally, mut search, mut searched, mut longest) = (Tally::new(), Search::new(), 0, 0);
    while searched < schedules / 2
        && let Some(mut next) = search.next()
    {
        let (answers, steps) = attempt(name, race, &mut next, false);
        search.learn(&steps);
        searched += 1;
        longest = longest.max(steps.len());
        count(&mut tally, &answers);
    }
    for at in searched..schedules {
        let random = Rng::with_seed((seed as u64) << 32 | at as u64);
        let mut chooser: Box<dyn Chooser> = if at % 2 == 0 {
            Box::new(Random(random))
        } else {
            Box::new(Priorities::new(random, at / 2 % 5, longest))
        };
        count(&mut tally, &attempt(name, race, &mut *chooser, false).0);
    }
    let complete = match search.complete() {
        Some(usize::MAX) => "all there are".to_owned(),
        Some(switches) => format!("all of {switches} switches or fewer"),
        None => "not all without a switch".to_owned(),
    };
    eprintln!(
        "{name}: {searched} schedules by search ({complete}), {} by chance with seed {seed}",
        schedules - searched
    );
    let mut ends: Vec<_> = tally.iter().collect();
    ends.sort_by_key(|(_, times)| Reverse(**times));
    for (answers, times) in ends.iter().take(SHOWN) {
        eprintln!("    {times:6} × {}", answers.join(", "));
    }
    if let Some(more) = ends.len().checked_sub(SHOWN + 1) {
        eprintln!("    and {} more endings", more + 1);
    }
    assert!(
        tally.len() >= endings,
        "{name} ended in {} ways",
        tally.len()
    );
}

fn count(tally: &mut Tally, answers: &[Option<Answer>]) {
    let shown = answers.iter().map(|answer| match answer {
        None => "untold".to_owned(),
        Some(Ok(told)) => format!("ok {told}").trim_end().to_owned(),
        Some(Err(code)) => (*code).to_owned(),
    });
    *tally.entry(shown.collect()).or_default() += 1;
}

/// Runs one schedule, and prints it if it fails.
fn attempt(
    name: &str,
    race: &Race,
    chooser: &mut dyn Chooser,
    is_told: bool,
) -> (Vec<Option<Answer>>, Vec<Step>) {
    let steps = RefCell::new(Vec::new());
    let done = catch_unwind(AssertUnwindSafe(|| run(race, chooser, &steps)));
    let steps = steps.into_inner();
    if done.is_err() || is_told {
        tell(name, race, &steps);
    }
    match done {
        Ok(answers) => (answers, steps),
        Err(panic) => resume_unwind(panic),
    }
}

fn tell(name: &str, race: &Race, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        match step.choices[step.chosen] {
            Choice::Go(call) => eprintln!(
                "{at:4} process {} task {}: {:?} {:?}",
                call.process, call.task, call.moment, call.method
            ),
            Choice::Happen(event) => {
                eprintln!("{at:4} event {event} of those left of {:?}", race.events)
            }
        }
    }
    let list: Vec<String> = steps.iter().map(|step| step.chosen.to_string()).collect();
    eprintln!("{name}: WORKDISK_REPLAY={}", list.join(","));
}
