//! The races that matter.

use std::sync::Arc;
use std::time::Duration;

use workdisk::Error;
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, LeaseTerm, RestoreSnapshot, StartSession,
};
use workdisk::model::OperationKind;

use super::explore;
use super::run::{Answer, Boxed, Event, Race, told};
use super::stage::{Left, Stage};
use crate::support::SANDBOX;

const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn lease() -> StartSession {
    StartSession::default().with_lease(LeaseTerm::Renewing(HOUR))
}

/// A workspace that holds 1.
fn one_workspace(stage: Arc<Stage>) -> Boxed<()> {
    Box::pin(async move {
        stage.workspace("w", 1).await;
    })
}

/// The answers of a race in which every call was told.
pub(super) fn all<const N: usize>(answers: &[Option<Answer>]) -> [Result<&str, &str>; N] {
    let answers = answers.iter().map(|answer| {
        let answer = answer.as_ref().unwrap();
        answer.as_ref().map(String::as_str).map_err(|code| *code)
    });
    answers.collect::<Vec<_>>().try_into().unwrap()
}

pub(super) fn allow(answer: Result<&str, &str>, codes: &[&str]) {
    if let Err(code) = answer {
        assert!(codes.contains(&code), "{code} is none of {codes:?}");
    }
}

pub(super) fn named<'a>(left: &'a [Left], name: &str) -> Option<&'a Left> {
    let is = |it: &&Left| {
        it.record
            .name
            .as_ref()
            .is_some_and(|it| it.as_str() == name)
    };
    left.iter().find(is)
}

#[test]
fn one_of_two_creations_gets_a_name_that_is_the_same_after_folding() {
    let race = Race {
        processes: 2,
        prepare: |_| Box::pin(async {}),
        calls: vec![
            (0, |_, account| {
                let new = CreateWorkspace::new(SANDBOX).with_name("Straße");
                Box::pin(async move { told(account.create(new).await) })
            }),
            (1, |_, account| {
                let new = CreateWorkspace::new(SANDBOX).with_name("STRASSE");
                Box::pin(async move { told(account.create(new).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let answers: [_; 2] = all(answers);
            let won = answers.iter().filter(|answer| answer.is_ok()).count();
            assert_eq!((won, left.len()), (1, 1));
            for answer in answers {
                allow(answer, &["workspace_name_taken"]);
            }
        },
    };
    explore("create, create", &race, 2);
}

#[test]
fn one_of_two_workspaces_is_renamed_to_a_name_that_is_the_same_after_folding() {
    let race = Race {
        processes: 2,
        prepare: |stage| {
            Box::pin(async move {
                stage.workspace("a", 1).await;
                stage.workspace("b", 2).await;
            })
        },
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.set_name("a", "ﬁn").await) })
            }),
            (1, |_, account| {
                Box::pin(async move { told(account.set_name("b", "FIN").await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let answers: [_; 2] = all(answers);
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            for answer in answers {
                allow(answer, &["workspace_name_taken"]);
            }
            assert_eq!(left.len(), 2);
        },
    };
    explore("rename, rename", &race, 2);
}

/// A clone of the head is whole, or a session refuses it; the session starts, or the clone's freeze refuses it.
#[test]
fn clone_is_whole_or_refused_by_the_session_that_it_races() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |stage, account| {
                Box::pin(async move {
                    match account.start_session("w", SANDBOX, lease()).await {
                        Ok(session) => {
                            assert!(stage.disks.write(session.path(), 2));
                            told(session.end().await.map_err(|failed| failed.error))
                        }
                        Err(error) => Err(error.code().as_str()),
                    }
                })
            }),
            (0, |_, account| {
                let options = CloneWorkspace::of_head().with_name("clone");
                Box::pin(async move { told(account.clone_workspace("w", options).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [session, clone] = all(answers);
            allow(session, &["workspace_busy"]);
            allow(clone, &["workspace_active"]);
            assert!(session.is_ok() || clone.is_ok());
            let source = named(left, "w").unwrap().content.unwrap();
            assert_eq!(source, if session.is_ok() { 2 } else { 1 });
            let cloned = named(left, "clone").map(|it| it.content.unwrap());
            assert_eq!(cloned.is_some(), clone.is_ok());
            // Before the session, or after its end.
            assert!(cloned.is_none_or(|content| content == 1 || content == source));
        },
    };
    explore("session, clone", &race, 3);
}

/// A call that had looked at the workspace while its session was starting took it, once it had started, for one that nobody
/// starts any more, and ended it under its holder.
#[test]
fn session_that_has_started_is_not_ended_by_a_call_that_saw_it_starting() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                let options = StartSession::default().with_lease(LeaseTerm::Lasting);
                Box::pin(async move {
                    let session = account.start_session("w", SANDBOX, options).await;
                    told(session.map(|session| session.detach()))
                })
            }),
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::No).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [session, snapshot] = all(answers);
            allow(session, &["workspace_busy"]);
            allow(snapshot, &["workspace_active"]);
            let runs = named(left, "w").unwrap().record.session.is_some();
            assert_eq!(runs, session.is_ok());
        },
    };
    explore("lasting session, snapshot", &race, 3);
}

/// A restore that had read the record while the snapshot was being taken, and looked for the snapshot when it was there, was
/// told that the workspace is busy: at no moment was it busy and the snapshot there.
#[test]
fn restore_of_a_snapshot_that_is_being_taken_is_never_told_that_it_is() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::No).await) })
            }),
            (0, |_, account| {
                let options = RestoreSnapshot::default();
                Box::pin(async move { told(account.restore("w", "s", options).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [snapshot, restored] = all(answers);
            assert_eq!(snapshot, Ok(""));
            allow(restored, &["snapshot_not_found"]);
            assert_eq!(named(left, "w").unwrap().snapshots.len(), 1);
        },
    };
    explore("snapshot, restore of it", &race, 2);
}

/// Clones of one head that has to be frozen first do not refuse each other.
#[test]
fn clones_of_one_head_are_both_made() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                let options = CloneWorkspace::of_head().with_name("a");
                Box::pin(async move { told(account.clone_workspace("w", options).await) })
            }),
            (0, |_, account| {
                let options = CloneWorkspace::of_head().with_name("b");
                Box::pin(async move { told(account.clone_workspace("w", options).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            assert_eq!(all(answers), [Ok(""), Ok("")]);
            assert!(left.iter().all(|it| it.content == Some(1)));
        },
    };
    explore("clone, clone", &race, 1);
}

#[test]
fn snapshot_and_deletion_refuse_each_other_or_come_one_after_the_other() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::No).await) })
            }),
            (0, |_, account| {
                Box::pin(async move { told(account.delete("w", Force::No).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [snapshot, deletion] = all(answers);
            allow(snapshot, &["workspace_busy", "workspace_not_found"]);
            allow(deletion, &["workspace_busy"]);
            assert!(snapshot.is_ok() || deletion.is_ok());
            assert_eq!(left.is_empty(), deletion.is_ok());
            if let Some(left) = left.first() {
                assert_eq!(left.snapshots.len(), 1);
            }
        },
    };
    explore("snapshot, delete", &race, 3);
}

/// The caller of the snapshot goes away at any moment, and the deletion by force waits for what it left running.
#[test]
fn forced_deletion_takes_the_place_of_a_snapshot_whose_caller_may_go_away() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::No).await) })
            }),
            (0, |_, account| {
                Box::pin(async move { told(account.delete("w", Force::Yes).await) })
            }),
        ],
        events: vec![Event::Drop(0)],
        judge: |answers, left| {
            if let Some(Err(code)) = answers[0] {
                allow(Err(code), &["workspace_busy", "workspace_not_found"]);
            }
            assert_eq!(answers[1], Some(Ok(String::new())));
            assert!(left.is_empty());
        },
    };
    explore("snapshot, delete by force, dropped", &race, 4);
}

#[test]
fn restore_finds_its_snapshot_whole_or_not_at_all() {
    let race = Race {
        processes: 1,
        prepare: |stage| {
            Box::pin(async move {
                let id = stage.workspace("w", 1).await;
                let account = &stage.processes[0].account;
                account.create_snapshot(id, "s", Force::No).await.unwrap();
                stage.put(id, 2).await;
            })
        },
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete_snapshot("w", "s").await) })
            }),
            (0, |_, account| {
                let options = RestoreSnapshot::default().with_save_head_as("saved");
                Box::pin(async move { told(account.restore("w", "s", options).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [deletion, restore] = all(answers);
            allow(deletion, &["workspace_busy"]);
            allow(restore, &["snapshot_not_found"]);
            assert!(deletion.is_ok() || restore.is_ok());
            let is_restored = restore.is_ok();
            assert_eq!(left[0].content, Some(if is_restored { 1 } else { 2 }));
            let count = usize::from(deletion.is_err()) + usize::from(is_restored);
            assert_eq!(left[0].snapshots.len(), count);
        },
    };
    explore("delete a snapshot, restore it", &race, 3);
}

/// A lease runs out at any moment: its session is renewed, or another one starts, and never are there two.
#[test]
fn session_whose_lease_runs_out_is_renewed_or_replaced() {
    let race = Race {
        processes: 1,
        prepare: |stage| {
            Box::pin(async move {
                stage.workspace("w", 1).await;
                let account = &stage.processes[0].account;
                let session = account.start_session("w", SANDBOX, lease()).await.unwrap();
                let id = session.detach().id;
                account.set_name("w", &format!("w {id}")).await.unwrap();
            })
        },
        calls: vec![
            (0, |stage, account| {
                Box::pin(async move {
                    let record = stage.left().await.remove(0).record;
                    let session = record.session.unwrap().id;
                    told(account.renew_session(record.id, session).await)
                })
            }),
            (0, |stage, account| {
                Box::pin(async move {
                    let id = stage.left().await.remove(0).record.id;
                    let session = account.start_session(id, SANDBOX, lease()).await;
                    told(session.map(|session| session.detach()))
                })
            }),
        ],
        events: vec![Event::Pass(HOUR)],
        judge: |answers, left| {
            let [renewal, start] = all(answers);
            allow(renewal, &["session_not_found", "session_fenced"]);
            allow(start, &["workspace_active"]);
            let record = &left[0].record;
            let session = record.session.as_ref().unwrap();
            assert_eq!(session.epoch, record.epoch);
            assert!(!session.revoked);
            let first = format!("w {}", session.id);
            let is_first = record.name.as_ref().unwrap().as_str() == first;
            assert_eq!(is_first, start.is_err());
            assert!(renewal.is_ok() || start.is_ok());
        },
    };
    explore("renewal, start, lease runs out", &race, 3);
}

#[test]
fn forced_deletion_gets_through_whatever_else_is_done() {
    let race = Race {
        processes: 1,
        prepare: |stage| {
            Box::pin(async move {
                let id = stage.workspace("w", 1).await;
                let account = &stage.processes[0].account;
                account.create_snapshot(id, "s", Force::No).await.unwrap();
                stage.put(id, 2).await;
            })
        },
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete("w", Force::Yes).await) })
            }),
            (0, |_, account| {
                let options = RestoreSnapshot::default().with_force(Force::Yes);
                Box::pin(async move { told(account.restore("w", "s", options).await) })
            }),
            (0, |stage, account| {
                Box::pin(async move {
                    let session = account.start_session("w", SANDBOX, lease()).await;
                    told(session.map(|session| stage.disks.write(session.path(), 3)))
                })
            }),
            (0, |_, account| {
                let options = CloneWorkspace::of_head().with_name("clone");
                Box::pin(async move { told(account.clone_workspace("w", options).await) })
            }),
            (0, |_, account| {
                Box::pin(async move { told(account.set_name("w", "w").await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [deletion, restore, session, clone, rename] = all(answers);
            assert_eq!(deletion, Ok(""));
            let gone = ["workspace_busy", "workspace_not_found"];
            allow(restore, &gone);
            allow(rename, &gone);
            allow(session, &gone);
            allow(
                clone,
                &["workspace_busy", "workspace_not_found", "workspace_active"],
            );
            assert!(named(left, "w").is_none());
            assert_eq!(named(left, "clone").is_some(), clone.is_ok());
        },
    };
    explore("delete by force, everything", &race, 8);
}

/// A session ends by itself, or by the force of a snapshot, and what was written in it is in the snapshot.
#[test]
fn session_that_ends_while_it_is_forced_out_ends_once_and_is_saved() {
    let race = Race {
        processes: 1,
        prepare: |stage| {
            Box::pin(async move {
                stage.workspace("w", 1).await;
                let account = &stage.processes[0].account;
                let session = account.start_session("w", SANDBOX, lease()).await.unwrap();
                assert!(stage.disks.write(session.path(), 2));
                *stage.session.lock().unwrap() = Some(session);
            })
        },
        calls: vec![
            (0, |stage, _| {
                Box::pin(async move {
                    let session = stage.session.lock().unwrap().take().unwrap();
                    told(session.end().await.map_err(|failed| failed.error))
                })
            }),
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::Yes).await) })
            }),
            (0, |_, account| {
                Box::pin(async move {
                    let session = account.start_session("w", SANDBOX, lease()).await;
                    match session {
                        Ok(session) => told(session.end().await.map_err(|failed| failed.error)),
                        Err(error) => Err(error.code().as_str()),
                    }
                })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [end, snapshot, next] = all(answers);
            allow(end, &["session_fenced"]);
            allow(
                next,
                &["workspace_active", "workspace_busy", "session_fenced"],
            );
            assert_eq!(snapshot, Ok(""));
            let record = &left[0].record;
            assert!(record.session.is_none() && !record.is_in_flight());
            assert_eq!((left[0].content, left[0].snapshots.len()), (Some(2), 1));
        },
    };
    explore("end, snapshot by force, start", &race, 4);
}

/// A clone takes what it needs, or its source is gone.
#[test]
fn clone_of_a_source_that_is_deleted_is_whole_or_not_made() {
    let race = Race {
        processes: 1,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete("w", Force::No).await) })
            }),
            (0, |_, account| {
                let options = CloneWorkspace::of_head().with_name("clone");
                Box::pin(async move { told(account.clone_workspace("w", options).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [deletion, clone] = all(answers);
            allow(deletion, &["workspace_busy"]);
            allow(clone, &["workspace_busy", "workspace_not_found"]);
            assert!(deletion.is_ok() || clone.is_ok());
            let cloned = named(left, "clone");
            assert_eq!(cloned.is_some(), clone.is_ok());
            assert!(cloned.is_none_or(|it| it.content == Some(1)));
        },
    };
    explore("delete, clone", &race, 3);
}

/// A clone of a snapshot races the deletion of that snapshot.
#[test]
fn clone_of_a_snapshot_that_is_deleted_is_whole_or_not_made() {
    let race = Race {
        processes: 1,
        prepare: |stage| {
            Box::pin(async move {
                let id = stage.workspace("w", 1).await;
                let account = &stage.processes[0].account;
                account.create_snapshot(id, "s", Force::No).await.unwrap();
                stage.put(id, 2).await;
            })
        },
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete_snapshot("w", "s").await) })
            }),
            (0, |_, account| {
                let options = CloneWorkspace::of_snapshot("s").with_name("clone");
                Box::pin(async move { told(account.clone_workspace("w", options).await) })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [deletion, clone] = all(answers);
            assert_eq!(deletion, Ok(""));
            allow(clone, &["snapshot_not_found"]);
            let cloned = named(left, "clone");
            assert_eq!(cloned.is_some(), clone.is_ok());
            assert!(cloned.is_none_or(|it| it.content == Some(1)));
        },
    };
    explore("delete a snapshot, clone it", &race, 2);
}

/// A process dies in a restore, at any step or at none, while another takes a snapshot.
#[test]
fn process_that_dies_in_a_restore_leaves_it_done_or_not_done() {
    let race = Race {
        processes: 2,
        prepare: |stage| {
            Box::pin(async move {
                let id = stage.workspace("w", 1).await;
                let account = &stage.processes[0].account;
                account.create_snapshot(id, "s", Force::No).await.unwrap();
                stage.put(id, 2).await;
            })
        },
        calls: vec![
            (0, |_, account| {
                let options = RestoreSnapshot::default().with_save_head_as("saved");
                Box::pin(async move { told(account.restore("w", "s", options).await) })
            }),
            (1, |_, account| {
                Box::pin(async move {
                    let taken = account.create_snapshot("w", "t", Force::No).await;
                    if let Err(Error::WorkspaceBusy { operation, .. }) = &taken {
                        assert_eq!(*operation, OperationKind::Restore);
                    }
                    told(taken)
                })
            }),
        ],
        events: vec![Event::Kill(0)],
        judge: |answers, left| {
            if let Some(Err(code)) = answers[0] {
                assert_eq!(code, "workspace_busy");
            }
            allow(
                answers[1]
                    .as_ref()
                    .unwrap()
                    .as_ref()
                    .map(|_| "")
                    .map_err(|it| *it),
                &["workspace_busy"],
            );
            let content = left[0].content.unwrap();
            let is_saved = left[0]
                .snapshots
                .iter()
                .any(|it| it.name.as_str() == "saved");
            assert_eq!(content, if is_saved { 1 } else { 2 });
        },
    };
    explore("restore and die, snapshot", &race, 4);
}

/// A process dies with a session, at any moment, while another wants to delete the workspace.
#[test]
fn session_of_a_process_that_dies_is_ended_by_whoever_needs_the_workspace() {
    let race = Race {
        processes: 2,
        prepare: one_workspace,
        calls: vec![
            (0, |stage, account| {
                Box::pin(async move {
                    let session = account.start_session("w", SANDBOX, lease()).await;
                    let session = session.map(|session| {
                        assert!(stage.disks.write(session.path(), 2));
                        session.detach()
                    });
                    told(session)
                })
            }),
            (1, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::No).await) })
            }),
        ],
        events: vec![Event::Kill(0)],
        judge: |answers, left| {
            if let Some(Err(code)) = answers[0] {
                assert_eq!(code, "workspace_busy");
            }
            if let Some(Err(code)) = answers[1] {
                allow(Err(code), &["workspace_active"]);
            }
            assert_eq!(left.len(), 1);
        },
    };
    explore("session and die, snapshot", &race, 4);
}

/// What runs in another process can't be cancelled from here, but when that process dies it is undone.
#[test]
fn forced_deletion_is_refused_by_a_snapshot_of_another_process_until_that_dies() {
    let race = Race {
        processes: 2,
        prepare: one_workspace,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("w", "s", Force::No).await) })
            }),
            (1, |_, account| {
                Box::pin(async move { told(account.delete("w", Force::Yes).await) })
            }),
        ],
        events: vec![Event::Kill(0)],
        judge: |answers, left| {
            if let Some(Err(code)) = answers[0] {
                allow(Err(code), &["workspace_busy", "workspace_not_found"]);
            }
            let deletion = answers[1].as_ref().unwrap();
            allow(
                deletion.as_ref().map(|_| "").map_err(|it| *it),
                &["workspace_busy"],
            );
            assert_eq!(left.is_empty(), deletion.is_ok());
        },
    };
    explore("snapshot and die, delete by force", &race, 5);
}
