//! Both backend traits in one file: records in a JSON file, disks as folders that `cp -a` copies.
//!
//! `cargo run --example custom_backend` does the main job on them, and `cargo test --example custom_backend` runs the whole
//! conformance suite. What a backend must do is said by the docs of [`Metadata`] and [`Volume`]; this file is one way to
//! do it, with as few parts as possible, and not a fast one: each change writes all records anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, StartSession};
use workdisk::metadata::{
    Change, Generation, MetadataFault, Outcome, RecordPosition, SessionPosition, SnapshotChange,
    session_position,
};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SessionType, SnapshotId, SnapshotRecord, StoreId,
    Timestamp, VolumeId, WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};
use workdisk::session::holders_under;
use workdisk::volume::{
    MAX_LABEL, MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeKind, VolumeStatus,
};
use workdisk::{BackendError, BackendErrorKind, Metadata, Volume, WorkspaceManager};

type Result<T> = std::result::Result<T, BackendError>;

/// Runs what blocks on a thread that may. It is done whole, even if the caller drops the future.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = spawn_blocking(work).await;
    done.map_err(|_| BackendError::unavailable("the runtime is shutting down"))?
}

fn failed(doing: &str) -> impl Fn(io::Error) -> BackendError + '_ {
    move |error| BackendError::io(format!("cannot {doing}"), error)
}

/// Replaces a file in one step: whoever reads it after a crash finds the old content or the new.
fn replace<T: Serialize>(file: &Path, content: &T) -> io::Result<()> {
    let draft = file.with_extension("draft");
    let mut written = File::create(&draft)?;
    written.write_all(&serde_json::to_vec_pretty(content)?)?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// What a file holds, or nothing if it is not there.
fn load<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<Option<T>> {
    let text = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(failed("read a file of the store"))?,
    };
    let corrupt = |error: serde_json::Error| {
        BackendError::corrupt(file.display().to_string(), error.to_string())
    };
    serde_json::from_slice(&text).map(Some).map_err(corrupt)
}

/// Everything in the JSON file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Records {
    store: StoreId,
    generation: u64,
    workspaces: BTreeMap<WorkspaceId, Entry>,
    receipts: Vec<Receipt>,
    /// In the order of their volumes.
    reservations: Vec<Reservation>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    record: WorkspaceRecord,
    /// In the order of their sequence.
    snapshots: Vec<SnapshotRecord>,
}

impl Records {
    fn find(&self, account: &AccountId, id: WorkspaceId) -> Option<&Entry> {
        let entry = self.workspaces.get(&id)?;
        (entry.record.account == *account).then_some(entry)
    }

    fn receipt(&self, account: &AccountId, key: &str) -> Option<&Receipt> {
        let mut receipts = self.receipts.iter();
        receipts.find(|receipt| receipt.account == *account && receipt.key == key)
    }

    fn forget_receipts(&mut self, before: Timestamp, limit: usize) -> usize {
        self.receipts.sort_by_key(|receipt| receipt.made_at);
        let old = self
            .receipts
            .partition_point(|receipt| receipt.made_at < before);
        self.receipts.drain(..old.min(limit)).count()
    }

    fn is_taken(&self, record: &WorkspaceRecord) -> bool {
        let Some(name) = &record.name else {
            return false;
        };
        let mut others = self.workspaces.values().map(|entry| &entry.record);
        others.any(|other| {
            other.id != record.id
                && other.account == record.account
                && other.name.as_ref().is_some_and(|it| it.key() == name.key())
        })
    }

    /// Notes reservations instead of earlier ones of the same volumes.
    fn note(&mut self, reserved: Vec<Reservation>) {
        self.reservations
            .retain(|old| reserved.iter().all(|it| it.volume != old.volume));
        self.reservations.extend(reserved);
        self.reservations.sort_by_key(|it| it.volume);
    }

    /// Judges a change in the order that the contract gives, and applies it if the answer is `Done`.
    fn apply(&mut self, change: Change) -> Result<Outcome> {
        let (expected, record, changes, receipt, noted) = match change {
            Change::Insert { record } => (0, record, Vec::new(), None, Vec::new()),
            Change::Update {
                expected,
                record,
                snapshots,
                receipt,
                reserved,
            } => (expected, record, snapshots, receipt, reserved),
            Change::Remove {
                account,
                id,
                expected,
            } => {
                return Ok(match self.find(&account, id) {
                    Some(entry) if entry.record.version == expected => {
                        self.workspaces.remove(&id);
                        Outcome::Done
                    }
                    _ => Outcome::VersionConflict,
                });
            }
            Change::Reserve { reserved, released } => {
                self.note(reserved);
                self.reservations
                    .retain(|it| !released.contains(&it.volume));
                return Ok(Outcome::Done);
            }
            _ => {
                return Err(BackendError::unsupported(
                    "a change that this backend does not know",
                ));
            }
        };
        if record.version != expected + 1 {
            return Err(BackendError::invalid_input("the version does not follow"));
        }
        let stored = self.workspaces.get(&record.id);
        if expected > 0 && stored.is_some_and(|it| it.record.account != record.account) {
            return Err(BackendError::invalid_input("a workspace keeps its account"));
        }
        if stored.map_or(0, |entry| entry.record.version) != expected {
            return Ok(Outcome::VersionConflict);
        }
        if self.is_taken(&record) {
            return Ok(Outcome::NameTaken);
        }
        let mut snapshots = stored.map_or_else(Vec::new, |entry| entry.snapshots.clone());
        for change in changes {
            match change {
                SnapshotChange::Remove(id) => snapshots.retain(|it| it.id != id),
                SnapshotChange::Put(put) => {
                    snapshots.retain(|it| it.id != put.id);
                    if snapshots.iter().any(|it| it.name.key() == put.name.key()) {
                        return Ok(Outcome::SnapshotNameTaken);
                    }
                    snapshots.push(put);
                }
                _ => return Err(BackendError::unsupported("an unknown change of a snapshot")),
            }
        }
        if let Some(receipt) = receipt {
            if self.receipt(&receipt.account, &receipt.key).is_some() {
                return Ok(Outcome::ReceiptTaken);
            }
            self.receipts.push(*receipt);
        }
        self.note(noted);
        snapshots.sort_by_key(|snapshot| snapshot.sequence);
        self.workspaces
            .insert(record.id, Entry { record, snapshots });
        Ok(Outcome::Done)
    }
}

/// Records in a JSON file.
///
/// # Limitations
/// One process at a time, which it does not check, and every call costs as much as the store is large, also those that the
/// trait wants to cost only what they answer.
#[derive(Clone, Debug)]
struct JsonMetadata {
    file: PathBuf,
    /// Empty once a write failed: nobody knows then which content the next opening will find.
    records: Arc<Mutex<Option<Records>>>,
}

impl JsonMetadata {
    fn open(file: PathBuf) -> Result<Self> {
        let new = || Records {
            store: StoreId::new(),
            generation: 0,
            workspaces: BTreeMap::new(),
            receipts: Vec::new(),
            reservations: Vec::new(),
        };
        let records = load(&file)?.unwrap_or_else(new);
        Ok(Self {
            file,
            records: Arc::new(Mutex::new(Some(records))),
        })
    }

    /// Changes a copy of the records and keeps it, once it is written. An error or a panic before that changes nothing.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Records) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self { file, records } = self.clone();
        blocking(move || {
            let mut kept = records.lock().unwrap_or_else(PoisonError::into_inner);
            let mut changed = kept.clone().ok_or_else(unsure)?;
            let answer = change(&mut changed)?;
            *kept = None;
            replace(&file, &changed).map_err(failed("write the records"))?;
            *kept = Some(changed);
            Ok(answer)
        })
        .await
    }

    fn read<T>(&self, look: impl FnOnce(&Records) -> T) -> Result<T> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.as_ref().map(look).ok_or_else(unsure)
    }

    /// The records that `keep` keeps, in ascending order of id, `limit` at most.
    fn select(
        &self,
        limit: usize,
        keep: impl Fn(&WorkspaceRecord) -> bool,
    ) -> Result<Vec<WorkspaceRecord>> {
        self.read(|records| {
            let all = records.workspaces.values().map(|entry| &entry.record);
            all.filter(|record| keep(record))
                .take(limit)
                .cloned()
                .collect()
        })
    }

    /// The snapshots of a workspace that `keep` keeps, in ascending order of sequence, `limit` at most.
    fn snapshots_where(
        &self,
        workspace: WorkspaceId,
        limit: usize,
        keep: impl Fn(&SnapshotRecord) -> bool,
    ) -> Result<Vec<SnapshotRecord>> {
        self.read(|records| {
            let entry = records.workspaces.get(&workspace).into_iter();
            let all = entry.flat_map(|entry| &entry.snapshots);
            all.filter(|snapshot| keep(snapshot))
                .take(limit)
                .cloned()
                .collect()
        })
    }
}

fn unsure() -> BackendError {
    BackendError::unavailable("a write of the records failed; open them again")
}

#[async_trait]
impl Metadata for JsonMetadata {
    async fn begin(&self) -> Result<Generation> {
        self.change(|records| {
            records.generation += 1;
            Ok(Generation::new(records.store, records.generation))
        })
        .await
    }

    async fn take_back(&self, generation: Generation) -> Result<()> {
        self.change(move |records| {
            if generation == Generation::new(records.store, records.generation) {
                records.generation -= 1;
            }
            Ok(())
        })
        .await
    }

    async fn commit(&self, change: Change) -> Result<Outcome> {
        self.change(|records| records.apply(change)).await
    }

    /// The file is written whole, so that nothing is saved by waiting less.
    async fn commit_soon(&self, change: Change) -> Result<Outcome> {
        self.commit(change).await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>> {
        self.read(|records| {
            let later = records.reservations.iter();
            let later = later.filter(|it| after.is_none_or(|after| it.volume > after));
            later.take(limit).cloned().collect()
        })
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>> {
        self.read(|records| records.find(account, id).map(|entry| entry.record.clone()))
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>> {
        self.select(usize::MAX, |record| {
            record.account == *account && record.name.as_ref().is_some_and(|it| it.key() == key)
        })
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>> {
        self.select(limit, |record| {
            record.account == *account && Some(record.id) > after && filter.matches(record)
        })
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>> {
        Ok(self.snapshots_where(workspace, 1, |it| it.id == id)?.pop())
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>> {
        Ok(self
            .snapshots_where(workspace, 1, |it| it.name.key() == key)?
            .pop())
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>> {
        self.snapshots_where(workspace, limit, |it| Some(it.sequence) > after)
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>> {
        self.select(limit, |record| {
            record.is_in_flight() && Some(record.id) > after
        })
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>> {
        let mut found = self.select(usize::MAX, |record| {
            let position = session_position(record);
            let ends = position.map(|(ends, _)| ends);
            position > after && ends.is_some_and(|ends| until.is_none_or(|until| ends <= until))
        })?;
        found.sort_by_key(session_position);
        found.truncate(limit);
        Ok(found)
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>> {
        let after = after.map(|(_, id)| id);
        self.select(limit, |record| Some(record.id) > after)
    }

    async fn check(&self, _account: Option<&AccountId>) -> Result<Vec<MetadataFault>> {
        // There are no indexes, and a file that cannot be read does not open.
        self.read(|_| Vec::new())
    }

    async fn repair(&self, _account: Option<&AccountId>) -> Result<Vec<MetadataFault>> {
        self.read(|_| Vec::new())
    }

    async fn receipt(&self, account: &AccountId, key: &str) -> Result<Option<Receipt>> {
        self.read(|records| records.receipt(account, key).cloned())
    }

    async fn forget_receipts(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.change(move |records| Ok(records.forget_receipts(before, limit)))
            .await
    }
}

/// Disks as folders: `active/ID` and `frozen/ID`, and `draft/ID` while one is copied; `labels/ID` beside them.
///
/// # Limitations
/// As [`JsonMetadata`]; and a program that starts with a disk as its working folder while it is frozen is not stopped.
#[derive(Clone, Debug)]
struct CopiedFolders {
    root: PathBuf,
    /// The mounted volumes. Held by every call, so that they come one after the other.
    mounted: Arc<Mutex<BTreeSet<VolumeId>>>,
}

impl CopiedFolders {
    fn open(root: &Path) -> Result<Self> {
        let opened = failed("open the folders of the volumes");
        fs::create_dir_all(root).map_err(&opened)?;
        let root = root.canonicalize().map_err(&opened)?;
        // What a dead process had not finished.
        delete(&root.join("draft"))?;
        for folder in ["active", "frozen", "draft", "labels"] {
            fs::create_dir_all(root.join(folder)).map_err(&opened)?;
        }
        Ok(Self {
            root,
            mounted: Arc::default(),
        })
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self, &mut BTreeSet<VolumeId>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        blocking(move || {
            let mut mounted = this.mounted.lock().unwrap_or_else(PoisonError::into_inner);
            work(&this, &mut mounted)
        })
        .await
    }

    fn folder(&self, kind: VolumeKind, id: VolumeId) -> PathBuf {
        let kind = if kind == VolumeKind::Active {
            "active"
        } else {
            "frozen"
        };
        self.root.join(kind).join(id.to_string())
    }

    fn label_file(&self, id: VolumeId) -> PathBuf {
        self.root.join("labels").join(id.to_string())
    }

    fn kind(&self, id: VolumeId) -> Option<VolumeKind> {
        let kinds = [VolumeKind::Active, VolumeKind::Frozen];
        kinds
            .into_iter()
            .find(|kind| self.folder(*kind, id).exists())
    }

    /// The folder of a volume that must be of that kind.
    fn find(&self, id: VolumeId, kind: VolumeKind) -> Result<PathBuf> {
        match self.kind(id) {
            None => Err(BackendError::not_found(format!("there is no volume {id}"))),
            Some(found) if found != kind => {
                let message = format!("volume {id} is of the other kind");
                Err(BackendError::new(BackendErrorKind::WrongState, message))
            }
            Some(_) => Ok(self.folder(kind, id)),
        }
    }

    fn must_be_idle(&self, id: VolumeId, mounted: bool) -> Result<()> {
        let holders = holders_under(&self.path(id));
        if mounted || !holders.is_empty() {
            return Err(BackendError::busy(
                format!("volume {id} is in use"),
                holders,
            ));
        }
        Ok(())
    }

    /// Makes a volume by `fill`, which is given a path where nothing is yet, and puts it into place in one step.
    fn make(
        &self,
        id: VolumeId,
        kind: VolumeKind,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        if self.kind(id).is_some() {
            let message = format!("volume {id} is there already");
            return Err(BackendError::new(BackendErrorKind::AlreadyExists, message));
        }
        let draft = self.root.join("draft").join(id.to_string());
        let place = || fs::rename(&draft, self.folder(kind, id)).map_err(failed("place a volume"));
        let made = fill(&draft).and_then(|()| place());
        if made.is_err() {
            delete(&draft)?;
        }
        made
    }

    fn status_of(&self, id: VolumeId, mounted: &BTreeSet<VolumeId>) -> Option<VolumeStatus> {
        Some(VolumeStatus::new(id, self.kind(id)?, mounted.contains(&id)))
    }

    fn ids(&self) -> Result<BTreeSet<VolumeId>> {
        let mut ids = BTreeSet::new();
        for kind in ["active", "frozen"] {
            for entry in fs::read_dir(self.root.join(kind)).map_err(failed("list the volumes"))? {
                let name = entry.map_err(failed("list the volumes"))?.file_name();
                ids.extend(name.to_str().and_then(|name| name.parse::<VolumeId>().ok()));
            }
        }
        Ok(ids)
    }
}

/// Runs a program of coreutils and answers what it printed.
fn run(program: &str, options: &[&str], paths: &[&Path]) -> Result<String> {
    let doing = format!("run {program}");
    let ran = Command::new(program)
        .args(options)
        .arg("--")
        .args(paths)
        .output();
    let ran = ran.map_err(failed(&doing))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&ran.stderr).into_owned();
    if message.contains("No space left on device") {
        return Err(BackendError::new(BackendErrorKind::Full, message));
    }
    Err(BackendError::unavailable(message))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let options = [
        "-a",
        "--no-target-directory",
        "--sparse=always",
        "--reflink=auto",
    ];
    run("cp", &options, &[from, to]).map(drop)
}

/// Deletes a tree, also one whose folders forbid it.
fn delete(tree: &Path) -> Result<()> {
    if !tree.exists() {
        return Ok(());
    }
    run("chmod", &["-R", "u+rwX"], &[tree])?;
    run("rm", &["-rf"], &[tree]).map(drop)
}

#[async_trait]
impl Volume for CopiedFolders {
    fn info(&self) -> VolumeInfo {
        VolumeInfo::new("copied folders")
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<()> {
        self.call(move |this, _| {
            let file = this.root.join("bound.json");
            let mismatch = |why: &str| Err(BackendError::new(BackendErrorKind::Mismatch, why));
            match load::<(StoreId, u64)>(&file)? {
                _ if adopt => {}
                None if this.ids()?.is_empty() => {}
                None => return mismatch("the volumes were never tied to a store"),
                Some((store, _)) if store != generation.store => {
                    return mismatch("the volumes are those of another store");
                }
                Some((_, seen)) if seen >= generation.number => {
                    return mismatch("the store is older than the volumes");
                }
                Some(_) => {}
            }
            let bound = (generation.store, generation.number);
            replace(&file, &bound).map_err(failed("note the store"))
        })
        .await
    }

    async fn create(&self, id: VolumeId) -> Result<()> {
        self.call(move |this, _| {
            this.make(id, VolumeKind::Active, |draft| {
                fs::create_dir(draft)
                    .and_then(|()| fs::set_permissions(draft, fs::Permissions::from_mode(0o755)))
                    .map_err(failed("make a folder"))
            })
        })
        .await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<()> {
        self.call(move |this, _| {
            let from = this.find(parent, VolumeKind::Frozen)?;
            this.make(id, VolumeKind::Active, |draft| copy(&from, draft))
        })
        .await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<()> {
        self.call(move |this, mounted| {
            let from = this.find(id, VolumeKind::Active)?;
            this.must_be_idle(id, mounted.contains(&id))?;
            this.make(frozen, VolumeKind::Frozen, |draft| copy(&from, draft))
        })
        .await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.folder(VolumeKind::Active, id)
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf> {
        self.call(move |this, mounted| {
            let path = this.find(id, VolumeKind::Active)?;
            this.must_be_idle(id, mounted.contains(&id))?;
            mounted.insert(id);
            Ok(path)
        })
        .await
    }

    /// The folder itself. It is not noted as mounted, so that the volume can be removed.
    async fn fill(&self, id: VolumeId) -> Result<PathBuf> {
        self.call(move |this, mounted| {
            let path = this.find(id, VolumeKind::Active)?;
            this.must_be_idle(id, mounted.contains(&id))?;
            Ok(path)
        })
        .await
    }

    async fn recipe(&self, _id: VolumeId) -> Result<MountRecipe> {
        Err(BackendError::unsupported(
            "a copied folder cannot be mounted elsewhere",
        ))
    }

    async fn unmount(&self, id: VolumeId) -> Result<()> {
        self.call(move |this, mounted| {
            let path = this.find(id, VolumeKind::Active)?;
            this.must_be_idle(id, false)?;
            run("sync", &["--file-system"], &[&path])?;
            mounted.remove(&id);
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: VolumeId) -> Result<()> {
        self.call(move |this, mounted| match this.kind(id) {
            None => Ok(()),
            Some(kind) => {
                if kind == VolumeKind::Active {
                    this.must_be_idle(id, mounted.contains(&id))?;
                }
                match fs::remove_file(this.label_file(id)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(failed("remove a label")(error));
                    }
                    _ => {}
                }
                // It is gone as a whole, whatever becomes of the deletion.
                let gone = this.root.join("draft").join(id.to_string());
                fs::rename(this.folder(kind, id), &gone).map_err(failed("remove a volume"))?;
                delete(&gone)
            }
        })
        .await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>> {
        self.call(move |this, mounted| Ok(this.status_of(id, mounted)))
            .await
    }

    async fn list(&self, after: Option<VolumeId>, limit: usize) -> Result<Vec<VolumeStatus>> {
        self.call(move |this, mounted| {
            let ids = this.ids()?.into_iter().filter(|id| Some(*id) > after);
            Ok(ids
                .filter_map(|id| this.status_of(id, mounted))
                .take(limit)
                .collect())
        })
        .await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<()> {
        let label = label.to_owned();
        self.call(move |this, _| {
            if label.len() > MAX_LABEL {
                return Err(BackendError::invalid_input("the label is too long"));
            }
            this.find(id, this.kind(id).unwrap_or(VolumeKind::Active))?;
            replace(&this.label_file(id), &label).map_err(failed("write a label"))
        })
        .await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>> {
        self.call(move |this, _| match this.kind(id) {
            None => Ok(None),
            Some(_) => load(&this.label_file(id)),
        })
        .await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage> {
        self.call(move |this, _| {
            let kind = this.kind(id).unwrap_or(VolumeKind::Active);
            let printed = run("du", &["-s", "--block-size=1"], &[&this.find(id, kind)?])?;
            let bytes = printed
                .split_whitespace()
                .next()
                .and_then(|it| it.parse().ok());
            let bytes = bytes.ok_or_else(|| BackendError::unavailable("du printed no number"))?;
            Ok(Usage::new(bytes, 0))
        })
        .await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>> {
        self.call(move |this, _| {
            this.find(id, this.kind(id).unwrap_or(VolumeKind::Active))?;
            Ok(Vec::new())
        })
        .await
    }

    /// A removal is durable when it is answered.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    async fn reclaim(&self) -> Result<()> {
        // `remove` has deleted everything, but for what it was stopped at.
        self.call(|this, _| {
            for entry in fs::read_dir(this.root.join("draft")).map_err(failed("list the drafts"))? {
                delete(&entry.map_err(failed("list the drafts"))?.path())?;
            }
            Ok(())
        })
        .await
    }
}

#[expect(
    clippy::print_stdout,
    reason = "it is a program that tells a person what it does"
)]
#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let metadata = JsonMetadata::open(folder.path().join("records.json"))?;
    let volumes = CopiedFolders::open(&folder.path().join("volumes"))?;
    let manager = WorkspaceManager::builder(Arc::new(metadata), Arc::new(volumes))
        .open()
        .await?;
    let account = manager.account("acme")?;

    let sandbox = CreateWorkspace::new(SessionType::Sandbox).with_name("first");
    let first = account.create(sandbox).await?;
    let start = StartSession::default();
    let session = account
        .start_session(first.id, SessionType::Sandbox, start)
        .await?;
    fs::write(session.path().join("notes"), "written in the first\n")?;
    session.end().await?;
    println!("wrote notes to \"first\"");

    let second = account
        .clone_workspace(first.id, CloneWorkspace::of_head().with_name("second"))
        .await?;
    let session = account
        .start_session(second.id, SessionType::Sandbox, start)
        .await?;
    print!(
        "\"second\" is a clone of it and holds: {}",
        fs::read_to_string(session.path().join("notes"))?
    );
    session.end().await?;
    println!(
        "the records are these:\n{}",
        fs::read_to_string(folder.path().join("records.json"))?
    );
    Ok(())
}

/// The proof: every case of the suite is a test.
#[cfg(test)]
mod conformance {
    use tempfile::TempDir;
    use workdisk_conformance::fixtures::allocated_below;
    use workdisk_conformance::{Harness, MetadataHarness, Skip, VolumeHarness};

    use super::*;

    struct Disk(TempDir);

    impl Harness for Disk {
        async fn start() -> std::result::Result<Self, Skip> {
            tempfile::tempdir()
                .map(Self)
                .map_err(|error| Skip::new(error.to_string()))
        }
    }

    impl MetadataHarness for Disk {
        async fn open(&self) -> Arc<dyn Metadata> {
            let file = self.0.path().join("records.json");
            Arc::new(JsonMetadata::open(file).expect("the records open"))
        }
    }

    impl VolumeHarness for Disk {
        async fn open(&self) -> Arc<dyn Volume> {
            let root = self.0.path().join("volumes");
            Arc::new(CopiedFolders::open(&root).expect("the volumes open"))
        }

        fn allocated_bytes(&self) -> Option<u64> {
            allocated_below(&self.0.path().join("volumes")).ok()
        }
    }

    mod metadata {
        workdisk_conformance::metadata_tests!(super::Disk);
    }

    mod volume {
        workdisk_conformance::volume_tests!(super::Disk);
    }
}
