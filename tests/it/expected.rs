//! A caller that says which revision it has seen changes no other.

use workdisk::manager::{Force, RestoreSnapshot, StartSession};
use workdisk::model::Status;
use workdisk::{Account, Error};

use crate::support::{Bench, SANDBOX, code};

/// Every call that changes one workspace, each with the code of what came of it.
async fn change_in_every_way(account: &Account) -> Vec<&'static str> {
    let start = StartSession::default();
    let restore = RestoreSnapshot::default();
    vec![
        code(account.set_name("w", "other").await),
        code(account.clear_name("w").await),
        code(account.set_template("w", true).await),
        code(account.create_snapshot("w", "t", Force::Yes).await),
        code(account.restore("w", "s", restore).await),
        code(account.delete_snapshot("w", "s").await),
        code(account.measure("w").await),
        code(account.start_session("w", SANDBOX, start).await.map(|_| ())),
        code(account.delete("w", Force::Yes).await),
    ]
}

#[tokio::test]
async fn change_of_another_revision_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let account = &bench.account;
    account.create_snapshot("w", "s", Force::No).await.unwrap();
    let before = account.get("w").await.unwrap();
    for revision in [before.revision - 1, before.revision + 1, 0, u64::MAX] {
        let answers = change_in_every_way(&account.expecting(revision)).await;
        assert_eq!(answers, ["revision_conflict"; 9]);
    }
    assert_eq!(account.get("w").await.unwrap(), before);
    let refused = account.expecting(0).set_template("w", true).await;
    assert!(matches!(
        refused,
        Err(Error::RevisionConflict { workspace, expected: 0, revision })
            if workspace == before.id && revision == before.revision
    ));
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn each_change_of_the_seen_revision_goes_through() {
    let bench = Bench::new().await;
    let mut seen = bench.sandbox("w").await;
    let account = &bench.account;
    let at = |revision| account.expecting(revision);
    seen = at(seen.revision).set_name("w", "v").await.unwrap();
    seen = at(seen.revision).set_template("v", true).await.unwrap();
    let session = at(seen.revision)
        .start_session("v", SANDBOX, StartSession::default())
        .await
        .unwrap();
    let info = session.detach();
    seen = account.get("v").await.unwrap();
    let late = at(seen.revision - 1).end_session("v", info.id).await;
    assert_eq!(code(late), "revision_conflict");
    let renewed = account.renew_session("v", info.id).await;
    renewed.unwrap();
    seen = at(seen.revision).end_session("v", info.id).await.unwrap();
    let taken = at(seen.revision).create_snapshot("v", "s", Force::No).await;
    taken.unwrap();
    seen = account.get("v").await.unwrap();
    let options = RestoreSnapshot::default();
    seen = at(seen.revision).restore("v", "s", options).await.unwrap();
    seen = at(seen.revision).delete_snapshot("v", "s").await.unwrap();
    at(seen.revision).delete("v", Force::No).await.unwrap();
}

#[tokio::test]
async fn force_ends_no_session_on_another_revision_and_one_on_the_seen_revision() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let account = &bench.account;
    let start = StartSession::default();
    let session = account.start_session("w", SANDBOX, start).await.unwrap();
    let seen = account.get("w").await.unwrap();
    let late = account.expecting(seen.revision - 1);
    let refused = late.create_snapshot("w", "s", Force::Yes).await;
    assert_eq!(code(refused), "revision_conflict");
    let after = account.get("w").await.unwrap();
    assert_eq!(
        (after.status, after.revision),
        (Status::Active, seen.revision)
    );
    let info = account.session("w", session.id()).await.unwrap();
    assert!(!info.revoked);
    let forced = account.expecting(seen.revision);
    forced.create_snapshot("w", "s", Force::Yes).await.unwrap();
    assert_eq!(account.get("w").await.unwrap().status, Status::Ready);
    drop(session);
}

/// A name that was given to another workspace meanwhile, at the same revision, is not mistaken for the one that was seen.
#[tokio::test]
async fn heir_of_a_name_is_not_the_workspace_that_was_seen() {
    let bench = Bench::new().await;
    let account = &bench.account;
    let seen = bench.sandbox("w").await;
    account.delete("w", Force::No).await.unwrap();
    let heir = bench.sandbox("w").await;
    assert_eq!(heir.revision, seen.revision);
    let handle = account.expecting_of(seen.id, seen.revision);
    assert_eq!(
        code(handle.delete("w", Force::Yes).await),
        "revision_conflict"
    );
    let handle = account.expecting_of(heir.id, heir.revision);
    handle.delete("w", Force::No).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_saw_the_same_revision_goes_on() {
    let bench = Bench::new().await;
    let seen = bench.sandbox("w").await;
    let tasks = (0..16).map(|n| {
        let account = bench.account.expecting(seen.revision);
        tokio::spawn(async move { account.set_name("w", &format!("w{n}")).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            // The name that it looked for is gone, or the revision is.
            Err(error) => assert!(
                ["revision_conflict", "workspace_not_found"].contains(&error.code().as_str()),
                "{error}"
            ),
        }
    }
    assert_eq!(won, 1);
}
