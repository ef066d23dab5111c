//! Calls while the space of many deleted files is given back, against the same calls before and after.

use std::fs;
use std::time::Instant;

use workdisk::manager::{CloneWorkspace, Force};
use workdisk::model::WorkspaceId;
use workdisk_conformance::FileSystem;
use workdisk_overlayfs::OverlayOptions;

use crate::Result;
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::report::Figure;
use crate::samples::Samples;
use crate::store::Store;
use crate::tree;

/// What a caller does meanwhile.
#[derive(Default)]
struct Calls {
    clone: Samples,
    start: Samples,
    snapshot: Samples,
    delete: Samples,
}

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let files = options.scaled(2_000, 1_000_000);
    let mut figure = Figure::new(
        "sweep",
        format!("calls while {files} deleted files are swept"),
    );
    let disk = Disk::new(FileSystem::Ext4)?;
    let store = Store::open(&disk.path().join("data")).await?;
    let doomed = store
        .workspace("doomed", |root| tree::write(root, files))
        .await?;
    let template = store
        .workspace("template", |root| tree::write(root, 1_000))
        .await?;
    store.settle().await?;
    let rounds = options.scaled(5, 300);
    let (mut without, mut meanwhile) = (Calls::default(), Calls::default());
    for number in 0..rounds {
        without.round(&store, template, number).await?;
    }
    store.settle().await?;
    let layer = store.largest_layer()?;
    let begin = Instant::now();
    let mut deletion = Samples::default();
    deletion
        .time(store.account.delete(doomed, Force::No))
        .await?;
    let mut number = rounds;
    while store.holds_layer(&layer) {
        meanwhile.round(&store, template, number).await?;
        number += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    store.settle().await?;
    // What the machine does meanwhile may change: half of what the sweep is held against is measured after it.
    for number in number..number + rounds {
        without.round(&store, template, number).await?;
    }
    let place = "ext4";
    figure.times("delete", Peer::Workdisk, place, Some(files), &deletion);
    let rate = files as f64 / seconds;
    figure.number("sweep", Peer::Workdisk, place, (rate, "files/s"));
    figure.at_most(
        "rate of the sweep",
        rate,
        f64::from(OverlayOptions::SWEEP_RATE),
        " files/s",
    );
    let pairs = [
        ("clone", &without.clone, &meanwhile.clone),
        ("session start", &without.start, &meanwhile.start),
        ("snapshot", &without.snapshot, &meanwhile.snapshot),
        ("delete", &without.delete, &meanwhile.delete),
    ];
    for (call, without, meanwhile) in pairs {
        figure.times(call, Peer::Workdisk, place, None, without);
        figure.times(
            &format!("{call} during the sweep"),
            Peer::Workdisk,
            place,
            None,
            meanwhile,
        );
        let ratio = meanwhile.p99().as_secs_f64() / without.p99().as_secs_f64();
        figure.at_most(
            &format!("p99 of {call} during the sweep over without"),
            ratio,
            2.0,
            "×",
        );
    }
    Ok(figure)
}

impl Calls {
    async fn round(&mut self, store: &Store, template: WorkspaceId, round: usize) -> Result<()> {
        let account = &store.account;
        let options = CloneWorkspace::of_head().with_name(format!("clone {round}"));
        let copy = self
            .clone
            .time(account.clone_workspace(template, options))
            .await?
            .id;
        let session = self.start.time(store.start(copy)).await?;
        fs::write(session.path().join("written"), round.to_string())?;
        session.end().await?;
        self.snapshot
            .time(account.create_snapshot(copy, "snapshot", Force::No))
            .await?;
        self.delete.time(account.delete(copy, Force::No)).await?;
        Ok(())
    }
}
