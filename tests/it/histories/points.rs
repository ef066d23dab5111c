//! The moments at which a call takes effect, by what it was told.

use workdisk::model::{SessionId, WorkspaceId};

use super::calls::{Call, Event, Told, View};

/// A moment at which a call looks at a workspace or changes it. Those of one call come in the order of their list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// The rules refuse it by that code.
    Refused(Call, &'static str),
    /// It is read, or changed by a single commit, and shows like this.
    Shown(Call, View),
    /// A snapshot is deleted.
    Done(Call),
    Snapshots(&'static str, Vec<String>),
    Started(&'static str, WorkspaceId, SessionId),
    /// The first commit of a call, on the workspace of that id if it was told.
    Begun {
        number: usize,
        call: Call,
        id: Option<WorkspaceId>,
    },
    /// Its last commit.
    Ended {
        number: usize,
    },
    /// What it is shown at last.
    Seen {
        number: usize,
        view: View,
    },
    /// A session is found by a name, to be ended.
    Found {
        number: usize,
        name: &'static str,
        session: SessionId,
    },
    /// It is ended.
    SessionEnded {
        number: Option<usize>,
        id: WorkspaceId,
        session: SessionId,
        view: View,
    },
    /// A clone begins to look for its source, and may freeze heads from then on.
    Cloning {
        number: usize,
    },
    /// It has found it.
    Source {
        number: usize,
        call: Call,
        source: WorkspaceId,
    },
    /// It is there.
    Cloned {
        number: usize,
        view: View,
    },
    /// It is refused, and freezes no more.
    NotCloned {
        number: usize,
        call: Call,
        code: &'static str,
    },
    /// A listing comes to where a workspace stands or would stand.
    Passed {
        number: usize,
        at: usize,
        id: WorkspaceId,
        view: Option<View>,
    },
}

/// The points of the call that was asked at a place.
pub(super) fn points(events: &[Event], asked: usize) -> Vec<Point> {
    let Event::Asked { call, .. } = &events[asked] else {
        unreachable!("because no call is asked there");
    };
    let told = events.iter().find_map(|event| match event {
        Event::Told {
            asked: at, told, ..
        } if *at == asked => Some(told),
        _ => None,
    });
    let told = told.expect("because every call is told something");
    of(events, asked, call, told)
}

fn of(events: &[Event], number: usize, call: &Call, told: &Told) -> Vec<Point> {
    let call = call.clone();
    match (&call, told) {
        (Call::Clone(..), Told::Refused(code)) => {
            let refused = Point::NotCloned { number, call, code };
            vec![Point::Cloning { number }, refused]
        }
        (Call::Clone(..), Told::Shown(view)) => {
            let (view, source) = (view.clone(), view.source);
            let source = source.expect("because a clone tells its source");
            vec![
                Point::Cloning { number },
                Point::Source {
                    number,
                    call,
                    source,
                },
                Point::Cloned { number, view },
            ]
        }
        (_, Told::Refused(code)) => vec![Point::Refused(call, code)],
        (Call::Create(_), Told::Shown(view)) => {
            let id = Some(view.id);
            let view = view.clone();
            vec![
                Point::Begun { number, call, id },
                Point::Seen { number, view },
            ]
        }
        (Call::Restore(..), Told::Shown(view)) => {
            let (id, view) = (Some(view.id), view.clone());
            vec![
                Point::Begun { number, call, id },
                Point::Ended { number },
                Point::Seen { number, view },
            ]
        }
        (Call::Snapshot(..) | Call::Delete(_), Told::Done) => {
            let begun = Point::Begun {
                number,
                call,
                id: None,
            };
            vec![begun, Point::Ended { number }]
        }
        (Call::EndByName(name, session), Told::Shown(view)) => {
            let (name, session) = (*name, *session);
            let (id, view) = (view.id, view.clone());
            let number_of = Some(number);
            vec![
                Point::Found {
                    number,
                    name,
                    session,
                },
                Point::SessionEnded {
                    number: number_of,
                    id,
                    session,
                    view,
                },
            ]
        }
        (Call::EndById(id, session), Told::Shown(view)) => {
            let (id, session, view) = (*id, *session, view.clone());
            vec![Point::SessionEnded {
                number: None,
                id,
                session,
                view,
            }]
        }
        (_, Told::Shown(view)) => vec![Point::Shown(call, view.clone())],
        (_, Told::Done) => vec![Point::Done(call)],
        (Call::Snapshots(name), Told::Snapshots(list)) => {
            vec![Point::Snapshots(name, list.clone())]
        }
        (Call::Start(name), Told::Started(id, session)) => {
            vec![Point::Started(name, *id, *session)]
        }
        (Call::List, Told::Listed(views)) => passed(events, number, views),
        (call, told) => unreachable!("{call:?} is not told {told:?}"),
    }
}

/// Where a listing passes: every workspace that anybody was told of, in the order of ids.
fn passed(events: &[Event], number: usize, views: &[View]) -> Vec<Point> {
    let mut ids: Vec<WorkspaceId> = Vec::new();
    for event in events {
        match event {
            Event::Told {
                told: Told::Shown(view),
                ..
            } => ids.push(view.id),
            Event::Told {
                told: Told::Listed(views),
                ..
            } => {
                ids.extend(
                    views
                        .iter()
                        .filter(|it| !is_half_a_clone(it))
                        .map(|it| it.id),
                );
            }
            _ => {}
        }
    }
    ids.sort();
    ids.dedup();
    let at = |id: &WorkspaceId| views.iter().find(|view| view.id == *id).cloned();
    let passed = ids.iter().enumerate().map(|(place, id)| Point::Passed {
        number,
        at: place,
        id: *id,
        view: at(id).filter(|view| !is_half_a_clone(view)),
    });
    passed.collect()
}

/// A clone that is being made shows at moments that it is not told: it may be made more than once, if its source changes.
fn is_half_a_clone(view: &View) -> bool {
    use workdisk::model::Status::{Creating, Deleting};
    view.source.is_some() && [Creating, Deleting].contains(&view.status)
}
