//! The rules, for calls that are made one after another.

use std::collections::BTreeMap;

use workdisk::model::{SessionId, Status, WorkspaceId};

use super::calls::{Call, View};
use super::points::Point;

/// The workspaces of an account, and what is being done to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Spec {
    workspaces: BTreeMap<WorkspaceId, Workspace>,
    running: BTreeMap<usize, Running>,
    /// How many clones look for their source or copy it. Each may freeze a head for a while, which shows as a snapshot.
    cloning: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Workspace {
    name: Option<String>,
    template: bool,
    state: State,
    snapshots: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Creating,
    Ready,
    Active(SessionId),
    Snapshotting,
    Restoring,
    Deleting,
}

/// How far a call has come that takes effect at more than one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Running {
    Begun(WorkspaceId, Call),
    /// With the workspace as it was then.
    Ended(WorkspaceId, Workspace),
    Found,
    Cloning,
    HasSource,
    Passed(usize),
}

type Verdict = Result<Option<WorkspaceId>, &'static str>;

fn key(name: &str) -> String {
    name.to_lowercase()
}

impl State {
    fn status(self) -> Status {
        match self {
            State::Creating => Status::Creating,
            State::Ready => Status::Ready,
            State::Active(_) => Status::Active,
            State::Snapshotting => Status::Snapshotting,
            State::Restoring => Status::Restoring,
            State::Deleting => Status::Deleting,
        }
    }

    fn session(self) -> Option<SessionId> {
        match self {
            State::Active(session) => Some(session),
            _ => None,
        }
    }

    /// Whether what needs the workspace for itself may begin.
    fn is_free(self) -> Result<(), &'static str> {
        match self {
            State::Ready => Ok(()),
            State::Active(_) => Err("workspace_active"),
            _ => Err("workspace_busy"),
        }
    }

    fn is_staying(self) -> Result<(), &'static str> {
        match self {
            State::Deleting => Err("workspace_busy"),
            _ => Ok(()),
        }
    }
}

impl Workspace {
    fn has(&self, snapshot: &str) -> bool {
        self.snapshots.iter().any(|it| key(it) == key(snapshot))
    }

    fn needs(&self, snapshot: &str) -> Result<(), &'static str> {
        self.has(snapshot).then_some(()).ok_or("snapshot_not_found")
    }
}

impl Spec {
    fn named(&self, name: &str) -> Option<WorkspaceId> {
        let is = |it: &Workspace| it.name.as_deref().map(key) == Some(key(name));
        let mut all = self.workspaces.iter();
        all.find(|(_, it)| is(it)).map(|(id, _)| *id)
    }

    fn find(&self, name: &str) -> Result<(WorkspaceId, &Workspace), &'static str> {
        let id = self.named(name).ok_or("workspace_not_found")?;
        Ok((id, &self.workspaces[&id]))
    }

    /// What a call is told now: on which workspace it goes on, or by which code it is refused.
    fn verdict(&self, call: &Call) -> Verdict {
        let id = match call {
            Call::List => return Ok(None),
            Call::Create(name) => {
                return match self.named(name) {
                    None => Ok(None),
                    Some(_) => Err("workspace_name_taken"),
                };
            }
            Call::Get(name) | Call::Snapshots(name) => self.find(name)?.0,
            Call::Rename(name, new) => {
                let (id, found) = self.find(name)?;
                found.state.is_staying()?;
                if self.named(new).is_some_and(|holder| holder != id) {
                    return Err("workspace_name_taken");
                }
                id
            }
            Call::ClearName(name) | Call::Template(name, _) => {
                let (id, found) = self.find(name)?;
                found.state.is_staying()?;
                id
            }
            Call::Clone(name, None, _) | Call::Start(name) | Call::Delete(name) => {
                let (id, found) = self.find(name)?;
                found.state.is_free()?;
                id
            }
            Call::Clone(name, Some(snapshot), _) => {
                let (id, found) = self.find(name)?;
                found.state.is_staying()?;
                found.needs(snapshot)?;
                id
            }
            Call::Snapshot(name, snapshot) => {
                let (id, found) = self.find(name)?;
                if found.has(snapshot) {
                    return Err("snapshot_name_taken");
                }
                found.state.is_free()?;
                id
            }
            Call::Restore(name, snapshot) => {
                let (id, found) = self.find(name)?;
                found.needs(snapshot)?;
                found.state.is_free()?;
                id
            }
            Call::DeleteSnapshot(name, snapshot) => {
                let (id, found) = self.find(name)?;
                if found.state.session().is_none() {
                    found.state.is_free()?;
                }
                found.needs(snapshot)?;
                id
            }
            Call::EndByName(name, session) => {
                let (id, found) = self.find(name)?;
                if found.state.session() != Some(*session) {
                    return Err("session_not_found");
                }
                id
            }
            Call::EndById(id, session) => {
                let found = self.workspaces.get(id).ok_or("workspace_not_found")?;
                if found.state.session() != Some(*session) {
                    return Err("session_not_found");
                }
                *id
            }
        };
        Ok(Some(id))
    }

    fn refuses(&self, call: &Call, code: &str) -> bool {
        let verdict = self.verdict(call);
        if verdict.is_err_and(|refused| refused == code) {
            return true;
        }
        let is_hindered = match call {
            Call::Snapshot(..) | Call::Restore(..) | Call::Start(_) | Call::Delete(_) => {
                verdict.is_ok()
            }
            Call::DeleteSnapshot(name, _) => {
                let state = self.find(name).map(|(_, found)| found.state);
                state == Ok(State::Ready)
            }
            _ => false,
        };
        self.cloning > 0 && code == "workspace_busy" && is_hindered
    }

    fn shows(&self, id: WorkspaceId, view: &View) -> bool {
        let found = self.workspaces.get(&id);
        id == view.id && found.is_some_and(|found| self.looks_like(found, view))
    }

    fn looks_like(&self, workspace: &Workspace, view: &View) -> bool {
        let status = workspace.state.status();
        let may_be_frozen = status == Status::Ready && self.cloning > 0;
        workspace.name == view.name
            && workspace.template == view.template
            && workspace.snapshots.len() as u64 == view.snapshots
            && workspace.state.session() == view.active
            && (status == view.status || may_be_frozen && view.status == Status::Snapshotting)
    }

    /// Takes a point, if it can be explained here.
    pub(super) fn take(&mut self, point: &Point) -> Option<()> {
        match point {
            Point::Refused(call, code) => self.refuses(call, code).then_some(()),
            Point::Shown(call, view) => {
                let id = self.verdict(call).ok()??;
                let workspace = self.workspaces.get_mut(&id)?;
                match call {
                    Call::Rename(_, new) => workspace.name = Some((*new).to_owned()),
                    Call::ClearName(_) => workspace.name = None,
                    Call::Template(_, template) => workspace.template = *template,
                    _ => {}
                }
                self.shows(id, view).then_some(())
            }
            Point::Done(call) => {
                let id = self.verdict(call).ok()??;
                let Call::DeleteSnapshot(_, gone) = call else {
                    return None;
                };
                let snapshots = &mut self.workspaces.get_mut(&id)?.snapshots;
                snapshots.retain(|it| key(it) != key(gone));
                Some(())
            }
            Point::Snapshots(name, list) => {
                let (_, found) = self.find(name).ok()?;
                (found.snapshots == *list).then_some(())
            }
            Point::Started(name, id, session) => {
                let found = self.verdict(&Call::Start(name)).ok()??;
                self.workspaces.get_mut(&found)?.state = State::Active(*session);
                (found == *id).then_some(())
            }
            Point::Begun { number, call, id } => self.begin(*number, call, *id),
            Point::Ended { number } => self.end(*number),
            Point::Seen { number, view } => self.see(*number, view),
            Point::Found {
                number,
                name,
                session,
            } => {
                self.verdict(&Call::EndByName(name, *session)).ok()?;
                self.running.insert(*number, Running::Found);
                Some(())
            }
            Point::SessionEnded {
                number,
                id,
                session,
                view,
            } => {
                if let Some(number) = number {
                    self.running.remove(number)?;
                }
                self.verdict(&Call::EndById(*id, *session)).ok()?;
                self.workspaces.get_mut(id)?.state = State::Ready;
                self.shows(*id, view).then_some(())
            }
            Point::Passed {
                number,
                at,
                id,
                view,
            } => {
                let passed = match self.running.get(number) {
                    Some(Running::Passed(passed)) => passed + 1,
                    _ => 0,
                };
                self.running.insert(*number, Running::Passed(passed));
                let is_as_shown = match view {
                    Some(view) => self.shows(*id, view),
                    None => !self.workspaces.contains_key(id),
                };
                (passed == *at && is_as_shown).then_some(())
            }
            _ => self.clone_at(point),
        }
    }

    fn begin(&mut self, number: usize, call: &Call, told: Option<WorkspaceId>) -> Option<()> {
        let found = self.verdict(call).ok()?;
        let id = found.or(told)?;
        if told.is_some_and(|told| told != id) {
            return None;
        }
        let state = match call {
            Call::Create(_) => State::Creating,
            Call::Snapshot(..) => State::Snapshotting,
            Call::Restore(..) => State::Restoring,
            _ => State::Deleting,
        };
        if let Call::Create(name) = call {
            let workspace = Workspace {
                name: Some((*name).to_owned()),
                template: false,
                state,
                snapshots: Vec::new(),
            };
            self.workspaces.insert(id, workspace);
        }
        self.workspaces.get_mut(&id)?.state = state;
        self.running
            .insert(number, Running::Begun(id, call.clone()));
        Some(())
    }

    fn end(&mut self, number: usize) -> Option<()> {
        let Some(Running::Begun(id, call)) = self.running.remove(&number) else {
            return None;
        };
        let workspace = self.workspaces.get_mut(&id)?;
        workspace.state = State::Ready;
        if let Call::Snapshot(_, taken) = &call {
            workspace.snapshots.push((*taken).to_owned());
        }
        let then = workspace.clone();
        if matches!(call, Call::Delete(_)) {
            self.workspaces.remove(&id);
        }
        // The others are shown nothing any more.
        if matches!(call, Call::Create(_) | Call::Restore(..)) {
            self.running.insert(number, Running::Ended(id, then));
        }
        Some(())
    }

    /// What is shown last is how the call left the workspace, or how others have since.
    fn see(&mut self, number: usize, view: &View) -> Option<()> {
        if matches!(
            self.running.get(&number),
            Some(Running::Begun(_, Call::Create(_)))
        ) {
            self.end(number)?;
        }
        let Some(Running::Ended(id, then)) = self.running.get(&number) else {
            return None;
        };
        (self.looks_like(then, view) || self.shows(*id, view)).then_some(())
    }

    fn clone_at(&mut self, point: &Point) -> Option<()> {
        match point {
            Point::Cloning { number } => {
                self.cloning += 1;
                self.running.insert(*number, Running::Cloning);
            }
            Point::NotCloned { number, call, code } => {
                self.running.remove(number)?;
                self.cloning -= 1;
                self.verdict(call)
                    .is_err_and(|it| it == *code)
                    .then_some(())?;
            }
            Point::Source {
                number,
                call,
                source,
            } => {
                matches!(self.running.get(number), Some(Running::Cloning)).then_some(())?;
                (self.verdict(call) == Ok(Some(*source))).then_some(())?;
                self.running.insert(*number, Running::HasSource);
            }
            Point::Cloned { number, view } => {
                matches!(self.running.get(number), Some(Running::HasSource)).then_some(())?;
                self.cloning -= 1;
                let workspace = Workspace {
                    name: view.name.clone(),
                    template: view.template,
                    state: State::Ready,
                    snapshots: Vec::new(),
                };
                self.workspaces.insert(view.id, workspace);
                self.shows(view.id, view).then_some(())?;
            }
            _ => return None,
        }
        Some(())
    }
}
