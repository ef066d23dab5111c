//! Two processes on one store, one after the other or at once.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use workdisk::manager::CreateWorkspace;
use workdisk::model::SessionType;
use workdisk::{BackendError, BackendErrorKind};

use super::{Fault, Faults, embedded, is_kept};
use crate::Result;
use crate::call::LEASE;
use crate::dice::Dice;
use crate::journal::{self, Promises};
use crate::own::{Own, verify};
use crate::place::Place;
use crate::state::State;
use crate::store::Store;
use crate::work::Work;

pub(super) const ALL: [(&str, Fault); 3] = [
    (
        "a second one, while the first works and after it was killed",
        |faults| second(faults, false),
    ),
    (
        "the first stands still for longer than its lease",
        |faults| second(faults, true),
    ),
    ("opened again at once", |_| embedded(reopened())),
];

const LINES: usize = 60;

/// Another process opens the store of one that works, and is refused; once that is killed, it opens, and all is there.
fn second(faults: &Faults, stands_still: bool) -> Result<String> {
    let mut dice = Dice::new((faults.seed, stands_still));
    let mut kept = 0;
    for _ in 0..faults.points {
        let place = Place::new()?;
        let work = Work {
            folder: place.folder().to_owned(),
            calls: usize::MAX,
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        own.tell(&State::default())?;
        let mut said = own.said_until(1 + dice.below(LINES))?;
        let pid = Pid::from_raw(own.child.id().cast_signed());
        if stands_still {
            kill(pid, Signal::SIGSTOP)?;
            std::thread::sleep(LEASE + Duration::from_millis(100));
        }
        match embedded(Store::open(place.folder())) {
            Ok(_) => return Err("both have it open".into()),
            Err(error) => match error.downcast_ref::<BackendError>() {
                Some(refused) if *refused.kind() == BackendErrorKind::InUse => {}
                _ => return Err(error),
            },
        }
        if stands_still {
            kill(pid, Signal::SIGCONT)?;
            said += &own.said_until(LINES)?;
        }
        own.child.kill()?;
        own.child.wait()?;
        let said = said + &own.said()?;
        let promises = Promises::of(State::default(), &journal::parse(&said)?);
        is_kept(place.folder(), &promises)?;
        kept += promises.answered;
    }
    Ok(format!("{} times, {kept} calls kept", faults.points))
}

/// A store that was closed can be opened in the same moment.
async fn reopened() -> Result<String> {
    const TIMES: usize = 20;
    let place = Place::new()?;
    for _ in 0..TIMES {
        let store = Store::open(place.folder()).await?;
        let account = store.account_of(0)?;
        account
            .create(CreateWorkspace::new(SessionType::Sandbox))
            .await?;
    }
    match verify(place.folder())?.0.len() {
        TIMES => Ok(format!("{TIMES} times")),
        found => Err(format!("{found} of {TIMES} workspaces are left").into()),
    }
}
