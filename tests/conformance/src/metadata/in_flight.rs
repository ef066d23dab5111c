//! What a crash would leave to settle.

use workdisk::Metadata;
use workdisk::model::{VolumeId, WorkspaceId};

use super::steps::{ids, insert, remove, sorted, update};
use crate::fixtures::{account, in_operation, in_session, next, operation, record};
use crate::harness::MetadataHarness;
use crate::pages::pages;

async fn in_flight(store: &dyn Metadata) -> Vec<WorkspaceId> {
    let answer = store.in_flight(None, usize::MAX).await;
    ids(&answer.expect("a listing is answered"))
}

/// "The records of all accounts that are in flight": with an operation, or with volumes to discard.
pub async fn operations_and_discards_are_in_flight<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let running = in_operation(&account("ours"));
    let mut discarding = record(&account("theirs"));
    discarding.discard = vec![VolumeId::new()];
    for record in [
        &running,
        &discarding,
        &record(&account("ours")),
        &in_session(&account("ours"), None),
    ] {
        insert(&store, record).await;
    }
    let answer = store.in_flight(None, 9).await;
    let mut expected = vec![running, discarding];
    expected.sort_by_key(|record| record.id);
    assert_eq!(answer.expect("a listing is answered"), expected);
}

/// "A read that begins after a commit has been answered sees it": a record enters, changes and leaves.
pub async fn record_is_in_flight_until_it_is_settled<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let resting = record(&account("ours"));
    insert(&store, &resting).await;
    assert_eq!(in_flight(&store).await, []);
    let mut running = next(&resting);
    running.operation = in_operation(&resting.account).operation;
    update(&store, &running, &[]).await;
    assert_eq!(in_flight(&store).await, [resting.id]);
    let mut discarding = next(&running);
    discarding.operation = None;
    discarding.discard = vec![VolumeId::new()];
    update(&store, &discarding, &[]).await;
    assert_eq!(in_flight(&store).await, [resting.id]);
    let mut settled = next(&discarding);
    settled.discard.clear();
    update(&store, &settled, &[]).await;
    assert_eq!(in_flight(&store).await, []);
}

/// "Removes a record and every snapshot of it."
pub async fn removed_record_is_not_in_flight<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut gone = in_operation(&account("ours"));
    gone.operation = Some(operation(workdisk::model::Intent::Delete));
    insert(&store, &gone).await;
    remove(&store, &gone).await;
    assert_eq!(in_flight(&store).await, []);
}

/// "In ascending order of id, those after `after` only, `limit` at most."
pub async fn pages_are_complete_and_in_order<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut expected = Vec::new();
    for index in 0..20 {
        let account = account(["b", "a", "ab"][index % 3]);
        insert(&store, &record(&account)).await;
        let running = in_operation(&account);
        insert(&store, &running).await;
        expected.push(running.id);
    }
    let expected = sorted(expected);
    for limit in [1, 3, 20, 21] {
        let listed = pages(limit, async |after| {
            let page = store.in_flight(after, limit).await;
            ids(&page.expect("a listing is answered"))
        });
        assert_eq!(listed.await, expected, "by pages of {limit}");
    }
}
