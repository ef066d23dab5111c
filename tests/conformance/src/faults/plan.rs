//! Which call fails and which waits.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workdisk::{BackendError, BackendErrorKind};

use super::gate::{Gate, Threshold};
use super::method::Method;
use super::turnstile::Turnstile;

/// What is to go wrong, shared by a test and any number of wrappers.
///
/// - Each fault and each gate serves once.
/// - All may be set at any time; what is set for a call that has begun already does nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: usize,
    calls_of: HashMap<Method, usize>,
    faults: HashMap<(Moment, usize), BackendErrorKind>,
    gates: HashMap<(Moment, Method, usize), Threshold>,
    turnstile: Option<(Turnstile, usize)>,
}

/// On which side of the backend a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The backend has not heard of it.
    Before,
    /// It is done, or has failed, and is not answered yet.
    After,
}

/// One call: its number among all, and its number among those of its method.
#[derive(Clone, Copy)]
struct Call {
    method: Method,
    number: usize,
    of_method: usize,
}

impl Faults {
    /// Plans nothing: every call passes and is counted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the `n`th call, from 1 on, fail before the backend hears of it.
    pub fn fail_before(&self, n: usize, kind: BackendErrorKind) {
        self.fail(Moment::Before, n, kind);
    }

    /// Lets the `n`th call, from 1 on, be done and then fail, as when the answer is lost.
    ///
    /// A kind that says that nothing happened, as [`Full`](BackendErrorKind::Full), makes the wrapper break the contract.
    pub fn fail_after(&self, n: usize, kind: BackendErrorKind) {
        self.fail(Moment::After, n, kind);
    }

    /// How many calls there were, those that failed and those that wait included.
    pub fn calls(&self) -> usize {
        self.plan().calls
    }

    /// Holds the `k`th call of the method, from 1 on, before the backend hears of it.
    pub fn gate_before(&self, method: Method, k: usize) -> Gate {
        self.gate(Moment::Before, method, k)
    }

    /// Holds the `k`th call of the method, from 1 on, when it is done and not answered yet.
    pub fn gate_after(&self, method: Method, k: usize) -> Gate {
        self.gate(Moment::After, method, k)
    }

    /// Takes every call through the turnstile, as one of that process.
    pub fn hold_at(&self, turnstile: &Turnstile, process: usize) {
        self.plan().turnstile = Some((turnstile.clone(), process));
    }

    /// Takes a call through everything that is planned for it.
    pub(super) async fn pass<T>(
        &self,
        method: Method,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let this = self.number(method);
        self.turn(Moment::Before, method).await;
        self.wait(Moment::Before, this).await;
        self.fault(Moment::Before, this)?;
        let answer = call.await;
        let answer = self.fault(Moment::After, this).and(answer);
        self.wait(Moment::After, this).await;
        self.turn(Moment::After, method).await;
        answer
    }

    fn fail(&self, moment: Moment, n: usize, kind: BackendErrorKind) {
        assert_ne!(n, 0, "calls are counted from 1 on");
        self.plan().faults.insert((moment, n), kind);
    }

    fn gate(&self, moment: Moment, method: Method, k: usize) -> Gate {
        assert_ne!(k, 0, "calls are counted from 1 on");
        let (gate, threshold) = Gate::new();
        self.plan().gates.insert((moment, method, k), threshold);
        gate
    }

    fn number(&self, method: Method) -> Call {
        let mut plan = self.plan();
        plan.calls += 1;
        let of_method = plan.calls_of.entry(method).or_default();
        *of_method += 1;
        Call {
            method,
            of_method: *of_method,
            number: plan.calls,
        }
    }

    async fn turn(&self, moment: Moment, method: Method) {
        let turnstile = self.plan().turnstile.clone();
        if let Some((turnstile, process)) = turnstile {
            turnstile.pass(process, method, moment).await;
        }
    }

    async fn wait(&self, moment: Moment, call: Call) {
        let place = (moment, call.method, call.of_method);
        let threshold = self.plan().gates.remove(&place);
        if let Some(threshold) = threshold {
            threshold.pass().await;
        }
    }

    fn fault(&self, moment: Moment, call: Call) -> Result<(), BackendError> {
        let Some(kind) = self.plan().faults.remove(&(moment, call.number)) else {
            return Ok(());
        };
        let Call { method, number, .. } = call;
        let message = format!("{method:?}: call {number} was planned to fail");
        Err(BackendError::new(kind, message))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // Every change of the plan is one step, so that a panic elsewhere leaves it as good as it was.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
