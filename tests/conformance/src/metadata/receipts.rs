//! Receipts: kept with a change, found by their key, and forgotten by their age.

use workdisk::Metadata;
use workdisk::metadata::{Change, Outcome};
use workdisk::model::{AccountId, Made, Receipt, WorkspaceRecord};

use super::steps::{assert_stored, insert, puts, remove, snapshots, with_snapshots};
use crate::fixtures::{
    account, at, full_record, named, next, receipt, receipt_of_session, record, snapshot,
};
use crate::harness::MetadataHarness;

async fn try_keep(store: &dyn Metadata, record: &WorkspaceRecord, receipt: &Receipt) -> Outcome {
    let change = Change::Update {
        expected: record.version - 1,
        record: record.clone(),
        snapshots: Vec::new(),
        receipt: Some(Box::new(receipt.clone())),
        reserved: Vec::new(),
    };
    store.commit(change).await.expect("an update is answered")
}

/// Inserts a record, and commits its next version with a receipt.
async fn keep(store: &dyn Metadata, receipt: &Receipt) -> WorkspaceRecord {
    let first = record(&receipt.account);
    insert(store, &first).await;
    let second = next(&first);
    let outcome = try_keep(store, &second, receipt).await;
    assert_eq!(outcome, Outcome::Done, "keeping {}", receipt.key);
    second
}

async fn found(store: &dyn Metadata, account: &AccountId, key: &str) -> Option<Receipt> {
    let answer = store.receipt(account, key).await;
    answer.expect("a read is answered")
}

async fn forget(store: &dyn Metadata, before: i64, limit: usize) -> usize {
    let answer = store.forget_receipts(at(before), limit).await;
    answer.expect("forgetting is answered")
}

/// "Faithful": with something in every field.
pub async fn receipt_comes_back_equal<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let ours = account("ours");
    let made = [
        receipt(&ours, "k: \"quoted\"\n\u{0}", 1),
        Receipt::new(
            ours.clone(),
            &crate::fixtures::request("workspace"),
            Made::Workspace {
                record: Box::new(full_record(&ours)),
            },
            at(2),
        ),
        receipt_of_session(&ours, "session", 3),
    ];
    for receipt in &made {
        let record = keep(&store, receipt).await;
        assert_stored(&store, &record).await;
    }
    for receipt in made {
        let key = receipt.key.clone();
        assert_eq!(found(&store, &ours, &key).await, Some(receipt));
    }
    assert_eq!(found(&store, &ours, "other").await, None);
}

/// "What is asked for one account is answered from that account alone."
pub async fn receipt_is_its_accounts_alone<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (ab, abc) = (account("ab"), account("abc"));
    let first = receipt(&ab, "cd", 1);
    keep(&store, &first).await;
    assert_eq!(found(&store, &abc, "cd").await, None);
    assert_eq!(found(&store, &abc, "d").await, None);
    let second = receipt(&abc, "cd", 2);
    keep(&store, &second).await;
    assert_eq!(found(&store, &ab, "cd").await, Some(first));
    assert_eq!(found(&store, &abc, "cd").await, Some(second));
}

/// "The account has a receipt of that key." "Only `Done` changed anything."
pub async fn taken_key_refuses_the_whole_change<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let ours = account("ours");
    let first = receipt(&ours, "k", 1);
    let before = keep(&store, &first).await;
    let taken = [snapshot(1, "s")];
    let change = Change::Update {
        expected: before.version,
        record: with_snapshots(&before, &taken),
        snapshots: puts(&taken),
        receipt: Some(Box::new(receipt(&ours, "k", 2))),
        reserved: Vec::new(),
    };
    let outcome = store.commit(change).await.expect("an update is answered");
    assert_eq!(outcome, Outcome::ReceiptTaken);
    assert_stored(&store, &before).await;
    assert_eq!(snapshots(&store, before.id).await, []);
    assert_eq!(found(&store, &ours, "k").await, Some(first));
}

/// "The version is judged first … and the receipt's key last."
pub async fn key_is_judged_last<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let ours = account("ours");
    let kept = receipt(&ours, "k", 1);
    let before = keep(&store, &kept).await;
    insert(&store, &named(&ours, "alpha")).await;
    let late = try_keep(&store, &before, &kept).await;
    assert_eq!(late, Outcome::VersionConflict);
    let mut renamed = next(&before);
    renamed.name = named(&ours, "alpha").name;
    let renamed = try_keep(&store, &renamed, &kept).await;
    assert_eq!(renamed, Outcome::NameTaken);
}

/// "It is kept whatever becomes of the workspace that it was committed with."
pub async fn receipt_outlives_its_workspace<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let kept = receipt(&account("ours"), "k", 1);
    let record = keep(&store, &kept).await;
    remove(&store, &record).await;
    let found = found(&store, &kept.account, "k").await;
    assert_eq!(found, Some(kept));
}

/// "Removes the receipts of all accounts that were made before then, the oldest first, `limit` at most".
pub async fn old_receipts_are_forgotten_oldest_first<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (ours, theirs) = (account("ours"), account("theirs"));
    for (account, key, made_at) in [
        (&ours, "b", 20),
        (&theirs, "a", 10),
        (&ours, "d", 40),
        (&theirs, "c", 30),
    ] {
        keep(&store, &receipt(account, key, made_at)).await;
    }
    assert_eq!(forget(&store, 10, 9).await, 0);
    assert_eq!(forget(&store, 40, 0).await, 0);
    assert_eq!(forget(&store, 40, 2).await, 2);
    assert_eq!(found(&store, &theirs, "a").await, None);
    assert_eq!(found(&store, &ours, "b").await, None);
    assert!(found(&store, &theirs, "c").await.is_some());
    assert_eq!(forget(&store, 40, 9).await, 1);
    assert_eq!(forget(&store, 40, 9).await, 0);
    assert!(found(&store, &ours, "d").await.is_some());
}

/// "The account has a receipt of that key": it has none that was forgotten.
pub async fn forgotten_key_is_free<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let ours = account("ours");
    keep(&store, &receipt(&ours, "k", 1)).await;
    assert_eq!(forget(&store, 2, 1).await, 1);
    let second = receipt(&ours, "k", 3);
    keep(&store, &second).await;
    assert_eq!(forget(&store, 3, 1).await, 0);
    assert_eq!(found(&store, &ours, "k").await, Some(second));
}
