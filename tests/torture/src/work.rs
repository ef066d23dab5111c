//! What is done on the disk whose power is cut.

use std::path::Path;
use std::sync::Arc;

use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, RestoreSnapshot, StartSession};
use workdisk::model::{Selector, SessionType};
use workdisk::{Account, WorkspaceManager};
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};
use workdisk_sled::SledMetadata;

use crate::Result;
use crate::record::entries_of;
use crate::state::{Held, Promise, State};

/// How many files each disk has.
pub(crate) const FILES: usize = 20;

const ROUNDS: usize = 6;

/// Opens the workspaces in a folder. Layers are merged as often as can be, so that merges are cut too.
pub(crate) async fn open(folder: &Path) -> Result<(WorkspaceManager, Account, Arc<OverlayVolume>)> {
    let metadata = SledMetadata::open(folder.join("metadata")).await?;
    let options = OverlayOptions::new(folder.join("volumes")).with_merge_width(2);
    let volumes = Arc::new(OverlayVolume::open_with(options).await?);
    let manager = WorkspaceManager::open(Arc::new(metadata), volumes.clone()).await?;
    let account = manager.account("torture")?;
    Ok((manager, account, volumes))
}

/// Works on a workspace's disk in a session.
pub(crate) async fn in_session<T>(
    account: &Account,
    workspace: impl Into<Selector>,
    work: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let options = StartSession::default();
    let session = account.start_session(workspace, SessionType::Sandbox, options);
    let session = session.await?;
    let done = work(session.path());
    session.end().await.map_err(|failed| failed.error)?;
    done
}

pub(crate) fn run(folder: &Path, record: &Path) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(work(folder, record))
}

/// Says what was promised, each time that a call was answered.
struct Teller<'a> {
    record: &'a Path,
    state: State,
}

impl Teller<'_> {
    fn promise(&mut self, session: Option<&str>, change: impl FnOnce(&mut State)) -> Result<()> {
        change(&mut self.state);
        let promise = Promise {
            entries: entries_of(self.record)?,
            session: session.map(str::to_owned),
            state: self.state.clone(),
        };
        println!("{}", serde_json::to_string(&promise)?);
        Ok(())
    }
}

async fn work(folder: &Path, record: &Path) -> Result<()> {
    let (_manager, account, _volumes) = open(folder).await?;
    let state = State::default();
    let mut teller = Teller { record, state };
    teller.promise(None, |_| {})?;
    for round in 0..ROUNDS {
        let [name, copy, renamed] =
            ["work", "copy", "renamed"].map(|kind| format!("{kind} {round}"));
        account
            .create(CreateWorkspace::new(SessionType::Sandbox).with_name(&name))
            .await?;
        teller.promise(None, |state| {
            state.held(&name);
        })?;
        for step in 0..4 {
            fill(&account, &mut teller, &name, &format!("{name} {step}")).await?;
            let snapshot = format!("s{step}");
            account
                .create_snapshot(name.as_str(), &snapshot, Force::No)
                .await?;
            teller.promise(None, |state| {
                let held = state.held(&name);
                held.snapshots.insert(snapshot, held.head.clone());
            })?;
        }
        fill(&account, &mut teller, &name, &format!("{name} last")).await?;
        let options = CloneWorkspace::of_head().with_name(&copy);
        account.clone_workspace(name.as_str(), options).await?;
        teller.promise(None, |state| {
            let head = state.held(&name).head.clone();
            let snapshots = Default::default();
            state.0.insert(copy.clone(), Held { head, snapshots });
        })?;
        let options = RestoreSnapshot::default().with_save_head_as("saved");
        account.restore(name.as_str(), "s1", options).await?;
        teller.promise(None, |state| {
            let held = state.held(&name);
            let saved = std::mem::replace(&mut held.head, format!("{name} 1"));
            held.snapshots.insert("saved".to_owned(), saved);
        })?;
        account.set_name(copy.as_str(), &renamed).await?;
        teller.promise(None, |state| {
            let held = state.0.remove(&copy).unwrap_or_default();
            state.0.insert(renamed.clone(), held);
        })?;
        fill(&account, &mut teller, &renamed, "apart").await?;
        account.delete_snapshot(name.as_str(), "s2").await?;
        teller.promise(None, |state| {
            let held = state.held(&name);
            held.snapshots.remove("s2");
        })?;
        if round % 2 == 1 {
            account.delete(name.as_str(), Force::No).await?;
            teller.promise(None, |state| drop(state.0.remove(&name)))?;
        }
    }
    Ok(())
}

/// Writes a word into every file.
async fn fill(account: &Account, teller: &mut Teller<'_>, name: &str, word: &str) -> Result<()> {
    in_session(account, name, |disk| {
        let folder = disk.join("folder");
        std::fs::create_dir_all(&folder)?;
        for number in 0..FILES {
            // More than a block, so that a file can be torn.
            let text = format!("{word}\n").repeat(600);
            std::fs::write(folder.join(number.to_string()), text)?;
        }
        Ok(())
    })
    .await?;
    teller.promise(Some(name), |state| {
        let held = state.held(name);
        held.head = word.to_owned();
    })
}
