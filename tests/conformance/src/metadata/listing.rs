//! Listing the records of an account, by pages and filters.

use workdisk::Metadata;
use workdisk::model::{
    AccountId, Intent, SessionType, Status, VolumeId, WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};

use super::steps::{all, ids, insert, listed, remove, sorted, update};
use crate::fixtures::{account, at, in_session, key, name, named, next, operation, record};
use crate::harness::MetadataHarness;
use crate::pages::pages;

async fn insert_many(store: &dyn Metadata, account: &AccountId, count: usize) -> Vec<WorkspaceId> {
    let mut records: Vec<WorkspaceRecord> = (0..count).map(|_| record(account)).collect();
    // Not in the order in which they are to come back.
    records.reverse();
    for record in &records {
        insert(store, record).await;
    }
    sorted(ids(&records))
}

async fn paged(
    store: &dyn Metadata,
    account: &AccountId,
    filter: &WorkspaceFilter,
    limit: usize,
) -> Vec<WorkspaceId> {
    pages(limit, async |after| {
        let page = store.list(account, filter, after, limit).await;
        ids(&page.expect("a listing is answered"))
    })
    .await
}

/// "In ascending order of id, those after `after` only, `limit` at most."
pub async fn pages_are_complete_and_in_order<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    let expected = insert_many(&store, &account, 25).await;
    for limit in [1, 2, 7, 24, 25, 26, 1_000] {
        let filter = WorkspaceFilter::default();
        let listed = paged(&store, &account, &filter, limit).await;
        assert_eq!(listed, expected, "by pages of {limit}");
    }
}

/// "Fewer than `limit` are answered only if there are no more."
pub async fn filtered_page_is_short_only_at_the_end<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    let mut templates = Vec::new();
    for index in 0..60 {
        let mut record = record(&account);
        record.template = index % 13 == 5;
        insert(&store, &record).await;
        templates.extend(record.template.then_some(record.id));
    }
    let mut filter = WorkspaceFilter::default();
    filter.template = Some(true);
    for limit in [1, 2, 3] {
        let listed = paged(&store, &account, &filter, limit).await;
        assert_eq!(listed, sorted(templates.clone()), "by pages of {limit}");
    }
}

/// "`limit` at most".
pub async fn limit_of_zero_is_an_empty_page<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    insert(&store, &record(&account)).await;
    let page = store
        .list(&account, &WorkspaceFilter::default(), None, 0)
        .await;
    assert_eq!(page.expect("a listing is answered"), []);
}

/// "Those after `after` only": a place, whether or not a record still stands there.
pub async fn page_begins_after_a_removed_record<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    let expected = insert_many(&store, &account, 5).await;
    let records = all(&store, &account).await;
    remove(&store, &records[2]).await;
    let page = store
        .list(&account, &WorkspaceFilter::default(), Some(expected[2]), 9)
        .await;
    assert_eq!(ids(&page.expect("a listing is answered")), expected[3..]);
}

/// "What is asked for one account is answered from that account alone."
pub async fn listing_holds_one_account_alone<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    for text in ["a", "ab", "abc", "b"] {
        insert_many(&store, &account(text), 3).await;
    }
    let ours = account("ab");
    for limit in [1, 2, 100] {
        let listed = paged(&store, &ours, &WorkspaceFilter::default(), limit).await;
        assert_eq!(listed.len(), 3, "by pages of {limit}");
    }
    for record in all(&store, &ours).await {
        assert_eq!(record.account, ours);
    }
}

/// One record for each mixture of what a filter asks about.
fn mixture(account: &AccountId) -> Vec<WorkspaceRecord> {
    let mut records = Vec::new();
    for (index, text) in ["alpha", "alphabet", "Alpine", "beta", "zeta", "al"]
        .into_iter()
        .enumerate()
    {
        let mut record = named(account, text);
        record.template = index % 2 == 0;
        records.push(record);
    }
    let mut browser = WorkspaceRecord::new(
        WorkspaceId::new(),
        account.clone(),
        SessionType::Browser,
        VolumeId::new(),
        at(0),
    );
    browser.name = Some(name("alphorn"));
    let mut deleting = record(account);
    deleting.operation = Some(operation(Intent::Delete));
    records.extend([
        browser,
        deleting,
        in_session(account, None),
        record(account),
    ]);
    records
}

fn filters() -> Vec<WorkspaceFilter> {
    let of = |change: &dyn Fn(&mut WorkspaceFilter)| {
        let mut filter = WorkspaceFilter::default();
        change(&mut filter);
        filter
    };
    vec![
        of(&|_| {}),
        of(&|filter| filter.session_type = Some(SessionType::Browser)),
        of(&|filter| filter.session_type = Some(SessionType::Sandbox)),
        of(&|filter| filter.template = Some(true)),
        of(&|filter| filter.template = Some(false)),
        of(&|filter| filter.status = Some(Status::Ready)),
        of(&|filter| filter.status = Some(Status::Active)),
        of(&|filter| filter.status = Some(Status::Deleting)),
        of(&|filter| filter.status = Some(Status::Failed)),
        of(&|filter| filter.name_prefix = Some(key("AL"))),
        of(&|filter| filter.name_prefix = Some(key("alpha"))),
        of(&|filter| filter.name_prefix = Some(key("nothing"))),
        of(&|filter| {
            filter.name_prefix = Some(key("al"));
            filter.template = Some(true);
            filter.status = Some(Status::Ready);
            filter.session_type = Some(SessionType::Sandbox);
        }),
    ]
}

/// "A backend may apply it by `matches` or by an index of its own; both give the same answer."
pub async fn each_filter_answers_what_matches<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let account = account("ours");
    let records = mixture(&account);
    for record in &records {
        insert(&store, record).await;
    }
    for filter in filters() {
        let matching = records.iter().filter(|record| filter.matches(record));
        let expected = sorted(matching.map(|record| record.id).collect());
        for limit in [1, 3, 100] {
            let listed = paged(&store, &account, &filter, limit).await;
            assert_eq!(listed, expected, "by {filter:?} in pages of {limit}");
        }
    }
}

/// "A read that begins after a commit has been answered sees it": a record leaves one filter for another.
pub async fn filters_follow_an_update<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = named(&account("ours"), "alpha");
    insert(&store, &first).await;
    let mut second = next(&first);
    second.template = true;
    second.name = Some(name("beta"));
    second.operation = Some(operation(Intent::Delete));
    update(&store, &second, &[]).await;
    for filter in filters() {
        let expected: Vec<WorkspaceId> = Some(second.id)
            .filter(|_| filter.matches(&second))
            .into_iter()
            .collect();
        let listed = ids(&listed(&store, &second.account, &filter).await);
        assert_eq!(listed, expected, "by {filter:?}");
    }
}
