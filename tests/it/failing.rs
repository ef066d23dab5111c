//! One call of a store fails, before it is done or after, and all others go on: each operation is done or not done, and the
//! same process settles what is left.

use std::pin::Pin;
use std::time::Duration;

use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot, StartSession,
};
use workdisk::model::{Status, WorkspaceId};
use workdisk::{Account, BackendErrorKind, Error};
use workdisk_conformance::Faults;

use crate::support::{Bench, SANDBOX, code, read, write};

type Run = fn(Account, WorkspaceId) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// An operation on a workspace that holds "head" and has a snapshot "s" that holds "snapshot".
struct Operation {
    name: &'static str,
    run: Run,
    /// What the workspace can hold afterwards, or the code that says why it cannot be asked.
    holds: &'static [&'static str],
    /// What the same call can come to then.
    again: &'static [&'static str],
}

/// Longer than a lease that nobody renews.
const LONG: Duration = Duration::from_secs(86_400);

const OK: &str = crate::support::OK;

const OPERATIONS: [Operation; 10] = [
    Operation {
        name: "create",
        run: |account, _| {
            Box::pin(async move {
                let options = CreateWorkspace::new(SANDBOX).with_name("new");
                account.create(options).await.map(drop)
            })
        },
        holds: &["head"],
        again: &[OK, "workspace_name_taken"],
    },
    Operation {
        name: "clone of the head",
        run: |account, source| {
            Box::pin(async move {
                let options = CloneWorkspace::of_head().with_name("new");
                account.clone_workspace(source, options).await.map(drop)
            })
        },
        holds: &["head"],
        again: &[OK, "workspace_name_taken"],
    },
    Operation {
        name: "clone of a snapshot",
        run: |account, source| {
            Box::pin(async move {
                let options = CloneWorkspace::of_snapshot("s").with_name("new");
                account.clone_workspace(source, options).await.map(drop)
            })
        },
        holds: &["head"],
        again: &[OK, "workspace_name_taken"],
    },
    Operation {
        name: "snapshot",
        run: |account, workspace| {
            Box::pin(async move {
                let taken = account.create_snapshot(workspace, "t", Force::No);
                taken.await.map(drop)
            })
        },
        holds: &["head"],
        again: &[OK, "snapshot_name_taken"],
    },
    Operation {
        name: "restore",
        run: |account, workspace| {
            Box::pin(async move {
                let options = RestoreSnapshot::default().with_save_head_as("saved");
                account.restore(workspace, "s", options).await.map(drop)
            })
        },
        holds: &["head", "snapshot"],
        again: &[OK, "snapshot_name_taken"],
    },
    Operation {
        name: "deletion of a snapshot",
        run: |account, workspace| {
            Box::pin(async move { account.delete_snapshot(workspace, "s").await.map(drop) })
        },
        holds: &["head"],
        again: &[OK, "snapshot_not_found"],
    },
    Operation {
        name: "deletion",
        run: |account, workspace| {
            Box::pin(async move { account.delete(workspace, Force::No).await })
        },
        holds: &["head", "workspace_not_found"],
        again: &[OK, "workspace_not_found"],
    },
    Operation {
        name: "renaming",
        run: |account, workspace| {
            Box::pin(async move {
                account.set_name(workspace, "renamed").await?;
                account.clear_name(workspace).await.map(drop)
            })
        },
        holds: &["head"],
        again: &[OK],
    },
    Operation {
        name: "template",
        run: |account, workspace| {
            Box::pin(async move { account.set_template(workspace, true).await.map(drop) })
        },
        holds: &["head"],
        again: &[OK],
    },
    Operation {
        name: "session",
        run: |account, workspace| {
            Box::pin(async move {
                let options = StartSession::default();
                let session = account.start_session(workspace, SANDBOX, options).await?;
                std::fs::write(session.path().join("file"), "worked").unwrap();
                let ended = session.end().await.map(drop);
                // What could not be ended is ended by force.
                match ended {
                    Ok(()) => Ok(()),
                    Err(failed) => {
                        let _ = failed.session.detach();
                        account
                            .create_snapshot(workspace, "forced", Force::Yes)
                            .await?;
                        Err(failed.error)
                    }
                }
            })
        },
        holds: &["head", "worked"],
        again: &[OK],
    },
];

/// A session whose disk had been mounted without an answer left it mounted, and nobody could use the workspace until the
/// process had ended.
#[tokio::test]
async fn one_call_that_fails_leaves_every_operation_done_or_not_done() {
    for operation in OPERATIONS {
        for after in [false, true] {
            let mut failed = 0;
            while is_settled(&operation, after, failed + 1).await {
                failed += 1;
            }
            assert!(failed > 1, "{} has calls", operation.name);
        }
    }
}

/// Fails the nth call of an operation, and looks at what is left. Answers whether it has so many.
async fn is_settled(operation: &Operation, after: bool, nth: usize) -> bool {
    let Operation { name, run, .. } = operation;
    let faults = Faults::new();
    let bench = Bench::with_faults(&faults).await;
    let account = &bench.account;
    let workspace = bench.sandbox("w").await.id;
    write(account, workspace, "snapshot").await;
    let snapshot = account.create_snapshot(workspace, "s", Force::No).await;
    snapshot.unwrap();
    write(account, workspace, "head").await;

    let call = faults.calls() + nth;
    match after {
        false => faults.fail_before(call, BackendErrorKind::Unavailable),
        true => faults.fail_after(call, BackendErrorKind::Unavailable),
    }
    let result = run(account.clone(), workspace).await;
    if faults.calls() < call {
        result.unwrap();
        return false;
    }
    let case = format!("{name}, call {nth}, after: {after}");
    // A session whose beginning was not answered has no holder, and ends when nobody has renewed it.
    bench.machine.advance(LONG);
    let recovered = bench.manager.recover().await.unwrap();
    assert_eq!(recovered.failures, [], "{case}");
    assert!(bench.manager.recover().await.unwrap().is_empty(), "{case}");
    bench.assert_no_orphan().await;
    let all = account.list(ListWorkspaces::default()).await.unwrap();
    let is_ready = |it: &workdisk::model::Workspace| it.status == Status::Ready;
    assert!(all.workspaces.iter().all(is_ready), "{case}: {all:?}");
    let held = match account.get(workspace).await {
        Ok(_) => read(account, workspace).await,
        Err(error) => error.code().as_str().to_owned(),
    };
    assert!(operation.holds.contains(&held.as_str()), "{case}: {held}");
    let again = code(run(account.clone(), workspace).await);
    assert!(operation.again.contains(&again), "{case}: {again}");
    bench.assert_no_orphan().await;
    true
}
