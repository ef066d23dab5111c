//! Sessions by the end of their leases.

use workdisk::Metadata;
use workdisk::metadata::{SessionPosition, session_position};
use workdisk::model::{Timestamp, WorkspaceId, WorkspaceRecord};

use super::steps::{ids, insert, remove, update};
use crate::fixtures::{account, at, in_session, next, record, session};
use crate::harness::MetadataHarness;
use crate::pages::pages;

async fn ending(store: &dyn Metadata, until: Option<Timestamp>) -> Vec<WorkspaceId> {
    let answer = store.sessions(until, None, usize::MAX).await;
    ids(&answer.expect("a listing is answered"))
}

fn by_position(mut records: Vec<WorkspaceRecord>) -> Vec<WorkspaceRecord> {
    records.sort_by_key(session_position);
    records
}

/// "That have a session whose lease ends at `until` or before".
pub async fn sessions_end_at_the_moment_or_before<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let early = in_session(&account("ours"), Some(at(10)));
    let late = in_session(&account("theirs"), Some(at(20)));
    for record in [&late, &early, &record(&account("ours"))] {
        insert(&store, record).await;
    }
    let micro = |moment: i64, more: i64| {
        let micros = 1_798_761_600_123_456 + moment * 1_000_000 + more;
        Some(Timestamp::from_unix_micros(micros))
    };
    assert_eq!(ending(&store, micro(10, -1)).await, []);
    assert_eq!(ending(&store, micro(10, 0)).await, [early.id]);
    assert_eq!(ending(&store, micro(20, -1)).await, [early.id]);
    assert_eq!(ending(&store, micro(20, 0)).await, [early.id, late.id]);
    let answer = store.sessions(Some(at(30)), None, 9).await;
    assert_eq!(answer.expect("a listing is answered"), [early, late]);
}

/// "Or every one that has a session if `until` is `None`". "A session without a lease ends at `Timestamp::MAX`."
pub async fn session_without_a_lease_ends_last<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let endless = in_session(&account("ours"), None);
    let leased = in_session(&account("ours"), Some(at(10)));
    let ancient = in_session(&account("ours"), Some(Timestamp::from_unix_micros(-5)));
    for record in [&endless, &leased, &ancient] {
        insert(&store, record).await;
    }
    let everyone = [ancient.id, leased.id, endless.id];
    assert_eq!(ending(&store, None).await, everyone);
    assert_eq!(ending(&store, Some(Timestamp::MAX)).await, everyone);
    assert_eq!(
        ending(&store, Some(at(1_000_000))).await,
        [ancient.id, leased.id]
    );
}

/// "A read that begins after a commit has been answered sees it": a lease is renewed, then the session ends.
pub async fn renewal_moves_and_the_end_removes<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let started = in_session(&account("ours"), Some(at(10)));
    insert(&store, &started).await;
    let mut renewed = next(&started);
    if let Some(lease) = renewed
        .session
        .as_mut()
        .and_then(|session| session.lease.as_mut())
    {
        lease.expires_at = at(50);
    }
    update(&store, &renewed, &[]).await;
    assert_eq!(ending(&store, Some(at(49))).await, []);
    assert_eq!(ending(&store, None).await, [started.id]);
    let mut ended = next(&renewed);
    ended.session = None;
    update(&store, &ended, &[]).await;
    assert_eq!(ending(&store, None).await, []);
    let mut again = next(&ended);
    again.epoch = 2;
    again.session = Some(session(2, Some(at(60))));
    update(&store, &again, &[]).await;
    assert_eq!(ending(&store, Some(at(60))).await, [started.id]);
}

/// "Removes a record and every snapshot of it."
pub async fn removed_record_has_no_session<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let gone = in_session(&account("ours"), Some(at(10)));
    insert(&store, &gone).await;
    remove(&store, &gone).await;
    assert_eq!(ending(&store, None).await, []);
}

/// "Those after `after` only, `limit` at most, in ascending order of position": of one moment by their ids.
pub async fn pages_are_complete_and_in_order<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut records = Vec::new();
    for index in 0..18 {
        let ends = [Some(at(30)), Some(at(10)), None][index % 3];
        let record = in_session(&account(["a", "b"][index % 2]), ends);
        insert(&store, &record).await;
        records.push(record);
    }
    let expected = by_position(records);
    for limit in [1, 4, 18, 19] {
        let listed = pages(limit, async |after: Option<WorkspaceRecord>| {
            let after = after.as_ref().and_then(session_position);
            let page = store.sessions(None, after, limit).await;
            page.expect("a listing is answered")
        });
        assert_eq!(listed.await, expected, "by pages of {limit}");
    }
}

/// "Where a page of sessions begins: after the session that ends then, on that workspace", gone or not.
pub async fn page_begins_after_a_session_that_is_gone<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut records = Vec::new();
    for seconds in [10, 10, 20] {
        let record = in_session(&account("ours"), Some(at(seconds)));
        insert(&store, &record).await;
        records.push(record);
    }
    let records = by_position(records);
    remove(&store, &records[0]).await;
    let after: SessionPosition = session_position(&records[0]).expect("it has a session");
    let page = store.sessions(Some(at(20)), Some(after), 9).await;
    assert_eq!(page.expect("a listing is answered"), records[1..]);
}
