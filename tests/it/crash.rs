//! The crash protocol, row by row: each operation is stopped at each of its steps, and the next process recovers.

use std::collections::BTreeSet;
use std::pin::Pin;

use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, RestoreSnapshot, StartSession};
use workdisk::model::{Status, VolumeId, WorkspaceId};
use workdisk::{Account, Error};

use crate::support::steps::Break;
use crate::support::{Backing, Bench, OK, SANDBOX, code, read, write};

type Run = fn(Account, WorkspaceId) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Stops an operation on a workspace at every step, before it and after it, until it is untouched. The workspace holds
/// "head" and has a snapshot "s" that holds "snapshot". After each stop the next process recovers, nothing is orphaned, a
/// second recovery has nothing to do, `holds` is asked what the workspace holds, and the same call succeeds or is done.
async fn stop_at_every_step(run: Run, done: &[&str], holds: &[&str]) {
    for backing in [Backing::Directory, Backing::Overlayfs] {
        stop_at_every_step_on(backing, run, done, holds).await;
    }
}

async fn stop_at_every_step_on(backing: Backing, run: Run, done: &[&str], holds: &[&str]) {
    let mut stopped = 0;
    for kind in [
        Break::Before as fn(usize) -> Break,
        Break::After,
        Break::Lost,
    ] {
        for at in 1.. {
            let Some(mut bench) = Bench::on(backing).await else {
                return;
            };
            let workspace = bench.sandbox("w").await.id;
            write(&bench.account, workspace, "snapshot").await;
            bench
                .account
                .create_snapshot(workspace, "s", Force::No)
                .await
                .unwrap();
            write(&bench.account, workspace, "head").await;

            bench.steps.break_at(kind(at));
            let result = run(bench.account.clone(), workspace).await;
            let broken = bench.steps.has_broken();
            bench.crash().await;
            bench.assert_no_orphan().await;
            bench.assert_sound().await;
            assert!(
                bench.manager.recover().await.unwrap().is_empty(),
                "{:?}",
                kind(at)
            );
            match bench.account.get(workspace).await {
                Ok(found) => {
                    assert_eq!(found.status, Status::Ready, "{:?}", kind(at));
                    let held = read(&bench.account, workspace).await;
                    assert!(
                        holds.contains(&held.as_str()),
                        "{:?} left {held:?}",
                        kind(at)
                    );
                }
                Err(error) => assert!(holds.contains(&error.code().as_str()), "{error}"),
            }
            if !broken {
                result.unwrap();
                break;
            }
            stopped += 1;
            let again = run(bench.account.clone(), workspace).await;
            let code = again
                .as_ref()
                .map_or_else(|error| error.code().as_str(), |()| "ok");
            assert!(done.contains(&code), "{:?}: {again:?}", kind(at));
            bench.assert_no_orphan().await;
        }
    }
    assert!(stopped > 2, "the operation has steps");
}

#[tokio::test]
async fn create_is_done_or_not_done() {
    let run: Run = |account, _| {
        Box::pin(async move {
            account
                .create(CreateWorkspace::new(SANDBOX).with_name("new"))
                .await
                .map(|_| ())
        })
    };
    stop_at_every_step(run, &["ok", "workspace_name_taken"], &["head"]).await;
}

#[tokio::test]
async fn clone_of_the_head_is_done_or_not_done() {
    let run: Run = |account, source| {
        Box::pin(async move {
            let options = CloneWorkspace::of_head().with_name("new");
            account.clone_workspace(source, options).await.map(|_| ())
        })
    };
    stop_at_every_step(run, &["ok", "workspace_name_taken"], &["head"]).await;
}

#[tokio::test]
async fn clone_of_a_snapshot_is_done_or_not_done() {
    let run: Run = |account, source| {
        Box::pin(async move {
            let options = CloneWorkspace::of_snapshot("s").with_name("new");
            account.clone_workspace(source, options).await.map(|_| ())
        })
    };
    stop_at_every_step(run, &["ok", "workspace_name_taken"], &["head"]).await;
}

#[tokio::test]
async fn snapshot_is_done_or_not_done() {
    let run: Run = |account, workspace| {
        Box::pin(async move {
            account
                .create_snapshot(workspace, "t", Force::No)
                .await
                .map(|_| ())
        })
    };
    stop_at_every_step(run, &["ok", "snapshot_name_taken"], &["head"]).await;
}

#[tokio::test]
async fn restore_is_done_or_not_done() {
    let run: Run = |account, workspace| {
        Box::pin(async move {
            let options = RestoreSnapshot::default().with_save_head_as("saved");
            account.restore(workspace, "s", options).await.map(|_| ())
        })
    };
    stop_at_every_step(run, &["ok", "snapshot_name_taken"], &["head", "snapshot"]).await;
}

#[tokio::test]
async fn delete_is_finished_once_it_has_begun() {
    let run: Run =
        |account, workspace| Box::pin(async move { account.delete(workspace, Force::No).await });
    stop_at_every_step(
        run,
        &["ok", "workspace_not_found"],
        &["head", "workspace_not_found"],
    )
    .await;
}

#[tokio::test]
async fn deletion_of_a_snapshot_is_done_or_not_done() {
    let run: Run = |account, workspace| {
        Box::pin(async move { account.delete_snapshot(workspace, "s").await.map(|_| ()) })
    };
    stop_at_every_step(run, &["ok", "snapshot_not_found"], &["head"]).await;
}

#[tokio::test]
async fn session_of_a_dead_process_is_ended_and_its_files_are_kept() {
    let run: Run = |account, workspace| {
        Box::pin(async move {
            let session = account
                .start_session(workspace, SANDBOX, StartSession::default())
                .await?;
            std::fs::write(session.path().join("file"), "worked").unwrap();
            session.end().await.map(|_| ()).map_err(|failed| {
                // The process dies here: nothing of it goes on in the background.
                let _ = failed.session.detach();
                failed.error
            })
        })
    };
    stop_at_every_step(run, &["ok"], &["head", "worked"]).await;
}

/// The last commit of these calls is not waited for: what they were answered for must follow from what is durable by then.
#[tokio::test]
async fn answered_call_is_kept_by_a_power_cut_that_forgets_its_last_commit() {
    for backing in [Backing::Directory, Backing::Overlayfs] {
        let calls: [(&str, Run); 6] = [
            ("create", |account, _| {
                Box::pin(async move {
                    let new = CreateWorkspace::new(SANDBOX).with_name("new");
                    account.create(new).await.map(|_| ())
                })
            }),
            ("clone", |account, source| {
                Box::pin(async move {
                    let options = CloneWorkspace::of_head().with_name("new");
                    account.clone_workspace(source, options).await.map(|_| ())
                })
            }),
            ("snapshot", |account, workspace| {
                Box::pin(async move {
                    let taken = account.create_snapshot(workspace, "t", Force::No).await;
                    taken.map(|_| ())
                })
            }),
            ("restore", |account, workspace| {
                Box::pin(async move {
                    let options = RestoreSnapshot::default().with_save_head_as("t");
                    account.restore(workspace, "s", options).await.map(|_| ())
                })
            }),
            ("delete snapshot", |account, workspace| {
                Box::pin(async move { account.delete_snapshot(workspace, "s").await.map(|_| ()) })
            }),
            ("delete", |account, workspace| {
                Box::pin(async move { account.delete(workspace, Force::No).await })
            }),
        ];
        for (call, run) in calls {
            let Some(mut bench) = Bench::on(backing).await else {
                return;
            };
            let workspace = bench.sandbox("w").await.id;
            write(&bench.account, workspace, "snapshot").await;
            let taken = bench.account.create_snapshot(workspace, "s", Force::No);
            taken.await.unwrap();
            write(&bench.account, workspace, "head").await;
            bench.steps.forget_what_is_kept_soon();
            run(bench.account.clone(), workspace).await.unwrap();
            bench.crash().await;
            bench.assert_no_orphan().await;
            bench.assert_sound().await;
            let again = bench.manager.recover().await.unwrap();
            assert!(again.is_empty(), "{call}: {again:?}");
            let account = &bench.account;
            if call == "delete" {
                assert_eq!(code(account.get(workspace).await), "workspace_not_found");
                continue;
            }
            let held = if call == "restore" {
                "snapshot"
            } else {
                "head"
            };
            assert_eq!(read(account, workspace).await, held, "{call}");
            let names = account.snapshots(workspace).await.unwrap();
            let names: Vec<String> = names.into_iter().map(|it| it.name).collect();
            let expected: &[&str] = match call {
                "create" | "clone" => &["s"],
                "delete snapshot" => &[],
                _ => &["s", "t"],
            };
            assert_eq!(names, expected, "{call}");
            if ["create", "clone"].contains(&call) {
                let made = account.get("new").await.unwrap();
                assert_eq!(made.status, Status::Ready, "{call}");
            }
            if call == "clone" {
                let made = account.get("new").await.unwrap().id;
                assert_eq!(read(account, made).await, "head");
            }
        }
    }
}

#[tokio::test]
async fn rename_is_old_or_new() {
    let run: Run = |account, workspace| {
        Box::pin(async move {
            account.set_name(workspace, "renamed").await?;
            account.set_template(workspace, true).await.map(|_| ())
        })
    };
    stop_at_every_step(run, &["ok"], &["head"]).await;
}

#[tokio::test]
async fn operation_that_failed_is_undone_and_the_same_call_succeeds() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    for at in 2..4 {
        bench.steps.break_at(Break::Before(at));
        let failed = bench
            .account
            .create_snapshot(workspace, "s", Force::No)
            .await;
        assert_eq!(failed.unwrap_err().code().as_str(), "storage_unavailable");
        bench.steps.heal();
    }
    bench
        .account
        .create_snapshot(workspace, "s", Force::No)
        .await
        .unwrap();
    bench.assert_no_orphan().await;
}

/// A store that had failed to make a name durable showed it all the same, and the same call was answered without a commit.
#[tokio::test]
async fn change_that_a_store_shows_and_may_not_keep_is_not_acknowledged() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    bench.steps.break_at(Break::After(1));
    for _ in 0..2 {
        let failed = bench.account.set_name(workspace, "new").await;
        assert_eq!(failed.unwrap_err().code().as_str(), "storage_unavailable");
    }
    let shown = bench.account.get(workspace).await.unwrap();
    assert_eq!(shown.name.as_deref(), Some("new"));
    bench.steps.heal();
    let kept = bench.account.set_name(workspace, "new").await.unwrap();
    assert_eq!(
        kept.revision, shown.revision,
        "a caller can see no difference"
    );
}

/// A store that had failed to sync showed a workspace as being deleted, or a volume as let go of, and the next call removed
/// the volumes. Opened again, the store had the workspace as it was before, without them.
#[tokio::test]
async fn volumes_are_not_removed_on_the_word_of_a_change_that_was_not_kept() {
    for backing in [Backing::Directory, Backing::Overlayfs] {
        // The steps that commit before a volume may go.
        let steps = [
            ("delete", 1),
            ("restore", 1),
            ("restore", 3),
            ("delete a snapshot", 1),
        ];
        for (call, at) in steps {
            let Some(bench) = Bench::on(backing).await else {
                return;
            };
            nothing_is_removed_once_the_store_fails(&bench, call, at).await;
        }
    }
}

/// Whether a call whose commit is not kept removes volumes, or the calls after it do.
async fn nothing_is_removed_once_the_store_fails(bench: &Bench, call: &str, at: usize) {
    let account = &bench.account;
    let workspace = bench.sandbox("w").await.id;
    write(account, workspace, "snapshot").await;
    let snapshot = account.create_snapshot(workspace, "s", Force::No).await;
    snapshot.unwrap();
    let make = async || match call {
        "delete" => account.delete(workspace, Force::Yes).await.is_ok(),
        "restore" => {
            let options = RestoreSnapshot::default();
            account.restore(workspace, "s", options).await.is_ok()
        }
        _ => account.delete_snapshot(workspace, "s").await.is_ok(),
    };
    // A snapshot can be deleted in a session, whose end removes what is on its way out.
    let session = match call {
        "delete a snapshot" => {
            let options = StartSession::default();
            let session = account.start_session(workspace, SANDBOX, options).await;
            Some(session.unwrap())
        }
        _ => None,
    };
    let before = volumes(bench).await;
    bench.steps.break_at(Break::Unkept(at));
    for _ in 0..2 {
        assert!(!make().await, "{call}, {at}");
    }
    if let Some(session) = session {
        let failed = session.end().await.unwrap_err();
        assert_eq!(failed.error.code().as_str(), "storage_unavailable");
    }
    let _ = bench.manager.recover().await;
    let left = volumes(bench).await;
    assert!(
        before.is_subset(&left),
        "{call}, {at}: {before:?}, {left:?}"
    );
}

async fn volumes(bench: &Bench) -> BTreeSet<VolumeId> {
    let all = bench.volume.list(None, usize::MAX).await.unwrap();
    all.into_iter().map(|volume| volume.id).collect()
}

#[tokio::test]
async fn caller_that_goes_away_leaves_no_operation_half_done() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    let gate = bench.steps.gate("freeze");
    let account = bench.account.clone();
    let call =
        tokio::spawn(async move { account.create_snapshot(workspace, "s", Force::No).await });
    gate.reached().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    gate.open();
    // The deletion waits for the snapshot, which cannot be told from one whose caller waits.
    bench.account.delete(workspace, Force::Yes).await.unwrap();
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn deletion_that_cancels_a_restore_leaves_nothing() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    let account = &bench.account;
    let snapshot = account.create_snapshot(workspace, "s", Force::No).await;
    snapshot.unwrap();
    write(account, workspace, "head").await;
    let gate = bench.steps.gate("fork");
    let restoring = {
        let account = account.clone();
        tokio::spawn(async move {
            let options = RestoreSnapshot::default().with_save_head_as("saved");
            account.restore(workspace, "s", options).await
        })
    };
    gate.reached().await;
    let refused = account.delete(workspace, Force::No).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "workspace_busy");
    let deleting = {
        let account = account.clone();
        tokio::spawn(async move { account.delete(workspace, Force::Yes).await })
    };
    // The restore learns of it at its next step, whether the deletion has got that far or not.
    tokio::task::yield_now().await;
    gate.open();
    deleting.await.unwrap().unwrap();
    match restoring.await.unwrap() {
        Ok(restored) => assert_eq!(restored.id, workspace),
        Err(error) => {
            let code = error.code().as_str();
            assert!(
                ["workspace_busy", "workspace_not_found"].contains(&code),
                "{error}"
            );
        }
    }
    let gone = account.get(workspace).await.unwrap_err();
    assert_eq!(gone.code().as_str(), "workspace_not_found");
    bench.assert_no_orphan().await;
}

/// It answered that there is no such workspace, as if the caller had been wrong.
#[tokio::test]
async fn deletion_that_cancels_a_creation_succeeds_and_leaves_nothing() {
    let bench = Bench::new().await;
    let account = &bench.account;
    let gate = bench.steps.gate("set_label");
    let creating = {
        let account = account.clone();
        tokio::spawn(async move {
            account
                .create(CreateWorkspace::new(SANDBOX).with_name("w"))
                .await
        })
    };
    gate.reached().await;
    // The record is made beside the disk.
    while account.get("w").await.is_err() {
        tokio::task::yield_now().await;
    }
    let deleting = {
        let account = account.clone();
        tokio::spawn(async move { account.delete("w", Force::Yes).await })
    };
    // The creation learns of it at its next step, whether the deletion has got that far or not.
    tokio::task::yield_now().await;
    gate.open();
    deleting.await.unwrap().unwrap();
    let created = creating.await.unwrap();
    assert!([OK, "workspace_busy"].contains(&code(created)));
    assert_eq!(code(account.get("w").await), "workspace_not_found");
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn recovery_leaves_a_live_operation_alone() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("w").await.id;
    let gate = bench.steps.gate("freeze");
    let account = bench.account.clone();
    let call =
        tokio::spawn(async move { account.create_snapshot(workspace, "s", Force::No).await });
    gate.reached().await;
    assert!(bench.manager.recover().await.unwrap().is_empty());
    gate.open();
    call.await.unwrap().unwrap();
}

/// What a restore replaces was noted by one change and let go of by another, after it was removed.
#[tokio::test]
async fn volume_that_is_replaced_is_noted_as_its_record_lets_go_beside_its_removal() {
    let bench = Bench::new().await;
    let id = bench.sandbox("w").await.id;
    let account = &bench.account;
    account.create_snapshot(id, "s", Force::No).await.unwrap();
    let stored = async || {
        let record = bench.metadata.workspace(account.id(), id).await.unwrap();
        record.unwrap()
    };
    let head = stored().await.head;
    let gate = bench.steps.gate("remove");
    let restored = {
        let account = account.clone();
        let options = RestoreSnapshot::default();
        tokio::spawn(async move { account.restore(id, "s", options).await })
    };
    gate.reached().await;
    while !stored().await.discard.is_empty() {
        tokio::task::yield_now().await;
    }
    let noted = bench.metadata.reservations(None, usize::MAX).await.unwrap();
    assert!(noted.iter().any(|it| it.volume == head));
    assert_eq!(bench.manager.check().await.unwrap().faults, []);
    gate.open();
    restored.await.unwrap().unwrap();
    assert_eq!(bench.volume.status(head).await.unwrap(), None);

    // The intent, the fork, its label, the new head, the removal, and the last.
    for steps in [7, 6] {
        bench.steps.break_at(Break::After(steps));
        let options = RestoreSnapshot::default();
        account.restore(id, "s", options).await.unwrap();
        assert_eq!(bench.steps.has_broken(), steps == 6);
        bench.steps.heal();
    }
}

/// A volume's reservation was forgotten as one that a record names, after the record had let go of it: a removal that was lost
/// with the disk left a volume that nobody knew.
#[tokio::test]
async fn removed_volume_stays_reserved_until_it_is_gone_durably() {
    let bench = Bench::new().await;
    let reserved = async || {
        let noted = bench.metadata.reservations(None, usize::MAX).await.unwrap();
        let noted: BTreeSet<VolumeId> = noted.into_iter().map(|it| it.volume).collect();
        noted
    };
    let ready = {
        bench.sandbox("first").await;
        reserved().await
    };
    let id = bench.sandbox("second").await.id;
    let account = bench.account.id();
    let record = bench.metadata.workspace(account, id).await.unwrap();
    let head = record.unwrap().head;
    assert!(ready.contains(&head), "ids are reserved ahead");
    bench.account.delete(id, Force::No).await.unwrap();
    // More are reserved, and those forgotten that records name.
    for number in 0..6 {
        bench.sandbox(&number.to_string()).await;
    }
    let now = reserved().await;
    assert!(!ready.is_subset(&now), "those that are named are forgotten");
    assert!(now.contains(&head));
}
