//! A line a case, the counts at the end, and whether anything was lost.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::ExitCode;

use crate::Result;

/// What came of the cases, by kind.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kinds: BTreeMap<String, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    held: usize,
    wrong: usize,
}

impl Report {
    /// Notes a case and says what came of it. One that could not be tried is as bad as one that lost something.
    pub(crate) fn note(&mut self, kind: &str, case: impl Display, outcome: Result<String>) {
        let counts = self.kinds.entry(kind.to_owned()).or_default();
        match outcome {
            Ok(what) => {
                counts.held += 1;
                println!("ok    {kind}: {case}: {what}");
            }
            Err(wrong) => {
                counts.wrong += 1;
                println!("WRONG {kind}: {case}: {wrong}");
            }
        }
    }

    /// Says the counts. It is a failure that anything was wrong, and that nothing was tried.
    pub(crate) fn conclude(&self) -> ExitCode {
        for (kind, counts) in &self.kinds {
            let cases = counts.held + counts.wrong;
            println!("{kind}: {cases} cases, {} wrong", counts.wrong);
        }
        ExitCode::from(u8::from(self.has_failed()))
    }

    pub(crate) fn has_failed(&self) -> bool {
        let wrong = self.kinds.values().any(|counts| counts.wrong > 0);
        wrong || self.kinds.is_empty()
    }
}
