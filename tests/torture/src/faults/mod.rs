//! What surrounds a store breaks: its disk, its processes, its mounts, its limits.

mod damage;
mod disks;
mod failing_disk;
mod holders;
mod limits;
mod processes;

use std::path::Path;

use clap::Args;

use crate::Result;
use crate::journal::Promises;
use crate::judge::judge;
use crate::own;
use crate::report::Report;

#[derive(Args, Debug)]
pub(crate) struct Faults {
    /// Only those whose name holds this text.
    #[arg(long, default_value = "")]
    only: String,
    /// How many cases those have that are made at random.
    #[arg(long, default_value_t = 10)]
    points: usize,
    /// How many workspaces an account has that has many.
    #[arg(long, default_value_t = 2_000)]
    workspaces: usize,
    /// Chooses other ones.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// A fault and what must hold: it answers what was seen, or what is wrong.
type Fault = fn(&Faults) -> Result<String>;

/// Every fault, by what breaks and how it ends.
const ALL: [(&str, &[(&str, Fault)]); 6] = [
    ("failing disk", &failing_disk::ALL),
    ("holders", &holders::ALL),
    ("processes", &processes::ALL),
    ("limits", &limits::ALL),
    ("disks", &disks::ALL),
    ("damage", &damage::ALL),
];

impl Faults {
    pub(crate) fn run(&self, report: &mut Report) -> Result<()> {
        for (kind, faults) in ALL {
            for (name, fault) in faults {
                if format!("{kind}: {name}").contains(&self.only) {
                    report.note(kind, name, fault(self));
                }
            }
        }
        Ok(())
    }
}

/// Whether a store is in order and holds what was promised.
fn is_kept(folder: &Path, promises: &Promises) -> Result<String> {
    judge(promises, &own::verify(folder)?)?;
    Ok(format!("{} calls kept", promises.answered))
}

/// Works in this process, as a program does that embeds the library.
fn embedded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Runtime::new()?.block_on(work)
}
