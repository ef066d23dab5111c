//! What was measured: figures of rows, and the bars that they are held against.

use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use crate::machine::Machine;
use crate::options::Form;
use crate::peers::Peer;
use crate::samples::{Counted, Samples};
use crate::{Error, Result};

/// All that a run measured.
#[derive(Serialize)]
pub(crate) struct Report {
    form: &'static str,
    machine: Machine,
    pub(crate) figures: Vec<Figure>,
    /// The figures that could not be measured, and why.
    failed: Vec<(String, String)>,
    seconds: f64,
    #[serde(skip)]
    begun: Instant,
}

/// One question, and what answers it.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) bars: Vec<Bar>,
    /// What has to be said beside the numbers, a peer that is missing included.
    pub(crate) notes: Vec<String>,
}

/// What somebody took to do something.
#[derive(Clone, Serialize)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) what: String,
    /// Who did it.
    pub(crate) who: String,
    /// What of it he does not promise.
    pub(crate) lacks: &'static str,
    /// On which file system, and in what circumstances.
    pub(crate) place: String,
    /// Over how many files, where that is asked.
    pub(crate) files: Option<u64>,
    pub(crate) median: f64,
    pub(crate) p99: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) count: usize,
    /// How often the disk was told to keep what was written, where that was counted.
    pub(crate) flushes: Option<u64>,
}

/// What is asked of a figure, and whether it is so.
#[derive(Serialize)]
pub(crate) struct Bar {
    pub(crate) asked: String,
    pub(crate) found: String,
    pub(crate) met: bool,
}

impl Figure {
    pub(crate) fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self {
            name,
            title: title.into(),
            rows: Vec::new(),
            bars: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row of times, in milliseconds, and answers its median.
    pub(crate) fn times(
        &mut self,
        what: &str,
        who: Peer,
        place: &str,
        files: Option<u64>,
        samples: &Samples,
    ) -> f64 {
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let median = ms(samples.median());
        self.rows.push(Row {
            what: what.to_owned(),
            who: who.name().to_owned(),
            lacks: who.lacks(),
            place: place.to_owned(),
            files,
            median,
            p99: Some(ms(samples.p99())),
            unit: "ms",
            count: samples.count(),
            flushes: None,
        });
        median
    }

    /// Adds a row of one number.
    pub(crate) fn number(
        &mut self,
        what: &str,
        who: Peer,
        place: &str,
        (number, unit): (f64, &'static str),
    ) {
        self.rows.push(Row {
            what: what.to_owned(),
            who: who.name().to_owned(),
            lacks: who.lacks(),
            place: place.to_owned(),
            files: None,
            median: number,
            p99: None,
            unit,
            count: 1,
            flushes: None,
        });
    }

    /// Adds a row of times beside which the disk's flushes were counted.
    pub(crate) fn counted(
        &mut self,
        what: &str,
        who: Peer,
        place: &str,
        files: Option<u64>,
        counted: &Counted,
    ) -> f64 {
        let median = self.times(what, who, place, files, &counted.times);
        if let Some(row) = self.rows.last_mut() {
            row.flushes = Some(counted.flushes());
        }
        median
    }

    /// Holds a number against what it may be at most.
    pub(crate) fn at_most(&mut self, what: &str, found: f64, limit: f64, unit: &str) {
        self.bars.push(Bar {
            asked: format!("{what} ≤ {limit}{unit}"),
            found: format!("{found:.2}{unit}"),
            met: found <= limit,
        });
    }

    /// Holds a number against what it is to be at least.
    pub(crate) fn at_least(&mut self, what: &str, found: f64, limit: f64, unit: &str) {
        self.bars.push(Bar {
            asked: format!("{what} ≥ {limit}{unit}"),
            found: format!("{found:.2}{unit}"),
            met: found >= limit,
        });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Report {
    pub(crate) fn begin(form: Form) -> Self {
        Self {
            form: match form {
                Form::Quick => "quick",
                Form::Default => "default",
                Form::Full => "full",
            },
            machine: Machine::now(),
            figures: Vec::new(),
            failed: Vec::new(),
            seconds: 0.0,
            begun: Instant::now(),
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(crate) fn fail(&mut self, name: &str, error: &Error) {
        self.failed.push((name.to_owned(), error.to_string()));
    }

    pub(crate) fn end(&mut self) {
        self.seconds = self.begun.elapsed().as_secs_f64();
        self.machine.look_again();
    }

    /// On what it was measured, and how thoroughly.
    pub(crate) fn circumstances(&self) -> String {
        let (machine, form) = (self.machine.line(), self.form);
        format!("{machine}; {form} form, {:.0} s", self.seconds)
    }

    /// All of it as JSON.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// A bar that is missed is a finding; a figure that could not be measured is a failure.
    pub(crate) fn conclude(&self) -> ExitCode {
        match self.failed.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
