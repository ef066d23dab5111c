//! Random calls against an oracle that knows the rules, and keeps a plain copy of every disk.
//!
//! After each call everything that a caller can list is compared with what the oracle expects. The files are compared
//! while a session runs, and at the end for every workspace and every snapshot.

mod calls;
mod operation;
mod oracle;

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;
use workdisk::manager::{CloneWorkspace, Force, ListWorkspaces, StartSession};
use workdisk::model::{SessionType, Status, WorkspaceId};
use workdisk::{Account, Error};

use self::operation::Pick;
pub(crate) use self::operation::{Operation, operation};
use self::oracle::{AllShown, Expected, Oracle, Shown, Target, Verdict, View, nth, session_type};
use crate::support::steps::Break;
use crate::support::{Bench, code};
use crate::tree::{Edit, apply, contents, is_exception, manifest};

/// How often each kind of call was answered with each code.
pub(crate) type Tally = BTreeMap<(&'static str, &'static str), usize>;

/// A list of calls on its way.
pub(crate) struct Run {
    bench: Bench,
    tally: Tally,
    oracle: Oracle,
    revisions: BTreeMap<WorkspaceId, (u64, View)>,
    _plain: TempDir,
}

impl Run {
    pub(crate) fn new(bench: Bench) -> Self {
        let plain = tempfile::tempdir().unwrap();
        Self {
            bench,
            tally: Tally::new(),
            oracle: Oracle::new(plain.path()),
            revisions: BTreeMap::new(),
            _plain: plain,
        }
    }

    pub(crate) async fn step(&mut self, operation: &Operation) {
        match operation {
            Operation::Crash => {
                self.bench.crash().await;
                self.oracle.crash();
            }
            Operation::Work(at, edits) => self.work(*at, edits).await,
            Operation::List { .. } => self.list(operation).await,
            Operation::BulkDelete(picks, force) => self.bulk_delete(picks, *force).await,
            Operation::Broken { call, step, after } => {
                let at = if *after {
                    Break::After(*step)
                } else {
                    Break::Before(*step)
                };
                self.broken(call, at).await;
            }
            call => {
                let verdict = self.oracle.verdict(call);
                let answer = self.call(call).await;
                assert_eq!(judged(&answer), verdict, "{answer:?}");
                *self.tally.entry((call.kind(), code(answer))).or_default() += 1;
                if verdict.is_ok() {
                    let shown = self.shown().await;
                    assert!(self.oracle.apply(call, &shown), "nothing is shown of it");
                }
            }
        }
        self.compare().await;
    }

    fn account(&self, of_stranger: bool) -> Account {
        if of_stranger {
            self.bench.stranger()
        } else {
            self.bench.account.clone()
        }
    }

    fn target(&self, pick: Pick) -> (Account, Target) {
        let target = self.oracle.target(pick);
        (self.account(target.of_stranger), target)
    }

    /// Changes files in a running session, and the plain copy in the same way.
    async fn work(&mut self, at: Pick, edits: &[Edit]) {
        let (account, target) = self.target(at);
        let Some(expected) = target.found.map(|id| &self.oracle.workspaces[&id]) else {
            return;
        };
        let shown = account.get(target.selector.as_str()).await.unwrap();
        let Some(session) = shown.active_session_id else {
            return;
        };
        let session = account
            .session(target.selector.as_str(), session)
            .await
            .unwrap();
        assert_same_files(&session.path, &expected.files);
        for edit in edits {
            if !is_exception(&expected.files, edit) {
                assert_eq!(
                    apply(&session.path, edit),
                    apply(&expected.files, edit),
                    "{edit:?}"
                );
            }
        }
        assert_same_files(&session.path, &expected.files);
    }

    async fn list(&self, operation: &Operation) {
        let Operation::List {
            of_stranger,
            browser,
            template,
            active,
            prefix,
            limit,
        } = operation
        else {
            panic!("{operation:?} is no listing");
        };
        let mut options = ListWorkspaces::default().with_limit(*limit);
        if let Some(browser) = browser {
            options = options.with_session_type(session_type(*browser));
        }
        if let Some(template) = template {
            options = options.with_template(*template);
        }
        if let Some(active) = active {
            options = options.with_status(if *active {
                Status::Active
            } else {
                Status::Ready
            });
        }
        let prefix =
            prefix.map(|prefix| nth(&[("AL", "al"), ("straß", "strass"), ("f", "f")], prefix));
        if let Some((given, _)) = prefix {
            options = options.with_name_prefix(given);
        }
        let account = self.account(*of_stranger);
        if *limit == 0 {
            assert_eq!(code(account.list(options).await), "invalid_request");
            return;
        }
        let mut listed = Vec::new();
        loop {
            let page = account.list(options.clone()).await.unwrap();
            listed.extend(page.workspaces.iter().map(|it| it.id));
            match page.next_cursor {
                Some(cursor) => options = options.with_cursor(cursor),
                None => break,
            }
        }
        // A name that the library made up is none of the list, and begins as it likes.
        let wanted = |it: &&Expected| {
            it.of_stranger == *of_stranger && it.matches(*browser, *template, *active)
        };
        let expected = self.oracle.workspaces.iter().filter(|(_, it)| wanted(it));
        match prefix {
            None => {
                let expected: Vec<WorkspaceId> = expected.map(|(id, _)| *id).collect();
                assert_eq!(listed, expected);
            }
            Some((_, key)) => {
                let mut expected = expected.filter(|(_, it)| it.has_prefix(key));
                assert!(expected.all(|(id, _)| listed.contains(id)), "{listed:?}");
            }
        }
    }

    async fn bulk_delete(&mut self, picks: &[Pick], force: bool) {
        // All are asked of one account.
        let targets = picks.iter().map(|pick| (*pick, self.oracle.target(*pick)));
        let targets: Vec<(Pick, Target)> = targets.filter(|it| !it.1.of_stranger).collect();
        let selectors = targets.iter().map(|(_, target)| target.selector.as_str());
        let answers = self
            .bench
            .account
            .bulk_delete(selectors, forced(force))
            .await
            .unwrap();
        let mut once: Vec<&(Pick, Target)> = Vec::new();
        for target in &targets {
            let same = |it: &Target, other: &Target| {
                it.selector == other.selector || (it.found.is_some() && it.found == other.found)
            };
            if !once.iter().any(|it| same(&it.1, &target.1)) {
                once.push(target);
            }
        }
        assert_eq!(answers.len(), once.len(), "duplicates are answered once");
        // Each by itself, as if it were asked alone; of what the others delete it sees nothing.
        let before = self.oracle.clone();
        for (answer, (pick, target)) in answers.iter().zip(once) {
            let verdict = before.verdict(&Operation::Delete(*pick, force));
            assert_eq!(
                (answer.selector.as_str(), judged(&answer.result)),
                (target.selector.as_str(), verdict)
            );
            if let (Some(id), Ok(())) = (target.found, verdict) {
                self.oracle.remove(id);
            }
        }
    }

    /// The call is done or it is not, whatever it was answered; what it was answered to have done, it did.
    async fn broken(&mut self, call: &Operation, at: Break) {
        let verdict = self.oracle.verdict(call);
        self.bench.steps.break_at(at);
        let answer = self.call(call).await;
        let broke = self.bench.steps.has_broken();
        self.bench.crash().await;
        let shown = self.shown().await;
        let mut done = self.oracle.clone();
        let is_shown = verdict.is_err() || done.apply(call, &shown);
        done.crash();
        self.oracle.crash();
        let views: BTreeMap<_, _> = shown.iter().map(|(id, it)| (*id, it.view())).collect();
        let is = |oracle: &Oracle| {
            let expected = oracle.workspaces.iter().map(|(id, it)| (id, &it.view));
            expected.eq(&views)
        };
        let mut was_done = is_shown && is(&done);
        // To restore what the files started from anyway changes nothing else than the files.
        if let Operation::Restore { workspace, .. } = call
            && was_done
            && answer.is_err()
            && is(&self.oracle)
            && let (
                account,
                Target {
                    found: Some(id), ..
                },
            ) = self.target(*workspace)
        {
            let session_type = self.oracle.workspaces[&id].session_type();
            let options = StartSession::default();
            let session = account
                .start_session(id, session_type, options)
                .await
                .unwrap();
            was_done = has_files(session.path(), &done.workspaces[&id].files);
            if !was_done {
                assert_same_files(session.path(), &self.oracle.workspaces[&id].files);
            }
            let ended = Some(session.id());
            session.end().await.unwrap();
            for oracle in [&mut done, &mut self.oracle] {
                oracle
                    .workspaces
                    .get_mut(&id)
                    .unwrap()
                    .was_in_session(ended);
            }
        } else if !was_done {
            assert!(
                is(&self.oracle),
                "half done: {call:?} {at:?} left {shown:#?}"
            );
        }
        if verdict.is_ok() {
            let outcome = match (was_done, &answer) {
                (true, Ok(())) => "done",
                (true, Err(_)) => "done, but failed",
                (false, _) => "not done",
            };
            *self.tally.entry(("broken", outcome)).or_default() += 1;
        }
        if was_done {
            assert!(verdict.is_ok() || answer.is_err());
            self.oracle = done;
            return;
        }
        assert!(answer.is_err(), "{call:?} {at:?} was answered and is lost");
        assert!(broke, "{call:?} failed without cause: {answer:?}");
    }

    /// Everything that a caller of either account can see.
    async fn shown(&self) -> AllShown {
        let mut all = AllShown::new();
        for of_stranger in [false, true] {
            let account = self.account(of_stranger);
            let page = account
                .list(ListWorkspaces::default().with_limit(1_000))
                .await
                .unwrap();
            for workspace in page.workspaces {
                let snapshots = account.snapshots(workspace.id).await.unwrap();
                all.insert(
                    workspace.id,
                    Shown {
                        of_stranger,
                        workspace,
                        snapshots,
                    },
                );
            }
        }
        all
    }

    async fn compare(&mut self) {
        let shown = self.shown().await;
        let ids: Vec<_> = shown.iter().map(|(id, it)| (*id, it.of_stranger)).collect();
        let expected = self.oracle.workspaces.iter();
        assert_eq!(
            ids,
            expected
                .map(|(id, it)| (*id, it.of_stranger))
                .collect::<Vec<_>>()
        );
        for (id, shown) in shown {
            let (view, revision) = (shown.view(), shown.workspace.revision);
            assert_eq!(view, self.oracle.workspaces[&id].view);
            if let Some((before, seen)) = self.revisions.insert(id, (revision, view.clone())) {
                assert!(
                    before <= revision && (before < revision || seen == view),
                    "{seen:?} {view:?}"
                );
            }
        }
    }

    /// Looks into every workspace and every snapshot, and deletes all.
    pub(crate) async fn finish(mut self) -> Tally {
        self.bench.crash().await;
        self.oracle.crash();
        self.compare().await;
        self.bench.assert_no_orphan().await;
        self.bench.assert_sound().await;
        for (id, expected) in &self.oracle.workspaces {
            let account = self.account(expected.of_stranger);
            let session_type = expected.session_type();
            for (snapshot, files) in &expected.snapshot_files {
                if !expected.has_snapshot(*snapshot) {
                    continue;
                }
                let options = CloneWorkspace::of_snapshot(*snapshot);
                let clone = account.clone_workspace(*id, options).await.unwrap();
                assert_session_shows(&account, clone.id, session_type, files).await;
                account.delete(clone.id, Force::No).await.unwrap();
            }
            assert_session_shows(&account, *id, session_type, &expected.files).await;
            account.delete(*id, Force::No).await.unwrap();
        }
        self.bench.manager.reclaim().await.unwrap();
        assert_eq!(self.bench.volume.list(None, 10).await.unwrap(), []);
        self.tally
    }
}

fn forced(force: bool) -> Force {
    if force { Force::Yes } else { Force::No }
}

/// An answer as the oracle puts it.
fn judged(answer: &Result<(), Error>) -> Verdict {
    match answer {
        Ok(()) => Ok(()),
        Err(error) => Err(error.code().as_str()),
    }
}

async fn assert_session_shows(
    account: &Account,
    id: WorkspaceId,
    session_type: SessionType,
    files: &Path,
) {
    let session = account
        .start_session(id, session_type, StartSession::default())
        .await
        .unwrap();
    assert_same_files(session.path(), files);
    session.end().await.unwrap();
}

fn has_files(disk: &Path, plain: &Path) -> bool {
    contents(&manifest(disk)) == contents(&manifest(plain))
}

fn assert_same_files(disk: &Path, plain: &Path) {
    let both = [disk, plain].map(|root| contents(&manifest(root)));
    assert!(
        both[0] == both[1],
        "disk {:#?}\nplain {:#?}",
        both[0],
        both[1]
    );
}
