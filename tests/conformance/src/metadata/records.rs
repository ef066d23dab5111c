//! One record: put, replaced, removed, read.

use workdisk::Metadata;
use workdisk::metadata::{Change, Outcome};
use workdisk::model::{Intent, SnapshotId, Timestamp, VolumeId, WorkspaceId};

use super::steps::{
    all, assert_stored, change, insert, refused_as_invalid, remove, snapshots, stored, try_insert,
    try_remove, try_update, update,
};
use crate::fixtures::{
    account, full_record, in_session, key, next, operation, record, snapshot, snapshot_key,
};
use crate::harness::MetadataHarness;

/// "A record and a snapshot come back equal to what was committed."
pub async fn put_then_get_returns_it<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = record(&account("ours"));
    insert(&store, &record).await;
    assert_stored(&store, &record).await;
}

/// "A record and a snapshot come back equal to what was committed."
pub async fn every_field_comes_back<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = full_record(&account("ours"));
    insert(&store, &record).await;
    assert_stored(&store, &record).await;
    assert_eq!(all(&store, &record.account).await, [record]);
}

/// "A record and a snapshot come back equal to what was committed."
pub async fn every_intent_comes_back<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let restore = |save_head_as| Intent::Restore {
        snapshot: SnapshotId::new(),
        head: VolumeId::new(),
        save_head_as,
        size_bytes: Some(7),
    };
    for intent in [
        Intent::Create,
        Intent::Freeze {
            frozen: VolumeId::new(),
        },
        Intent::Snapshot {
            snapshot: snapshot(1, "taken"),
        },
        restore(None),
        restore(Some(snapshot(2, "saved"))),
        Intent::Delete,
    ] {
        let mut record = record(&account("ours"));
        record.operation = Some(operation(intent));
        insert(&store, &record).await;
        assert_stored(&store, &record).await;
    }
}

/// "A record and a snapshot come back equal to what was committed."
pub async fn revoked_and_endless_sessions_come_back<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    for ends in [
        None,
        Some(Timestamp::MAX),
        Some(Timestamp::from_unix_micros(-1)),
    ] {
        let mut record = in_session(&account("ours"), ends);
        if let Some(session) = &mut record.session {
            session.revoked = true;
        }
        insert(&store, &record).await;
        assert_stored(&store, &record).await;
    }
}

/// "Reads answer absence with `None` or an empty page, never with an error."
pub async fn empty_store_answers_absence<H: MetadataHarness>(harness: H) {
    const ANSWERED: &str = "absence is no error";
    let store = harness.open().await;
    let (account, id) = (account("ours"), WorkspaceId::new());
    assert_eq!(store.workspace(&account, id).await.expect(ANSWERED), None);
    let named = store.workspaces_named(&account, &key("a")).await;
    assert_eq!(named.expect(ANSWERED), []);
    assert_eq!(all(&store, &account).await, []);
    let snapshot = store.snapshot(id, SnapshotId::new()).await;
    assert_eq!(snapshot.expect(ANSWERED), None);
    let snapshot = store.snapshot_named(id, &snapshot_key("a")).await;
    assert_eq!(snapshot.expect(ANSWERED), None);
    assert_eq!(snapshots(&store, id).await, []);
    assert_eq!(store.in_flight(None, 9).await.expect(ANSWERED), []);
    assert_eq!(store.sessions(None, None, 9).await.expect(ANSWERED), []);
}

/// "The record of that id, if it is of that account."
pub async fn record_of_another_account_is_none<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = record(&account("theirs"));
    insert(&store, &record).await;
    let answer = store.workspace(&account("ours"), record.id).await;
    assert_eq!(answer.expect("absence is no error"), None);
}

/// "Replaces a record, and changes its snapshots in the same step."
pub async fn update_replaces_the_record<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let mut second = next(&first);
    second.size_bytes = Some(5);
    second.discard = vec![VolumeId::new()];
    update(&store, &second, &[]).await;
    assert_stored(&store, &second).await;
    let mut third = next(&second);
    third.size_bytes = None;
    third.discard.clear();
    update(&store, &third, &[]).await;
    assert_stored(&store, &third).await;
    assert_eq!(all(&store, &third.account).await, [third]);
}

/// "A read that begins after a commit has been answered sees it."
pub async fn answered_commit_is_seen_by_another_task<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut record = record(&account("ours"));
    insert(&store, &record).await;
    for _ in 0..50 {
        record = next(&record);
        update(&store, &record, &[]).await;
        let (reader, expected) = (store.clone(), record.clone());
        let read = tokio::spawn(async move { assert_stored(&reader, &expected).await });
        read.await.expect("the reader sees the commit");
    }
}

/// "A change that is decided on an old version is a [`Outcome::VersionConflict`]."
pub async fn update_of_an_old_version_conflicts<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let mut winner = next(&first);
    winner.template = true;
    update(&store, &winner, &[]).await;
    let mut late = next(&first);
    late.size_bytes = Some(1);
    let outcome = try_update(&store, &late, &[]).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_stored(&store, &winner).await;
}

/// "The record is not of the expected version: another one, gone, or there already for an insertion."
pub async fn update_of_a_version_to_come_conflicts<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let early = next(&next(&first));
    let outcome = try_update(&store, &early, &[]).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_stored(&store, &first).await;
}

/// "The record is not of the expected version: another one, gone, or there already for an insertion."
pub async fn insertion_of_a_present_id_conflicts<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = record(&account("ours"));
    insert(&store, &record).await;
    let mut again = record.clone();
    again.head = VolumeId::new();
    let outcome = try_insert(&store, &again).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_stored(&store, &record).await;
}

/// "The record is not of the expected version: another one, gone, or there already for an insertion."
pub async fn change_of_an_absent_record_conflicts<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let absent = next(&record(&account("ours")));
    let outcome = try_update(&store, &absent, &[]).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    let outcome = try_remove(&store, &absent).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_eq!(stored(&store, &absent).await, None);
}

/// "Removes a record and every snapshot of it."
pub async fn removed_record_is_gone<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (kept, gone) = (record(&account("ours")), full_record(&account("ours")));
    insert(&store, &kept).await;
    insert(&store, &gone).await;
    remove(&store, &gone).await;
    assert_eq!(stored(&store, &gone).await, None);
    assert_eq!(all(&store, &gone.account).await, [kept]);
    let outcome = try_remove(&store, &gone).await;
    assert_eq!(outcome, Outcome::VersionConflict);
}

/// "A change that is decided on an old version is a [`Outcome::VersionConflict`]."
pub async fn removal_of_an_old_version_conflicts<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let second = next(&first);
    update(&store, &second, &[]).await;
    let outcome = try_remove(&store, &first).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_stored(&store, &second).await;
}

/// "What is asked for one account is answered from that account alone."
pub async fn removal_for_another_account_removes_nothing<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = record(&account("theirs"));
    insert(&store, &record).await;
    let change = Change::Remove {
        account: account("ours"),
        id: record.id,
        expected: record.version,
    };
    let answer = store.commit(change).await.expect("a removal is answered");
    assert_eq!(answer, Outcome::VersionConflict);
    assert_stored(&store, &record).await;
}

/// "`InvalidInput` if the record's version does not follow".
pub async fn insertion_of_a_later_version_is_invalid<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = next(&record(&account("ours")));
    let insertion = Change::Insert {
        record: record.clone(),
    };
    refused_as_invalid(&store, insertion).await;
    assert_eq!(stored(&store, &record).await, None);
}

/// "`InvalidInput` if the record's version does not follow".
pub async fn update_whose_version_does_not_follow_is_invalid<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    for skipping in [first.clone(), next(&next(&first))] {
        refused_as_invalid(&store, change(1, &skipping, &[])).await;
        assert_stored(&store, &first).await;
    }
}

/// "`InvalidInput` if … its account or id differs from the stored one's".
pub async fn update_that_moves_the_account_is_invalid<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let mut moved = next(&first);
    moved.account = account("theirs");
    refused_as_invalid(&store, change(1, &moved, &[])).await;
    assert_stored(&store, &first).await;
    assert_eq!(stored(&store, &moved).await, None);
}

/// "There already for an insertion": an id is one workspace's, whatever the account.
pub async fn insertion_of_an_id_of_another_account_conflicts<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let mut other = record(&account("theirs"));
    other.id = first.id;
    assert_eq!(try_insert(&store, &other).await, Outcome::VersionConflict);
    assert_stored(&store, &first).await;
    assert_eq!(stored(&store, &other).await, None);
}
