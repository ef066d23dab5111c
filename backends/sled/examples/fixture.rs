//! Makes a store with a record of each kind, and an export of it: `cargo run -p workdisk-sled --example fixture -- FOLDER`.
//!
//! Whoever changes the encoding runs it before the change and adds what it makes to `tests/fixtures`, from where every later
//! release must read it.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use workdisk::Metadata;
use workdisk::error::{ErrorCode, Failure};
use workdisk::metadata::{Change, Outcome, SnapshotChange};
use workdisk::model::{
    AccountId, ImageRef, Intent, Lease, Made, Operation, Owner, Receipt, RequestKey, SessionId,
    SessionRecord, SessionType, SnapshotId, SnapshotName, SnapshotRecord, Source, Timestamp,
    VolumeId, WorkspaceId, WorkspaceName, WorkspaceRecord,
};
use workdisk_sled::SledMetadata;

fn record(account: &str, session_type: SessionType) -> Result<WorkspaceRecord, Box<dyn Error>> {
    let (id, head) = (WorkspaceId::new(), VolumeId::new());
    Ok(WorkspaceRecord::new(
        id,
        AccountId::parse(account)?,
        session_type,
        head,
        at(1),
    ))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_700_000_000_000_000 + second * 1_000_000)
}

fn owner() -> Owner {
    Owner::new("host", "boot", 1, 2, 3)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("give the folder to make")?);
    let store = SledMetadata::open(&folder).await?;
    store.begin().await?;
    let mut records = Vec::new();

    let mut first = record("acme", SessionType::Sandbox)?;
    first.name = Some(WorkspaceName::parse("Straße")?);
    first.image = Some(ImageRef::parse("alpine")?);
    first.template = true;
    first.frozen_head = Some(VolumeId::new());
    first.last_session = Some(SessionId::new());
    (first.epoch, first.saved_at, first.size_bytes) = (7, Some(at(5)), Some(4_096));
    let source = Source::Clone {
        clone_of: first.id,
        snapshot: Some(SnapshotId::new()),
    };
    records.push(first.clone());

    let mut running = record("acme", SessionType::Browser)?;
    running.epoch = 1;
    let mut session = SessionRecord::new(SessionId::new(), SessionType::Browser, 1, owner(), at(2));
    session.lease = Some(Lease::granted(
        Duration::from_secs(30),
        "boot".to_owned(),
        Duration::from_secs(9),
        at(2),
    ));
    running.session = Some(session);
    records.push(running);

    let mut busy = record("other", SessionType::Sandbox)?;
    busy.name = Some(WorkspaceName::parse("strasse")?);
    busy.source = Some(source);
    busy.failure = Some(Failure::new(
        ErrorCode::StorageCorrupt,
        "a layer is gone",
        at(3),
    ));
    busy.operation = Some(Operation::new(Intent::Delete, owner(), at(4)));
    busy.discard = vec![VolumeId::new()];
    records.push(busy);

    for record in records {
        let done = store.commit(Change::Insert { record }).await?;
        assert_eq!(done, Outcome::Done);
    }
    let mut snapshots = Vec::new();
    for name in ["first", "Second"] {
        let sequence = first.next_sequence;
        let name = SnapshotName::parse(name)?;
        let mut snapshot =
            SnapshotRecord::new(SnapshotId::new(), sequence, name, VolumeId::new(), at(6));
        (snapshot.parent, snapshot.size_bytes) = (first.base_snapshot, Some(512));
        (first.base_snapshot, first.at_base) = (Some(snapshot.id), true);
        (first.next_sequence, first.snapshot_count) = (sequence + 1, sequence);
        snapshots.push(SnapshotChange::Put(snapshot));
    }
    first.version = 2;
    let request = RequestKey::new("a key", "a digest")?;
    let made = Made::Workspace {
        record: Box::new(first.clone()),
    };
    let receipt = Receipt::new(first.account.clone(), &request, made, at(7));
    let change = Change::Update {
        expected: 1,
        record: first,
        snapshots,
        receipt: Some(Box::new(receipt)),
        reserved: Vec::new(),
    };
    assert_eq!(store.commit(change).await?, Outcome::Done);
    store
        .export(File::create(folder.with_extension("jsonl"))?)
        .await?;
    Ok(())
}
