//! Records to commit and names to give, valid for a store that checks every invariant.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use workdisk::model::{
    AccountId, ImageRef, Intent, Lease, Made, NameKey, Operation, Owner, Receipt, RequestKey,
    SessionId, SessionRecord, SessionType, SnapshotId, SnapshotName, SnapshotRecord, Source,
    Timestamp, VolumeId, WorkspaceId, WorkspaceName, WorkspaceRecord,
};
use workdisk::{ErrorCode, Failure};

/// An account of that name.
pub fn account(text: &str) -> AccountId {
    AccountId::parse(text).expect("the suite gives valid accounts")
}

/// A workspace's name.
pub fn name(text: &str) -> WorkspaceName {
    WorkspaceName::parse(text).expect("the suite gives valid names")
}

/// The key that a workspace of that name is found by.
pub fn key(text: &str) -> NameKey {
    name(text).key().clone()
}

/// The key that a snapshot of that name is found by.
pub fn snapshot_key(text: &str) -> NameKey {
    snapshot_name(text).key().clone()
}

/// A snapshot's name.
pub fn snapshot_name(text: &str) -> SnapshotName {
    SnapshotName::parse(text).expect("the suite gives valid names")
}

/// A moment, in seconds since 2027.
pub fn at(seconds: i64) -> Timestamp {
    const YEAR_2027: i64 = 1_798_761_600;
    Timestamp::from_unix_micros((YEAR_2027 + seconds) * 1_000_000 + 123_456)
}

/// A process that runs nowhere.
pub fn owner() -> Owner {
    Owner::new("host", "boot", 4_026_531_836, 4_242, 77)
}

/// A sandbox without a name, of version 1.
pub fn record(account: &AccountId) -> WorkspaceRecord {
    WorkspaceRecord::new(
        WorkspaceId::new(),
        account.clone(),
        SessionType::Sandbox,
        VolumeId::new(),
        at(0),
    )
}

/// A sandbox with a name, of version 1.
pub fn named(account: &AccountId, text: &str) -> WorkspaceRecord {
    let mut record = record(account);
    record.name = Some(name(text));
    record
}

/// A record of version 1 with something in every field that a record without snapshots and operation can have.
pub fn full_record(account: &AccountId) -> WorkspaceRecord {
    let mut record = named(account, "Zürich, первый 東京");
    record.image = Some(ImageRef::parse("ghcr.io/acme/tool:1.2").expect("it is a valid image"));
    record.template = true;
    record.source = Some(Source::Clone {
        clone_of: WorkspaceId::new(),
        snapshot: Some(SnapshotId::new()),
    });
    record.frozen_head = Some(VolumeId::new());
    record.discard = vec![VolumeId::new(), VolumeId::new()];
    record.failure = Some(Failure::new(
        ErrorCode::StorageFull,
        "no space: \"quoted\"\n\u{0}",
        at(3),
    ));
    record.epoch = u64::MAX - 1;
    record.session = Some(session(u64::MAX - 1, Some(at(60))));
    record.last_session = Some(SessionId::new());
    record.next_sequence = u64::MAX;
    record.base_snapshot = Some(SnapshotId::new());
    record.saved_at = Some(at(1));
    record.size_bytes = Some(u64::MAX);
    record.updated_at = at(2);
    record
}

/// A sandbox's session that ends then, or has no lease.
pub fn session(epoch: u64, ends: Option<Timestamp>) -> SessionRecord {
    let mut session = SessionRecord::new(
        SessionId::new(),
        SessionType::Sandbox,
        epoch,
        owner(),
        at(0),
    );
    session.lease = ends.map(|ends| {
        let ttl = Duration::from_millis(30_001);
        let mut lease = Lease::granted(ttl, "boot".to_owned(), Duration::from_nanos(7), at(0));
        lease.expires_at = ends;
        lease
    });
    session
}

/// A record with a session of epoch 1 that ends then, or has no lease.
pub fn in_session(account: &AccountId, ends: Option<Timestamp>) -> WorkspaceRecord {
    let mut record = record(account);
    record.epoch = 1;
    record.session = Some(session(1, ends));
    record
}

/// An operation that began at once.
pub fn operation(intent: Intent) -> Operation {
    Operation::new(intent, owner(), at(0)).with_request(Some(request("of an operation")))
}

/// A record that an operation is under way on.
pub fn in_operation(account: &AccountId) -> WorkspaceRecord {
    let mut record = record(account);
    record.operation = Some(operation(Intent::Create));
    record
}

/// A snapshot of that place and name, with something in every field.
pub fn snapshot(sequence: u64, text: &str) -> SnapshotRecord {
    let mut snapshot = SnapshotRecord::new(
        SnapshotId::new(),
        sequence,
        snapshot_name(text),
        VolumeId::new(),
        at(4),
    );
    snapshot.parent = Some(SnapshotId::new());
    snapshot.size_bytes = Some(1 << 40);
    snapshot
}

/// A request under that key.
pub fn request(key: &str) -> RequestKey {
    RequestKey::new(key, format!("what {key} asks")).expect("the suite gives valid keys")
}

/// A receipt of a snapshot.
pub fn receipt(account: &AccountId, key: &str, made_at: i64) -> Receipt {
    let record = snapshot(1, "made");
    let made = Made::Snapshot { record };
    Receipt::new(account.clone(), &request(key), made, at(made_at))
}

/// A receipt of a session with something in every field.
pub fn receipt_of_session(account: &AccountId, key: &str, made_at: i64) -> Receipt {
    let mut session = session(7, Some(at(60)));
    session.starting = true;
    session.lease = session.lease.map(|lease| lease.with_remote(true));
    let made = Made::Session {
        workspace: WorkspaceId::new(),
        head: VolumeId::new(),
        session,
    };
    Receipt::new(account.clone(), &request(key), made, at(made_at))
}

/// The record as a change that a caller can see leaves it: version and revision one more, all else as it was.
#[must_use]
pub fn next(record: &WorkspaceRecord) -> WorkspaceRecord {
    let mut next = record.clone();
    next.version += 1;
    next.revision += 1;
    next
}

/// The bytes of allocated blocks below a folder, each file once: what
/// [`VolumeHarness::allocated_bytes`](crate::VolumeHarness::allocated_bytes) answers for a disk that is a folder.
pub fn allocated_below(folder: &Path) -> io::Result<u64> {
    fn add(path: &Path, seen: &mut HashSet<(u64, u64)>) -> io::Result<u64> {
        let entry = fs::symlink_metadata(path)?;
        if !seen.insert((entry.dev(), entry.ino())) {
            return Ok(0);
        }
        let mut bytes = entry.blocks() * 512;
        if entry.is_dir() {
            for inner in fs::read_dir(path)? {
                bytes += add(&inner?.path(), seen)?;
            }
        }
        Ok(bytes)
    }
    add(folder, &mut HashSet::new())
}
