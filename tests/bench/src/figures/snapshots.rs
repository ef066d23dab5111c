//! The same work after many snapshots, whose layers lie below.

use std::fs;
use std::path::Path;

use workdisk::manager::Force;
use workdisk::model::WorkspaceId;
use workdisk_conformance::FileSystem;

use super::file_work::compare;
use crate::Result;
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::report::Figure;
use crate::samples::Samples;
use crate::store::Store;
use crate::work::{Times, Work};

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let mut figure = Figure::new("snapshots", "work in a session after many snapshots");
    let disk = Disk::new(FileSystem::Ext4)?;
    let work = Work::prepare(&disk.path().join("sources"), options)?;
    let store = Store::open(&disk.path().join("data")).await?;
    let id = store.workspace("worked in", |_| Ok(())).await?;
    let session = store.start(id).await?;
    work.begin_light(session.path())?;
    session.end().await?;
    let folder = disk.path().join("plain");
    fs::create_dir(&folder)?;
    work.begin_light(&folder)?;
    let mut taken = 0;
    for wanted in options.scaled(vec![2, 17], vec![10, 100, 1_000]) {
        while taken < wanted {
            store
                .account
                .create_snapshot(id, &format!("snapshot {taken}"), Force::No)
                .await?;
            let write = |root: &Path| fs::write(root.join(format!("file {taken}")), "changed");
            store.work(id, write).await?;
            taken += 1;
        }
        store.settle().await?;
        let place = format!("ext4, {taken} snapshots");
        let mounts = mounts(&store, id, options.scaled(3, 50)).await?;
        let mount = figure.times("session start", Peer::Workdisk, &place, None, &mounts);
        figure.at_most(&format!("session start, {place}"), mount, 5.0, " ms");
        let (mut ours, mut plain) = (Times::default(), Times::default());
        for round in 0..options.scaled(1, 3) {
            let session = store.start(id).await?;
            let mut places = [(session.path(), &mut ours), (&*folder, &mut plain)];
            places.rotate_left(round % 2);
            work.light(&mut places)?;
            // What the work made is taken away again, so that every round finds the same.
            clear(session.path())?;
            session.end().await?;
            clear(&folder)?;
        }
        compare(&mut figure, &place, &ours, &plain, 0.9);
    }
    Ok(figure)
}

async fn mounts(store: &Store, id: WorkspaceId, rounds: usize) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..rounds {
        let session = samples.time(store.start(id)).await?;
        session.end().await?;
    }
    Ok(samples)
}

fn clear(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder.join("small"))?;
    Ok(fs::remove_file(folder.join("database"))?)
}
