//! Merging layers: bytes written and time, against a plain copy of the same files.

use std::fs;
use std::path::Path;
use std::process::Command;

use workdisk::model::VolumeId;
use workdisk::volume::Volume;
use workdisk_conformance::FileSystem;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

use crate::Result;
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::process::run;
use crate::report::Figure;
use crate::samples::Samples;
use crate::tree;

/// How large a part of each layer's bytes is one file.
const LARGE_MIB: usize = 16;

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let files = options.scaled(20, 240);
    let layers = OverlayOptions::MERGE_WIDTH as u64;
    let title = format!("the merge of {layers} layers of {files} files and {LARGE_MIB} MiB each");
    let mut figure = Figure::new("merge", title);
    for system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        let disk = Disk::new(system)?;
        let volumes = OverlayVolume::open(disk.path().join("volumes")).await?;
        let id = VolumeId::new();
        volumes.create(id).await?;
        for layer in 0..layers {
            let path = volumes.mount(id).await?;
            tree::write(&path.join(layer.to_string()), files)?;
            fs::write(
                path.join(format!("large {layer}")),
                vec![layer as u8; LARGE_MIB << 20],
            )?;
            volumes.unmount(id).await?;
            if layer + 1 < layers {
                volumes.freeze(id, VolumeId::new()).await?;
            }
        }
        let plain = disk.path().join("plain");
        copy(&volumes, id, &plain).await?;
        disk.settle()?;
        let data_mib = (layers as usize * LARGE_MIB) as f64;
        let place = system.to_string();

        let (mut merging, before) = (Samples::default(), disk.written_mib()?);
        merging
            .time(async {
                volumes.freeze(id, VolumeId::new()).await?;
                volumes.reclaim().await
            })
            .await?;
        disk.settle()?;
        let merged_mib = disk.written_mib()? - before;

        let mut row = |what: &str, who, samples: &Samples, written| {
            figure.number(
                &format!("written by the {what}"),
                who,
                &place,
                (written, "MiB"),
            );
            figure.times(what, who, &place, None, samples)
        };
        let merge = row("merge", Peer::Overlayfs, &merging, merged_mib);
        let (copying, copied_mib) = copied(&disk, &plain, "never")?;
        let copy = row("copy", Peer::SyncedCopy, &copying, copied_mib);
        if system != FileSystem::Ext4 {
            let (copying, copied_mib) = copied(&disk, &plain, "always")?;
            row("copy", Peer::SyncedReflink, &copying, copied_mib);
        }
        figure.at_most(
            &format!("merge on {place}, written of the files' bytes"),
            merged_mib / data_mib,
            0.1,
            "×",
        );
        figure.at_most(
            &format!("merge over a copy on {place}"),
            merge / copy,
            1.0,
            "×",
        );
    }
    Ok(figure)
}

/// How long a durable copy takes, and how much is written for it.
fn copied(disk: &Disk, plain: &Path, reflink: &str) -> Result<(Samples, f64)> {
    let (mut samples, before) = (Samples::default(), disk.written_mib()?);
    let to = disk.path().join(format!("copy {reflink}"));
    samples.time_blocking(|| {
        run(Command::new("cp")
            .arg("-a")
            .arg(format!("--reflink={reflink}"))
            .arg(plain)
            .arg(to))?;
        disk.settle()
    })?;
    Ok((samples, disk.written_mib()? - before))
}

/// All that the volume shows, in a plain folder.
async fn copy(volumes: &OverlayVolume, id: VolumeId, to: &Path) -> Result<()> {
    let path = volumes.mount(id).await?;
    run(Command::new("cp")
        .args(["-a", "--reflink=never"])
        .arg(&path)
        .arg(to))?;
    Ok(volumes.unmount(id).await?)
}
