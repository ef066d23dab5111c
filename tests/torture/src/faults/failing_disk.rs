//! A disk that takes no more writes.

use std::path::PathBuf;

use super::{Fault, Faults, is_kept};
use crate::Result;
use crate::dice::Dice;
use crate::filtered_disk::FailingDisk;
use crate::journal::{self, Promises};
use crate::own::Own;
use crate::place::Place;
use crate::state::State;
use crate::work::Work;

pub(super) const ALL: [(&str, Fault); 3] = [
    ("that of the records", |faults| fails(faults, "metadata")),
    ("that of the files", |faults| fails(faults, "volumes")),
    ("that of both", |faults| fails(faults, "")),
];

/// The most lines that a worker says before the disk breaks.
const LINES: usize = 60;

/// The disk of a part of the store fails while it is worked on. The store must refuse to go on; opened again on the healed
/// disk it must hold what was promised.
fn fails(faults: &Faults, part: &'static str) -> Result<String> {
    let mut dice = Dice::new((faults.seed, part));
    let mut kept = 0;
    for _ in 0..faults.points {
        let place = Place::new()?;
        let point: PathBuf = place.folder().join(part);
        let disk = FailingDisk::new(place.beside(), &point)?;
        let work = Work {
            folder: place.folder().to_owned(),
            calls: usize::MAX,
            until_failure: true,
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        own.tell(&State::default())?;
        let said = own.said_until(1 + dice.below(LINES))?;
        disk.break_it()?;
        let said = said + &own.end()?;
        disk.heal()?;
        let promises = Promises::of(State::default(), &journal::parse(&said)?);
        is_kept(place.folder(), &promises)?;
        kept += promises.answered;
    }
    Ok(format!("failed {} times, {kept} calls kept", faults.points))
}
