//! Listing, filters, pages, and bulk deletion.

use std::collections::HashSet;

use workdisk::manager::{CreateWorkspace, Force, ListWorkspaces};
use workdisk::model::{SessionType, Status};

use crate::support::{Bench, SANDBOX, code};

#[tokio::test]
async fn pages_hold_every_workspace_once_in_order_of_creation() {
    let bench = Bench::new().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(bench.sandbox(&format!("w{number}")).await.id);
    }
    for limit in 1..=8 {
        let (mut found, mut options) = (Vec::new(), ListWorkspaces::default().with_limit(limit));
        loop {
            let page = bench.account.list(options).await.unwrap();
            assert!(page.workspaces.len() <= limit);
            found.extend(page.workspaces.iter().map(|workspace| workspace.id));
            let Some(cursor) = page.next_cursor else {
                break;
            };
            options = ListWorkspaces::default()
                .with_limit(limit)
                .with_cursor(cursor);
        }
        assert_eq!(found, made, "limit {limit}");
    }
}

#[tokio::test]
async fn filters_keep_what_matches() {
    let bench = Bench::new().await;
    bench.sandbox("Apple").await;
    let browser = CreateWorkspace::new(SessionType::Browser)
        .with_name("apricot")
        .with_template(true);
    bench.account.create(browser).await.unwrap();
    let all = ListWorkspaces::default;
    for (options, expected) in [
        (all(), vec!["Apple", "apricot"]),
        (
            all().with_session_type(SessionType::Browser),
            vec!["apricot"],
        ),
        (all().with_template(false), vec!["Apple"]),
        (all().with_status(Status::Ready), vec!["Apple", "apricot"]),
        (all().with_status(Status::Active), vec![]),
        (all().with_name_prefix("AP"), vec!["Apple", "apricot"]),
        (all().with_name_prefix("app"), vec!["Apple"]),
    ] {
        let page = bench.account.list(options.clone()).await.unwrap();
        let names: Vec<_> = page
            .workspaces
            .iter()
            .filter_map(|found| found.name.as_deref())
            .collect();
        assert_eq!(names, expected, "{options:?}");
    }
}

#[tokio::test]
async fn limit_out_of_range_and_cursor_of_another_account_are_refused() {
    let bench = Bench::new().await;
    for limit in [0, 1_001] {
        let options = ListWorkspaces::default().with_limit(limit);
        assert_eq!(code(bench.account.list(options).await), "invalid_request");
    }
    bench.sandbox("a").await;
    bench.sandbox("b").await;
    let page = bench
        .account
        .list(ListWorkspaces::default().with_limit(1))
        .await
        .unwrap();
    let other = bench.manager.account("other").unwrap();
    let options = ListWorkspaces::default().with_cursor(page.next_cursor.unwrap());
    assert_eq!(code(other.list(options).await), "invalid_request");
}

#[tokio::test]
async fn bulk_delete_answers_in_order_and_duplicates_once() {
    let bench = Bench::new().await;
    let one = bench.sandbox("one").await;
    bench.sandbox("two").await;
    let session = bench
        .account
        .start_session("two", SANDBOX, Default::default())
        .await
        .unwrap();
    let selectors = [
        "missing".to_owned(),
        "one".to_owned(),
        one.id.to_string(),
        "two".to_owned(),
        "one".to_owned(),
    ];
    let answers = bench
        .account
        .bulk_delete(selectors, Force::No)
        .await
        .unwrap();
    let told: Vec<_> = answers
        .iter()
        .map(|answer| {
            let code = answer
                .result
                .as_ref()
                .map_or_else(|error| error.code().as_str(), |()| "ok");
            (answer.selector.as_str(), code)
        })
        .collect();
    let expected = [
        ("missing", "workspace_not_found"),
        ("one", "ok"),
        ("two", "workspace_active"),
    ];
    assert_eq!(told, expected);
    session.end().await.unwrap();
    let many: HashSet<String> = (0..1_001).map(|number| number.to_string()).collect();
    assert_eq!(
        code(bench.account.bulk_delete(many, Force::No).await),
        "invalid_request"
    );
}
