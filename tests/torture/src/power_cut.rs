//! Cuts the power of a recorded disk.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use clap::Args;
use workdisk_conformance::FileSystem;

use crate::Result;
use crate::deed::{Coverage, Deed, Kind, deeds};
use crate::dice::{Dice, hash};
use crate::disk::Mounted;
use crate::journal::{self, Event, Line, Promises};
use crate::judge::judge;
use crate::own::{self, Own};
use crate::record::{Cut, Record};
use crate::recorded_disk::{Layout, RecordedDisk};
use crate::report::Report;
use crate::state::State;
use crate::work::Work;

#[derive(Args, Debug)]
pub(crate) struct PowerCut {
    /// At how many points of the record, each in three ways.
    #[arg(long, default_value_t = 30)]
    points: usize,
    /// Chooses other calls, other points, and other writes that are kept.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many callers work at once. The syncs of one can hide that another's is missing.
    #[arg(long, default_value_t = 1)]
    callers: usize,
    /// How many calls each makes.
    #[arg(long, default_value_t = 90)]
    calls: usize,
    /// The file system of the disk: ext4, xfs or btrfs.
    #[arg(long, default_value_t = FileSystem::Ext4)]
    on: FileSystem,
    /// The records and the files have a file system each. The syncs of one can hide that the other's are missing.
    #[arg(long)]
    apart: bool,
}

impl PowerCut {
    pub(crate) fn run(&self, report: &mut Report) -> Result<()> {
        let place = tempfile::tempdir()?;
        let (lines, record) = self.record(place.path())?;
        let deeds = deeds(&lines);
        let points = points(self, &lines, &record.flushes(), &deeds)?;
        println!(
            "{self}: {} calls, {} writes and {} flushes of the disk",
            answers(&lines).len(),
            record.writes(),
            record.flushes().len()
        );
        let mut coverage = Coverage::default();
        for at in points {
            let there = deeds.iter().filter(|deed| deed.is_at(at));
            coverage.note(there.map(|deed| deed.kind).collect::<BTreeSet<_>>());
            for cut in Cut::ALL {
                let image = record.image(place.path(), at, cut, hash((self.seed, at)))?;
                let outcome = check(&image, self.layout(), &lines, at);
                let kind = format!("{self}, {cut}");
                report.note(&kind, format!("entry {at}"), outcome);
            }
        }
        coverage.conclude(&format!("{self}, points"), report);
        Ok(())
    }

    fn layout(&self) -> Layout {
        match self.apart {
            true => Layout::Apart,
            false => Layout::Together,
        }
    }

    /// Works on a recorded disk.
    fn record(&self, folder: &Path) -> Result<(Vec<Line>, Record)> {
        let disk = RecordedDisk::new(folder, self.on, self.layout())?;
        let work = Work {
            folder: disk.folder().to_owned(),
            callers: self.callers,
            calls: self.calls,
            label: format!("p{}", self.seed),
            merges_at_once: true,
            record: Some(disk.record().to_owned()),
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        own.tell(&State::default())?;
        let said = own.end()?;
        let (record, size) = disk.end();
        Ok((journal::parse(&said)?, Record::read(&record, size)?))
    }
}

/// Which disk it is.
impl fmt::Display for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout() {
            Layout::Together => write!(f, "{}", self.on),
            Layout::Apart => write!(f, "two of {}", self.on),
        }
    }
}

/// How often a point is drawn for each that is wanted, because many are drawn twice.
const DRAWS: usize = 100;

/// How many entries the record had at each answer.
fn answers(lines: &[Line]) -> Vec<u64> {
    let done = lines
        .iter()
        .filter(|line| matches!(line.event, Event::Done(_)));
    done.map(|line| line.entries).collect()
}

/// As many different points as are wanted: one within each of what has to be cut, and then, of five, another one of those,
/// two right after an answer, until each had its turn, one at a flush, and one anywhere.
fn points(
    wanted: &PowerCut,
    lines: &[Line],
    flushes: &[u64],
    deeds: &[Deed],
) -> Result<BTreeSet<u64>> {
    let answers = answers(lines);
    let (Some(first), Some(last)) = (lines.first(), answers.last()) else {
        return Err("the worker did nothing".into());
    };
    let (first, last) = (first.entries + 1, *last);
    let of_kind = |kind: Kind| {
        let finished = deeds.iter().filter(move |deed| deed.kind == kind);
        finished.filter_map(|deed| Some((deed.from, deed.to?)))
    };
    let within = Kind::ALL.map(|kind| {
        of_kind(kind)
            .filter(|(from, to)| from < to)
            .collect::<Vec<_>>()
    });
    let mut dice = Dice::new((wanted.seed, "points"));
    let mut points = BTreeSet::new();
    let mut kinds = within.iter().cycle();
    let mut in_any_order = answers.clone();
    in_any_order.sort_by_key(|at| hash((wanted.seed, at)));
    let mut in_any_order = in_any_order.into_iter().cycle();
    for draw in 0..wanted.points * DRAWS {
        if points.len() == wanted.points {
            return Ok(points);
        }
        let within_each = draw < Kind::ALL.len();
        let point = match draw % 5 {
            turn if turn == 0 || within_each => dice
                .one_of(kinds.next().into_iter().flatten().copied())
                .map(|(from, to)| from + 1 + dice.number_below(to - from)),
            1 | 2 => in_any_order.next(),
            3 => dice.one_of(flushes.iter().copied()),
            _ => Some(first + dice.number_below(last - first + 1)),
        };
        points.extend(point.filter(|at| (first..=last).contains(at)));
    }
    Err(format!("there are only {} points: make more calls", points.len()).into())
}

/// Whether what is on the image is what was promised by then.
fn check(image: &Path, layout: Layout, lines: &[Line], at: u64) -> Result<String> {
    let folder = image.with_file_name("cut");
    let parts = layout.parts().iter();
    let mounted = parts.map(|part| Mounted::part(image, *part, &folder));
    let _mounted: Vec<Mounted> = mounted.collect::<Result<_>>()?;
    let said = lines.iter().filter(|line| line.entries <= at);
    let promises = Promises::of(State::default(), said);
    judge(&promises, &own::verify(&folder)?)?;
    Ok(format!("{} calls kept", promises.answered))
}
