//! What there must be after each call, by the rules alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use workdisk::model::{
    SessionId, SessionType, Snapshot, SnapshotId, Source, Status, Workspace, WorkspaceId,
};

use super::operation::{Operation, Pick};

/// Texts given as names, each with what makes it unique, or nothing if it is no name.
pub(super) const NAMES: [(&str, Option<&str>); 12] = [
    ("alpha", Some("alpha")),
    ("ALPHA", Some("alpha")),
    ("Beta", Some("beta")),
    ("Straße", Some("strasse")),
    ("STRASSE", Some("strasse")),
    ("ﬁn", Some("fin")),
    ("Fin", Some("fin")),
    ("日本 ../語", Some("日本 ../語")),
    ("", None),
    (" lead", None),
    ("over\u{202e}ride", None),
    ("0190163d-8694-739b-aea5-966c26f8ad91", None),
];

/// How many of them are names; those that are none stand last.
pub(super) const VALID: usize = 8;

/// Texts given as images, each with its canonical form, or nothing if it is none.
pub(super) const IMAGES: [(&str, Option<&str>); 3] = [
    ("alpine", Some("docker.io/library/alpine:latest")),
    ("ghcr.io/acme/tool:v1", Some("ghcr.io/acme/tool:v1")),
    ("Not An Image", None),
];

/// Of a list, the element that a number stands for.
pub(super) fn nth<T: Copy>(list: &[T], n: usize) -> T {
    list[n % list.len()]
}

pub(super) fn session_type(browser: bool) -> SessionType {
    if browser {
        SessionType::Browser
    } else {
        SessionType::Sandbox
    }
}

fn key_of(text: &str) -> Option<&'static str> {
    NAMES.iter().find(|(name, _)| *name == text)?.1
}

/// What a caller sees of a workspace, times and sizes aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    name: Option<String>,
    session_type: SessionType,
    status: Status,
    image: Option<String>,
    template: bool,
    active: Option<SessionId>,
    last: Option<SessionId>,
    source: Option<Source>,
    base: Option<SnapshotId>,
    snapshots: Vec<(SnapshotId, String, Option<SnapshotId>)>,
}

/// What a caller was shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) of_stranger: bool,
    pub(super) workspace: Workspace,
    pub(super) snapshots: Vec<Snapshot>,
}

impl Shown {
    pub(super) fn view(&self) -> View {
        let Workspace {
            name,
            session_type,
            status,
            image,
            template,
            source,
            persistence,
            ..
        } = self.workspace.clone();
        assert_eq!(persistence.snapshot_count, self.snapshots.len() as u64);
        let parts = |it: &Snapshot| (it.id, it.name.clone(), it.parent);
        View {
            name,
            session_type,
            status,
            image,
            template,
            active: self.workspace.active_session_id,
            last: self.workspace.last_session_id,
            source,
            base: persistence.base_snapshot,
            snapshots: self.snapshots.iter().map(parts).collect(),
        }
    }
}

pub(super) type AllShown = BTreeMap<WorkspaceId, Shown>;

/// A workspace as it must be. `files` and those of the snapshots are plain folders.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) of_stranger: bool,
    pub(super) view: View,
    pub(super) files: PathBuf,
    pub(super) snapshot_files: BTreeMap<SnapshotId, PathBuf>,
}

/// Whom a selector is asked of, and what it finds there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) of_stranger: bool,
    pub(super) selector: String,
    pub(super) found: Option<WorkspaceId>,
}

pub(super) type Verdict = Result<(), &'static str>;

#[derive(Clone, Debug)]
pub(super) struct Oracle {
    folder: PathBuf,
    pub(super) workspaces: BTreeMap<WorkspaceId, Expected>,
    gone: Vec<WorkspaceId>,
}

impl Oracle {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            workspaces: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    pub(super) fn target(&self, pick: Pick) -> Target {
        let mut ids: Vec<WorkspaceId> = self.workspaces.keys().copied().collect();
        if pick.is_gone || ids.is_empty() {
            ids = self.gone.last().copied().into_iter().collect();
        }
        let Some(id) = ids.get(pick.nth % ids.len().max(1)) else {
            return Target {
                of_stranger: pick.of_stranger,
                selector: "nobody".to_owned(),
                found: None,
            };
        };
        let expected = self.workspaces.get(id);
        let name = expected
            .and_then(|it| it.view.name.clone())
            .filter(|_| pick.by_name);
        let selector = name.unwrap_or_else(|| id.to_string());
        let of_stranger = expected.is_some_and(|it| it.of_stranger) != pick.of_stranger;
        let found = match key_of(&selector) {
            Some(key) => self.named(of_stranger, key),
            None => expected
                .filter(|it| it.of_stranger == of_stranger)
                .map(|_| *id),
        };
        Target {
            of_stranger,
            selector,
            found,
        }
    }

    fn named(&self, of_stranger: bool, key: &str) -> Option<WorkspaceId> {
        let mut all = self.workspaces.iter();
        let holder = all.find(|(_, it)| {
            it.of_stranger == of_stranger && it.view.name.as_deref().and_then(key_of) == Some(key)
        });
        holder.map(|(id, _)| *id)
    }

    fn find(&self, pick: Pick) -> Result<(WorkspaceId, &Expected), &'static str> {
        let id = self.target(pick).found.ok_or("workspace_not_found")?;
        Ok((id, &self.workspaces[&id]))
    }

    /// The name of the snapshot that a number stands for, which may be there or not.
    pub(super) fn snapshot(&self, at: Pick, n: usize) -> String {
        let snapshots = self.find(at).map_or(&[][..], |(_, it)| &it.view.snapshots);
        snapshots
            .get(n % (snapshots.len() * 4 + 1) / 4)
            .map_or("missing".to_owned(), |it| it.1.clone())
    }

    /// What the call must be answered with: nothing, or the code of an error.
    pub(super) fn verdict(&self, call: &Operation) -> Verdict {
        match call {
            Operation::Create {
                of_stranger,
                browser,
                image,
                name,
                ..
            } => {
                let key = valid(*name, "workspace_name_invalid")?;
                if let Some(image) = image {
                    nth(&IMAGES, *image).1.ok_or("image_invalid")?;
                    refuse_if(*browser, "image_not_allowed")?;
                }
                self.free(*of_stranger, key, None)
            }
            Operation::Clone {
                source,
                snapshot,
                name,
                ..
            } => {
                let key = valid(*name, "workspace_name_invalid")?;
                let (_, found) = self.find(*source)?;
                refuse_if(snapshot.is_none() && found.is_active(), "workspace_active")?;
                self.free(found.of_stranger, key, None)?;
                match snapshot {
                    Some(n) => self.has_snapshot(*source, *n),
                    None => Ok(()),
                }
            }
            Operation::Rename(at, name) => {
                let key = valid(*name, "workspace_name_invalid")?;
                let (id, found) = self.find(*at)?;
                self.free(found.of_stranger, key, Some(id))
            }
            Operation::Start(at, matching) => {
                let (_, found) = self.find(*at)?;
                refuse_if(!matching, "session_type_mismatch")?;
                refuse_if(found.is_active(), "workspace_active")
            }
            Operation::End(at) => {
                let (_, found) = self.find(*at)?;
                refuse_if(!found.is_active(), "session_not_found")
            }
            Operation::Snapshot(at, name, force) => {
                let key = valid(Some(*name), "snapshot_name_invalid")?;
                let (_, found) = self.find(*at)?;
                found.snapshot_free(key)?;
                refuse_if(found.is_active() && !force, "workspace_active")
            }
            Operation::Restore {
                workspace,
                snapshot,
                save_as,
                force,
            } => {
                let key = valid(*save_as, "snapshot_name_invalid")?;
                let (_, found) = self.find(*workspace)?;
                self.has_snapshot(*workspace, *snapshot)?;
                found.snapshot_free(key)?;
                refuse_if(found.is_active() && !force, "workspace_active")
            }
            Operation::DeleteSnapshot(at, snapshot) => {
                self.find(*at)?;
                self.has_snapshot(*at, *snapshot)
            }
            Operation::Delete(at, force) => {
                let (_, found) = self.find(*at)?;
                refuse_if(found.is_active() && !force, "workspace_active")
            }
            Operation::Template(at, _) => self.find(*at).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn free(&self, of_stranger: bool, key: Option<&str>, own: Option<WorkspaceId>) -> Verdict {
        let holder = key.and_then(|key| self.named(of_stranger, key));
        refuse_if(holder.is_some() && holder != own, "workspace_name_taken")
    }

    fn has_snapshot(&self, at: Pick, n: usize) -> Verdict {
        refuse_if(self.snapshot(at, n) == "missing", "snapshot_not_found")
    }

    /// Does what the call does when it succeeds. Of what is shown afterwards only the ids that the library chose are taken.
    /// Answers false if what the call makes is not shown.
    #[must_use]
    pub(super) fn apply(&mut self, call: &Operation, shown: &AllShown) -> bool {
        let before = self.clone();
        let mut is_shown = true;
        match call {
            Operation::Create {
                of_stranger,
                browser,
                image,
                name,
                template,
            } => {
                let image = image.and_then(|image| nth(&IMAGES, image).1);
                let files = self.fresh();
                std::fs::create_dir(&files).unwrap();
                std::fs::set_permissions(
                    &files,
                    std::os::unix::fs::PermissionsExt::from_mode(0o755),
                )
                .unwrap();
                let view = View {
                    name: name.map(|name| nth(&NAMES, name).0.to_owned()),
                    session_type: session_type(*browser),
                    status: Status::Ready,
                    image: image.map(str::to_owned),
                    template: *template,
                    active: None,
                    last: None,
                    source: None,
                    base: None,
                    snapshots: Vec::new(),
                };
                is_shown = self.add(shown, *of_stranger, view, files);
            }
            Operation::Clone {
                source,
                snapshot,
                name,
                template,
            } => {
                let (id, found) = before.find(*source).unwrap();
                let chosen = snapshot.map(|n| found.snapshot_id(&before.snapshot(*source, n)));
                let from = chosen.map_or(&found.files, |snapshot| &found.snapshot_files[&snapshot]);
                let view = View {
                    name: name.map(|name| nth(&NAMES, name).0.to_owned()),
                    status: Status::Ready,
                    template: *template,
                    active: None,
                    last: None,
                    source: Some(Source::Clone {
                        clone_of: id,
                        snapshot: chosen,
                    }),
                    base: None,
                    snapshots: Vec::new(),
                    ..found.view.clone()
                };
                let files = self.copy(from);
                is_shown = self.add(shown, found.of_stranger, view, files);
            }
            Operation::Rename(at, name) => {
                self.change(&before, *at).view.name =
                    name.map(|name| nth(&NAMES, name).0.to_owned());
            }
            Operation::Template(at, template) => {
                self.change(&before, *at).view.template = *template
            }
            Operation::Start(at, _) => {
                let (id, _) = before.find(*at).unwrap();
                let view = &mut self.change(&before, *at).view;
                view.status = Status::Active;
                view.active = shown[&id].workspace.active_session_id;
                assert!(view.active.is_some() && view.active != view.last);
            }
            Operation::End(at) => self.change(&before, *at).end_session(),
            Operation::Snapshot(at, name, _) => {
                let files = self.copy(&before.find(*at).unwrap().1.files);
                is_shown = self.add_snapshot(&before, *at, nth(&NAMES, *name).0, files, shown);
                let found = self.change(&before, *at);
                found.end_session();
                found.view.base = found.view.snapshots.last().map(|it| it.0);
            }
            Operation::Restore {
                workspace,
                snapshot,
                save_as,
                ..
            } => {
                let (_, found) = before.find(*workspace).unwrap();
                let restored = found.snapshot_id(&before.snapshot(*workspace, *snapshot));
                if let Some(name) = save_as {
                    let files = found.files.clone();
                    is_shown =
                        self.add_snapshot(&before, *workspace, nth(&NAMES, *name).0, files, shown);
                }
                let files = self.copy(&found.snapshot_files[&restored]);
                let found = self.change(&before, *workspace);
                found.end_session();
                found.view.base = Some(restored);
                found.files = files;
            }
            Operation::DeleteSnapshot(at, snapshot) => {
                let gone = before.snapshot(*at, *snapshot);
                self.change(&before, *at)
                    .view
                    .snapshots
                    .retain(|it| it.1 != gone);
            }
            Operation::Delete(at, _) => {
                let (id, _) = before.find(*at).unwrap();
                self.remove(id);
            }
            other => panic!("{other:?} changes nothing"),
        }
        is_shown
    }

    pub(super) fn remove(&mut self, id: WorkspaceId) {
        self.workspaces.remove(&id);
        self.gone.push(id);
    }

    /// What the death of the process and the recovery after it change.
    pub(super) fn crash(&mut self) {
        for expected in self.workspaces.values_mut() {
            expected.end_session();
        }
    }

    fn change(&mut self, before: &Self, at: Pick) -> &mut Expected {
        let id = before.find(at).unwrap().0;
        self.workspaces.get_mut(&id).unwrap()
    }

    fn add(&mut self, shown: &AllShown, of_stranger: bool, mut view: View, files: PathBuf) -> bool {
        let mut fresh = shown
            .iter()
            .filter(|(id, _)| !self.workspaces.contains_key(id));
        let Some((id, made)) = fresh.next() else {
            return false;
        };
        if view.name.is_none() {
            view.name = made.workspace.name.clone();
            assert!(view.name.is_some(), "a readable name is made up");
        }
        let snapshot_files = BTreeMap::new();
        self.workspaces.insert(
            *id,
            Expected {
                of_stranger,
                view,
                files,
                snapshot_files,
            },
        );
        true
    }

    fn add_snapshot(
        &mut self,
        before: &Self,
        at: Pick,
        name: &str,
        files: PathBuf,
        shown: &AllShown,
    ) -> bool {
        let (id, found) = before.find(at).unwrap();
        let now = shown.get(&id).map_or(&[][..], |it| &it.snapshots);
        let mut fresh = now
            .iter()
            .filter(|it| !found.snapshot_files.contains_key(&it.id));
        let Some(made) = fresh.next() else {
            return false;
        };
        let expected = self.change(before, at);
        expected
            .view
            .snapshots
            .push((made.id, name.to_owned(), found.view.base));
        expected.snapshot_files.insert(made.id, files);
        true
    }

    fn fresh(&self) -> PathBuf {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        self.folder
            .join(COUNT.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn copy(&self, from: &Path) -> PathBuf {
        let to = self.fresh();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(from)
            .arg(&to)
            .status()
            .unwrap();
        assert!(copied.success());
        to
    }
}

impl Expected {
    fn is_active(&self) -> bool {
        self.view.active.is_some()
    }

    fn end_session(&mut self) {
        if let Some(session) = self.view.active.take() {
            self.view.last = Some(session);
            self.view.status = Status::Ready;
        }
    }

    fn snapshot_id(&self, name: &str) -> SnapshotId {
        let mut snapshots = self.view.snapshots.iter();
        snapshots.find(|it| it.1 == name).unwrap().0
    }

    fn snapshot_free(&self, key: Option<&str>) -> Verdict {
        let mut snapshots = self.view.snapshots.iter();
        let taken = snapshots.any(|it| key.is_some() && key_of(&it.1) == key);
        refuse_if(taken, "snapshot_name_taken")
    }

    /// Notes a session that has ended.
    pub(super) fn was_in_session(&mut self, session: Option<SessionId>) {
        self.view.last = session;
    }

    pub(super) fn session_type(&self) -> SessionType {
        self.view.session_type
    }

    pub(super) fn has_snapshot(&self, id: SnapshotId) -> bool {
        self.view.snapshots.iter().any(|it| it.0 == id)
    }

    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        let key = self.view.name.as_deref().and_then(key_of);
        key.is_some_and(|key| key.starts_with(prefix))
    }

    /// Whether a listing with these filters holds it.
    pub(super) fn matches(
        &self,
        browser: Option<bool>,
        template: Option<bool>,
        active: Option<bool>,
    ) -> bool {
        browser.is_none_or(|it| session_type(it) == self.view.session_type)
            && template.is_none_or(|it| it == self.view.template)
            && active.is_none_or(|it| it == self.is_active())
    }
}

fn valid(name: Option<usize>, code: &'static str) -> Result<Option<&'static str>, &'static str> {
    match name {
        Some(name) => nth(&NAMES, name).1.map(Some).ok_or(code),
        None => Ok(None),
    }
}

fn refuse_if(refused: bool, code: &'static str) -> Verdict {
    if refused { Err(code) } else { Ok(()) }
}
