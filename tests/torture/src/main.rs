//! Breaks what workdisk works on, and checks what is left.
//!
//! As root, one of
//! ```text
//! cargo run --release -p workdisk-torture -- power-cut --points 300 --on ext4
//! cargo run --release -p workdisk-torture -- kill --points 100000 --random 500
//! cargo run --release -p workdisk-torture -- faults
//! ```
//! It prints a line a case and the counts at the end, and fails if anything was lost, or could not be tried.
//!
//! # How it is judged
//! A worker says each call before it makes it and again when it is answered. Whatever becomes of the worker and its disk,
//! another process then opens the store, recovers, proves that it is in order, and tells what is there. Every workspace must
//! be as it was promised, or that and the one call on it that was not answered.
//!
//! # Power cuts
//! The worker's disk records every write and flush. Then it is built as it would be had the power gone at some point of the
//! record, in three ways, because a disk may keep all, none or any of what was written since its last flush.
//!
//! # Kills
//! The worker is followed, and killed as it is about to make its n-th change by a system call, n = 1, 2, … until it is left
//! alone; and so is the process that recovers after it. Then a worker of many callers is killed at any moment.
//!
//! # Faults
//! What surrounds a store breaks: its disk fails or is full, a process will not let go, an administrator unmounts, another
//! process opens the same store. Each is a small scene with what must hold in it.

#![expect(
    clippy::print_stdout,
    reason = "a program that checks says what it found"
)]

mod call;
mod choose;
mod deed;
mod dice;
mod disk;
mod faults;
mod files;
mod filtered_disk;
mod journal;
mod judge;
mod kill;
mod own;
mod place;
mod power_cut;
mod random;
mod record;
mod recorded_disk;
mod report;
mod stage;
mod state;
mod store;
mod trace;
mod verify;
mod work;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::faults::Faults;
use crate::kill::Kill;
use crate::power_cut::PowerCut;
use crate::report::Report;
use crate::state::State;
use crate::store::Store;
use crate::work::Work;

type Error = Box<dyn std::error::Error + Send + Sync>;

type Result<T, E = Error> = std::result::Result<T, E>;

/// What is to be done.
#[derive(Parser)]
#[command(about)]
enum Torture {
    /// Cuts the power of a recorded disk.
    PowerCut(PowerCut),
    /// Kills what works, and what recovers.
    Kill(Kill),
    /// Breaks what surrounds a store: its disk, its processes, its mounts, its limits.
    Faults(Faults),
    /// Works on a store, and says what was promised.
    #[command(hide = true)]
    Work(Work),
    /// Opens a store, and ends.
    #[command(hide = true)]
    Recover { folder: PathBuf },
    /// Proves that a store is in order, and tells what is there.
    #[command(hide = true)]
    Verify { folder: PathBuf },
}

fn main() -> Result<ExitCode> {
    let mut report = Report::default();
    match Torture::parse() {
        Torture::PowerCut(power_cut) => power_cut.run(&mut report)?,
        Torture::Kill(kill) => kill.run(&mut report)?,
        Torture::Faults(faults) => faults.run(&mut report)?,
        Torture::Work(work) => return as_told(async |found| work::run(work, found).await),
        Torture::Recover { folder } => {
            return as_told(async |_| Store::open(&folder).await.map(drop));
        }
        Torture::Verify { folder } => {
            return as_told(async |_| {
                let found = verify::run(&folder).await?;
                println!("{}", serde_json::to_string(&found)?);
                Ok(())
            });
        }
    }
    Ok(report.conclude())
}

/// Begins once it is told what a store holds.
fn as_told(begin: impl AsyncFnOnce(State) -> Result<()>) -> Result<ExitCode> {
    let found = serde_json::from_str(&io::read_to_string(io::stdin())?)?;
    tokio::runtime::Runtime::new()?.block_on(begin(found))?;
    Ok(ExitCode::SUCCESS)
}
