//! What one account has is to another like what never was, through every call.
//!
//! A call is made twice: with what another account has, and with what nobody has. Both must be answered alike, the texts
//! aside that were given, and must change nothing of the other account.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, LeaseTerm, ListWorkspaces, RestoreSnapshot,
    StartSession,
};
use workdisk::metadata::volumes_of;
use workdisk::model::{
    Cursor, RequestKey, SessionId, SnapshotId, VolumeId, WorkspaceFilter, WorkspaceId,
};
use workdisk::{Account, Error, WorkspaceManager};

use crate::support::{Bench, SANDBOX, read, write};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a stranger gives as if it were its own.
#[derive(Clone, Debug)]
struct Asked {
    workspace: String,
    /// A name that a workspace has.
    name: String,
    snapshot: String,
    session: SessionId,
    revision: u64,
    key: String,
    cursor: Cursor,
}

/// How a call has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// By the code of what is not found.
    NotFound,
    /// In whichever way, as if nobody had it.
    Alike,
}

/// One way to make a call with something that is not one's own.
struct Row {
    call: &'static str,
    answer: Answer,
    /// Tells all that a caller learns, ids and times of what it made itself aside.
    make: fn(Account, Asked) -> Boxed<Result<String, Error>>,
}

macro_rules! row {
    ($call:literal, $answer:ident, |$account:ident, $asked:ident| $made:expr) => {
        Row {
            call: $call,
            answer: Answer::$answer,
            make: |$account, $asked| {
                Box::pin(async move {
                    let _ = &$asked;
                    $made.await.map(|made| told(&made))
                })
            },
        }
    };
}

/// What an answer tells that does not differ from one run to the next.
fn told<T: Tell>(answer: &T) -> String {
    answer.tell()
}

trait Tell {
    fn tell(&self) -> String;
}

impl Tell for () {
    fn tell(&self) -> String {
        "done".to_owned()
    }
}

impl Tell for workdisk::model::Workspace {
    fn tell(&self) -> String {
        let (status, snapshots) = (self.status, self.persistence.snapshot_count);
        format!(
            "{:?} {status} {snapshots} {}",
            self.name,
            self.source.is_some()
        )
    }
}

impl Tell for workdisk::model::Snapshot {
    fn tell(&self) -> String {
        format!("{} {}", self.name, self.parent.is_some())
    }
}

impl Tell for workdisk::Session {
    fn tell(&self) -> String {
        self.info().tell()
    }
}

impl Tell for workdisk::manager::SessionInfo {
    fn tell(&self) -> String {
        format!("epoch {}", self.epoch)
    }
}

impl Tell for workdisk::manager::WorkspacePage {
    fn tell(&self) -> String {
        let all: Vec<String> = self.workspaces.iter().map(Tell::tell).collect();
        format!("{all:?} {:?}", self.next_cursor)
    }
}

impl Tell for workdisk::manager::CheckReport {
    fn tell(&self) -> String {
        let (workspaces, volumes) = (self.workspaces, self.volumes);
        format!("{workspaces} {volumes} {:?}", self.faults)
    }
}

impl Tell for workdisk::manager::RepairReport {
    fn tell(&self) -> String {
        let (mended, left) = (self.mended.len(), self.left.len());
        format!("{:?} {mended} {left}", self.recovered)
    }
}

impl Tell for workdisk::manager::BulkDeleted {
    fn tell(&self) -> String {
        let (selector, result) = (&self.selector, &self.result);
        format!("{selector} {:?} {result:?}", self.workspace)
    }
}

impl<T: Tell> Tell for Vec<T> {
    fn tell(&self) -> String {
        let all: Vec<String> = self.iter().map(Tell::tell).collect();
        format!("{all:?}")
    }
}

#[cfg(feature = "github")]
impl Tell for Option<workdisk::github::ImportWatch> {
    fn tell(&self) -> String {
        format!("{:?}", self.is_some())
    }
}

/// A workspace of the caller's own, with a snapshot `mine`.
const OWN: &str = "own";

fn lasting() -> StartSession {
    StartSession::default().with_lease(LeaseTerm::Lasting)
}

fn rows() -> Vec<Row> {
    let mut rows = vec![
        row!("get", NotFound, |account, it| account.get(it.workspace)),
        row!("measure", NotFound, |account, it| account
            .measure(it.workspace)),
        row!("set_name", NotFound, |account, it| account
            .set_name(it.workspace, "renamed")),
        row!("set_name", Alike, |account, it| account
            .set_name(OWN, &it.name)),
        row!("clear_name", NotFound, |account, it| account
            .clear_name(it.workspace)),
        row!("set_template", NotFound, |account, it| account
            .set_template(it.workspace, true)),
        row!("expecting", NotFound, |account, it| account
            .expecting(it.revision)
            .set_template(it.workspace, true)),
        row!("expecting_of", NotFound, |account, it| account
            .expecting_of(WorkspaceId::new(), it.revision)
            .clear_name(it.workspace)),
        row!("create", Alike, |account, it| account
            .create(CreateWorkspace::new(SANDBOX).with_name(it.name))),
        row!("once", Alike, |account, it| {
            let request = RequestKey::new(it.key, "a workspace").unwrap();
            let account = account.once(request);
            let options = CreateWorkspace::new(SANDBOX).with_name("made once");
            async move { account.create(options).await }
        }),
        row!("clone_workspace", NotFound, |account, it| account
            .clone_workspace(it.workspace, CloneWorkspace::of_head())),
        row!("clone_workspace", NotFound, |account, it| account
            .clone_workspace(
                it.workspace,
                CloneWorkspace::of_snapshot(it.snapshot)
            )),
        row!("clone_workspace", NotFound, |account, it| account
            .clone_workspace(
                OWN,
                CloneWorkspace::of_snapshot(it.snapshot)
            )),
        row!("clone_workspace", Alike, |account, it| account
            .clone_workspace(
                OWN,
                CloneWorkspace::of_head().with_name(it.name)
            )),
        row!("list", Alike, |account, it| account
            .list(ListWorkspaces::default().with_cursor(it.cursor))),
        row!("list", Alike, |account, it| account
            .list(ListWorkspaces::default().with_name_prefix(it.name))),
        row!("list", Alike, |account, _it| account
            .list(ListWorkspaces::default())),
        row!("create_snapshot", NotFound, |account, it| account
            .create_snapshot(it.workspace, "s", Force::Yes)),
        row!("create_snapshot", Alike, |account, it| account
            .create_snapshot(OWN, &it.name, Force::No)),
        row!("snapshots", NotFound, |account, it| account
            .snapshots(it.workspace)),
        row!("delete_snapshot", NotFound, |account, it| account
            .delete_snapshot(it.workspace, it.snapshot)),
        row!("delete_snapshot", NotFound, |account, it| account
            .delete_snapshot(OWN, it.snapshot)),
        row!("restore", NotFound, |account, it| {
            let options = RestoreSnapshot::default().with_force(Force::Yes);
            account.restore(it.workspace, it.snapshot, options)
        }),
        row!("restore", NotFound, |account, it| account.restore(
            OWN,
            it.snapshot,
            RestoreSnapshot::default()
        )),
        row!("start_session", NotFound, |account, it| account
            .start_session(it.workspace, SANDBOX, lasting())),
        row!("session", NotFound, |account, it| account
            .session(it.workspace, it.session)),
        row!("session", NotFound, |account, it| account
            .session(OWN, it.session)),
        row!("renew_session", NotFound, |account, it| account
            .renew_session(it.workspace, it.session)),
        row!("renew_session", NotFound, |account, it| account
            .renew_session(OWN, it.session)),
        row!("end_session", NotFound, |account, it| account
            .end_session(it.workspace, it.session)),
        row!("end_session", NotFound, |account, it| account
            .end_session(OWN, it.session)),
        row!("delete", NotFound, |account, it| account
            .delete(it.workspace, Force::No)),
        row!("delete", NotFound, |account, it| account
            .delete(it.workspace, Force::Yes)),
        row!("check", Alike, |account, _it| account.check()),
        row!("repair", Alike, |account, _it| account.repair()),
        row!("bulk_delete", Alike, |account, it| account
            .bulk_delete([it.workspace, it.name], Force::Yes)),
    ];
    rows.extend(of_imports());
    rows
}

#[cfg(not(feature = "github"))]
fn of_imports() -> Vec<Row> {
    Vec::new()
}

#[cfg(feature = "github")]
fn of_imports() -> Vec<Row> {
    use workdisk::manager::ImportRepository;
    vec![
        row!("import", Alike, |account, it| async move {
            let options = ImportRepository::new("owner/repo").with_name(it.name);
            let imported = account.import(options).await?.finish().await?;
            Ok::<_, Error>(imported.workspace)
        }),
        row!("import_progress", NotFound, |account, it| account
            .import_progress(it.workspace)),
        row!("cancel_import", NotFound, |account, it| account
            .cancel_import(it.workspace)),
    ]
}

/// The public methods of the account's handle, by its source. Those of the manager are for whoever runs it, and a session or an
/// import is a handle that its own account alone gets.
fn calls() -> BTreeSet<String> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manager")];
    let mut calls = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = path.read_dir().unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        let source = std::fs::read_to_string(path).unwrap();
        let blocks = source.split("\nimpl ").skip(1);
        for block in blocks.filter(|block| block.starts_with("Account {")) {
            let (block, _) = block.split_once("\n}\n").unwrap();
            for declared in block.split("\n    pub ").skip(1) {
                let Some((_, name)) = declared.split_once("fn ") else {
                    continue;
                };
                let end = name.find(['(', '<']).unwrap();
                calls.insert(name[..end].to_owned());
            }
        }
    }
    calls
}

#[test]
fn every_call_of_an_account_is_in_the_table() {
    let mut tried: BTreeSet<String> = rows().iter().map(|row| row.call.to_owned()).collect();
    // It tells the caller its own account.
    tried.insert("id".to_owned());
    let mut calls = calls();
    if cfg!(not(feature = "github")) {
        calls.retain(|call| !call.contains("import"));
    }
    assert!(calls.len() > 20, "the source is not read as it is written");
    assert_eq!(tried, calls);
}

/// What an owner has, and the stores that it has it in.
struct Owned {
    bench: Bench,
    manager: WorkspaceManager,
    asked: Vec<Asked>,
    strangers: usize,
    stranger: Option<Account>,
}

impl Owned {
    async fn on(bench: Bench) -> Self {
        let owner = &bench.account;
        let kept = bench.sandbox("kept").await;
        write(owner, kept.id, "kept").await;
        let snapshot = owner.create_snapshot(kept.id, "first", Force::No).await;
        let snapshot = snapshot.unwrap();
        let busy = bench.sandbox("in session").await;
        let session = owner.start_session(busy.id, SANDBOX, lasting()).await;
        let session = session.unwrap().detach();
        let importing = bench.importing("importing").await;
        let request = RequestKey::new("their key", "a workspace").unwrap();
        let options = CreateWorkspace::new(SANDBOX);
        owner.once(request).create(options).await.unwrap();
        let page = owner.list(ListWorkspaces::default().with_limit(1)).await;
        let cursor = page.unwrap().next_cursor.unwrap();
        let asked = |(name, workspace): (&str, String), snapshot: String| Asked {
            workspace,
            name: name.to_owned(),
            snapshot,
            session: session.id,
            revision: kept.revision,
            key: "their key".to_owned(),
            cursor: cursor.clone(),
        };
        let of = [
            ("kept", kept.id),
            ("in session", busy.id),
            ("importing", importing),
        ];
        let by_name = asked(("kept", "kept".to_owned()), "first".to_owned());
        let by_id = of.map(|(name, id)| asked((name, id.to_string()), snapshot.id.to_string()));
        Self {
            manager: importing_from_nowhere(&bench).await,
            asked: [by_name].into_iter().chain(by_id).collect(),
            bench,
            strangers: 0,
            stranger: None,
        }
    }

    /// Another account, which has one workspace with a snapshot.
    async fn stranger(&mut self) -> Account {
        if let Some(stranger) = &self.stranger {
            return stranger.clone();
        }
        self.strangers += 1;
        let account = format!("stranger {}", self.strangers);
        let account = self.manager.account(account).unwrap();
        let options = CreateWorkspace::new(SANDBOX).with_name(OWN);
        account.create(options).await.unwrap();
        let taken = account.create_snapshot(OWN, "mine", Force::No).await;
        taken.unwrap();
        self.stranger = Some(account.clone());
        account
    }

    /// Makes a call as another account, and tells what that learns, but for the texts that it gave itself.
    async fn ask(&mut self, row: &Row, asked: &Asked) -> String {
        let answer = (row.make)(self.stranger().await, asked.clone()).await;
        let told = match answer {
            Ok(told) => {
                // It may have changed something of its own.
                self.stranger = None;
                told
            }
            Err(error) => {
                let code = error.code().as_str();
                format!("{code}: {error} {error:?}")
            }
        };
        if row.answer == Answer::NotFound {
            let (code, _) = told.split_once(':').unwrap_or((&told, ""));
            assert!(code.ends_with("_not_found"), "{} answered {told}", row.call);
        }
        told.replace(&asked.workspace, "WORKSPACE")
            .replace(&asked.name, "NAME")
            .replace(&asked.snapshot, "SNAPSHOT")
            .replace(&asked.session.to_string(), "SESSION")
    }

    /// All that the stores hold of the owner.
    async fn export(&self) -> String {
        let (metadata, owner) = (&self.bench.metadata, self.bench.account.id());
        let all = WorkspaceFilter::default();
        let records = metadata.list(owner, &all, None, 1_000).await.unwrap();
        let mut volumes: Vec<VolumeId> = records.iter().flat_map(volumes_of).collect();
        let mut snapshots = Vec::new();
        for record in &records {
            snapshots.extend(metadata.snapshots(record.id, None, 1_000).await.unwrap());
        }
        volumes.extend(snapshots.iter().map(|snapshot| snapshot.volume));
        let receipt = metadata.receipt(owner, "their key").await.unwrap();
        let mut disks = Vec::new();
        for volume in volumes {
            disks.push(self.bench.volume.status(volume).await.unwrap());
        }
        format!("{records:#?} {snapshots:#?} {receipt:#?} {disks:#?}")
    }
}

/// The same shape of what nobody has.
fn of_nobody(asked: &Asked) -> Asked {
    let is_id = asked.workspace != asked.name;
    let [workspace, snapshot] = if is_id {
        [
            WorkspaceId::new().to_string(),
            SnapshotId::new().to_string(),
        ]
    } else {
        ["never made".to_owned(), "never taken".to_owned()]
    };
    let never = WorkspaceId::new().as_uuid().simple().to_string();
    Asked {
        workspace,
        name: "never made".to_owned(),
        snapshot,
        session: SessionId::new(),
        revision: asked.revision,
        key: "nobody's key".to_owned(),
        cursor: format!("{never}{never}").parse().unwrap(),
    }
}

/// A manager on the same stores whose imports reach no server.
async fn importing_from_nowhere(bench: &Bench) -> WorkspaceManager {
    let builder = WorkspaceManager::builder(bench.metadata.clone(), bench.volume.clone());
    let builder = builder.with_host(Arc::new(bench.machine.clone()));
    #[cfg(feature = "github")]
    let builder = {
        let github = workdisk::github::GithubOptions::default();
        let never = workdisk::github::Retries::new(0, std::time::Duration::ZERO);
        let github = github.with_retries(never);
        builder.with_github(github.with_base_url("http://127.0.0.1:1").unwrap())
    };
    builder.open().await.unwrap()
}

/// Makes every call, with the first few things that the owner has.
async fn walk(bench: Bench, things: usize) {
    let mut owned = Owned::on(bench).await;
    let before = owned.export().await;
    let things = owned.asked[..things].to_vec();
    for row in rows() {
        for asked in &things {
            let theirs = owned.ask(&row, asked).await;
            let nobodys = owned.ask(&row, &of_nobody(asked)).await;
            assert_eq!(theirs, nobodys, "{} tells of {asked:?}", row.call);
        }
        assert_eq!(owned.export().await, before, "{} changes", row.call);
    }
    let (owner, kept) = (&owned.bench.account, &owned.asked[1].workspace);
    let kept: WorkspaceId = kept.parse().unwrap();
    assert_eq!(read(owner, kept).await, "kept");
}

#[tokio::test]
async fn what_another_account_has_is_like_what_never_was_in_memory() {
    walk(Bench::in_memory().await, 4).await;
}

#[tokio::test]
async fn what_another_account_has_is_like_what_never_was_on_sled_and_directories() {
    walk(Bench::new().await, 2).await;
}
