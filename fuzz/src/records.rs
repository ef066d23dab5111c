//! Records with something in every field, within what their types allow.

use std::time::Duration;

use proptest::prelude::*;
use proptest::{collection, option};
use uuid::Uuid;
use workdisk::model::{
    AccountId, ImageRef, Intent, Lease, Operation, Owner, SessionId, SessionRecord, SessionType,
    SnapshotId, SnapshotName, SnapshotRecord, Source, Timestamp, VolumeId, WorkspaceId,
    WorkspaceName, WorkspaceRecord,
};
use workdisk::{ErrorCode, Failure};

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_micros)
}

/// A text that may be long, and hold any character.
fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

/// Texts that are names of both kinds.
const NAMES: [&str; 6] = ["alpha", "ALPHA", "Straße", "ﬁn", "日本 ../語", "x\u{301}"];

/// Few names, so that some are alike.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn session_type() -> impl Strategy<Value = SessionType> {
    prop_oneof![Just(SessionType::Sandbox), Just(SessionType::Browser)]
}

fn owner() -> impl Strategy<Value = Owner> {
    (text(), text(), any::<u64>(), any::<u32>(), any::<u64>()).prop_map(
        |(host, boot, namespace, pid, started)| Owner::new(host, boot, namespace, pid, started),
    )
}

/// A snapshot.
pub fn snapshot() -> impl Strategy<Value = SnapshotRecord> {
    let rest = (uuid(), option::of(uuid()), time(), option::of(any::<u64>()));
    (uuid(), any::<u64>(), name(), rest).prop_map(
        |(id, sequence, name, (volume, parent, created_at, size))| {
            let name = SnapshotName::parse(&name).expect("both have the same rules");
            let (id, volume) = (SnapshotId::from_uuid(id), VolumeId::from_uuid(volume));
            let mut record = SnapshotRecord::new(id, sequence, name, volume, created_at);
            record.parent = parent.map(SnapshotId::from_uuid);
            record.size_bytes = size;
            record
        },
    )
}

fn intent() -> impl Strategy<Value = Intent> {
    prop_oneof![
        Just(Intent::Create),
        Just(Intent::Delete),
        uuid().prop_map(|frozen| Intent::Freeze {
            frozen: VolumeId::from_uuid(frozen)
        }),
        snapshot().prop_map(|snapshot| Intent::Snapshot { snapshot }),
        (uuid(), uuid(), option::of(snapshot())).prop_map(|(snapshot, head, save_head_as)| {
            Intent::Restore {
                snapshot: SnapshotId::from_uuid(snapshot),
                head: VolumeId::from_uuid(head),
                size_bytes: save_head_as.as_ref().and_then(|saved| saved.size_bytes),
                save_head_as,
            }
        }),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    (intent(), owner(), time()).prop_map(|(intent, owner, at)| Operation::new(intent, owner, at))
}

fn session() -> impl Strategy<Value = SessionRecord> {
    let duration = || (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n));
    let lease = (duration(), text(), duration(), time())
        .prop_map(|(ttl, boot, uptime, now)| Lease::granted(ttl, boot, uptime, now));
    let rest = (owner(), time(), option::of(lease), any::<bool>());
    (uuid(), session_type(), any::<u64>(), rest).prop_map(
        |(id, session_type, epoch, (owner, at, lease, revoked))| {
            let id = SessionId::from_uuid(id);
            let mut record = SessionRecord::new(id, session_type, epoch, owner, at);
            (record.lease, record.revoked) = (lease, revoked);
            record
        },
    )
}

fn source() -> impl Strategy<Value = Source> {
    (uuid(), option::of(uuid())).prop_map(|(clone_of, snapshot)| Source::Clone {
        clone_of: WorkspaceId::from_uuid(clone_of),
        snapshot: snapshot.map(SnapshotId::from_uuid),
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    (text(), time()).prop_map(|(text, at)| Failure::new(ErrorCode::StorageUnavailable, text, at))
}

const ACCOUNTS: [&str; 4] = ["acme", "a", "ac", "\u{1b}[2J\n"];
const IMAGES: [&str; 2] = ["alpine", "ghcr.io/acme/tool:v1"];

/// A workspace.
pub fn workspace() -> impl Strategy<Value = WorkspaceRecord> {
    let account = prop::sample::select(&ACCOUNTS[..]);
    let image = prop::sample::select(&IMAGES[..]);
    let model = (
        account,
        option::of(name()),
        session_type(),
        option::of(image),
        any::<bool>(),
    );
    let files = (
        option::of(source()),
        option::of(uuid()),
        collection::vec(uuid(), 0..4),
    );
    let state = (
        option::of(operation()),
        option::of(failure()),
        option::of(session()),
    );
    let counts = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        option::of(any::<u64>()),
        time(),
    );
    ((uuid(), uuid()), model, files, state, counts).prop_map(
        |((id, head), model, (source, frozen, discard), state, counts)| {
            let (account, name, session_type, image, template) = model;
            let (version, epoch, sequence, size, at) = counts;
            let account = AccountId::parse(account).expect("because it is short");
            let (id, head) = (WorkspaceId::from_uuid(id), VolumeId::from_uuid(head));
            let mut record = WorkspaceRecord::new(id, account, session_type, head, at);
            record.name = name.map(|name| WorkspaceName::parse(&name).expect("it was tried"));
            record.image = image.map(|image| ImageRef::parse(image).expect("because it is one"));
            (record.template, record.source) = (template, source);
            record.frozen_head = frozen.map(VolumeId::from_uuid);
            record.discard = discard.into_iter().map(VolumeId::from_uuid).collect();
            (record.operation, record.failure, record.session) = state;
            (record.version, record.epoch, record.next_sequence) = (version, epoch, sequence);
            (record.size_bytes, record.saved_at) = (size, Some(at));
            record
        },
    )
}
