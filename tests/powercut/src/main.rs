//! Cuts the power of a disk that workdisk works on, and checks what is left.
//!
//! `cargo run --release -p workdisk-powercut -- FILE_SYSTEM CUTS`, as root, with qemu-storage-daemon (Debian: qemu-utils)
//! and the `mkfs` of the file system: `ext4`, `xfs` or `btrfs`.
//!
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

use crate::disk::{Image, RecordedDisk};
use crate::record::{Cut, Record};
use crate::state::{Promise, State};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["work", folder, record] => work::run(Path::new(folder), Path::new(record))?,
        ["verify", folder] => verify::run(Path::new(folder))?,
        [file_system, cuts] => return record_and_cut(file_system, cuts.parse()?),
        _ => return Err("give a file system and how many cuts are to be made".into()),
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

fn record_and_cut(file_system: &str, cuts: usize) -> Result<ExitCode> {
    let place = tempfile::tempdir()?;
    let disk = RecordedDisk::new(place.path(), file_system)?;
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
        "{file_system}: {} calls, {} writes and {} flushes of the disk",
        promises.len(),
        record.writes(),
        record.flushes()
    );
    let mut found: BTreeMap<Cut, [usize; 2]> = BTreeMap::new();
    for number in 0..cuts {
        // Every other cut is right after an answer, the others are anywhere.
        let at = if number % 2 == 0 {
            promises[number / 2 * promises.len() / cuts.div_ceil(2)].entries
        } else {
            let span = last.entries - first.entries;
            first.entries + (number as u64 * 2_654_435_761) % span.max(1)
        };
        for cut in Cut::ALL {
            let image = record.image(place.path(), at, cut, number as u64)?;
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
