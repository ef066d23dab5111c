//! Sessions: one at a time, leases, fencing, and force.

use std::process::Command;
use std::time::Duration;

use workdisk::Error;
use workdisk::manager::{CloneWorkspace, Force, LeaseTerm, RestoreSnapshot, StartSession};
use workdisk::model::{SessionType, Status};

use crate::support::{Bench, SANDBOX, code, read};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn session_shows_on_its_workspace_and_refuses_what_the_table_says() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await;
    let account = &bench.account;
    let browser = account
        .start_session("w", SessionType::Browser, StartSession::default())
        .await;
    assert_eq!(code(browser), "session_type_mismatch");
    let session = account
        .start_session("w", SANDBOX, StartSession::default())
        .await
        .unwrap();
    let active = account.get("w").await.unwrap();
    assert_eq!(
        (active.status, active.active_session_id),
        (Status::Active, Some(session.id()))
    );
    let second = account
        .start_session("w", SANDBOX, StartSession::default())
        .await;
    assert!(matches!(
        second,
        Err(Error::WorkspaceActive {
            force_would_help: false,
            ..
        })
    ));
    let clone = account
        .clone_workspace("w", CloneWorkspace::of_head())
        .await;
    assert_eq!(code(clone), "workspace_active");
    let snapshot = account.create_snapshot("w", "s", Force::No).await;
    assert!(matches!(
        snapshot,
        Err(Error::WorkspaceActive {
            force_would_help: true,
            ..
        })
    ));
    assert_eq!(
        code(account.delete("w", Force::No).await),
        "workspace_active"
    );
    account.set_name("w", "renamed").await.unwrap();
    let id = session.id();
    session.end().await.unwrap();
    let ended = account.get(workspace.id).await.unwrap();
    assert_eq!(
        (ended.active_session_id, ended.last_session_id),
        (None, Some(id))
    );
    assert_eq!(
        code(account.session(workspace.id, id).await),
        "session_not_found"
    );
    let next = account
        .start_session(workspace.id, SANDBOX, StartSession::default())
        .await
        .unwrap();
    assert_eq!(next.epoch(), 2);
    next.end().await.unwrap();
}

#[tokio::test]
async fn forced_snapshot_ends_the_session_and_its_handle_is_fenced() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let account = &bench.account;
    let session = account
        .start_session("w", SANDBOX, StartSession::default())
        .await
        .unwrap();
    std::fs::write(session.path().join("file"), "kept").unwrap();
    account.create_snapshot("w", "s", Force::Yes).await.unwrap();
    assert_eq!(
        code(session.end().await.map_err(|failed| failed.error)),
        "session_fenced"
    );
    account
        .restore("w", "s", RestoreSnapshot::default())
        .await
        .unwrap();
    let workspace = account.get("w").await.unwrap();
    assert_eq!(read(account, workspace.id).await, "kept");
}

#[tokio::test]
async fn process_that_holds_the_disk_is_named_and_then_ended_by_force() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let session = bench
        .account
        .start_session("w", SANDBOX, StartSession::default())
        .await
        .unwrap();
    let mut holder = Command::new("sleep")
        .arg("60")
        .current_dir(session.path())
        .spawn()
        .unwrap();
    let failed = session.end().await.unwrap_err();
    let Error::SessionTerminationFailed { holders, .. } = &failed.error else {
        panic!("{}", failed.error)
    };
    assert_eq!(
        (holders[0].pid, holders[0].command.as_str()),
        (holder.id(), "sleep")
    );
    let active = bench.account.get("w").await.unwrap();
    assert_eq!(active.active_session_id, Some(failed.session.id()));
    let reaper = std::thread::spawn(move || holder.wait().unwrap());
    bench.account.delete("w", Force::Yes).await.unwrap();
    assert!(!reaper.join().unwrap().success());
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn lease_that_ran_out_is_ended_by_the_next_call_and_a_clock_that_jumps_ends_none() {
    let mut bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    let lease = StartSession::default().with_lease(LeaseTerm::Renewing(HOUR));
    let session = bench
        .account
        .start_session("w", SANDBOX, lease)
        .await
        .unwrap();
    std::fs::write(session.path().join("file"), "kept").unwrap();
    let info = session.detach();
    bench.machine.jump(HOUR * 48);
    assert!(bench.manager.recover().await.unwrap().is_empty());
    bench.machine.advance(HOUR - Duration::from_secs(1));
    bench.account.renew_session("w", info.id).await.unwrap();
    bench.machine.advance(HOUR - Duration::from_secs(1));
    let again = bench.account.start_session("w", SANDBOX, lease).await;
    assert_eq!(code(again), "workspace_active");
    bench.machine.advance(Duration::from_secs(1));
    assert_eq!(read(&bench.account, workspace).await, "kept");
    assert_eq!(
        code(bench.account.renew_session("w", info.id).await),
        "session_not_found"
    );
    bench.crash().await;
}

#[tokio::test]
async fn lasting_session_outlives_its_process_and_ends_with_its_hosts_boot() {
    let mut bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    let lease = StartSession::default().with_lease(LeaseTerm::Lasting);
    let session = bench
        .account
        .start_session("w", SANDBOX, lease)
        .await
        .unwrap();
    let id = session.detach().id;
    bench.crash().await;
    assert_eq!(
        bench.account.get("w").await.unwrap().active_session_id,
        Some(id)
    );
    bench.reopen_as(bench.machine.next_boot()).await;
    assert_eq!(bench.manager.recovered().sessions_ended, [workspace]);
    assert_eq!(
        bench.account.get("w").await.unwrap().last_session_id,
        Some(id)
    );
}

#[tokio::test]
async fn dropped_handle_ends_its_session() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let gate = bench.steps.gate("unmount");
    drop(
        bench
            .account
            .start_session("w", SANDBOX, StartSession::default())
            .await
            .unwrap(),
    );
    gate.reached().await;
    gate.open();
    // The deletion waits for the workspace's lock, which the ending session holds.
    bench.account.delete("w", Force::Yes).await.unwrap();
}

#[tokio::test]
async fn lease_out_of_range_is_refused() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    for ttl in [Duration::from_millis(999), HOUR * 24 * 400] {
        let options = StartSession::default().with_lease(LeaseTerm::Renewing(ttl));
        let refused = bench.account.start_session("w", SANDBOX, options).await;
        assert_eq!(code(refused), "invalid_request");
    }
}
