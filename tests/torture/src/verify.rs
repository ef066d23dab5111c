//! Opens what was left, proves that it is in order, and tells what is there.

use std::path::Path;

use tokio::task::JoinSet;
use workdisk::Account;
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Fault, FaultKind, Force, ListWorkspaces, RestoreSnapshot,
};
use workdisk::model::{SessionType, Status, Workspace, WorkspaceId};

use crate::call::in_session;
use crate::state::{Held, State};
use crate::store::Store;
use crate::{Result, files};

/// Opens a store, which recovers it, and asks of it
/// - that a second recovery finds nothing to do,
/// - that every workspace is ready, and every head and snapshot can be read,
/// - that a check finds nothing but labels that are out of date, and that a repair renews those,
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

/// A crash can come between a change and the label that tells of it, which a repair then renews. Nothing else may be
/// wrong, and no label may be torn.
async fn check(store: &Store) -> Result<()> {
    let found = store.manager.check().await?.faults;
    let is_worse =
        |fault: &&Fault| fault.kind != FaultKind::Label || fault.effect.contains("is damaged");
    let wrong: Vec<&Fault> = found.iter().filter(is_worse).collect();
    if !wrong.is_empty() {
        return Err(format!("a check found {wrong:?}").into());
    }
    let left = store.manager.repair().await?.left;
    if !left.is_empty() {
        return Err(format!("a repair left {left:?}").into());
    }
    Ok(())
}
