//! What the next process finds.

use workdisk::metadata::{Change, Outcome};
use workdisk::model::VolumeId;

use super::steps::{
    all, assert_stored, found, ids, insert, puts, remove, snapshots, stored, try_insert,
    try_update, update, with_snapshots,
};
use crate::fixtures::{
    account, at, full_record, in_operation, in_session, named, next, receipt, record, snapshot,
};
use crate::harness::MetadataHarness;

/// "A change that was answered with `Outcome::Done` MUST survive the death of the process".
pub async fn committed_records_are_still_there<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let full = full_record(&account("ours"));
    let first = record(&account("ours"));
    let mut second = next(&first);
    second.size_bytes = Some(7);
    insert(&store, &full).await;
    insert(&store, &first).await;
    update(&store, &second, &[]).await;
    drop(store);
    let store = harness.open().await;
    assert_stored(&store, &full).await;
    assert_stored(&store, &second).await;
    assert_eq!(all(&store, &full.account).await.len(), 2);
    let late = try_update(&store, &next(&first), &[]).await;
    assert_eq!(late, Outcome::VersionConflict);
    update(&store, &next(&second), &[]).await;
}

/// "A change that was answered with `Outcome::Done` MUST survive the death of the process", names included.
pub async fn names_are_still_taken<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = named(&account("ours"), "alpha");
    insert(&store, &record).await;
    drop(store);
    let store = harness.open().await;
    assert_eq!(found(&store, &record.account, "ALPHA").await, [record.id]);
    let rival = named(&record.account, "alpha");
    assert_eq!(try_insert(&store, &rival).await, Outcome::NameTaken);
}

/// "A change that was answered with `Outcome::Done` MUST survive the death of the process", snapshots included.
pub async fn snapshots_are_still_there<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let added = [snapshot(1, "one"), snapshot(2, "two")];
    update(&store, &with_snapshots(&first, &added), &puts(&added)).await;
    drop(store);
    let store = harness.open().await;
    assert_eq!(snapshots(&store, first.id).await, added);
}

/// "A change that was answered with `Outcome::Done` MUST survive the death of the process", its receipt included.
pub async fn receipts_are_still_there<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let kept = receipt(&account("ours"), "k", 1);
    let first = record(&kept.account);
    insert(&store, &first).await;
    let change = Change::Update {
        expected: first.version,
        record: next(&first),
        snapshots: Vec::new(),
        receipt: Some(Box::new(kept.clone())),
        reserved: Vec::new(),
    };
    let outcome = store.commit(change).await.expect("an update is answered");
    assert_eq!(outcome, Outcome::Done);
    drop(store);
    let store = harness.open().await;
    let found = store.receipt(&kept.account, "k").await;
    assert_eq!(found.expect("a read is answered"), Some(kept));
    let forgotten = store.forget_receipts(at(2), 9).await;
    assert_eq!(forgotten.expect("forgetting is answered"), 1);
}

/// "A change that was answered with `Outcome::Done` MUST survive the death of the process": so recovery finds its work.
pub async fn work_to_recover_is_still_found<H: MetadataHarness>(harness: H) {
    const ANSWERED: &str = "a listing is answered";
    let store = harness.open().await;
    let running = in_operation(&account("ours"));
    let mut discarding = record(&account("theirs"));
    discarding.discard = vec![VolumeId::new()];
    let active = in_session(&account("ours"), Some(at(10)));
    for record in [&running, &discarding, &active] {
        insert(&store, record).await;
    }
    drop(store);
    let store = harness.open().await;
    let in_flight = ids(&store.in_flight(None, 9).await.expect(ANSWERED));
    assert_eq!(in_flight.len(), 2);
    assert!(in_flight.contains(&running.id) && in_flight.contains(&discarding.id));
    let sessions = store.sessions(Some(at(10)), None, 9).await;
    assert_eq!(sessions.expect(ANSWERED), [active]);
}

/// "A change that was answered with `Outcome::Done` MUST survive the death of the process": a removal too.
pub async fn removed_record_stays_away<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let gone = named(&account("ours"), "alpha");
    insert(&store, &gone).await;
    remove(&store, &gone).await;
    drop(store);
    let store = harness.open().await;
    assert_eq!(stored(&store, &gone).await, None);
    assert_eq!(found(&store, &gone.account, "alpha").await, []);
    assert_eq!(all(&store, &gone.account).await, []);
}
