//! Names: unique by their key within an account, and found by it.

use std::slice::from_ref;

use workdisk::metadata::Outcome;

use super::steps::{
    assert_stored, found, insert, puts, remove, snapshots, stored, try_insert, try_update, update,
    with_snapshots,
};
use crate::fixtures::{account, name, named, next, record, snapshot};
use crate::harness::MetadataHarness;

/// "Another workspace of the account has the name." "Only `Done` changed anything."
pub async fn taken_name_refuses_an_insertion<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    let (holder, other) = (named(&account, "alpha"), named(&account, "alpha"));
    insert(&store, &holder).await;
    assert_eq!(try_insert(&store, &other).await, Outcome::NameTaken);
    assert_eq!(stored(&store, &other).await, None);
    assert_eq!(found(&store, &account, "alpha").await, [holder.id]);
}

/// "Within an account no two records have names of one key".
pub async fn name_of_the_same_key_is_taken<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    insert(&store, &named(&account, "Straße")).await;
    let other = named(&account, "STRASSE");
    assert_eq!(try_insert(&store, &other).await, Outcome::NameTaken);
}

/// "Another workspace of the account has the name." "Only `Done` changed anything."
pub async fn taken_name_refuses_a_renaming<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    let (holder, other) = (named(&account, "alpha"), named(&account, "beta"));
    insert(&store, &holder).await;
    insert(&store, &other).await;
    let mut renamed = next(&other);
    renamed.name = Some(name("ALPHA"));
    assert_eq!(try_update(&store, &renamed, &[]).await, Outcome::NameTaken);
    assert_stored(&store, &other).await;
    assert_eq!(found(&store, &account, "alpha").await, [holder.id]);
    assert_eq!(found(&store, &account, "beta").await, [other.id]);
}

/// "Within an account no two records have names of one key": another account's are no hindrance.
pub async fn name_is_free_in_another_account<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let ours = named(&account("ours"), "alpha");
    let theirs = named(&account("theirs"), "alpha");
    insert(&store, &ours).await;
    insert(&store, &theirs).await;
    assert_eq!(found(&store, &ours.account, "alpha").await, [ours.id]);
    assert_eq!(found(&store, &theirs.account, "alpha").await, [theirs.id]);
}

/// "What is asked for one account is answered from that account alone."
pub async fn name_of_another_account_is_not_found<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    insert(&store, &named(&account("theirs"), "alpha")).await;
    assert_eq!(found(&store, &account("ours"), "alpha").await, []);
    // Accounts whose names and keys run into each other when they are put side by side.
    insert(&store, &named(&account("ab"), "cd")).await;
    assert_eq!(found(&store, &account("abc"), "d").await, []);
    assert_eq!(found(&store, &account("a"), "bcd").await, []);
}

/// "The records of the account whose name has that key".
pub async fn record_is_found_by_any_spelling<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let record = named(&account("ours"), "Straße");
    insert(&store, &record).await;
    for spelling in ["Straße", "strasse", "STRASSE"] {
        let key = crate::fixtures::key(spelling);
        let answer = store.workspaces_named(&record.account, &key).await;
        let found = answer.expect("a search is answered");
        assert_eq!(found.as_slice(), from_ref(&record), "by {spelling}");
    }
    assert_eq!(found(&store, &record.account, "stra").await, []);
}

/// "The records of the account whose name has that key": of the name that they have now.
pub async fn renamed_workspace_frees_its_name<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = named(&account("ours"), "alpha");
    insert(&store, &first).await;
    let mut renamed = next(&first);
    renamed.name = Some(name("beta"));
    update(&store, &renamed, &[]).await;
    assert_eq!(found(&store, &first.account, "alpha").await, []);
    assert_eq!(found(&store, &first.account, "beta").await, [first.id]);
    let heir = named(&first.account, "alpha");
    insert(&store, &heir).await;
    assert_eq!(found(&store, &first.account, "alpha").await, [heir.id]);
}

/// "The records of the account whose name has that key": a workspace that lost its name has none.
pub async fn unnamed_workspace_frees_its_name<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = named(&account("ours"), "alpha");
    insert(&store, &first).await;
    let mut unnamed = next(&first);
    unnamed.name = None;
    update(&store, &unnamed, &[]).await;
    assert_eq!(found(&store, &first.account, "alpha").await, []);
    insert(&store, &named(&first.account, "alpha")).await;
}

/// "Removes a record and every snapshot of it."
pub async fn removed_workspace_frees_its_name<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let gone = named(&account("ours"), "alpha");
    insert(&store, &gone).await;
    remove(&store, &gone).await;
    assert_eq!(found(&store, &gone.account, "alpha").await, []);
    insert(&store, &named(&gone.account, "alpha")).await;
}

/// "Within an account no two records have names of one key": none is no name.
pub async fn workspaces_without_a_name_do_not_collide<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    insert(&store, &record(&account)).await;
    insert(&store, &record(&account)).await;
}

/// "Another workspace of the account has the name": its own is no hindrance, in another spelling too.
pub async fn workspace_keeps_its_own_name<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = named(&account("ours"), "alpha");
    insert(&store, &first).await;
    let same = next(&first);
    update(&store, &same, &[]).await;
    let mut respelled = next(&same);
    respelled.name = Some(name("ALPHA"));
    update(&store, &respelled, &[]).await;
    assert_stored(&store, &respelled).await;
    assert_eq!(found(&store, &first.account, "alpha").await, [first.id]);
}

/// "The version is judged first, then the workspace's name, then the snapshots' names".
pub async fn version_is_judged_before_the_name<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    insert(&store, &named(&account, "alpha")).await;
    let first = named(&account, "beta");
    insert(&store, &first).await;
    update(&store, &next(&first), &[]).await;
    let mut late = next(&first);
    late.name = Some(name("alpha"));
    assert_eq!(
        try_update(&store, &late, &[]).await,
        Outcome::VersionConflict
    );
    let mut present = first.clone();
    present.name = Some(name("alpha"));
    assert_eq!(try_insert(&store, &present).await, Outcome::VersionConflict);
}

/// "The version is judged first, then the workspace's name, then the snapshots' names".
pub async fn name_is_judged_before_those_of_snapshots<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    insert(&store, &named(&account, "alpha")).await;
    let first = named(&account, "beta");
    insert(&store, &first).await;
    let held = snapshot(1, "held");
    let second = with_snapshots(&first, std::slice::from_ref(&held));
    update(&store, &second, &puts(std::slice::from_ref(&held))).await;
    let rival = [snapshot(2, "held")];
    let mut both = with_snapshots(&second, &rival);
    both.name = Some(name("alpha"));
    assert_eq!(
        try_update(&store, &both, &puts(&rival)).await,
        Outcome::NameTaken
    );
    assert_eq!(snapshots(&store, first.id).await, [held]);
}
