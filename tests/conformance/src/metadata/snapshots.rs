//! Snapshots: changed with their workspace in one step, and found by id, name and place.

use std::slice::from_ref;

use workdisk::Metadata;
use workdisk::metadata::{Outcome, SnapshotChange};
use workdisk::model::{AccountId, SnapshotId, SnapshotRecord, WorkspaceId, WorkspaceRecord};

use super::steps::{
    assert_stored, insert, puts, remove, snapshots, try_update, update, with_snapshots,
};
use crate::fixtures::{account, next, record, snapshot, snapshot_key, snapshot_name};
use crate::harness::MetadataHarness;
use crate::pages::pages;

/// A workspace with these snapshots.
async fn workspace_with(
    store: &dyn Metadata,
    account: &AccountId,
    added: &[SnapshotRecord],
) -> WorkspaceRecord {
    let first = record(account);
    insert(store, &first).await;
    let second = with_snapshots(&first, added);
    update(store, &second, &puts(added)).await;
    second
}

async fn by_name(
    store: &dyn Metadata,
    workspace: WorkspaceId,
    text: &str,
) -> Option<SnapshotRecord> {
    let answer = store.snapshot_named(workspace, &snapshot_key(text)).await;
    answer.expect("a search is answered")
}

async fn by_id(
    store: &dyn Metadata,
    workspace: WorkspaceId,
    id: SnapshotId,
) -> Option<SnapshotRecord> {
    let answer = store.snapshot(workspace, id).await;
    answer.expect("a read is answered")
}

/// "A record and a snapshot come back equal to what was committed."
pub async fn snapshot_comes_back_equal<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut bare = snapshot(2, "Ünïcode 東京");
    (bare.parent, bare.size_bytes) = (None, None);
    let added = [snapshot(1, "full"), bare];
    let workspace = workspace_with(&store, &account("ours"), &added).await;
    for snapshot in &added {
        let read = by_id(&store, workspace.id, snapshot.id).await;
        assert_eq!(read.as_ref(), Some(snapshot));
        let read = by_name(&store, workspace.id, snapshot.name.as_str()).await;
        assert_eq!(read.as_ref(), Some(snapshot));
    }
    assert_eq!(snapshots(&store, workspace.id).await, added);
}

/// "Replaces a record, and changes its snapshots in the same step."
pub async fn one_change_adds_and_removes<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let old = [snapshot(1, "one"), snapshot(2, "two")];
    let before = workspace_with(&store, &account("ours"), &old).await;
    let added = [snapshot(3, "three"), snapshot(4, "four")];
    let mut after = with_snapshots(&before, &added);
    after.snapshot_count -= 1;
    let mut changes = puts(&added);
    changes.insert(1, SnapshotChange::Remove(old[0].id));
    update(&store, &after, &changes).await;
    assert_stored(&store, &after).await;
    let expected = [old[1].clone(), added[0].clone(), added[1].clone()];
    assert_eq!(snapshots(&store, after.id).await, expected);
    assert_eq!(by_id(&store, after.id, old[0].id).await, None);
    assert_eq!(by_name(&store, after.id, "one").await, None);
}

/// "Adds it, or replaces the one of the same id."
pub async fn put_replaces_the_one_of_the_same_id<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let old = snapshot(1, "old");
    let before = workspace_with(&store, &account("ours"), from_ref(&old)).await;
    let mut new = old.clone();
    new.name = snapshot_name("new");
    new.size_bytes = Some(9);
    update(&store, &next(&before), &puts(from_ref(&new))).await;
    assert_eq!(by_id(&store, before.id, old.id).await, Some(new.clone()));
    assert_eq!(by_name(&store, before.id, "old").await, None);
    assert_eq!(by_name(&store, before.id, "new").await, Some(new.clone()));
    assert_eq!(snapshots(&store, before.id).await, [new]);
}

/// "Removes it. Nothing happens if there is none."
pub async fn removal_of_an_absent_snapshot_does_nothing<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let kept = snapshot(1, "kept");
    let before = workspace_with(&store, &account("ours"), from_ref(&kept)).await;
    let after = next(&before);
    update(&store, &after, &[SnapshotChange::Remove(SnapshotId::new())]).await;
    assert_stored(&store, &after).await;
    assert_eq!(snapshots(&store, after.id).await, [kept]);
}

/// "`commit` applies its change whole or not at all": a name that is taken stops all of it.
pub async fn taken_snapshot_name_refuses_the_whole_change<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let old = [snapshot(1, "taken"), snapshot(2, "leaving")];
    let before = workspace_with(&store, &account("ours"), &old).await;
    let added = [snapshot(3, "fresh"), snapshot(4, "TAKEN")];
    let mut after = with_snapshots(&before, &added);
    after.snapshot_count -= 1;
    let mut changes = vec![SnapshotChange::Remove(old[1].id)];
    changes.extend(puts(&added));
    let outcome = try_update(&store, &after, &changes).await;
    assert_eq!(outcome, Outcome::SnapshotNameTaken);
    assert_stored(&store, &before).await;
    assert_eq!(snapshots(&store, before.id).await, old);
    assert_eq!(by_name(&store, before.id, "fresh").await, None);
    assert_eq!(
        by_name(&store, before.id, "leaving").await,
        Some(old[1].clone())
    );
}

/// "Within a workspace no two snapshots have [names of one key]": not within one change either.
pub async fn two_snapshots_of_one_change_do_not_share_a_name<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let before = workspace_with(&store, &account("ours"), &[]).await;
    let added = [snapshot(1, "twin"), snapshot(2, "Twin")];
    let after = with_snapshots(&before, &added);
    let outcome = try_update(&store, &after, &puts(&added)).await;
    assert_eq!(outcome, Outcome::SnapshotNameTaken);
    assert_eq!(snapshots(&store, before.id).await, []);
}

/// "Within a workspace no two snapshots have [names of one key]": another workspace's are no hindrance.
pub async fn snapshot_name_is_free_in_another_workspace<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (one, other) = (snapshot(1, "same"), snapshot(1, "same"));
    let first = workspace_with(&store, &account("ours"), from_ref(&one)).await;
    let second = workspace_with(&store, &account("ours"), from_ref(&other)).await;
    assert_eq!(by_name(&store, first.id, "same").await, Some(one));
    assert_eq!(by_name(&store, second.id, "same").await, Some(other));
}

/// "The snapshots' names in the order of their changes": what an earlier change freed is free.
pub async fn name_freed_earlier_in_a_change_is_free<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let old = snapshot(1, "same");
    let before = workspace_with(&store, &account("ours"), from_ref(&old)).await;
    let new = snapshot(2, "same");
    let mut after = with_snapshots(&before, from_ref(&new));
    after.snapshot_count = 1;
    let changes = [
        SnapshotChange::Remove(old.id),
        SnapshotChange::Put(new.clone()),
    ];
    update(&store, &after, &changes).await;
    assert_eq!(by_name(&store, after.id, "same").await, Some(new));
    assert_eq!(by_id(&store, after.id, old.id).await, None);
}

/// "A change that is decided on an old version is a `VersionConflict`", its snapshots included.
pub async fn conflict_changes_no_snapshot<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let kept = snapshot(1, "kept");
    let before = workspace_with(&store, &account("ours"), from_ref(&kept)).await;
    update(&store, &next(&before), &[]).await;
    let added = snapshot(2, "late");
    let mut changes = puts(from_ref(&added));
    changes.push(SnapshotChange::Remove(kept.id));
    let outcome = try_update(&store, &next(&before), &changes).await;
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_eq!(snapshots(&store, before.id).await, [kept]);
}

/// "Removes a record and every snapshot of it."
pub async fn removed_workspace_takes_its_snapshots<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let theirs = [snapshot(1, "one"), snapshot(2, "two")];
    let gone = workspace_with(&store, &account("ours"), &theirs).await;
    let other = [snapshot(1, "one")];
    let kept = workspace_with(&store, &account("ours"), &other).await;
    remove(&store, &gone).await;
    assert_eq!(snapshots(&store, gone.id).await, []);
    assert_eq!(by_id(&store, gone.id, theirs[0].id).await, None);
    assert_eq!(by_name(&store, gone.id, "two").await, None);
    assert_eq!(snapshots(&store, kept.id).await, other);
}

/// "The snapshot of that id, if it is of that workspace."
pub async fn snapshot_of_another_workspace_is_none<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let theirs = snapshot(1, "one");
    workspace_with(&store, &account("ours"), from_ref(&theirs)).await;
    let other = workspace_with(&store, &account("ours"), &[]).await;
    assert_eq!(by_id(&store, other.id, theirs.id).await, None);
    assert_eq!(by_name(&store, other.id, "one").await, None);
    assert_eq!(snapshots(&store, other.id).await, []);
}

/// "In ascending order of sequence, those after `after` only, `limit` at most."
pub async fn pages_are_complete_and_in_order<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    // Lexical order of the numbers is another one, and the order of ids the opposite one.
    let mut added: Vec<SnapshotRecord> = [300, 256, 255, 100, 20, 11, 10, 9, 2, 1]
        .into_iter()
        .map(|sequence| snapshot(sequence, &format!("number {sequence}")))
        .collect();
    let workspace = workspace_with(&store, &account("ours"), &added).await;
    added.reverse();
    for limit in [1, 3, 10, 11] {
        let listed = pages(limit, async |after: Option<SnapshotRecord>| {
            let after = after.map(|snapshot| snapshot.sequence);
            let page = store.snapshots(workspace.id, after, limit).await;
            page.expect("a listing is answered")
        });
        assert_eq!(listed.await, added, "by pages of {limit}");
    }
    let page = store.snapshots(workspace.id, Some(12), 1).await;
    assert_eq!(
        page.expect("a listing is answered")[0].sequence,
        20,
        "after a place where none stands"
    );
}

/// "The snapshots' names in the order of their changes": the second judges what the first left.
pub async fn name_left_earlier_in_a_change_is_free<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut renamed = snapshot(1, "a");
    let before = workspace_with(&store, &account("ours"), from_ref(&renamed)).await;
    renamed.name = snapshot_name("b");
    let fresh = snapshot(2, "A");
    let after = with_snapshots(&before, from_ref(&fresh));
    update(&store, &after, &puts(&[renamed.clone(), fresh.clone()])).await;
    assert_eq!(by_name(&store, after.id, "a").await, Some(fresh));
    assert_eq!(by_name(&store, after.id, "b").await, Some(renamed));
}

/// "Adds it, or replaces the one of the same id": within one change too.
pub async fn later_put_of_one_change_stands<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let before = workspace_with(&store, &account("ours"), &[]).await;
    let first = snapshot(1, "a");
    let mut later = first.clone();
    later.name = snapshot_name("b");
    let after = with_snapshots(&before, from_ref(&first));
    update(&store, &after, &puts(&[first, later.clone()])).await;
    assert_eq!(by_name(&store, after.id, "a").await, None);
    assert_eq!(by_name(&store, after.id, "b").await, Some(later.clone()));
    assert_eq!(snapshots(&store, after.id).await, [later]);
}
