//! A name that passes from one workspace to another while a call is made by it.
//!
//! `n` names a workspace that holds 1, and another that holds 2 is called `other`. The first is renamed to `m`, then the
//! other one to `n`, both by their ids, and meanwhile a call is made of `n`. It may be done to the first only if it had
//! begun when that was renamed, and never to both.

use std::sync::Arc;

use workdisk::manager::{CloneWorkspace, Force, RestoreSnapshot};
use workdisk::model::{Source, Status, Workspace};
use workdisk::{Account, Error};

use super::explore;
use super::races::{all, allow, lease, named};
use super::run::{Answer, Boxed, Race, told};
use super::stage::{Left, Stage};
use crate::support::SANDBOX;

fn two_workspaces(stage: Arc<Stage>) -> Boxed<()> {
    Box::pin(async move {
        stage.workspace("n", 1).await;
        stage.workspace("other", 2).await;
    })
}

fn two_with_snapshots(stage: Arc<Stage>) -> Boxed<()> {
    Box::pin(async move {
        let account = &stage.processes[0].account;
        for (name, content) in [("n", 1), ("other", 2)] {
            let id = stage.workspace(name, content).await;
            account.create_snapshot(id, "s", Force::No).await.unwrap();
        }
    })
}

fn two_with_sessions(stage: Arc<Stage>) -> Boxed<()> {
    Box::pin(async move {
        two_workspaces(Arc::clone(&stage)).await;
        let account = &stage.processes[0].account;
        for name in ["n", "other"] {
            let session = account.start_session(name, SANDBOX, lease()).await;
            session.unwrap().detach();
        }
    })
}

/// Passes the name on, and tells whether the call had begun on the first workspace when that lost it.
fn pass_on(stage: Arc<Stage>, account: Account, begun: fn(&Workspace) -> bool) -> Boxed<Answer> {
    Box::pin(async move {
        let ids: Vec<_> = stage.left().await.iter().map(|it| it.record.id).collect();
        let had_begun = match account.set_name(ids[0], "m").await {
            Ok(renamed) => begun(&renamed),
            Err(error) => {
                allow(
                    Err(error.code().as_str()),
                    &["workspace_busy", "workspace_not_found"],
                );
                true
            }
        };
        if let Err(error) = account.set_name(ids[1], "n").await {
            // The first one is still there under its name, and is being deleted.
            allow(Err(error.code().as_str()), &["workspace_name_taken"]);
        }
        Ok(if had_begun { "begun" } else { "untouched" }.to_owned())
    })
}

/// The call was done to one of the two, to the first only if it had begun before the name passed on.
fn judge(answers: &[Option<Answer>], left: &[Left], is_done: fn(&Left) -> bool) {
    let [answer, passed] = all(answers);
    let done = |content: u64| {
        let it = left.iter().find(|it| it.content == Some(content));
        it.is_none_or(is_done)
    };
    if passed == Ok("untouched") {
        assert!(!done(1), "done to a workspace that had lost the name");
    }
    allow(answer, &["workspace_not_found"]);
    let count = usize::from(done(1)) + usize::from(done(2));
    assert_eq!(count, usize::from(answer.is_ok()), "{answer:?}");
}

#[test]
fn template_is_made_of_what_the_name_means() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.set_template("n", true).await) })
            }),
            (0, |stage, account| {
                pass_on(stage, account, |it| it.template)
            }),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |it| it.record.template),
    };
    explore("template, name passes on", &race, 3);
}

#[test]
fn what_the_name_means_is_renamed() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.set_name("n", "x").await) })
            }),
            (0, |stage, account| pass_on(stage, account, |_| true)),
        ],
        events: vec![],
        judge: |answers, left| {
            let [rename, _] = all(answers);
            allow(rename, &["workspace_not_found"]);
            let first = named(left, "m").map(|it| it.content);
            assert_eq!(
                first,
                Some(Some(1)),
                "it was renamed by a name that it had lost"
            );
            assert!(named(left, "n").is_some() || rename.is_ok());
        },
    };
    explore("rename, name passes on", &race, 2);
}

#[test]
fn snapshot_is_taken_of_what_the_name_means() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.create_snapshot("n", "s", Force::No).await) })
            }),
            (0, |stage, account| {
                pass_on(stage, account, |it| {
                    it.status == Status::Snapshotting || it.persistence.snapshot_count > 0
                })
            }),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |it| !it.snapshots.is_empty()),
    };
    explore("snapshot, name passes on", &race, 3);
}

/// Its snapshot, too, is one of the workspace that the name means.
#[test]
fn what_the_name_means_is_restored() {
    let race = Race {
        processes: 1,
        prepare: two_with_snapshots,
        calls: vec![
            (0, |_, account| {
                let options = RestoreSnapshot::default().with_save_head_as("saved");
                Box::pin(async move { told(account.restore("n", "s", options).await) })
            }),
            (0, |stage, account| {
                pass_on(stage, account, |it| {
                    it.status == Status::Restoring || it.persistence.snapshot_count > 1
                })
            }),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |it| it.snapshots.len() > 1),
    };
    explore("restore, name passes on", &race, 3);
}

#[test]
fn snapshot_is_deleted_of_what_the_name_means() {
    let race = Race {
        processes: 1,
        prepare: two_with_snapshots,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete_snapshot("n", "s").await) })
            }),
            (0, |stage, account| {
                pass_on(stage, account, |it| it.persistence.snapshot_count == 0)
            }),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |it| it.snapshots.is_empty()),
    };
    explore("delete a snapshot, name passes on", &race, 3);
}

#[test]
fn session_starts_on_what_the_name_means() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move {
                    let session = account.start_session("n", SANDBOX, lease()).await;
                    told(session.map(|session| session.detach()))
                })
            }),
            (0, |stage, account| {
                pass_on(stage, account, |it| it.active_session_id.is_some())
            }),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |it| it.record.session.is_some()),
    };
    explore("start, name passes on", &race, 3);
}

#[test]
fn what_the_name_means_is_deleted() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete("n", Force::No).await) })
            }),
            (0, |stage, account| pass_on(stage, account, |_| false)),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |_| false),
    };
    explore("delete, name passes on", &race, 3);
}

#[test]
fn item_of_a_bulk_delete_is_what_its_name_means() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move {
                    let mut deleted = account.bulk_delete(["n"], Force::No).await.unwrap();
                    told(deleted.remove(0).result)
                })
            }),
            (0, |stage, account| pass_on(stage, account, |_| false)),
        ],
        events: vec![],
        judge: |answers, left| judge(answers, left, |_| false),
    };
    explore("bulk delete, name passes on", &race, 3);
}

/// The sessions of two workspaces run, and the force of one call ends one of them at most.
#[test]
fn force_ends_the_session_of_one_workspace_and_deletes_no_other() {
    let race = Race {
        processes: 1,
        prepare: two_with_sessions,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move { told(account.delete("n", Force::Yes).await) })
            }),
            (0, |stage, account| pass_on(stage, account, |_| false)),
        ],
        events: vec![],
        judge: |answers, left| {
            judge(answers, left, |_| false);
            let running = left.iter().filter(|it| it.record.session.is_some());
            assert!(running.count() >= 1, "both sessions were ended");
        },
    };
    explore("delete by force, name passes on", &race, 3);
}

/// What was expected was met by the workspace whose session was ended, and allows nothing to be done to another.
#[test]
fn expectation_that_was_met_by_one_workspace_lets_nothing_be_done_to_another() {
    let race = Race {
        processes: 1,
        prepare: two_with_sessions,
        calls: vec![
            (0, |stage, account| {
                Box::pin(async move {
                    let revision = stage.left().await.remove(0).record.revision;
                    let account = account.expecting(revision);
                    told(account.create_snapshot("n", "s", Force::Yes).await)
                })
            }),
            (0, |stage, account| {
                Box::pin(async move {
                    let ids: Vec<_> = stage.left().await.iter().map(|it| it.record.id).collect();
                    for (id, name) in [(ids[1], "o"), (ids[0], "m"), (ids[1], "n")] {
                        account.set_name(id, name).await.unwrap();
                    }
                    Ok(String::new())
                })
            }),
        ],
        events: vec![],
        judge: |answers, left| {
            let [snapshot, _] = all(answers);
            allow(snapshot, &["revision_conflict", "workspace_not_found"]);
            let other = named(left, "n").unwrap();
            assert!(other.record.session.is_some() && other.snapshots.is_empty());
        },
    };
    explore("snapshot by force as expected, name passes on", &race, 3);
}

/// A session is one workspace's: it is ended if the name meant that workspace at a moment of the call.
#[test]
fn session_is_ended_where_it_is_found() {
    let race = Race {
        processes: 1,
        prepare: two_with_sessions,
        calls: vec![
            (0, |stage, account| {
                Box::pin(async move {
                    let session = stage.left().await.remove(0).record.session.unwrap().id;
                    told(account.end_session("n", session).await)
                })
            }),
            (0, |stage, account| pass_on(stage, account, |_| true)),
        ],
        events: vec![],
        judge: |answers, left| {
            let [ended, _] = all(answers);
            allow(ended, &["workspace_not_found", "session_not_found"]);
            let runs = |name: &str| named(left, name).unwrap().record.session.is_some();
            assert_eq!((runs("m"), runs("n")), (ended.is_err(), true));
        },
    };
    explore("end, name passes on", &race, 3);
}

/// A clone is a copy of a workspace that had the name at a moment of the call.
#[test]
fn clone_is_of_one_workspace_that_had_the_name() {
    let race = Race {
        processes: 1,
        prepare: two_workspaces,
        calls: vec![
            (0, |stage, account| {
                let options = CloneWorkspace::of_head().with_name("clone");
                Box::pin(async move {
                    let first = stage.left().await.remove(0).record.id;
                    match account.clone_workspace("n", options).await {
                        Ok(clone) => match clone.source {
                            Some(Source::Clone { clone_of, .. }) if clone_of == first => {
                                Ok("of the first".to_owned())
                            }
                            _ => Ok("of the other".to_owned()),
                        },
                        Err(error) => Err(error.code().as_str()),
                    }
                })
            }),
            (0, |stage, account| pass_on(stage, account, |_| true)),
        ],
        events: vec![],
        judge: |answers, left| {
            let [clone, _] = all(answers);
            allow(clone, &["workspace_not_found"]);
            let Some(made) = named(left, "clone") else {
                return assert!(clone.is_err());
            };
            let is_of_first = made.content == Some(1);
            assert_eq!(clone == Ok("of the first"), is_of_first);
        },
    };
    explore("clone, name passes on", &race, 3);
}

/// It answered that there was no snapshot, of a workspace that never was without one: its deletion had taken them away since
/// it was found.
#[test]
fn snapshots_are_listed_as_they_were_at_one_moment() {
    let race = Race {
        processes: 1,
        prepare: two_with_snapshots,
        calls: vec![
            (0, |_, account| {
                Box::pin(async move {
                    let listed = account.snapshots("n").await;
                    let count = listed.map(|listed| listed.len().to_string());
                    count.map_err(|error: Error| error.code().as_str())
                })
            }),
            (0, |_, account| {
                Box::pin(async move { told(account.delete("n", Force::No).await) })
            }),
        ],
        events: vec![],
        judge: |answers, _| {
            let [listed, _] = all(answers);
            assert!(
                [Ok("1"), Err("workspace_not_found")].contains(&listed),
                "{listed:?}"
            );
        },
    };
    explore("list snapshots, delete", &race, 2);
}
