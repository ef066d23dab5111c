//! Disks that are slow, small by a quota, or only in memory.

use std::fs;
use std::path::Path;

use workdisk_conformance::{FileSystem, LoopDisk};

use super::limits::full;
use super::{Fault, Faults, is_kept};
use crate::Result;
use crate::dice::Dice;
use crate::disk::run;
use crate::filtered_disk::FilteredDisk;
use crate::journal::{self, Promises};
use crate::own::Own;
use crate::place::Place;
use crate::state::State;
use crate::work::Work;

pub(super) const ALL: [(&str, Fault); 3] = [
    ("a slow one, whose store is killed", slow),
    ("a quota that is used up", |faults| {
        full(faults, FileSystem::Btrfs, limit, unlimit)
    }),
    ("one in memory", in_memory),
];

/// Each write takes so long.
const DELAY: &str = "20ms";

/// Leases are short and every sync takes long: calls take longer, and no other harm is done.
fn slow(faults: &Faults) -> Result<String> {
    let mut dice = Dice::new((faults.seed, "slow"));
    let mut kept = 0;
    for _ in 0..faults.points.div_ceil(3) {
        let place = Place::new()?;
        let delays = [format!("wdelay={DELAY}")];
        let _disk = FilteredDisk::new(place.beside(), place.folder(), "delay", &delays)?;
        let work = Work {
            folder: place.folder().to_owned(),
            callers: 4,
            calls: usize::MAX,
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        own.tell(&State::default())?;
        let said = own.said_until(20 + dice.below(60))?;
        own.child.kill()?;
        own.child.wait()?;
        let said = said + &own.said()?;
        let promises = Promises::of(State::default(), &journal::parse(&said)?);
        is_kept(place.folder(), &promises)?;
        kept += promises.answered;
    }
    Ok(format!("{kept} calls kept"))
}

/// Less than any worker has written by then.
const LIMIT: &str = "1M";

fn limit(disk: &LoopDisk) -> Result<()> {
    let quota = |words: &[&str]| {
        let words = words.iter().map(Path::new);
        run("btrfs", &words.chain([disk.path()]).collect::<Vec<_>>())
    };
    quota(&["quota", "enable"])?;
    quota(&["qgroup", "limit", LIMIT, "0/5"])?;
    Ok(())
}

/// A limit that is exceeded can't be raised: that would be written down too.
fn unlimit(disk: &LoopDisk) -> Result<()> {
    let words = ["quota", "disable"].map(Path::new);
    run("btrfs", &[words[0], words[1], disk.path()])?;
    Ok(())
}

/// Nothing of it survives the machine, but all of it a process.
fn in_memory(_: &Faults) -> Result<String> {
    let place = Place::new()?;
    let at = place.folder();
    let words = ["-t", "tmpfs", "workdisk"].map(Path::new);
    run("mount", &[words[0], words[1], words[2], at])?;
    let work = Work {
        folder: at.join("store"),
        callers: 4,
        ..Work::default()
    };
    fs::create_dir(&work.folder)?;
    let mut own = Own::start(&work.arguments())?;
    own.tell(&State::default())?;
    let lines = journal::parse(&own.end()?)?;
    is_kept(&work.folder, &Promises::of(State::default(), &lines))
}
