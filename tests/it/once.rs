//! A request under a key is done once, whatever comes between it and its repetition.

use std::collections::BTreeSet;
use std::time::Duration;

use workdisk::Account;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, LeaseTerm, StartSession};
use workdisk::model::{RequestKey, SessionType, Status};

use crate::support::steps::Break;
use crate::support::{Backing, Bench, SANDBOX, code, write};

const MINUTE: Duration = Duration::from_secs(60);

fn request(key: &str, asks: &str) -> RequestKey {
    RequestKey::new(key, asks).unwrap()
}

fn remote() -> StartSession {
    StartSession::default().with_lease(LeaseTerm::Remote(MINUTE))
}

/// What a call under a key made, told apart from what any other call makes.
async fn make(account: &Account, what: &str, key: &str) -> Result<String, workdisk::Error> {
    let account = account.once(request(key, what));
    Ok(match what {
        "workspace" => {
            let made = account.create(CreateWorkspace::new(SANDBOX)).await?;
            format!("{made:?}")
        }
        "clone" => {
            let options = CloneWorkspace::of_head();
            format!("{:?}", account.clone_workspace("w", options).await?)
        }
        "snapshot" => {
            let name = format!("of {key}");
            let made = account.create_snapshot("w", &name, Force::No).await?;
            format!("{made:?}")
        }
        _ => {
            let session = account.start_session("w", SANDBOX, remote()).await?;
            format!("{:?}", session.detach())
        }
    })
}

const THINGS: [&str; 4] = ["workspace", "clone", "snapshot", "session"];

#[tokio::test]
async fn repeated_request_answers_what_the_first_made_whatever_became_of_it() {
    for what in THINGS {
        let mut bench = Bench::new().await;
        bench.sandbox("w").await;
        let first = make(&bench.account, what, "k").await.unwrap();
        let again = make(&bench.account, what, "k").await.unwrap();
        assert_eq!(again, first, "{what}");
        bench.crash().await;
        assert_eq!(make(&bench.account, what, "k").await.unwrap(), first);
        let all = bench.account.list(Default::default()).await.unwrap();
        for workspace in all.workspaces {
            let deleted = bench.account.delete(workspace.id, Force::Yes).await;
            deleted.unwrap();
        }
        assert_eq!(make(&bench.account, what, "k").await.unwrap(), first);
        let left = bench.account.list(Default::default()).await.unwrap();
        assert_eq!(left.workspaces, [], "{what}");
        bench.assert_no_orphan().await;
    }
}

#[tokio::test]
async fn key_is_of_one_request_of_one_account() {
    let bench = Bench::new().await;
    make(&bench.account, "workspace", "k").await.unwrap();
    bench.sandbox("w").await;
    for what in ["clone", "snapshot", "session"] {
        let refused = make(&bench.account, what, "k").await;
        assert_eq!(code(refused), "idempotency_conflict", "{what}");
    }
    let theirs = bench.stranger();
    make(&theirs, "workspace", "k").await.unwrap();
    assert_eq!(
        theirs
            .list(Default::default())
            .await
            .unwrap()
            .workspaces
            .len(),
        1
    );
}

#[tokio::test]
async fn request_that_failed_is_done_when_it_is_made_again() {
    let bench = Bench::new().await;
    let taken = bench.sandbox("taken").await;
    let once = bench.account.once(request("k", "create"));
    let create = || CreateWorkspace::new(SANDBOX).with_name("taken");
    assert_eq!(code(once.create(create()).await), "workspace_name_taken");
    bench.account.set_name(taken.id, "free").await.unwrap();
    let made = once.create(create()).await.unwrap();
    assert_eq!(once.create(create()).await.unwrap(), made);
}

#[tokio::test]
async fn key_is_free_again_after_a_day() {
    let bench = Bench::new().await;
    let first = make(&bench.account, "workspace", "k").await.unwrap();
    bench.machine.advance(MINUTE * 60 * 24);
    assert_eq!(make(&bench.account, "workspace", "k").await.unwrap(), first);
    bench.machine.advance(MINUTE);
    let second = make(&bench.account, "workspace", "k").await.unwrap();
    assert_ne!(second, first);
    bench.machine.advance(MINUTE * 60 * 25);
    bench.manager.recover().await.unwrap();
    let kept = bench.metadata.receipt(bench.account.id(), "k").await;
    assert_eq!(kept.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_requests_of_a_key_is_done_and_all_get_its_answer() {
    let bench = Bench::new().await;
    let tasks = (0..32).map(|_| {
        let account = bench.account.clone();
        tokio::spawn(async move { make(&account, "workspace", "k").await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut answers = BTreeSet::new();
    for task in tasks {
        answers.insert(task.await.unwrap().unwrap());
    }
    assert_eq!(answers.len(), 1);
    let all = bench.account.list(Default::default()).await.unwrap();
    assert_eq!(all.workspaces.len(), 1);
    bench.assert_no_orphan().await;
}

/// Each request is stopped before and after each of its steps; the next process recovers, and the same request is made
/// again under its key. There is one thing then, and nothing else.
#[tokio::test]
async fn request_that_a_crash_cut_off_is_done_once() {
    for what in THINGS {
        let mut stopped = 0;
        for kind in [Break::Before as fn(usize) -> Break, Break::After] {
            for at in 1.. {
                let Some(mut bench) = Bench::on(Backing::Directory).await else {
                    return;
                };
                let workspace = bench.sandbox("w").await.id;
                write(&bench.account, workspace, "head").await;
                bench.steps.break_at(kind(at));
                let cut = make(&bench.account, what, "k").await;
                let broken = bench.steps.has_broken();
                bench.crash().await;
                bench.assert_no_orphan().await;
                let first = make(&bench.account, what, "k").await.unwrap();
                let again = make(&bench.account, what, "k").await.unwrap();
                assert_eq!(again, first, "{what} at {:?}", kind(at));
                let made = bench.account.list(Default::default()).await.unwrap();
                let expected = if ["workspace", "clone"].contains(&what) {
                    2
                } else {
                    1
                };
                assert_eq!(made.workspaces.len(), expected, "{what} at {:?}", kind(at));
                let snapshots = bench.account.snapshots(workspace).await.unwrap();
                assert_eq!(snapshots.len(), usize::from(what == "snapshot"));
                let status = bench.account.get(workspace).await.unwrap().status;
                let expected = if what == "session" {
                    Status::Active
                } else {
                    Status::Ready
                };
                assert_eq!(status, expected, "{what} at {:?}", kind(at));
                bench.assert_no_orphan().await;
                if !broken {
                    assert_eq!(cut.unwrap(), first);
                    break;
                }
                stopped += 1;
            }
        }
        assert!(stopped > 2, "{what} has steps");
    }
}

/// A session without a lease whose process died before its disk was mounted lasted, with nothing at its path.
#[tokio::test]
async fn session_whose_disk_was_never_mounted_ends_with_its_process() {
    for lease in [LeaseTerm::Lasting, LeaseTerm::Remote(MINUTE)] {
        let mut bench = Bench::new().await;
        bench.sandbox("w").await;
        bench.steps.break_at(Break::Before(2));
        let options = StartSession::default().with_lease(lease);
        let cut = bench.account.start_session("w", SANDBOX, options).await;
        assert_eq!(code(cut.map(|_| ())), "storage_unavailable");
        bench.crash().await;
        let found = bench.account.get("w").await.unwrap();
        assert_eq!(
            (found.status, found.session_type),
            (Status::Ready, SessionType::Sandbox)
        );
    }
}

#[tokio::test]
async fn remote_session_outlives_its_process_and_is_ended_when_it_is_not_renewed() {
    let mut bench = Bench::new().await;
    bench.sandbox("w").await;
    let session = bench.account.start_session("w", SANDBOX, remote()).await;
    let session = session.unwrap().detach();
    for _ in 0..3 {
        bench.machine.advance(MINUTE / 2);
        bench.crash().await;
        let renewed = bench.account.renew_session("w", session.id).await.unwrap();
        assert!(renewed.expires_at > session.expires_at);
    }
    bench.machine.advance(MINUTE);
    bench.manager.recover().await.unwrap();
    let ended = bench.account.get("w").await.unwrap();
    assert_eq!(ended.last_session_id, Some(session.id));
}
