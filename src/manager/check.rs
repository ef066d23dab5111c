//! Looking through everything for what is not as it should be.

use std::collections::HashSet;

use serde::Serialize;

use super::WorkspaceManager;
use super::account::Account;
use super::census::{Address, Census, all_volumes};
use super::core::Core;
use super::fault::{Fault, FaultKind, Mend};
use super::label::{Beside, Label};
use crate::error::Error;
use crate::model::{AccountId, VolumeId, WorkspaceId};

const VERB: &str = "check";

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckProgress {
    /// How many workspaces were looked at.
    pub workspaces: u64,
    /// How many volumes there are, those of all accounts.
    pub volumes: u64,
    /// How many of them were looked at.
    pub volumes_done: u64,
}

/// What a check looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// What is not as it should be, each once, in order of account and workspace.
    pub faults: Vec<Fault>,
    /// How many workspaces were looked at.
    pub workspaces: u64,
    /// How many volumes of theirs.
    pub volumes: u64,
}

impl CheckReport {
    /// Whether all is as it should be.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Who is told how far it is.
pub(super) type Watcher<'a> = &'a (dyn Fn(CheckProgress) + Send + Sync);

impl WorkspaceManager {
    /// Looks through both stores, and changes nothing.
    ///
    /// It reads every record, and looks at every volume as [`Volume::check`](crate::Volume::check) does. It goes on past each
    /// fault, and may run while others work: what they have under way is no fault.
    ///
    /// # Errors
    /// Those of the storage, if it does not answer. Damage is no error.
    pub async fn check(&self) -> Result<CheckReport, Error> {
        self.check_watched(|_| ()).await
    }

    /// As [`check`](Self::check), telling after each workspace how far it is.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_watched(
        &self,
        watch: impl Fn(CheckProgress) + Send + Sync,
    ) -> Result<CheckReport, Error> {
        Core::spanned(VERB, None, Box::pin(self.core.check(None, &watch))).await
    }
}

impl Account {
    /// Looks through what is the account's, and changes nothing. What it finds tells nothing of another account.
    ///
    /// # Errors
    /// As [`WorkspaceManager::check`].
    pub async fn check(&self) -> Result<CheckReport, Error> {
        let (core, scope) = (self.core(), Some(self.id()));
        Core::spanned(VERB, scope, Box::pin(core.check(scope, &|_| ()))).await
    }
}

impl Core {
    pub(super) async fn check(
        &self,
        scope: Option<&AccountId>,
        watch: Watcher<'_>,
    ) -> Result<CheckReport, Error> {
        let found = self.metadata.check(scope).await;
        let found = found.map_err(|error| Error::storage(VERB, error))?;
        let mut faults: Vec<Fault> = found.into_iter().map(Fault::from).collect();
        // Before the records: a volume that is made later is none that they could fail to name.
        let volumes = all_volumes(VERB, &*self.volume).await?;
        // What is being made or removed needs no name.
        let reserved = self.volumes_in_hand().await?;
        let mut progress = CheckProgress {
            volumes: volumes.len() as u64,
            ..CheckProgress::default()
        };
        let mut census = Census::default();
        let mut page = self.next_records(VERB, None).await?;
        while !page.is_empty() {
            for record in &page {
                let snapshots = self.snapshots_if_readable(VERB, record.id).await?;
                let snapshots = snapshots.unwrap_or_default();
                census.count(record, &snapshots);
                if scope.is_none_or(|account| *account == record.account) {
                    faults.extend(self.look(record).await?);
                    progress.workspaces += 1;
                    progress.volumes_done += 1 + snapshots.len() as u64;
                    progress.volumes_done += u64::from(record.frozen_head.is_some());
                    watch(progress);
                }
            }
            page = self.next_records(VERB, page.last()).await?;
        }
        let unnamed: Vec<VolumeId> = volumes
            .iter()
            .map(|volume| volume.id)
            .filter(|id| !census.volumes.contains_key(id) && !reserved.contains(id))
            .collect();
        if !unnamed.is_empty() || !census.is_unambiguous() {
            // Each can be the trace of a change that came between two reads, but not twice.
            let again = self.census(VERB).await?;
            faults.extend(shared(&census, &again, scope));
            faults.extend(namesakes(&census, &again, scope));
            let unreadable = unreadable(&faults);
            // A record lets go of a volume in the step that notes it, while the volume may still be there.
            let leaving = self.volumes_in_hand().await?;
            for volume in unnamed {
                if !again.volumes.contains_key(&volume) && !leaving.contains(&volume) {
                    faults.extend(self.orphan(volume, &again, scope, &unreadable).await?);
                }
            }
        }
        faults.sort_unstable();
        faults.dedup();
        Ok(CheckReport {
            faults,
            workspaces: progress.workspaces,
            volumes: progress.volumes_done,
        })
    }

    /// The volumes that somebody makes or removes.
    async fn volumes_in_hand(&self) -> Result<HashSet<VolumeId>, Error> {
        let reserved = self.all_reservations(VERB).await?;
        let reserved = reserved.into_iter().filter(|it| self.is_in_hand(it));
        Ok(reserved.map(|it| it.volume).collect())
    }

    /// A volume that no record names, if it is still there.
    async fn orphan(
        &self,
        volume: VolumeId,
        census: &Census,
        scope: Option<&AccountId>,
        unreadable: &HashSet<WorkspaceId>,
    ) -> Result<Option<Fault>, Error> {
        let status = self.volume.status(volume).await;
        if status
            .map_err(|error| Error::storage(VERB, error))?
            .is_none()
        {
            return Ok(None);
        }
        let text = self.volume.label(volume).await.ok().flatten();
        let label = text.and_then(|text| Label::parse(&text).ok());
        if scope.is_some() && label.as_ref().map(|label| &label.account) != scope {
            return Ok(None);
        }
        let (effect, mend) = judge(label.as_ref(), census, unreadable);
        let fault = Fault::new(FaultKind::Orphan, format!("volume {volume}"), effect, mend);
        let fault = fault.with_volume(volume);
        Ok(Some(match label {
            Some(label) => fault.of_workspace(label.account, label.workspace),
            None => fault,
        }))
    }
}

/// The workspaces of which a record cannot be read: what that names is not known.
fn unreadable(faults: &[Fault]) -> HashSet<WorkspaceId> {
    faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::Metadata && fault.mend == Mend::BringBack)
        .filter_map(|fault| fault.workspace)
        .collect()
}

/// What follows from a volume that no record names, and what can be done: it is removed only if nobody can miss it.
fn judge(
    label: Option<&Label>,
    census: &Census,
    unreadable: &HashSet<WorkspaceId>,
) -> (String, Mend) {
    let Some(label) = label else {
        let effect = "no record names it, and nothing beside it says whose it is: it takes room";
        return (effect.to_owned(), Mend::Decide);
    };
    let workspace = label.workspace;
    if unreadable.contains(&workspace) {
        let effect = format!("the records of its workspace {workspace} cannot all be read");
        return (effect, Mend::BringBack);
    }
    let what = match &label.beside {
        Beside::Head { .. } => "a disk".to_owned(),
        Beside::FrozenHead => "what clones started from".to_owned(),
        Beside::Snapshot { snapshot, .. } => format!("snapshot {snapshot}"),
    };
    let is_there = census.has_workspace(&label.account, workspace);
    let mend = match &label.beside {
        Beside::FrozenHead if is_there => Mend::Repair,
        _ => Mend::Decide,
    };
    let effect = match is_there {
        true => format!("it was {what} of workspace {workspace}, whose record does not name it"),
        false => format!("it was {what} of workspace {workspace}, of which there is no record"),
    };
    (format!("{effect}: it takes room"), mend)
}

/// The volumes that two workspaces name, told of each workspace.
fn shared(census: &Census, again: &Census, scope: Option<&AccountId>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (volume, addresses) in census.shared() {
        for (account, workspace) in addresses {
            let in_scope = scope.is_none_or(|scope| scope == account);
            let still = again.volumes.get(&volume).is_some_and(|named| {
                named.len() > 1 && named.contains(&(account.clone(), *workspace))
            });
            if in_scope && still {
                let effect = "another workspace's record names it too: what one writes the other sees, and deleting one takes the files of both";
                let object = format!("volume {volume} of workspace {workspace}");
                let fault = Fault::new(FaultKind::Shared, object, effect, Mend::CloneThenDelete);
                let fault = fault.of_workspace(account.clone(), *workspace);
                faults.push(fault.with_volume(volume));
            }
        }
    }
    faults
}

/// The workspaces of one name, told of each.
fn namesakes(census: &Census, again: &Census, scope: Option<&AccountId>) -> Vec<Fault> {
    let still: HashSet<Address> = again.namesakes().collect();
    let found = census.namesakes().filter(|address| still.contains(address));
    let found = found.filter(|(account, _)| scope.is_none_or(|scope| scope == account));
    let told = found.map(|(account, workspace)| {
        let effect = "another workspace of the account has its name: neither is found by it";
        let object = format!("the name of workspace {workspace}");
        Fault::new(FaultKind::Name, object, effect, Mend::Rename).of_workspace(account, workspace)
    });
    told.collect()
}
