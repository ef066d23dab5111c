//! Changes at the same time, and changes that nobody waits for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::Barrier;
use workdisk::Metadata;
use workdisk::metadata::{Change, Outcome, SnapshotChange};
use workdisk::model::WorkspaceRecord;

use super::steps::{all, change, found, insert, puts, snapshots, stored, update, with_snapshots};
use crate::fixtures::{account, name, named, next, record, snapshot};
use crate::harness::MetadataHarness;

const ROUNDS: usize = 8;
const RACERS: usize = 8;

/// Commits all changes at once and answers the outcomes in their order.
async fn race(store: &Arc<dyn Metadata>, changes: Vec<Change>) -> Vec<Outcome> {
    let start = Arc::new(Barrier::new(changes.len()));
    let mut tasks = Vec::new();
    for change in changes {
        let (store, start) = (Arc::clone(store), Arc::clone(&start));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            store.commit(change).await.expect("a change is answered")
        }));
    }
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a commit does not panic"));
    }
    outcomes
}

/// Demands one winner, and of all others the same answer; answers the winner's index.
fn winner(outcomes: &[Outcome], others: Outcome) -> usize {
    let done = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Done)
        .count();
    let lost = outcomes
        .iter()
        .filter(|outcome| **outcome == others)
        .count();
    assert_eq!((done, lost), (1, outcomes.len() - 1), "{outcomes:?}");
    outcomes
        .iter()
        .position(|outcome| *outcome == Outcome::Done)
        .expect("one is done")
}

/// "Of two racing changes exactly one is `Outcome::Done`": updates of one version.
pub async fn one_update_of_a_version_is_done<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut record = record(&account("ours"));
    insert(&store, &record).await;
    for _ in 0..ROUNDS {
        let rivals: Vec<WorkspaceRecord> = (0..RACERS)
            .map(|racer| {
                let mut rival = next(&record);
                rival.size_bytes = u64::try_from(racer).ok();
                rival
            })
            .collect();
        let changes = rivals
            .iter()
            .map(|rival| change(record.version, rival, &[]));
        let outcomes = race(&store, changes.collect()).await;
        record = rivals[winner(&outcomes, Outcome::VersionConflict)].clone();
        assert_eq!(stored(&store, &record).await.as_ref(), Some(&record));
    }
}

/// "Of two racing changes exactly one is `Outcome::Done`": insertions of one name.
pub async fn one_insertion_of_a_name_is_done<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    for round in 0..ROUNDS {
        let text = format!("round {round}");
        let rivals: Vec<WorkspaceRecord> = (0..RACERS).map(|_| named(&account, &text)).collect();
        let changes = rivals.iter().cloned();
        let changes = changes.map(|record| Change::Insert { record }).collect();
        let outcomes = race(&store, changes).await;
        let first = &rivals[winner(&outcomes, Outcome::NameTaken)];
        assert_eq!(found(&store, &account, &text).await, [first.id]);
        assert_eq!(all(&store, &account).await.len(), round + 1);
    }
}

/// "Of two racing changes exactly one is `Outcome::Done`": renamings of several workspaces to one name.
pub async fn one_renaming_to_a_name_is_done<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    for round in 0..ROUNDS {
        let text = format!("round {round}");
        let mut rivals = Vec::new();
        for _ in 0..RACERS {
            let record = record(&account);
            insert(&store, &record).await;
            let mut renamed = next(&record);
            renamed.name = Some(name(&text));
            rivals.push(renamed);
        }
        let changes = rivals.iter().map(|rival| change(1, rival, &[])).collect();
        let outcomes = race(&store, changes).await;
        let first = &rivals[winner(&outcomes, Outcome::NameTaken)];
        assert_eq!(found(&store, &account, &text).await, [first.id]);
    }
}

/// "Of two racing changes exactly one is `Outcome::Done`": an update and a removal of one version.
pub async fn update_or_removal_of_a_version_is_done<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    for _ in 0..ROUNDS {
        let record = record(&account("ours"));
        insert(&store, &record).await;
        let updated = next(&record);
        let removal = Change::Remove {
            account: record.account.clone(),
            id: record.id,
            expected: 1,
        };
        let outcomes = race(&store, vec![change(1, &updated, &[]), removal]).await;
        let expected = match winner(&outcomes, Outcome::VersionConflict) {
            0 => Some(updated),
            _ => None,
        };
        assert_eq!(stored(&store, &record).await, expected);
    }
}

/// "Every read sees all of a change or none of it."
pub async fn readers_see_all_of_a_change_or_none<H: MetadataHarness>(harness: H) {
    const CHANGES: u64 = 60;
    let store = harness.open().await;
    let first = record(&account("ours"));
    insert(&store, &first).await;
    let mut held = snapshot(1, "number 1");
    let mut record = with_snapshots(&first, std::slice::from_ref(&held));
    record.epoch = record.version;
    update(&store, &record, &puts(std::slice::from_ref(&held))).await;

    let (reader, id) = (Arc::clone(&store), first.clone());
    let reading = tokio::spawn(async move {
        loop {
            let read = stored(&reader, &id).await.expect("it is never removed");
            assert_eq!(read.epoch, read.version, "the fields are of one change");
            let page = snapshots(&reader, id.id).await;
            assert_eq!(page.len(), 1, "each change takes one and adds one");
            if read.version > CHANGES {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    while record.version <= CHANGES {
        let sequence = record.next_sequence;
        let added = snapshot(sequence, &format!("number {sequence}"));
        record = with_snapshots(&record, std::slice::from_ref(&added));
        record.snapshot_count = 1;
        record.epoch = record.version;
        let changes = [
            SnapshotChange::Put(added.clone()),
            SnapshotChange::Remove(held.id),
        ];
        update(&store, &record, &changes).await;
        held = added;
    }
    reading.await.expect("the reader saw whole changes only");
}

/// Polls `future` that often at most, then drops it. Answers what it ended with, if it did.
fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// "A change whose future was dropped, or that ended in an error, is done or not done, never half".
pub async fn dropped_commit_is_done_or_not<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    for polls in 0..6 {
        let before = record(&account);
        insert(&store, &before).await;
        let text = format!("polled {polls}");
        let added = snapshot(1, "taken");
        let mut after = with_snapshots(&before, std::slice::from_ref(&added));
        after.name = Some(name(&text));
        let commit = store.commit(change(1, &after, &puts(std::slice::from_ref(&added))));
        // Its answer, if it came to one, is judged by the other cases.
        drop(poll_and_drop(commit, polls));

        // Whoever comes next settles it: their change goes before the dropped one or after it.
        let mut rival = next(&before);
        rival.size_bytes = Some(1);
        let outcome = store.commit(change(1, &rival, &[])).await;
        let (record, names, page) = match outcome.expect("the store goes on") {
            Outcome::Done => (rival, vec![], vec![]),
            Outcome::VersionConflict => (after, vec![before.id], vec![added]),
            other => panic!("{other:?} where nothing is taken"),
        };
        assert_eq!(stored(&store, &record).await.as_ref(), Some(&record));
        assert_eq!(found(&store, &account, &text).await, names);
        assert_eq!(snapshots(&store, record.id).await, page);
    }
}
