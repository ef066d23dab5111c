//! Clone and snapshot against `Prepare` and `Commit` of containerd's overlay snapshotter, by turns on one disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use workdisk::manager::{CloneWorkspace, Force};
use workdisk::model::{VolumeId, WorkspaceId};
use workdisk::volume::Volume;
use workdisk_conformance::FileSystem;
use workdisk_overlayfs::OverlayVolume;

use crate::Result;
use crate::containerd::{Calls, Containerd, Durable, MISSING};
use crate::disk::Disk;
use crate::options::Options;
use crate::peers::Peer;
use crate::report::Figure;
use crate::samples::Counted;
use crate::store::Store;
use crate::tree;

/// What all start from.
const FILES: u64 = 1_000;

/// The times of ours.
#[derive(Default)]
struct Ours {
    clone: Counted,
    snapshot: Counted,
    delete: Counted,
    fork: Counted,
    freeze: Counted,
}

pub(crate) async fn measure(options: &Options) -> Result<Figure> {
    let mut figure = Figure::new(
        "containerd",
        "clone and snapshot against Prepare and Commit",
    );
    for system in [FileSystem::Ext4, FileSystem::Xfs] {
        let disk = Disk::new(system)?;
        let Some(mut theirs) = Containerd::start(&disk)? else {
            figure.note(MISSING);
            return Ok(figure);
        };
        theirs.base(FILES)?;
        let store = Store::open(&disk.path().join("data")).await?;
        let write = |root: &Path| tree::write(root, FILES);
        let template = store.workspace("template", write).await?;
        let volumes = OverlayVolume::open(disk.path().join("volumes")).await?;
        let frozen = frozen_volume(&volumes).await?;
        let counts = disk.counts()?;
        let (mut ours, mut plain, mut durable) = <(Ours, Calls, Calls)>::default();
        let mut least = Least::in_folder(&disk.path().join("least"))?;
        for _ in 0..options.scaled(2, 10) {
            let rounds = options.scaled(3, 30);
            store.settle().await?;
            our_calls(&store, template, rounds, (&mut ours, &counts)).await?;
            store.settle().await?;
            volumes_alone(&volumes, frozen, rounds, (&mut ours, &counts)).await?;
            volumes.reclaim().await?;
            disk.settle()?;
            plain.extend(theirs.rounds(rounds, Durable::No)?);
            disk.settle()?;
            durable.extend(theirs.rounds(rounds, Durable::Yes)?);
            disk.settle()?;
            least.rounds(rounds, &counts).await?;
        }
        let place = system.to_string();
        rows(&mut figure, &place, &ours, &plain, &durable);
        least.rows(&mut figure, &place);
    }
    figure.note(
        "a clone and a snapshot make folders, and no call that does can take less than the row of a folder that is made and \
         synced: one transaction of the file system's journal. `Commit` makes none: it overwrites two or three blocks of its \
         database in place, and each of them takes no more than the row of a block",
    );
    figure.note("ours are whole calls of the manager; its volumes alone, which do what the snapshotter does, stand beside them");
    figure.note("containerd, synced: one fsync of the folder of snapshots after Prepare; one syncfs before Commit, files first");
    Ok(figure)
}

/// What the file system itself takes for the least that anybody has to ask of it.
struct Least {
    parent: File,
    path: PathBuf,
    block: File,
    folder: Counted,
    overwritten: Counted,
}

impl Least {
    /// How many blocks there are to overwrite.
    const BLOCKS: usize = 64;
    const BLOCK: usize = 4096;

    fn in_folder(path: &Path) -> Result<Self> {
        fs::create_dir(path)?;
        let blocks = path.join("blocks");
        fs::write(&blocks, vec![1; Self::BLOCK * Self::BLOCKS])?;
        let block = File::options().write(true).open(blocks)?;
        block.sync_all()?;
        Ok(Self {
            parent: File::open(path)?,
            path: path.to_owned(),
            block,
            folder: Counted::default(),
            overwritten: Counted::default(),
        })
    }

    async fn rounds(&mut self, rounds: usize, counts: &Path) -> Result<()> {
        for _ in 0..rounds {
            let made = self.folder.times.count();
            let folder = self.path.join(made.to_string());
            let make = async {
                fs::create_dir(folder)?;
                self.parent.sync_all()
            };
            self.folder.time(counts, make).await?;
            let at = (made % Self::BLOCKS * Self::BLOCK) as u64;
            let overwrite = async {
                self.block.write_all_at(&[2; Self::BLOCK], at)?;
                self.block.sync_data()
            };
            self.overwritten.time(counts, overwrite).await?;
        }
        Ok(())
    }

    fn rows(&self, figure: &mut Figure, place: &str) {
        let rows = [
            ("a folder made and synced", &self.folder),
            ("a block overwritten and synced", &self.overwritten),
        ];
        for (what, calls) in rows {
            figure.counted(what, Peer::System, place, None, calls);
        }
    }
}

async fn frozen_volume(volumes: &OverlayVolume) -> Result<VolumeId> {
    let (id, frozen) = (VolumeId::new(), VolumeId::new());
    volumes.create(id).await?;
    let path = volumes.mount(id).await?;
    tree::write(&path, FILES)?;
    volumes.unmount(id).await?;
    volumes.freeze(id, frozen).await?;
    Ok(frozen)
}

async fn our_calls(
    store: &Store,
    template: WorkspaceId,
    rounds: usize,
    (ours, counts): (&mut Ours, &Path),
) -> Result<()> {
    let account = &store.account;
    for round in 0..rounds {
        let options = CloneWorkspace::of_head().with_name(format!("clone {round}"));
        let copy = ours
            .clone
            .time(counts, account.clone_workspace(template, options))
            .await?
            .id;
        store
            .work(copy, |root| {
                fs::write(root.join("written"), round.to_string())
            })
            .await?;
        ours.snapshot
            .time(counts, account.create_snapshot(copy, "snapshot", Force::No))
            .await?;
        ours.delete
            .time(counts, account.delete(copy, Force::No))
            .await?;
    }
    Ok(())
}

async fn volumes_alone(
    volumes: &OverlayVolume,
    frozen: VolumeId,
    rounds: usize,
    (ours, counts): (&mut Ours, &Path),
) -> Result<()> {
    for _ in 0..rounds {
        let (fork, snapshot) = (VolumeId::new(), VolumeId::new());
        ours.fork.time(counts, volumes.fork(frozen, fork)).await?;
        let path = volumes.mount(fork).await?;
        fs::write(path.join("written"), fork.to_string())?;
        volumes.unmount(fork).await?;
        ours.freeze
            .time(counts, volumes.freeze(fork, snapshot))
            .await?;
        volumes.remove(fork).await?;
        volumes.remove(snapshot).await?;
    }
    Ok(())
}

fn rows(figure: &mut Figure, place: &str, ours: &Ours, plain: &Calls, durable: &Calls) {
    let mut row = |what: &str, who: Peer, calls: &Counted| {
        figure.counted(what, who, place, Some(FILES), calls)
    };
    let clone = row("clone", Peer::Workdisk, &ours.clone);
    let fork = row("clone", Peer::Overlayfs, &ours.fork);
    row("Prepare", Peer::Containerd, &plain.prepare);
    let prepare = row("Prepare", Peer::SyncedContainerd, &durable.prepare);
    let snapshot = row("snapshot", Peer::Workdisk, &ours.snapshot);
    let freeze = row("snapshot", Peer::Overlayfs, &ours.freeze);
    row("Commit", Peer::Containerd, &plain.commit);
    let commit = row("Commit", Peer::SyncedContainerd, &durable.commit);
    row("delete", Peer::Workdisk, &ours.delete);
    row("Remove", Peer::Containerd, &plain.remove);
    let ratios = [
        ("clone over durable Prepare", clone / prepare),
        ("clone of the volume alone over the same", fork / prepare),
        ("snapshot over durable Commit", snapshot / commit),
        (
            "snapshot of the volume alone over the same",
            freeze / commit,
        ),
    ];
    for (what, ratio) in ratios {
        figure.at_most(&format!("{what} on {place}"), ratio, 1.0, "×");
    }
}
