//! Cuts the power of a recorded disk.

use std::path::Path;

use clap::Args;
use workdisk_conformance::FileSystem;

use crate::Result;
use crate::dice::hash;
use crate::disk::Mounted;
use crate::journal::{self, Event, Line, Promises};
use crate::judge::judge;
use crate::own::{self, Own};
use crate::record::{Cut, Record};
use crate::recorded_disk::RecordedDisk;
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
}

impl PowerCut {
    pub(crate) fn run(&self, report: &mut Report) -> Result<()> {
        let place = tempfile::tempdir()?;
        let (lines, record) = self.record(place.path())?;
        let answers: Vec<u64> = lines
            .iter()
            .filter(|line| matches!(line.event, Event::Done(_)))
            .map(|line| line.entries)
            .collect();
        let flushes = record.flushes();
        println!(
            "{}: {} calls, {} writes and {} flushes of the disk",
            self.on,
            answers.len(),
            record.writes(),
            flushes.len()
        );
        let (Some(first), Some(last)) = (lines.first(), answers.last()) else {
            return Err("the worker did nothing".into());
        };
        let span = (last - first.entries).max(1);
        for number in 0..self.points {
            let chosen = hash((self.seed, number));
            let turn = number / 4;
            let among = self.points.div_ceil(4);
            // Of four points two are right after an answer, one is at a flush, and one anywhere.
            let at = match number % 4 {
                0 => answers[turn * answers.len() / among],
                2 => answers[usize::try_from(chosen)? % answers.len()],
                1 => flushes[usize::try_from(chosen)? % flushes.len()].max(first.entries),
                _ => first.entries + chosen % span,
            };
            for cut in Cut::ALL {
                let image = record.image(place.path(), at, cut, chosen)?;
                let outcome = check(&image, &lines, at);
                report.note(
                    &format!("{}, {cut}", self.on),
                    format!("entry {at}"),
                    outcome,
                );
            }
        }
        Ok(())
    }

    /// Works on a recorded disk.
    fn record(&self, folder: &Path) -> Result<(Vec<Line>, Record)> {
        let disk = RecordedDisk::new(folder, self.on)?;
        let work = Work {
            folder: disk.folder().to_owned(),
            callers: self.callers,
            calls: self.calls,
            label: format!("p{}", self.seed),
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

/// Whether what is on the image is what was promised by then.
fn check(image: &Path, lines: &[Line], at: u64) -> Result<String> {
    let mounted = Mounted::new(image, &image.with_file_name("cut"))?;
    let said = lines.iter().filter(|line| line.entries <= at);
    let promises = Promises::of(State::default(), said);
    judge(&promises, &own::verify(mounted.folder())?)?;
    Ok(format!("{} calls kept", promises.answered))
}
