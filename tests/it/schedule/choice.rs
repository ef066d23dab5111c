//! Who goes next: by search, at random, by priorities, or as in a run before.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use fastrand::Rng;
use workdisk_conformance::HeldCall;

/// What a schedule can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Choice {
    /// Let a held call go.
    Go(HeldCall),
    /// Let the event of that number happen.
    Happen(usize),
}

impl Choice {
    /// What has a priority of its own: a task, or an event.
    fn mover(self) -> (bool, usize) {
        match self {
            Choice::Go(call) => (true, call.task),
            Choice::Happen(event) => (false, event),
        }
    }
}

/// Decides what goes next.
///
/// The first choice is to go on with the task that went last, if it can.
pub(super) trait Chooser {
    fn choose(&mut self, choices: &[Choice]) -> usize;
}

/// Makes the choices of a list, and the first one after its end.
pub(super) struct Replay {
    list: Vec<usize>,
    at: usize,
}

impl Replay {
    pub(super) fn new(list: Vec<usize>) -> Self {
        Self { list, at: 0 }
    }
}

impl Chooser for Replay {
    fn choose(&mut self, choices: &[Choice]) -> usize {
        let chosen = self.list.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        assert!(chosen < choices.len(), "the race is not the same twice");
        chosen
    }
}

/// Chooses at random.
pub(super) struct Random(pub(super) Rng);

impl Chooser for Random {
    fn choose(&mut self, choices: &[Choice]) -> usize {
        self.0.usize(..choices.len())
    }
}

/// Lets the task of the highest priority go, and at a few random steps takes the priority away from the one that would:
/// a bug that needs few switches is met with a probability that has a bound (Burckhardt et al., 2010).
pub(super) struct Priorities {
    random: Rng,
    of: HashMap<(bool, usize), u64>,
    switches: Vec<usize>,
    step: usize,
}

impl Priorities {
    /// Switches that often within a schedule of about that length.
    pub(super) fn new(mut random: Rng, switches: usize, length: usize) -> Self {
        let switches = (0..switches).map(|_| random.usize(..length.max(1)));
        Self {
            switches: switches.collect(),
            of: HashMap::new(),
            random,
            step: 0,
        }
    }

    fn highest(&mut self, choices: &[Choice]) -> usize {
        let priority = |choice: &Choice| {
            let fresh = || self.random.u64(1_000..);
            *self.of.entry(choice.mover()).or_insert_with(fresh)
        };
        let priorities: Vec<u64> = choices.iter().map(priority).collect();
        let highest = (0..choices.len()).max_by_key(|at| priorities[*at]);
        highest.expect("because there is something to choose")
    }
}

impl Chooser for Priorities {
    fn choose(&mut self, choices: &[Choice]) -> usize {
        let highest = self.highest(choices);
        self.step += 1;
        let lowered = self.switches.iter().position(|step| *step == self.step);
        let Some(lowered) = lowered else {
            return highest;
        };
        self.of.insert(choices[highest].mover(), lowered as u64);
        self.highest(choices)
    }
}

/// One step of a schedule that was run.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) chosen: usize,
    pub(super) choices: Vec<Choice>,
    /// Whether the task that went last could have gone on.
    pub(super) could_go_on: bool,
}

impl Step {
    /// How many switches a choice costs.
    fn cost(&self, choice: usize) -> usize {
        match self.choices[choice] {
            Choice::Happen(_) => 1,
            Choice::Go(_) => usize::from(self.could_go_on && choice > 0),
        }
    }
}

/// Every schedule once, in the order of how often it takes the turn from a task that could have gone on (Musuvathi and
/// Qadeer, 2007).
pub(super) struct Search {
    /// Beginnings that are still to be gone on with, by their cost: a schedule, how much of it is kept, and what is chosen
    /// then.
    open: BTreeMap<usize, Vec<Beginning>>,
    /// How many switches the schedule has that is being run, and how much of it was given.
    cost: usize,
    given: usize,
}

type Beginning = (Rc<Vec<usize>>, usize, usize);

impl Search {
    pub(super) fn new() -> Self {
        let whole = (Rc::new(Vec::new()), 0, 0);
        Self {
            open: BTreeMap::from([(0, vec![whole])]),
            cost: 0,
            given: 0,
        }
    }

    /// The schedule to run next, or nothing when all were run.
    pub(super) fn next(&mut self) -> Option<Replay> {
        let mut entry = self.open.first_entry()?;
        self.cost = *entry.key();
        let (schedule, kept, then) = entry.get_mut().pop()?;
        if entry.get().is_empty() {
            entry.remove();
        }
        let mut list = schedule[..kept].to_vec();
        if !schedule.is_empty() {
            list.push(then);
        }
        self.given = list.len();
        Some(Replay::new(list))
    }

    /// Notes what else could have been chosen in the schedule that was run.
    pub(super) fn learn(&mut self, steps: &[Step]) {
        let schedule: Rc<Vec<usize>> = Rc::new(steps.iter().map(|step| step.chosen).collect());
        for (at, step) in steps.iter().enumerate().skip(self.given) {
            for other in 1..step.choices.len() {
                let cost = self.cost + step.cost(other);
                let beginning = (Rc::clone(&schedule), at, other);
                self.open.entry(cost).or_default().push(beginning);
            }
        }
    }

    /// How many switches the schedules have that were all run, or nothing if not even those without any were.
    pub(super) fn complete(&self) -> Option<usize> {
        match self.open.first_key_value() {
            None => Some(usize::MAX),
            Some((cost, _)) => cost.checked_sub(1),
        }
    }
}
