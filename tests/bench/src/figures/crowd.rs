//! A thousand clones of one template, sixty-four at a time, against as many of containerd's `Prepare`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use workdisk::manager::CloneWorkspace;
use workdisk::model::WorkspaceId;
use workdisk_conformance::FileSystem;

use crate::Result;
use crate::containerd::{Containerd, Durable, MISSING};
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::report::Figure;
use crate::store::Store;
use crate::tree;

/// What all start from.
const FILES: u64 = 1_000;

const AT_ONCE: usize = 64;

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let clones = options.scaled(64, 1_000);
    let mut figure = Figure::new(
        "crowd",
        format!("{clones} clones of one template, {AT_ONCE} at a time"),
    );
    for system in [FileSystem::Ext4, FileSystem::Xfs] {
        let disk = Disk::new(system)?;
        let mut theirs = Containerd::start(&disk)?;
        let store = Store::open(&disk.path().join("data")).await?;
        let write = |root: &std::path::Path| tree::write(root, FILES);
        let template = store.workspace("template", write).await?;
        if let Some(theirs) = &mut theirs {
            theirs.base(FILES)?;
        }
        let (mut ours, mut plain, mut durable) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..options.scaled(1, 3) {
            store.settle().await?;
            ours.push(crowd(&store, template, clones, round).await?);
            if let Some(theirs) = &mut theirs {
                disk.settle()?;
                plain.push(theirs.crowd(clones, AT_ONCE, Durable::No)?);
                disk.settle()?;
                durable.push(theirs.crowd(clones, AT_ONCE, Durable::Yes)?);
            }
        }
        let place = system.to_string();
        let mut row = |who, times: &[Duration]| {
            let rate = clones as f64 / median(times).as_secs_f64();
            figure.number("clones", who, &place, (rate, "/s"));
            rate
        };
        let ours = row(Peer::Workdisk, &ours);
        if theirs.is_none() {
            figure.note(MISSING);
            continue;
        }
        let plain = row(Peer::Containerd, &plain);
        let durable = row(Peer::SyncedContainerd, &durable);
        figure.at_least(
            &format!("clones over durable Prepares on {place}"),
            ours / durable,
            2.0,
            "×",
        );
        figure.at_least(
            &format!("clones over plain Prepares on {place}"),
            ours / plain,
            2.0,
            "×",
        );
    }
    Ok(figure)
}

async fn crowd(
    store: &Store,
    template: WorkspaceId,
    clones: usize,
    round: usize,
) -> Result<Duration> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let begin = Instant::now();
    for clone in 0..clones {
        let (account, turns) = (store.account.clone(), Arc::clone(&turns));
        running.spawn(async move {
            let _turn = turns.acquire().await;
            let name = format!("clone {round} {clone}");
            let options = CloneWorkspace::of_head().with_name(name);
            account.clone_workspace(template, options).await
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(begin.elapsed())
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
