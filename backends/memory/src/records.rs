//! The records and how a change is applied to them.

use std::collections::BTreeMap;

use workdisk::metadata::{Change, Generation, Outcome, SnapshotChange};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotRecord, StoreId, Timestamp, VolumeId,
    WorkspaceId, WorkspaceRecord,
};

use crate::breach::{self, Breach};

/// Everything that a store holds.
///
/// - `names` has an entry for exactly the records that have a name.
/// - A workspace's snapshots are in ascending order of sequence.
#[derive(Debug)]
pub(crate) struct Records {
    store: StoreId,
    generation: u64,
    records: BTreeMap<WorkspaceId, WorkspaceRecord>,
    names: BTreeMap<(AccountId, NameKey), WorkspaceId>,
    snapshots: BTreeMap<WorkspaceId, Vec<SnapshotRecord>>,
    receipts: BTreeMap<(AccountId, String), Receipt>,
    reservations: BTreeMap<VolumeId, Reservation>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            store: StoreId::new(),
            generation: 0,
            records: BTreeMap::new(),
            names: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            receipts: BTreeMap::new(),
            reservations: BTreeMap::new(),
        }
    }
}

impl Records {
    pub(crate) fn begin(&mut self) -> Generation {
        self.generation += 1;
        Generation::new(self.store, self.generation)
    }

    pub(crate) fn take_back(&mut self, generation: Generation) {
        if generation == Generation::new(self.store, self.generation) {
            self.generation -= 1;
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &WorkspaceRecord> {
        self.records.values()
    }

    pub(crate) fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Option<&WorkspaceRecord> {
        self.records
            .get(&id)
            .filter(|record| record.account == *account)
    }

    pub(crate) fn named(&self, account: &AccountId, key: &NameKey) -> Option<&WorkspaceRecord> {
        let id = self.names.get(&(account.clone(), key.clone()))?;
        self.records.get(id)
    }

    pub(crate) fn snapshots(&self, workspace: WorkspaceId) -> &[SnapshotRecord] {
        self.snapshots.get(&workspace).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn receipt(&self, account: &AccountId, key: &str) -> Option<&Receipt> {
        self.receipts.get(&(account.clone(), key.to_owned()))
    }

    pub(crate) fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.reservations.values()
    }

    pub(crate) fn forget_receipts(&mut self, before: Timestamp, limit: usize) -> usize {
        let mut old: Vec<_> = self
            .receipts
            .iter()
            .filter(|(_, receipt)| receipt.made_at < before)
            .map(|(key, receipt)| (receipt.made_at, key.clone()))
            .collect();
        old.sort();
        old.truncate(limit);
        for (_, key) in &old {
            self.receipts.remove(key);
        }
        old.len()
    }

    /// Applies a change whole, or leaves everything as it is.
    pub(crate) fn commit(&mut self, change: Change) -> Result<Outcome, Breach> {
        match change {
            Change::Insert { record } => self.insert(record),
            Change::Update {
                expected,
                record,
                snapshots,
                receipt,
                reserved,
            } => {
                let outcome = self.update(expected, record, snapshots, receipt)?;
                if outcome == Outcome::Done {
                    self.note(reserved);
                }
                Ok(outcome)
            }
            Change::Remove {
                account,
                id,
                expected,
            } => Ok(self.remove(&account, id, expected)),
            Change::Reserve { reserved, released } => {
                self.note(reserved);
                self.reservations
                    .retain(|volume, _| !released.contains(volume));
                Ok(Outcome::Done)
            }
            _ => Err(Breach::UnknownChange),
        }
    }

    fn note(&mut self, reserved: Vec<Reservation>) {
        let noted = reserved.into_iter().map(|it| (it.volume, it));
        self.reservations.extend(noted);
    }

    fn insert(&mut self, record: WorkspaceRecord) -> Result<Outcome, Breach> {
        breach::version_follows(0, &record)?;
        if self.records.contains_key(&record.id) {
            return Ok(Outcome::VersionConflict);
        }
        if self.is_name_taken(&record) {
            return Ok(Outcome::NameTaken);
        }
        breach::of_record(&record, &[], self.all())?;
        self.put(record, Vec::new());
        Ok(Outcome::Done)
    }

    fn update(
        &mut self,
        expected: u64,
        record: WorkspaceRecord,
        changes: Vec<SnapshotChange>,
        receipt: Option<Box<Receipt>>,
    ) -> Result<Outcome, Breach> {
        breach::version_follows(expected, &record)?;
        let Some(stored) = self.records.get(&record.id) else {
            return Ok(Outcome::VersionConflict);
        };
        if stored.account != record.account {
            return Err(Breach::AccountChanged);
        }
        if stored.version != expected {
            return Ok(Outcome::VersionConflict);
        }
        if self.is_name_taken(&record) {
            return Ok(Outcome::NameTaken);
        }
        let mut snapshots = self.snapshots(record.id).to_vec();
        for change in changes {
            match change {
                SnapshotChange::Remove(id) => snapshots.retain(|snapshot| snapshot.id != id),
                SnapshotChange::Put(put) => {
                    snapshots.retain(|snapshot| snapshot.id != put.id);
                    if snapshots
                        .iter()
                        .any(|other| other.name.key() == put.name.key())
                    {
                        return Ok(Outcome::SnapshotNameTaken);
                    }
                    snapshots.push(put);
                }
                _ => return Err(Breach::UnknownChange),
            }
        }
        snapshots.sort_by_key(|snapshot| snapshot.sequence);
        breach::of_change(stored, &record)?;
        breach::of_record(&record, &snapshots, self.all())?;
        if let Some(receipt) = receipt {
            if self.receipt(&receipt.account, &receipt.key).is_some() {
                return Ok(Outcome::ReceiptTaken);
            }
            let key = (receipt.account.clone(), receipt.key.clone());
            self.receipts.insert(key, *receipt);
        }
        self.put(record, snapshots);
        Ok(Outcome::Done)
    }

    fn remove(&mut self, account: &AccountId, id: WorkspaceId, expected: u64) -> Outcome {
        if self
            .workspace(account, id)
            .is_none_or(|stored| stored.version != expected)
        {
            return Outcome::VersionConflict;
        }
        self.forget_name(id);
        self.records.remove(&id);
        self.snapshots.remove(&id);
        Outcome::Done
    }

    fn put(&mut self, record: WorkspaceRecord, snapshots: Vec<SnapshotRecord>) {
        self.forget_name(record.id);
        if let Some(name) = &record.name {
            self.names
                .insert((record.account.clone(), name.key().clone()), record.id);
        }
        self.snapshots.insert(record.id, snapshots);
        self.records.insert(record.id, record);
    }

    fn forget_name(&mut self, id: WorkspaceId) {
        if let Some(record) = self.records.get(&id)
            && let Some(name) = &record.name
        {
            self.names
                .remove(&(record.account.clone(), name.key().clone()));
        }
    }

    fn is_name_taken(&self, record: &WorkspaceRecord) -> bool {
        record.name.as_ref().is_some_and(|name| {
            self.named(&record.account, name.key())
                .is_some_and(|holder| holder.id != record.id)
        })
    }
}
