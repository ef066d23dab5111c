//! Races: one winner each, and nothing orphaned after.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, StartSession};
use workdisk::{Account, Error};

use crate::support::{Backing, Bench, SANDBOX, read, write};

/// Lets 64 tasks make the same call at once, and answers what came of it.
async fn race<T: Send + 'static, F: Future<Output = Result<T, Error>> + Send + 'static>(
    account: &Account,
    call: fn(Account) -> F,
) -> (Vec<T>, Vec<&'static str>) {
    let barrier = Arc::new(Barrier::new(64));
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (account, barrier) = (account.clone(), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            call(account).await
        });
    }
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for result in tasks.join_all().await {
        match result {
            Ok(value) => won.push(value),
            Err(error) => lost.push(error.code().as_str()),
        }
    }
    lost.sort_unstable();
    lost.dedup();
    (won, lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_a_name() {
    let bench = Bench::new().await;
    let (won, lost) = race(&bench.account, |account| async move {
        account
            .create(CreateWorkspace::new(SANDBOX).with_name("same"))
            .await
    })
    .await;
    assert_eq!((won.len(), lost), (1, vec!["workspace_name_taken"]));
    bench.assert_no_orphan().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_the_session() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let (won, lost) = race(&bench.account, |account| async move {
        account
            .start_session("w", SANDBOX, StartSession::default())
            .await
    })
    .await;
    assert_eq!((won.len(), lost), (1, vec!["workspace_active"]));
    for session in won {
        session.end().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_a_snapshot_name() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let (won, lost) = race(&bench.account, |account| async move {
        account.create_snapshot("w", "same", Force::No).await
    })
    .await;
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|code| ["snapshot_name_taken", "workspace_busy"].contains(code)),
        "{lost:?}"
    );
    bench.assert_no_orphan().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_of_one_template_do_not_refuse_each_other() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let (won, lost) = race(&bench.account, |account| async move {
        account
            .clone_workspace("w", CloneWorkspace::of_head())
            .await
    })
    .await;
    assert_eq!((won.len(), lost), (64, vec![]));
    bench.assert_no_orphan().await;
}

/// Either comes first: a session refuses the clone, or the clone is whole, and the session starts, or has to wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn clone_that_races_a_session_is_whole_or_refused() {
    for backing in [Backing::Directory, Backing::Overlayfs] {
        let Some(bench) = Bench::on(backing).await else {
            return;
        };
        let workspace = bench.sandbox("w").await.id;
        let account = &bench.account;
        let mut cloned = 0;
        for round in 0..80 {
            // A head that was written to since its last freeze has to be frozen by the clone.
            write(account, workspace, &round.to_string()).await;
            let barrier = Arc::new(Barrier::new(2));
            let start = {
                let (account, barrier) = (account.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    for _ in 0..round % 40 {
                        tokio::task::yield_now().await;
                    }
                    let session =
                        account.start_session(workspace, SANDBOX, StartSession::default());
                    let session = session.await?;
                    std::fs::write(session.path().join("file"), "by the session").unwrap();
                    Ok::<_, Error>(session)
                })
            };
            barrier.wait().await;
            let clone = account.clone_workspace(workspace, CloneWorkspace::of_head());
            let clone = clone.await;
            let session = start.await.unwrap();
            match (&clone, &session) {
                (Err(error), Ok(_)) => assert_eq!(error.code().as_str(), "workspace_active"),
                (Ok(_), Err(error)) => assert_eq!(error.code().as_str(), "workspace_busy"),
                (clone, session) => assert!(clone.is_ok() && session.is_ok(), "{clone:?}"),
            }
            if let Ok(session) = session {
                session.end().await.unwrap();
            }
            if let Ok(clone) = clone {
                cloned += 1;
                assert_eq!(read(account, clone.id).await, round.to_string());
                account.delete(clone.id, Force::No).await.unwrap();
            }
        }
        bench.assert_no_orphan().await;
        println!("{cloned} of 80 clones were made on {backing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_that_races_everything_leaves_nothing() {
    for _ in 0..8 {
        let bench = Bench::new().await;
        bench.sandbox("w").await;
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let account = bench.account.clone();
            tasks.spawn(async move {
                match number % 4 {
                    0 => drop(
                        account
                            .clone_workspace("w", CloneWorkspace::of_head())
                            .await,
                    ),
                    1 => drop(
                        account
                            .create_snapshot("w", &format!("s{number}"), Force::No)
                            .await,
                    ),
                    2 => {
                        let session = account
                            .start_session("w", SANDBOX, StartSession::default())
                            .await;
                        if let Ok(session) = session {
                            drop(session.end().await);
                        }
                    }
                    _ => drop(account.set_name("w", "w").await),
                }
            });
        }
        bench.account.delete("w", Force::Yes).await.unwrap();
        tasks.join_all().await;
        assert_eq!(
            bench.account.get("w").await.unwrap_err().code().as_str(),
            "workspace_not_found"
        );
        bench.assert_no_orphan().await;
    }
}
