//! Changes that are answered without waiting for the disk.

use workdisk::metadata::{Change, Outcome};

use super::steps::{
    assert_stored, change, found, insert, puts, snapshots, stored, update, with_snapshots,
};
use crate::fixtures::{account, named, next, record, snapshot};
use crate::harness::MetadataHarness;

/// "Every read sees the change from then on".
pub async fn change_is_seen_at_once<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = named(&account("ours"), "alpha");
    let insertion = Change::Insert {
        record: first.clone(),
    };
    let outcome = store.commit_soon(insertion).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
    assert_stored(&store, &first).await;
    assert_eq!(found(&store, &first.account, "alpha").await, [first.id]);
    let added = [snapshot(1, "one")];
    let second = with_snapshots(&first, &added);
    let outcome = store.commit_soon(change(1, &second, &puts(&added))).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
    assert_stored(&store, &second).await;
    assert_eq!(snapshots(&store, first.id).await, added);
    let removal = Change::Remove {
        account: first.account.clone(),
        id: first.id,
        expected: second.version,
    };
    let outcome = store.commit_soon(removal).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
    assert_eq!(stored(&store, &first).await, None);
    assert_eq!(found(&store, &first.account, "alpha").await, []);
}

/// "As `commit`": it is judged by the same rules.
pub async fn change_is_judged_like_any_other<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = named(&account("ours"), "alpha");
    insert(&store, &first).await;
    let late = store.commit_soon(change(
        7,
        &{
            let mut late = next(&first);
            late.version = 8;
            late
        },
        &[],
    ));
    assert_eq!(
        late.await.expect("a change is answered"),
        Outcome::VersionConflict
    );
    let rival = Change::Insert {
        record: named(&first.account, "Alpha"),
    };
    let outcome = store.commit_soon(rival).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::NameTaken);
    assert_stored(&store, &first).await;
}

/// "It is durable once a later `commit` is answered."
pub async fn change_is_kept_with_the_next<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (first, other) = (record(&account("ours")), record(&account("theirs")));
    insert(&store, &first).await;
    let second = next(&first);
    let outcome = store.commit_soon(change(1, &second, &[])).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
    let third = next(&second);
    let outcome = store.commit_soon(change(2, &third, &[])).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
    insert(&store, &other).await;
    drop(store);
    let store = harness.open().await;
    assert_stored(&store, &third).await;
    update(&store, &next(&third), &[]).await;
}
