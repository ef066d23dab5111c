//! Breaks what workdisk works on, and checks what is left.
//!
//! `cargo run --release -p workdisk-torture -- power-cut --points 300 --on ext4`, as root, with qemu-storage-daemon
//! (Debian: qemu-utils) and the `mkfs` of the file system. It prints what it found wrong and how many states it looked at,
//! and fails if anything was lost.
//!
//! # Power cuts
//! A worker makes, fills, snapshots, clones, restores and deletes workspaces on a disk whose every write and flush is
//! recorded, and says after each call what a caller was promised by then. Then the disk is built as it would be had the
//! power gone at some point of the record, and another process opens it, recovers and tells what is there. It must be what
//! was promised at that point, or that and the next call. Each cut is made in three ways, because a disk may keep all, none
//! or any of what was written since its last flush.

#![expect(
    clippy::print_stdout,
    reason = "a program that checks says what it found"
)]

mod disk;
mod record;
mod state;
mod verify;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use workdisk_conformance::FileSystem;

use crate::disk::{Image, RecordedDisk};
use crate::record::{Cut, Record};
use crate::state::{Promise, State};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// What is to be done.
#[derive(Parser)]
#[command(about)]
enum Torture {
    /// Cuts the power of a recorded disk.
    PowerCut {
        /// At how many points of the record.
        #[arg(long, default_value_t = 30)]
        points: usize,
        /// Chooses other points, and other writes that are kept.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The file system of the disk: ext4, xfs or btrfs.
        #[arg(long, default_value_t = FileSystem::Ext4)]
        on: FileSystem,
    },
    /// Works in a folder, and says what was promised.
    #[command(hide = true)]
    Work { folder: PathBuf, record: PathBuf },
    /// Tells what is in a folder.
    #[command(hide = true)]
    Verify { folder: PathBuf },
}

fn main() -> Result<ExitCode> {
    match Torture::parse() {
        Torture::Work { folder, record } => work::run(&folder, &record)?,
        Torture::Verify { folder } => verify::run(&folder)?,
        Torture::PowerCut { points, seed, on } => return record_and_cut(on, points, seed),
    }
    Ok(ExitCode::SUCCESS)
}

/// This program again, in a process of its own.
fn own(arguments: &[&Path]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().into())
}

fn record_and_cut(on: FileSystem, points: usize, seed: u64) -> Result<ExitCode> {
    let place = tempfile::tempdir()?;
    let disk = RecordedDisk::new(place.path(), on)?;
    let said = own(&[Path::new("work"), disk.folder(), disk.record()])?;
    let (record_path, size) = disk.end()?;
    let promises: Vec<Promise> = said
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let record = Record::read(&record_path, size)?;
    let (Some(first), Some(last)) = (promises.first(), promises.last()) else {
        return Err("the worker did nothing".into());
    };
    println!(
        "{on}: {} calls, {} writes and {} flushes of the disk",
        promises.len(),
        record.writes(),
        record.flushes()
    );
    let mut found: BTreeMap<Cut, [usize; 2]> = BTreeMap::new();
    for number in 0..points {
        // Every other point is right after an answer, the others are anywhere.
        let at = if number % 2 == 0 {
            promises[number / 2 * promises.len() / points.div_ceil(2)].entries
        } else {
            let span = (last.entries - first.entries).max(1);
            first.entries + record::hash((seed, number)) % span
        };
        for cut in Cut::ALL {
            let image = record.image(place.path(), at, cut, record::hash((seed, number)))?;
            let counts = found.entry(cut).or_default();
            counts[0] += 1;
            if let Err(wrong) = check(image, &promises, at) {
                counts[1] += 1;
                println!("cut at {at}, {cut:?}: {wrong}");
            }
        }
    }
    for (cut, [states, wrong]) in &found {
        println!("{cut:?}: {states} states, {wrong} wrong");
    }
    let wrong: usize = found.values().map(|counts| counts[1]).sum();
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

/// Whether what is on the image is what was promised by then, or that and the next call.
fn check(image: PathBuf, promises: &[Promise], at: u64) -> Result<()> {
    let mounted = Image::mount(image)?;
    let found: State = serde_json::from_str(&own(&[Path::new("verify"), mounted.folder()])?)?;
    let kept = promises.partition_point(|promise| promise.entries <= at) - 1;
    let next = promises.get(kept + 1);
    // What a session wrote that had not ended was promised to nobody.
    let open = next.and_then(|next| next.session.as_deref());
    let matches = |promised: &State| promised.apart_from(open) == found.apart_from(open);
    if matches(&promises[kept].state) || next.is_some_and(|next| matches(&next.state)) {
        return Ok(());
    }
    let promised = &promises[kept].state;
    Err(format!("promised, and found: {:#?}", promised.differences(&found)).into())
}
