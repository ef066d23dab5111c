//! What all records name, counted before volumes are judged: a volume that one account does not name may be another's.

use std::collections::{HashMap, HashSet};

use super::core::Core;
use super::pages;
use crate::error::Error;
use crate::metadata::volumes_of;
use crate::model::{AccountId, NameKey, SnapshotRecord, VolumeId, WorkspaceId, WorkspaceRecord};
use crate::volume::{Volume, VolumeStatus};

const PAGE: usize = 256;

/// A workspace, found again by both.
pub(super) type Address = (AccountId, WorkspaceId);

/// Which volumes and names the records have.
#[derive(Debug, Default)]
pub(super) struct Census {
    workspaces: HashSet<Address>,
    pub(super) volumes: HashMap<VolumeId, Vec<Address>>,
    names: HashMap<(AccountId, NameKey), Vec<WorkspaceId>>,
}

impl Census {
    pub(super) fn count(&mut self, record: &WorkspaceRecord, snapshots: &[SnapshotRecord]) {
        let address = || (record.account.clone(), record.id);
        let mut named = volumes_of(record);
        named.extend(snapshots.iter().map(|snapshot| snapshot.volume));
        named.sort_unstable();
        named.dedup();
        for volume in named {
            self.volumes.entry(volume).or_default().push(address());
        }
        self.workspaces.insert(address());
        if let Some(name) = &record.name {
            let key = (record.account.clone(), name.key().clone());
            self.names.entry(key).or_default().push(record.id);
        }
    }

    pub(super) fn has_workspace(&self, account: &AccountId, id: WorkspaceId) -> bool {
        self.workspaces.contains(&(account.clone(), id))
    }

    /// Whether every volume and every name is one workspace's.
    pub(super) fn is_unambiguous(&self) -> bool {
        self.shared().next().is_none() && self.namesakes().next().is_none()
    }

    /// The volumes that more than one workspace names.
    pub(super) fn shared(&self) -> impl Iterator<Item = (VolumeId, &[Address])> {
        let shared = self.volumes.iter().filter(|(_, named)| named.len() > 1);
        shared.map(|(volume, named)| (*volume, named.as_slice()))
    }

    /// The workspaces whose name another one of the account has too.
    pub(super) fn namesakes(&self) -> impl Iterator<Item = Address> {
        let same = self.names.iter().filter(|(_, named)| named.len() > 1);
        same.flat_map(|((account, _), named)| named.iter().map(|id| (account.clone(), *id)))
    }
}

impl Core {
    /// The next page of all records; none after the last.
    pub(super) async fn next_records(
        &self,
        verb: &'static str,
        last: Option<&WorkspaceRecord>,
    ) -> Result<Vec<WorkspaceRecord>, Error> {
        let after = last.map(|record| (record.account.clone(), record.id));
        let page = self.metadata.all(after, PAGE).await;
        page.map_err(|error| Error::storage(verb, error))
    }

    /// Counts what all records name.
    pub(super) async fn census(&self, verb: &'static str) -> Result<Census, Error> {
        let mut census = Census::default();
        let mut page = self.next_records(verb, None).await?;
        while !page.is_empty() {
            for record in &page {
                let snapshots = self.snapshots_if_readable(verb, record.id).await?;
                census.count(record, &snapshots.unwrap_or_default());
            }
            page = self.next_records(verb, page.last()).await?;
        }
        Ok(census)
    }
}

/// All volumes that there are, in order of their ids.
pub(super) async fn all_volumes(
    verb: &'static str,
    volume: &dyn Volume,
) -> Result<Vec<VolumeStatus>, Error> {
    let place = |last: &VolumeStatus| last.id;
    pages::all(verb, PAGE, place, |after| volume.list(after, PAGE)).await
}
