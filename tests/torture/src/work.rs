//! The worker: calls on a store, of one caller or of many at once, each said before it is made and when it is answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;
use workdisk::model::WorkspaceId;
use workdisk::{Account, Error};

use crate::call::Call;
use crate::choose::Chooser;
use crate::journal::{Event, Line};
use crate::state::State;
use crate::store::Store;
use crate::{Result, stage};

/// The name of the workspace that the callers of an account share.
const SHARED: &str = "shared";

/// How often a call is made again that another caller's kept from being made.
const PATIENCE: usize = 500;

/// What a worker does.
#[derive(Args, Clone, Debug)]
pub(crate) struct Work {
    pub(crate) folder: PathBuf,
    /// How many callers there are at once.
    #[arg(long, default_value_t = 1)]
    pub(crate) callers: usize,
    /// How many calls each makes.
    #[arg(long, default_value_t = 40)]
    pub(crate) calls: usize,
    /// What their names and words begin with; it chooses the calls too.
    #[arg(long)]
    pub(crate) label: String,
    /// The record of the disk that is worked on.
    #[arg(long)]
    pub(crate) record: Option<PathBuf>,
    /// Merges layers within the calls that make it due.
    #[arg(long)]
    pub(crate) merges_at_once: bool,
    /// Goes on until a call fails, and proves that the store then takes no more.
    #[arg(long)]
    pub(crate) until_failure: bool,
}

impl Work {
    /// The same as arguments of this program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = vec![
            "work".to_owned(),
            self.folder.display().to_string(),
            format!("--callers={}", self.callers),
            format!("--calls={}", self.calls),
            format!("--label={}", self.label),
        ];
        all.extend(self.merges_at_once.then(|| "--merges-at-once".to_owned()));
        all.extend(self.until_failure.then(|| "--until-failure".to_owned()));
        all.extend(
            self.record
                .iter()
                .map(|it| format!("--record={}", it.display())),
        );
        all
    }
}

impl Default for Work {
    /// One caller, who makes some calls in no folder.
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            callers: 1,
            calls: 40,
            label: "w".to_owned(),
            record: None,
            merges_at_once: false,
            until_failure: false,
        }
    }
}

/// One caller.
struct Caller {
    number: usize,
    account: Account,
    record: Option<PathBuf>,
    own: State,
}

/// Works on a store that holds `found` until every caller has made its calls.
pub(crate) async fn run(work: Work, found: State) -> Result<()> {
    stage::tell(work.record.clone())?;
    let store = match work.merges_at_once {
        true => Store::open_merging_at_once(&work.folder).await?,
        false => Store::open(&work.folder).await?,
    };
    let mut callers = Vec::new();
    for number in 0..work.callers {
        let account = store.account_of(number)?;
        callers.push(Caller {
            number,
            account,
            record: work.record.clone(),
            own: State::default(),
        });
    }
    let mut shared: Vec<(String, WorkspaceId)> = Vec::new();
    for (turn, (id, held)) in found.0.into_iter().enumerate() {
        if held.name.as_deref() == Some(SHARED) {
            shared.push((held.account, id));
            continue;
        }
        let of_account = |it: &&mut Caller| it.account.id().as_str() == held.account;
        let mut of_account: Vec<&mut Caller> = callers.iter_mut().filter(of_account).collect();
        let nth = turn % of_account.len().max(1);
        if let Some(caller) = of_account.get_mut(nth) {
            caller.own.0.insert(id, held);
        }
    }
    if work.callers > 1 {
        for caller in &mut callers {
            let account = caller.account.id().to_string();
            if !shared.iter().any(|it| it.0 == account) {
                shared.push((account, caller.make_shared(&work.label).await?));
            }
        }
    }
    let (shared, mut tasks) = (Arc::new(shared), JoinSet::new());
    for mut caller in callers {
        let (work, shared) = (work.clone(), Arc::clone(&shared));
        tasks.spawn(async move {
            let account = caller.account.id().as_str();
            let shared = shared.iter().find(|it| it.0 == account).map(|it| it.1);
            let label = format!("{} {}", work.label, caller.number);
            let mut chooser = Chooser::new(label, shared);
            for _ in 0..work.calls {
                let call = chooser.next(&caller.own);
                let made = caller.make(&call).await;
                if made.is_err() && work.until_failure {
                    return caller.is_refused(&call).await;
                }
                made?;
            }
            Ok::<(), crate::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

impl Caller {
    /// Makes a template that all callers of the account clone.
    async fn make_shared(&mut self, label: &str) -> Result<WorkspaceId> {
        let create = Call::Create {
            name: SHARED.to_owned(),
            template: true,
        };
        let workspace = self.make(&create).await?;
        let word = format!("{label} shared");
        self.make(&Call::Work { workspace, word }).await?;
        self.own.0.remove(&workspace);
        Ok(workspace)
    }

    /// Says a call, makes it, says that it was answered, and notes what was promised.
    async fn make(&mut self, call: &Call) -> Result<WorkspaceId> {
        self.say(Event::Begun {
            account: self.account.id().to_string(),
            call: call.clone(),
        })?;
        let id = self.insist(call).await?;
        self.say(Event::Done(id))?;
        let account = self.account.id().as_str();
        match call.outcome(account, &self.own) {
            Some(held) => drop(self.own.0.insert(id, held)),
            None => drop(self.own.0.remove(&id)),
        }
        Ok(id)
    }

    /// Makes a call, and again as long as another caller's keeps it from being made.
    async fn insist(&self, call: &Call) -> Result<WorkspaceId> {
        let mut left = PATIENCE;
        loop {
            let answer = call.perform(&self.account).await;
            let is_busy = |error: &crate::Error| {
                matches!(error.downcast_ref(), Some(Error::WorkspaceBusy { .. }))
            };
            if left == 0 || !answer.as_ref().is_err_and(is_busy) {
                return answer;
            }
            left -= 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A store that has failed must not pretend that it goes on: neither the same call nor another one may succeed.
    async fn is_refused(&mut self, failed: &Call) -> Result<()> {
        let another = Call::Create {
            name: "another".to_owned(),
            template: false,
        };
        for call in [failed, &another, failed] {
            if call.perform(&self.account).await.is_ok() {
                return Err(format!("{call:?} succeeded after {failed:?} had failed").into());
            }
        }
        Ok(())
    }

    fn say(&self, event: Event) -> Result<()> {
        Line::of(self.number, self.record.as_deref(), event)?.say()
    }
}
