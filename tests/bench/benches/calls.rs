//! What calls take where no disk is waited for: the manager over both stores in memory, and what a sled store reads and
//! writes down.
//!
//! `cargo bench -p workdisk-bench`. What a whole call takes on a disk, beside its peers, is the program's to measure.

#![expect(
    clippy::unwrap_used,
    reason = "a bench ends where it meets what it does not expect"
)]

#[path = "../src/records.rs"]
mod records;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot};
use workdisk::metadata::{Change, Metadata, Outcome};
use workdisk::model::{AccountId, SessionType, WorkspaceFilter, WorkspaceRecord};
use workdisk::{Account, WorkspaceManager};
use workdisk_memory::{MemoryMetadata, MemoryVolume};
use workdisk_sled::SledMetadata;

use crate::records::record;

/// How many records the stores have.
const RECORDS: u64 = 10_000;

/// An account with a workspace "base" that has a snapshot "s".
async fn account() -> Account {
    let (metadata, volume) = (MemoryMetadata::new(), MemoryVolume::new().unwrap());
    let manager = WorkspaceManager::open(Arc::new(metadata), Arc::new(volume));
    let account = manager.await.unwrap().account("bench").unwrap();
    let base = CreateWorkspace::new(SessionType::Sandbox).with_name("base");
    account.create(base).await.unwrap();
    account
        .create_snapshot("base", "s", Force::No)
        .await
        .unwrap();
    account
}

/// The rules, the records and the threads that a call goes through. Its files are folders of a temporary folder.
fn manager(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let account = runtime.block_on(account());
    let mut group = criterion.benchmark_group("manager in memory");
    group.bench_function("get by name", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(async || account.get("base").await.unwrap());
    });
    group.bench_function("list", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(async || account.list(ListWorkspaces::default()).await.unwrap());
    });
    group.bench_function("clone and delete", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let options = CloneWorkspace::of_snapshot("s").with_name("copy");
            let copy = account.clone_workspace("base", options).await.unwrap();
            account.delete(copy.id, Force::No).await.unwrap();
        });
    });
    group.bench_function("restore", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let options = RestoreSnapshot::default();
            account.restore("base", "s", options).await.unwrap()
        });
    });
    group.finish();
}

async fn insert(store: &SledMetadata, record: WorkspaceRecord) {
    let done = store.commit_soon(Change::Insert { record }).await.unwrap();
    assert_eq!(done, Outcome::Done);
}

/// Reads of a store all of which is in memory, and changes that are not waited for.
fn sled(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let account = AccountId::parse("bench").unwrap();
    let store = runtime.block_on(SledMetadata::open(folder.path())).unwrap();
    let mut stored: Vec<WorkspaceRecord> = (0..RECORDS)
        .map(|it| record(&account, it).unwrap())
        .collect();
    for record in &stored {
        runtime.block_on(insert(&store, record.clone()));
    }
    let mut numbers = (0..RECORDS).cycle().step_by(7_919);
    let mut next = || usize::try_from(numbers.next().unwrap()).unwrap();
    let mut group = criterion.benchmark_group("sled");
    group.bench_function("get by id", |bencher| {
        bencher.iter(|| {
            let found = store.workspace(&account, stored[next()].id);
            black_box(runtime.block_on(found)).unwrap().unwrap()
        });
    });
    group.bench_function("find by name", |bencher| {
        bencher.iter(|| {
            let name = stored[next()].name.as_ref().unwrap();
            let found = store.workspaces_named(&account, name.key());
            assert_eq!(runtime.block_on(found).unwrap().len(), 1);
        });
    });
    group.bench_function("page of 100", |bencher| {
        bencher.iter(|| {
            let after = stored[next() / 2].id;
            let filter = WorkspaceFilter::default();
            let page = store.list(&account, &filter, Some(after), 100);
            assert_eq!(runtime.block_on(page).unwrap().len(), 100);
        });
    });
    group.bench_function("change that is not waited for", |bencher| {
        bencher.iter(|| {
            let record = &mut stored[next()];
            record.version += 1;
            let change = Change::Update {
                expected: record.version - 1,
                record: record.clone(),
                snapshots: Vec::new(),
                receipt: None,
                reserved: Vec::new(),
            };
            let done = runtime.block_on(store.commit_soon(change)).unwrap();
            assert_eq!(done, Outcome::Done);
        });
    });
    group.finish();
}

criterion_group!(calls, manager, sled);
criterion_main!(calls);
