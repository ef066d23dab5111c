//! One race in one schedule.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use workdisk::{Account, Error};

use super::choice::{Choice, Chooser, Step};
use super::stage::{Left, Stage};

/// A schedule of more steps than this gets nowhere.
const LONGEST: usize = 2_000;

/// What a call came to: what it was worth telling, or the code of its error.
pub(super) type Answer = Result<String, &'static str>;
pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(super) type Call = fn(Arc<Stage>, Account) -> Boxed<Answer>;

/// What may befall the callers, once, at any moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Time passes.
    Pass(Duration),
    /// A process dies.
    Kill(usize),
    /// A caller drops its future.
    Drop(usize),
}

/// Calls that are made at once.
pub(super) struct Race {
    pub(super) processes: usize,
    pub(super) prepare: fn(Arc<Stage>) -> Boxed<()>,
    /// Each with the process in which it is made.
    pub(super) calls: Vec<(usize, Call)>,
    pub(super) events: Vec<Event>,
    /// What must hold of the answers, in the order of the calls, `None` for one that was not told, and of what is left.
    pub(super) judge: fn(&[Option<Answer>], &[Left]),
}

/// An answer without more to tell.
pub(super) fn told<T>(result: Result<T, Error>) -> Answer {
    match result {
        Ok(_) => Ok(String::new()),
        Err(error) => Err(error.code().as_str()),
    }
}

/// Runs a race as the chooser says, judges it, and answers what the calls were told. The steps are noted as they are taken.
pub(super) fn run(
    race: &Race,
    chooser: &mut dyn Chooser,
    steps: &RefCell<Vec<Step>>,
) -> Vec<Option<Answer>> {
    on_one_thread(async |idle| {
        let stage = Arc::new(Stage::new(race.processes).await);
        (race.prepare)(Arc::clone(&stage)).await;
        stage.turnstile.close();
        let mut play = Play::new(race, &stage);
        // The first may have been told before the calls began.
        idle.notified().await;
        while play.step(chooser, &idle, steps).await {}
        let answers = play.answers().await;
        stage.turnstile.open();
        (race.judge)(&answers, &stage.left().await);
        let may_end_sessions = race.events.iter().any(|it| matches!(it, Event::Pass(_)));
        drop(stage.session.lock().unwrap().take());
        stage.verify(!play.dead.is_empty(), may_end_sessions).await;
        answers
    })
}

/// Runs on a single thread, and tells whenever nothing can run by itself.
pub(super) fn on_one_thread<T>(work: impl AsyncFnOnce(Arc<Notify>) -> T) -> T {
    let idle = Arc::new(Notify::new());
    let parking = Arc::clone(&idle);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .on_thread_park(move || parking.notify_one())
        .build()
        .unwrap();
    runtime.block_on(work(idle))
}

/// How far a schedule has come.
struct Play<'a> {
    race: &'a Race,
    stage: &'a Stage,
    callers: Vec<Option<JoinHandle<Answer>>>,
    events: Vec<Event>,
    dead: Vec<usize>,
    last: Option<usize>,
}

impl<'a> Play<'a> {
    fn new(race: &'a Race, stage: &'a Arc<Stage>) -> Self {
        let spawn = |(process, call): &(usize, Call)| {
            let account = stage.processes[*process].account.clone();
            Some(tokio::spawn(call(Arc::clone(stage), account)))
        };
        Self {
            race,
            stage,
            callers: race.calls.iter().map(spawn).collect(),
            events: race.events.clone(),
            dead: Vec::new(),
            last: None,
        }
    }

    /// Waits until nothing can run by itself, and has one thing go on. Answers false when all is over.
    async fn step(
        &mut self,
        chooser: &mut dyn Chooser,
        idle: &Notify,
        steps: &RefCell<Vec<Step>>,
    ) -> bool {
        idle.notified().await;
        let mut choices = self.choices();
        if choices.is_empty() && !self.is_over() {
            // Nothing runs and nothing is held: what is waited for is a moment in time, or it never comes.
            tokio::time::sleep(Duration::from_millis(200)).await;
            idle.notified().await;
            choices = self.choices();
            assert!(
                !choices.is_empty() || self.is_over(),
                "deadlock: nothing can go on"
            );
        }
        if choices.is_empty() || (self.is_over() && self.stage.turnstile.held().is_empty()) {
            return false;
        }
        let could_go_on = matches!(choices[0], Choice::Go(call) if Some(call.task) == self.last);
        let chosen = chooser.choose(&choices);
        let choice = choices[chosen];
        steps.borrow_mut().push(Step {
            chosen,
            choices,
            could_go_on,
        });
        assert!(steps.borrow().len() < LONGEST, "livelock: it never ends");
        match choice {
            Choice::Go(call) => {
                self.last = Some(call.task);
                self.stage.turnstile.release(call.arrival);
            }
            Choice::Happen(at) => self.happen(at),
        }
        true
    }

    /// What can go on: the task that went last, if it can, then the others as they came, then the events.
    fn choices(&self) -> Vec<Choice> {
        let mut held = self.stage.turnstile.held();
        held.sort_by_key(|call| (Some(call.task) != self.last, call.arrival));
        let calls = held.into_iter().map(Choice::Go);
        calls
            .chain((0..self.events.len()).map(Choice::Happen))
            .collect()
    }

    fn happen(&mut self, at: usize) {
        match self.events.remove(at) {
            Event::Pass(time) => self.stage.processes[0].machine.advance(time),
            Event::Drop(caller) => {
                if let Some(caller) = self.callers[caller].take_if(|it| !it.is_finished()) {
                    caller.abort();
                }
            }
            Event::Kill(process) => {
                self.dead.push(process);
                self.stage.turnstile.kill(process);
                self.stage.processes[process].machine.kill();
                for (caller, (of, _)) in self.callers.iter_mut().zip(&self.race.calls) {
                    caller.take_if(|caller| *of == process && !caller.is_finished());
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.callers.iter().flatten().all(JoinHandle::is_finished)
    }

    async fn answers(&mut self) -> Vec<Option<Answer>> {
        let mut answers = Vec::new();
        for caller in &mut self.callers {
            answers.push(match caller {
                Some(caller) => Some(caller.await.unwrap()),
                None => None,
            });
        }
        answers
    }
}
