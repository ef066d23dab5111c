//! The first write to a large file that comes from a lower layer.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use workdisk::manager::{CloneWorkspace, Force};
use workdisk_conformance::FileSystem;

use crate::Result;
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::process::run;
use crate::report::Figure;
use crate::samples::Samples;
use crate::store::Store;

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let mib = options.scaled(16, 1_024);
    let title = format!("the first write to a file of {mib} MiB of a lower layer");
    let mut figure = Figure::new("first-write", title);
    for system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        let disk = Disk::new(system)?;
        let store = Store::open(&disk.path().join("data")).await?;
        let template = store
            .workspace("template", |root| large_file(&root.join("large"), mib))
            .await?;
        let (copied, how) = match system {
            FileSystem::Ext4 => (Peer::Copy, "--reflink=never"),
            _ => (Peer::Reflink, "--reflink=always"),
        };
        let plain = disk.path().join("plain");
        large_file(&plain, mib)?;
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        for _ in 0..options.scaled(1, 5) {
            let copy = store
                .account
                .clone_workspace(template, CloneWorkspace::of_head())
                .await?
                .id;
            let session = store.start(copy).await?;
            store.settle().await?;
            ours.time_blocking(|| write_a_byte(&session.path().join("large")))?;
            session.end().await?;
            store.account.delete(copy, Force::No).await?;
            store.settle().await?;
            let to = disk.path().join("copy");
            theirs.time_blocking(|| {
                run(Command::new("cp").args(["-a", how]).arg(&plain).arg(&to))?;
                write_a_byte(&to).map_err(crate::Error::from)
            })?;
            fs::remove_file(to)?;
            disk.settle()?;
        }
        let place = system.to_string();
        let ours = figure.times("first write", Peer::Workdisk, &place, None, &ours);
        let theirs = figure.times("copy and write", copied, &place, None, &theirs);
        match system {
            FileSystem::Ext4 => figure.note(format!(
                "ext4 shares no blocks between files: before the first byte is changed the kernel copies all {mib} MiB and waits \
                 until they are on the disk, {:.2} times as long as cp takes, which does not wait",
                ours / theirs
            )),
            _ => figure.at_most(&format!("first write over a reflink on {place}"), ours / theirs, 1.0, "×"),
        }
    }
    Ok(figure)
}

fn large_file(path: &Path, mib: usize) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    for n in 0..mib {
        file.write_all(&vec![n as u8; 1 << 20])?;
    }
    file.sync_all()
}

fn write_a_byte(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(b"x", 12_345)
}
