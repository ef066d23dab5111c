//! A caller that goes away at any step of a call: the call ends by itself, or was never begun.
//!
//! Each call of the stores is held before it is done, and each change once more before it is answered. After so many of them
//! the caller drops its future, for every number until the call is done untouched.

use std::sync::Arc;

use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, LeaseTerm, ListWorkspaces, RestoreSnapshot,
    StartSession,
};
use workdisk::model::{RequestKey, WorkspaceId};

use super::races::lease;
use super::run::{Boxed, Call, on_one_thread, told};
use super::stage::Stage;
use crate::support::SANDBOX;

/// A workspace that holds 2, with a snapshot that holds 1.
fn one_workspace(stage: Arc<Stage>) -> Boxed<()> {
    Box::pin(async move {
        let id = stage.workspace("w", 1).await;
        let account = &stage.processes[0].account;
        account.create_snapshot(id, "s", Force::No).await.unwrap();
        stage.put(id, 2).await;
    })
}

/// The same, with a session.
fn one_session(stage: Arc<Stage>) -> Boxed<()> {
    Box::pin(async move {
        one_workspace(Arc::clone(&stage)).await;
        let account = &stage.processes[0].account;
        let session = account.start_session("w", SANDBOX, lease()).await;
        session.unwrap().detach();
    })
}

async fn workspace(stage: &Stage) -> WorkspaceId {
    stage.left().await[0].record.id
}

/// Makes a call whose caller goes away after so many steps of the stores. Answers whether it was still there to go.
fn drop_after(
    count: usize,
    prepare: fn(Arc<Stage>) -> Boxed<()>,
    call: Call,
    done: &[&str],
) -> bool {
    on_one_thread(async |idle| {
        let stage = Arc::new(Stage::new(1).await);
        prepare(Arc::clone(&stage)).await;
        let account = stage.processes[0].account.clone();
        stage.turnstile.close();
        let caller = tokio::spawn(call(Arc::clone(&stage), account.clone()));
        // It may have been told before the call began.
        idle.notified().await;
        for _ in 0..count {
            idle.notified().await;
            if let Some(held) = stage.turnstile.held().first() {
                stage.turnstile.release(held.arrival);
            }
        }
        idle.notified().await;
        let was_there = !caller.is_finished();
        caller.abort();
        let _ = caller.await;
        stage.turnstile.open();
        // What goes on without its caller comes to its end.
        idle.notified().await;
        idle.notified().await;
        let again = call(Arc::clone(&stage), account).await;
        if let Err(code) = again {
            assert!(done.contains(&code), "after {count} steps: {code}");
        }
        stage.verify(false, false).await;
        was_there
    })
}

fn drop_at_every_step(
    prepare: fn(Arc<Stage>) -> Boxed<()>,
    steps: usize,
    done: &[&str],
    call: Call,
) {
    let mut count = 0;
    while drop_after(count, prepare, call, done) {
        count += 1;
    }
    assert!(count >= steps, "the call had {count} steps");
}

macro_rules! dropped {
    ($name:ident, $prepare:ident, $steps:literal, $done:expr, |$stage:ident, $account:ident| $call:expr) => {
        #[test]
        fn $name() {
            drop_at_every_step($prepare, $steps, &$done, |$stage, $account| {
                Box::pin(async move {
                    let _ = &$stage;
                    told($call.await)
                })
            });
        }
    };
}

dropped!(
    creation_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    6,
    ["workspace_name_taken"],
    |_stage, account| account.create(CreateWorkspace::new(SANDBOX).with_name("new"))
);

dropped!(
    creation_under_a_key_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    6,
    [],
    |_stage, account| {
        let account = account.once(RequestKey::new("key", "a workspace").unwrap());
        async move { account.create(CreateWorkspace::new(SANDBOX)).await }
    }
);

dropped!(
    clone_of_the_head_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    10,
    ["workspace_name_taken"],
    |_stage, account| account.clone_workspace("w", CloneWorkspace::of_head().with_name("new"))
);

dropped!(
    clone_of_a_snapshot_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    8,
    ["workspace_name_taken"],
    |_stage, account| account
        .clone_workspace("w", CloneWorkspace::of_snapshot("s").with_name("new"))
);

dropped!(
    rename_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    3,
    [],
    |stage, account| async move { account.set_name(workspace(&stage).await, "new").await }
);

dropped!(
    clearing_of_a_name_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    3,
    [],
    |stage, account| async move { account.clear_name(workspace(&stage).await).await }
);

dropped!(
    template_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    3,
    [],
    |_stage, account| account.set_template("w", true)
);

dropped!(
    measuring_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    6,
    [],
    |_stage, account| account.measure("w")
);

dropped!(
    snapshot_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    8,
    ["snapshot_name_taken"],
    |_stage, account| account.create_snapshot("w", "t", Force::No)
);

dropped!(
    snapshot_by_force_whose_caller_goes_away_is_done_or_not_done,
    one_session,
    14,
    ["snapshot_name_taken"],
    |_stage, account| account.create_snapshot("w", "t", Force::Yes)
);

dropped!(
    restore_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    12,
    ["snapshot_name_taken"],
    |_stage, account| {
        let options = RestoreSnapshot::default().with_save_head_as("saved");
        account.restore("w", "s", options)
    }
);

dropped!(
    restore_by_force_whose_caller_goes_away_is_done_or_not_done,
    one_session,
    14,
    [],
    |_stage, account| {
        let options = RestoreSnapshot::default().with_force(Force::Yes);
        account.restore("w", "s", options)
    }
);

dropped!(
    deletion_of_a_snapshot_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    6,
    ["snapshot_not_found"],
    |_stage, account| account.delete_snapshot("w", "s")
);

dropped!(
    deletion_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    8,
    ["workspace_not_found"],
    |_stage, account| account.delete("w", Force::No)
);

dropped!(
    deletion_by_force_whose_caller_goes_away_is_done_or_not_done,
    one_session,
    14,
    ["workspace_not_found"],
    |_stage, account| account.delete("w", Force::Yes)
);

dropped!(
    bulk_deletion_whose_caller_goes_away_is_done_or_not_done,
    one_session,
    14,
    [],
    |_stage, account| { account.bulk_delete(["w", "missing"], Force::Yes) }
);

dropped!(
    start_of_a_session_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    5,
    [],
    |_stage, account| async move {
        let session = account.start_session("w", SANDBOX, lease()).await?;
        session.end().await.map_err(|failed| failed.error)
    }
);

dropped!(
    start_of_a_lasting_session_whose_caller_goes_away_is_done_or_not_done,
    one_workspace,
    7,
    ["workspace_active"],
    |_stage, account| async move {
        let options = StartSession::default().with_lease(LeaseTerm::Lasting);
        let session = account.start_session("w", SANDBOX, options).await;
        session.map(|session| session.detach())
    }
);

dropped!(
    end_of_a_session_whose_caller_goes_away_is_done_or_not_done,
    one_session,
    4,
    ["session_not_found"],
    |stage, account| async move {
        let record = stage.left().await.remove(0).record;
        let session = record
            .session
            .map_or_else(workdisk::model::SessionId::new, |it| it.id);
        account.end_session("w", session).await
    }
);

dropped!(
    renewal_whose_caller_goes_away_is_done_or_not_done,
    one_session,
    3,
    [],
    |stage, account| async move {
        let session = stage.left().await.remove(0).record.session.unwrap().id;
        account.renew_session("w", session).await
    }
);

dropped!(
    reading_whose_caller_goes_away_leaves_nothing,
    one_session,
    4,
    [],
    |_stage, account| async move {
        account.get("w").await?;
        account.list(ListWorkspaces::default()).await?;
        account.snapshots("w").await
    }
);
