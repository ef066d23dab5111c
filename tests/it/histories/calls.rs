//! Random calls of a few callers, and what each of them was told.

use std::sync::{Arc, Mutex};

use fastrand::Rng;
use tokio::task::JoinSet;
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, LeaseTerm, ListWorkspaces, RestoreSnapshot,
    StartSession,
};
use workdisk::model::{SessionId, Source, Status, Workspace, WorkspaceId};
use workdisk::{Account, Error};

use crate::support::SANDBOX;

/// The names, in cases that are the same after folding.
const NAMES: [&str; 4] = ["a", "A", "b", "straße"];
const SNAPSHOTS: [&str; 2] = ["s", "T"];

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Create(&'static str),
    Get(&'static str),
    Rename(&'static str, &'static str),
    ClearName(&'static str),
    Template(&'static str, bool),
    /// The clone's name is nobody else's.
    Clone(&'static str, Option<&'static str>, String),
    Snapshot(&'static str, &'static str),
    Restore(&'static str, &'static str),
    DeleteSnapshot(&'static str, &'static str),
    Snapshots(&'static str),
    Start(&'static str),
    /// By a name, the session that the caller started last.
    EndByName(&'static str, SessionId),
    EndById(WorkspaceId, SessionId),
    Delete(&'static str),
    List,
}

/// What a caller is shown of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) id: WorkspaceId,
    pub(super) name: Option<String>,
    pub(super) template: bool,
    pub(super) status: Status,
    pub(super) active: Option<SessionId>,
    pub(super) snapshots: u64,
    pub(super) source: Option<WorkspaceId>,
}

impl From<&Workspace> for View {
    fn from(shown: &Workspace) -> Self {
        let source = match shown.source {
            Some(Source::Clone { clone_of, .. }) => Some(clone_of),
            _ => None,
        };
        Self {
            id: shown.id,
            name: shown.name.clone(),
            template: shown.template,
            status: shown.status,
            active: shown.active_session_id,
            snapshots: shown.persistence.snapshot_count,
            source,
        }
    }
}

/// What a call was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    Shown(View),
    Listed(Vec<View>),
    Snapshots(Vec<String>),
    Started(WorkspaceId, SessionId),
    Refused(&'static str),
}

/// What happened, in the order in which it did.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Asked {
        call: Call,
    },
    /// Of the call that was asked at that place.
    Told {
        asked: usize,
        told: Told,
    },
}

impl Event {
    /// Whether a call was told that the storage has failed.
    pub(super) fn is_of_storage(&self) -> bool {
        matches!(self, Event::Told { told: Told::Refused(code), .. } if code.starts_with("storage_"))
    }
}

/// Has a few callers make random calls at once, and tells what happened.
pub(super) async fn record(
    account: &Account,
    (callers, calls): (usize, usize),
    seed: u64,
) -> Vec<Event> {
    let mut random = Rng::with_seed(seed);
    let callers = random.usize(3..=callers);
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (account, random) = (account.clone(), random.fork());
        let events = Arc::clone(&events);
        tasks.spawn(make_calls(account, caller, calls, random, events));
    }
    tasks.join_all().await;
    let all = account.list(ListWorkspaces::default()).await.unwrap();
    let ids = all.workspaces.iter().map(|it| it.id);
    account.bulk_delete(ids, Force::Yes).await.unwrap();
    events.lock().unwrap().clone()
}

async fn make_calls(
    account: Account,
    caller: usize,
    calls: usize,
    mut random: Rng,
    events: Arc<Mutex<Vec<Event>>>,
) {
    let mut session = None;
    for number in 0..calls {
        let call = draw(&mut random, session, caller * 10 + number);
        let asked = {
            let mut events = events.lock().unwrap();
            let call = call.clone();
            events.push(Event::Asked { call });
            events.len() - 1
        };
        let told = make(&account, &call).await;
        let told = told.unwrap_or_else(|error| Told::Refused(error.code().as_str()));
        match (&call, &told) {
            (_, Told::Started(workspace, id)) => session = Some((*workspace, *id)),
            (Call::EndByName(..) | Call::EndById(..), Told::Shown(_)) => session = None,
            _ => {}
        }
        events.lock().unwrap().push(Event::Told { asked, told });
    }
}

fn draw(random: &mut Rng, session: Option<(WorkspaceId, SessionId)>, number: usize) -> Call {
    let name = NAMES[random.usize(..NAMES.len())];
    let other = NAMES[random.usize(..NAMES.len())];
    let snapshot = SNAPSHOTS[random.usize(..SNAPSHOTS.len())];
    if let Some((workspace, session)) = session.filter(|_| random.bool()) {
        return match random.bool() {
            true => Call::EndByName(name, session),
            false => Call::EndById(workspace, session),
        };
    }
    match random.u8(..32) {
        0..=6 => Call::Create(name),
        7..=8 => Call::Get(name),
        9..=12 => Call::Rename(name, other),
        13 => Call::ClearName(name),
        14..=15 => Call::Template(name, random.bool()),
        16 => Call::Clone(name, None, format!("clone {number}")),
        17 => Call::Clone(name, Some(snapshot), format!("clone {number}")),
        18..=20 => Call::Snapshot(name, snapshot),
        21..=22 => Call::Restore(name, snapshot),
        23..=24 => Call::DeleteSnapshot(name, snapshot),
        25..=26 => Call::Snapshots(name),
        27..=28 => Call::Start(name),
        29..=30 => Call::Delete(name),
        _ => Call::List,
    }
}

async fn make(account: &Account, call: &Call) -> Result<Told, Error> {
    let shown = |workspace: Workspace| Told::Shown(View::from(&workspace));
    Ok(match call {
        Call::Create(name) => {
            let options = CreateWorkspace::new(SANDBOX).with_name(*name);
            shown(account.create(options).await?)
        }
        Call::Get(name) => shown(account.get(*name).await?),
        Call::Rename(name, new) => shown(account.set_name(*name, new).await?),
        Call::ClearName(name) => shown(account.clear_name(*name).await?),
        Call::Template(name, template) => shown(account.set_template(*name, *template).await?),
        Call::Clone(name, snapshot, new) => {
            let options = match snapshot {
                Some(snapshot) => CloneWorkspace::of_snapshot(*snapshot),
                None => CloneWorkspace::of_head(),
            };
            let options = options.with_name(new);
            shown(account.clone_workspace(*name, options).await?)
        }
        Call::Snapshot(name, snapshot) => {
            account.create_snapshot(*name, snapshot, Force::No).await?;
            Told::Done
        }
        Call::Restore(name, snapshot) => {
            let options = RestoreSnapshot::default();
            shown(account.restore(*name, *snapshot, options).await?)
        }
        Call::DeleteSnapshot(name, snapshot) => {
            account.delete_snapshot(*name, *snapshot).await?;
            Told::Done
        }
        Call::Snapshots(name) => {
            let listed = account.snapshots(*name).await?;
            Told::Snapshots(listed.into_iter().map(|it| it.name).collect())
        }
        Call::Start(name) => {
            let options = StartSession::default().with_lease(LeaseTerm::Lasting);
            let session = account.start_session(*name, SANDBOX, options).await?;
            let info = session.detach();
            Told::Started(info.workspace, info.id)
        }
        Call::EndByName(name, session) => shown(account.end_session(*name, *session).await?),
        Call::EndById(id, session) => shown(account.end_session(*id, *session).await?),
        Call::Delete(name) => {
            account.delete(*name, Force::No).await?;
            Told::Done
        }
        Call::List => {
            let page = account.list(ListWorkspaces::default()).await?;
            Told::Listed(page.workspaces.iter().map(View::from).collect())
        }
    })
}
