//! What a check over everything needs: all records, and the store's own faults.

use std::sync::Arc;

use workdisk::Metadata;
use workdisk::metadata::RecordPosition;
use workdisk::model::{WorkspaceId, WorkspaceRecord};

use super::steps::{assert_stored, ids, insert, puts, remove, sorted, update, with_snapshots};
use crate::fixtures::{account, in_operation, in_session, named, next, record, snapshot};
use crate::harness::MetadataHarness;

/// Everything by pages of `limit`, in the store's order.
async fn everything(store: &dyn Metadata, limit: usize) -> Vec<WorkspaceRecord> {
    let mut found: Vec<WorkspaceRecord> = Vec::new();
    loop {
        let after: Option<RecordPosition> = found.last().map(|it| (it.account.clone(), it.id));
        let page = store.all(after, limit).await;
        let page = page.expect("a listing is answered");
        let last = page.len() < limit;
        found.extend(page);
        if last {
            return found;
        }
    }
}

/// A store with something in every index.
async fn fill(store: &dyn Metadata) -> Vec<WorkspaceRecord> {
    let mut records = Vec::new();
    for text in ["ours", "theirs", "o"] {
        let account = account(text);
        let with = named(&account, "with snapshots");
        insert(store, &with).await;
        let snapshots = [snapshot(1, "one"), snapshot(2, "two")];
        let with = with_snapshots(&with, &snapshots);
        update(store, &with, &puts(&snapshots)).await;
        let (running, session) = (in_operation(&account), in_session(&account, None));
        for record in [&running, &session] {
            insert(store, record).await;
        }
        records.extend([with, running, session]);
    }
    records
}

/// "The records of all accounts", whole.
pub async fn records_of_all_accounts_are_answered<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    assert_eq!(everything(&store, 9).await, []);
    let mut expected = fill(&store).await;
    expected.sort_by_key(|record| record.id);
    let mut found = everything(&store, 100).await;
    found.sort_by_key(|record| record.id);
    assert_eq!(found, expected);
}

/// "In an order that stays the same, those after the place of `after` only, `limit` at most."
pub async fn every_record_is_on_one_page<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut expected = Vec::new();
    for index in 0..20 {
        let record = record(&account(["b", "a", "ab"][index % 3]));
        insert(&store, &record).await;
        expected.push(record.id);
    }
    let order = ids(&everything(&store, 100).await);
    assert_eq!(sorted(order.clone()), sorted(expected));
    for limit in [1, 3, 20, 21] {
        assert_eq!(ids(&everything(&store, limit).await), order, "{limit}");
    }
    let none = store.all(None, 0).await;
    assert_eq!(none.expect("a listing is answered"), []);
}

/// "After the place": of a record that may be gone.
pub async fn page_begins_after_a_removed_record<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    for text in ["a", "b", "a", "c"] {
        insert(&store, &record(&account(text))).await;
    }
    let all = everything(&store, 9).await;
    remove(&store, &all[1]).await;
    let page = store
        .all(Some((all[1].account.clone(), all[1].id)), 9)
        .await;
    assert_eq!(page.expect("a listing is answered"), all[2..]);
}

/// "No fault is an empty list."
pub async fn check_of_a_sound_store_finds_nothing<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let records = fill(&store).await;
    let mut renamed = next(&records[0]);
    renamed.name = Some(crate::fixtures::name("another"));
    update(&store, &renamed, &[]).await;
    remove(&store, &records[3]).await;
    for scope in [None, Some(account("ours")), Some(account("nobody"))] {
        let faults = store.check(scope.as_ref()).await;
        assert_eq!(faults.expect("a check is answered"), []);
    }
}

/// "No fault is an empty list, also while others commit."
pub async fn check_beside_changes_finds_nothing<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut writers = Vec::new();
    for number in 0..4 {
        let store = Arc::clone(&store);
        writers.push(tokio::spawn(async move {
            let mut record = named(&account("ours"), &format!("{number}"));
            insert(&store, &record).await;
            for step in 0..12 {
                record = next(&record);
                record.name = Some(crate::fixtures::name(&format!("{number} {step}")));
                record.operation = (step % 2 == 0)
                    .then(|| in_operation(&record.account).operation)
                    .flatten();
                update(&store, &record, &[]).await;
                let added = [snapshot(step + 1, &format!("{step}"))];
                record = with_snapshots(&record, &added);
                update(&store, &record, &puts(&added)).await;
            }
            remove(&store, &record).await;
        }));
    }
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let faults = store.check(None).await;
        assert_eq!(faults.expect("a check is answered"), []);
        let mended = store.repair(None).await;
        assert_eq!(mended.expect("a repair is answered"), []);
    }
    for writer in writers {
        writer.await.expect("no writer panics");
    }
}

/// "It loses nothing."
pub async fn repair_of_a_sound_store_changes_nothing<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let records = fill(&store).await;
    let before = everything(&store, 100).await;
    let mended = store.repair(None).await;
    assert_eq!(mended.expect("a repair is answered"), []);
    assert_eq!(everything(&store, 100).await, before);
    for record in &records {
        assert_stored(&store, record).await;
    }
    let in_flight: Vec<WorkspaceId> = records
        .iter()
        .filter(|record| record.is_in_flight())
        .map(|record| record.id)
        .collect();
    let answer = store.in_flight(None, 9).await;
    assert_eq!(
        ids(&answer.expect("a listing is answered")),
        sorted(in_flight)
    );
}
