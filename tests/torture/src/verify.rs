//! Opens what was left, proves that it is in order, and tells what is there.

use std::collections::BTreeSet;
use std::path::Path;

use tokio::task::JoinSet;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot};
use workdisk::metadata::volumes_of;
use workdisk::model::{SessionType, Status, Workspace, WorkspaceFilter, WorkspaceId};
use workdisk::{Account, Metadata, Volume};

use crate::call::in_session;
use crate::state::{Held, State};
use crate::store::Store;
use crate::{Result, files};

/// Opens a store, which recovers it, and asks of it
/// - that a second recovery finds nothing to do,
/// - that every workspace is ready, and every head and snapshot can be read,
/// - that the records agree, every volume is named, every one that is named exists, and none has a fault,
/// - that a round of ordinary calls goes through.
pub(crate) async fn run(folder: &Path) -> Result<State> {
    let store = Store::open(folder).await?;
    let failures = &store.manager.recovered().failures;
    if !failures.is_empty() {
        return Err(format!("the recovery could not settle {failures:?}").into());
    }
    let again = store.manager.recover().await?;
    if !again.is_empty() {
        return Err(format!("a second recovery found something to do: {again:?}").into());
    }
    let mut looks = JoinSet::new();
    for account in store.accounts()? {
        let all = ListWorkspaces::default().with_limit(ListWorkspaces::MAX_LIMIT);
        for workspace in account.list(all).await?.workspaces {
            let account = account.clone();
            looks.spawn(async move {
                let held = look(&account, &workspace).await;
                held.map_err(|error| format!("{workspace:?}: {error}"))
            });
        }
    }
    let mut state = State::default();
    while let Some(looked) = looks.join_next().await {
        let (id, held) = looked??;
        state.0.insert(id, held);
    }
    ordinary_round(&store.manager.account("ordinary")?).await?;
    store.manager.reclaim().await?;
    check(&store).await?;
    Ok(state)
}

/// Reads what a workspace holds.
async fn look(account: &Account, workspace: &Workspace) -> Result<(WorkspaceId, Held)> {
    if workspace.status != Status::Ready {
        return Err(format!("it is not ready: {workspace:?}").into());
    }
    let mut held = Held {
        account: account.id().to_string(),
        name: workspace.name.clone(),
        template: workspace.template,
        head: in_session(account, workspace.id, files::read).await??,
        ..Held::default()
    };
    for snapshot in account.snapshots(workspace.id).await? {
        let options = CloneWorkspace::of_snapshot(snapshot.id);
        let clone = account.clone_workspace(workspace.id, options).await?;
        let word = in_session(account, clone.id, files::read).await??;
        account.delete(clone.id, Force::No).await?;
        held.snapshots.insert(snapshot.name, word);
    }
    Ok((workspace.id, held))
}

/// What anybody does with a store that is in order.
async fn ordinary_round(account: &Account) -> Result<()> {
    let new = CreateWorkspace::new(SessionType::Sandbox).with_name("ordinary");
    let workspace = account.create(new).await?.id;
    in_session(account, workspace, |disk| files::write(disk, "one")).await??;
    account.create_snapshot(workspace, "s", Force::No).await?;
    in_session(account, workspace, |disk| files::write(disk, "two")).await??;
    let clone = account
        .clone_workspace(workspace, CloneWorkspace::of_head())
        .await?
        .id;
    account
        .restore(workspace, "s", RestoreSnapshot::default())
        .await?;
    for (id, word) in [(workspace, "one"), (clone, "two")] {
        let found = in_session(account, id, files::read).await??;
        if found != word {
            return Err(format!("an ordinary round left {found}, not {word}").into());
        }
        account.delete(id, Force::No).await?;
    }
    Ok(())
}

/// Checks the records, compares the volumes that exist with those that are named, and reads each.
async fn check(store: &Store) -> Result<()> {
    let faults = store.metadata.check(None).await?;
    if !faults.is_empty() {
        return Err(format!("the records have faults: {faults:?}").into());
    }
    let (all, most) = (WorkspaceFilter::default(), usize::MAX);
    let mut named = BTreeSet::new();
    for account in store.accounts()? {
        for record in store.metadata.list(account.id(), &all, None, most).await? {
            named.extend(volumes_of(&record));
            let snapshots = store.metadata.snapshots(record.id, None, most).await?;
            named.extend(snapshots.iter().map(|snapshot| snapshot.volume));
        }
    }
    let volumes = store.volumes.list(None, most).await?;
    let exist: BTreeSet<_> = volumes.iter().map(|volume| volume.id).collect();
    if exist != named {
        return Err(format!("volumes that exist: {exist:?}, and are named: {named:?}").into());
    }
    for id in exist {
        let faults = store.volumes.check(id).await?;
        if !faults.is_empty() {
            return Err(format!("volume {id} has faults: {faults:?}").into());
        }
    }
    Ok(())
}
