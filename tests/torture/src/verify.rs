//! Opens what a cut left, and tells what is there.

use std::path::Path;

use workdisk::Volume;
use workdisk::manager::{CloneWorkspace, Force, ListWorkspaces};
use workdisk::model::Status;

use crate::Result;
use crate::state::{Held, State};
use crate::work::{FILES, in_session, open};

pub(crate) fn run(folder: &Path) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(verify(folder))
}

async fn verify(folder: &Path) -> Result<()> {
    let (manager, account, volumes) = open(folder).await?;
    let again = manager.recover().await?;
    if !again.is_empty() {
        return Err(format!("a second recovery found something to do: {again:?}").into());
    }
    let mut state = State::default();
    for workspace in account.list(ListWorkspaces::default()).await?.workspaces {
        if workspace.status != Status::Ready {
            return Err(format!("it is not ready: {workspace:?}").into());
        }
        let head = in_session(&account, workspace.id, word_of).await?;
        let mut held = Held {
            head,
            ..Held::default()
        };
        for snapshot in account.snapshots(workspace.id).await? {
            let name = snapshot.name.to_string();
            let options = CloneWorkspace::of_snapshot(name.as_str());
            let clone = account.clone_workspace(workspace.id, options).await?;
            let word = in_session(&account, clone.id, word_of).await?;
            account.delete(clone.id, Force::No).await?;
            held.snapshots.insert(name, word);
        }
        let name = workspace.name.map(|name| name.to_string());
        state.0.insert(name.unwrap_or_default(), held);
    }
    manager.reclaim().await?;
    for volume in volumes.list(None, usize::MAX).await? {
        let faults = volumes.check(volume.id).await?;
        if !faults.is_empty() {
            return Err(format!("{} has faults: {faults:?}", volume.id).into());
        }
    }
    println!("{}", serde_json::to_string(&state)?);
    Ok(())
}

/// The word that every file holds, or how they differ.
fn word_of(disk: &Path) -> Result<String> {
    let mut words = Vec::new();
    for number in 0..FILES {
        let path = disk.join("folder").join(number.to_string());
        words.push(std::fs::read_to_string(path).unwrap_or_default());
    }
    words.dedup();
    match &words[..] {
        [word] => Ok(word.lines().next().unwrap_or_default().to_owned()),
        words => Ok(format!("torn: {words:?}")),
    }
}
