//! Clocks that jump, and a machine that starts again.

use std::process::Command;
use std::time::Duration;

use workdisk::manager::{Force, LeaseTerm, StartSession};

use crate::support::{Backing, Bench, SANDBOX, code, read};

const DAY: Duration = Duration::from_secs(86_400);

fn leased() -> StartSession {
    StartSession::default().with_lease(LeaseTerm::Renewing(DAY / 24))
}

#[tokio::test]
async fn clock_that_jumps_two_days_back_and_forth_gives_no_lease_twice_and_ends_none() {
    let bench = Bench::new().await;
    bench.sandbox("w").await;
    let account = &bench.account;
    let session = account.start_session("w", SANDBOX, leased()).await.unwrap();
    let info = session.detach();
    let back = |days| bench.machine.jump_back(DAY * days);
    let forth = |days| bench.machine.jump(DAY * days);
    let jumps: [&dyn Fn(); 4] = [&|| forth(2), &|| back(4), &|| forth(2), &|| back(2)];
    for jump in jumps {
        jump();
        assert!(bench.manager.recover().await.unwrap().is_empty());
        let second = account.start_session("w", SANDBOX, leased()).await;
        assert_eq!(code(second), "workspace_active");
        account.renew_session("w", info.id).await.unwrap();
    }
    // It ends when its time has passed, whatever the clock says then.
    bench.machine.advance(DAY / 24);
    let next = account.start_session("w", SANDBOX, leased()).await.unwrap();
    assert!(next.epoch() > info.epoch);
    next.end().await.unwrap();
}

#[tokio::test]
async fn order_is_that_of_the_calls_and_not_of_the_clock() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await;
    let (account, mut before) = (&bench.account, workspace.revision);
    for name in ["first", "second", "third"] {
        account.create_snapshot("w", name, Force::No).await.unwrap();
        bench.machine.jump_back(DAY * 2);
        let now = account.set_template("w", name == "second").await.unwrap();
        assert!(now.revision > before);
        before = now.revision;
    }
    let snapshots = account.snapshots("w").await.unwrap();
    let names: Vec<_> = snapshots.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["first", "second", "third"]);
    assert!(snapshots[0].created_at > snapshots[2].created_at);
}

#[tokio::test]
async fn machine_that_starts_again_has_ended_every_session_and_kept_what_was_written() {
    for backing in [Backing::Directory, Backing::Overlayfs] {
        let Some(mut bench) = Bench::on(backing).await else {
            return;
        };
        let terms = [LeaseTerm::Renewing(DAY), LeaseTerm::Lasting];
        let mut workspaces = Vec::new();
        for (number, term) in terms.into_iter().enumerate() {
            let workspace = bench.sandbox(&format!("w{number}")).await.id;
            let options = StartSession::default().with_lease(term);
            let session = bench.account.start_session(workspace, SANDBOX, options);
            let session = session.await.unwrap();
            std::fs::write(session.path().join("file"), "never saved").unwrap();
            if matches!(backing, Backing::Overlayfs) {
                // A start of the machine leaves no mount.
                let unmount = Command::new("umount").arg(session.path()).status();
                assert!(unmount.unwrap().success());
            }
            workspaces.push((workspace, session.detach()));
        }
        bench.reopen_as(bench.machine.next_boot()).await;
        let mut ended = bench.manager.recovered().sessions_ended.clone();
        ended.sort();
        let ids: Vec<_> = workspaces.iter().map(|it| it.0).collect();
        assert_eq!(ended, ids);
        for (workspace, session) in workspaces {
            let found = bench.account.get(workspace).await.unwrap();
            assert_eq!(
                (found.active_session_id, found.last_session_id),
                (None, Some(session.id))
            );
            assert_eq!(read(&bench.account, workspace).await, "never saved");
        }
        assert!(bench.manager.recover().await.unwrap().is_empty());
        bench.assert_no_orphan().await;
    }
}
