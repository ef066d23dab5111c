//! Measures what the depth of a chain costs: how long it takes to mount a volume and to look names up in it.
//!
//! `cargo run --release -p workdisk-overlayfs --example depth [FOLDER]`, as root; the folder is on the file system that is
//! to be measured. Times are medians, and each is followed by how many times that at one layer it is. The default of
//! `OverlayOptions::MERGE_WIDTH` was chosen by this table.

#![expect(
    clippy::print_stdout,
    reason = "a program that measures says what it measured"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use workdisk::model::VolumeId;
use workdisk::{BackendError, Volume};
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

const DEPTHS: [usize; 8] = [1, 8, 32, 64, 96, 128, 256, 499];
const FILES: u32 = 500;
const ROUNDS: usize = 31;

/// The costs at one depth, in the order of the table's columns.
type Costs = [Duration; 4];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(parent)?;
    let options = OverlayOptions::new(folder.path()).with_merge_width(usize::MAX);
    let volumes = OverlayVolume::open_with(options).await?;
    let id = VolumeId::new();
    volumes.create(id).await?;
    println!("layers |           mount |         unmount |    known name |   absent name");
    let mut at_one: Option<Costs> = None;
    for frozen in 1..=DEPTHS[DEPTHS.len() - 1] {
        add_layer(&volumes, id, frozen).await?;
        if !DEPTHS.contains(&frozen) {
            continue;
        }
        let costs = measure(&volumes, id).await?;
        let base = *at_one.get_or_insert(costs);
        let cells: Vec<String> = costs
            .iter()
            .zip(base)
            .map(|(cost, base)| {
                let ratio = cost.as_secs_f64() / base.as_secs_f64();
                format!("{:>7.1} µs {ratio:>4.1}", cost.as_secs_f64() * 1e6)
            })
            .collect();
        println!("{frozen:>6} | {}", cells.join(" | "));
    }
    Ok(())
}

/// The first layer has files in a folder; each after it has one file in the same folder, so that each takes part in every
/// look-up.
async fn add_layer(
    volumes: &OverlayVolume,
    id: VolumeId,
    number: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let path = volumes.mount(id).await?.join("folder");
    if number == 1 {
        fs::create_dir(&path)?;
        for file in 0..FILES {
            fs::write(path.join(format!("file {file}")), "content")?;
        }
    }
    fs::write(path.join(format!("layer {number}")), "content")?;
    volumes.unmount(id).await?;
    volumes.freeze(id, VolumeId::new()).await?;
    Ok(())
}

async fn measure(volumes: &OverlayVolume, id: VolumeId) -> Result<Costs, BackendError> {
    let mut costs = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let path = volumes.mount(id).await?.join("folder");
        costs[0].push(start.elapsed());
        costs[2].push(look_up(&path, "file"));
        costs[3].push(look_up(&path, "absent"));
        let start = Instant::now();
        volumes.unmount(id).await?;
        costs[1].push(start.elapsed());
    }
    Ok(costs.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    }))
}

/// The mean of looking up each of many names for the first time since the mount.
fn look_up(folder: &Path, name: &str) -> Duration {
    let start = Instant::now();
    for file in 0..FILES {
        let found = fs::symlink_metadata(folder.join(format!("{name} {file}")));
        std::hint::black_box(found.is_ok());
    }
    start.elapsed() / FILES
}
