//! Judging a change, by the one thread that writes: what is to be written for it, and how it is answered.

use std::collections::HashMap;

use sled::{Batch, Db};
use workdisk::metadata::{Change, Generation, Outcome, SnapshotChange, session_position};
use workdisk::model::{
    NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, Timestamp, WorkspaceId,
    WorkspaceRecord,
};

use crate::encoding::{Format, decode, encode};
use crate::error::{Result, StoreError};
use crate::keys;
use crate::marker::Marker;

/// What a request is answered with once its batch is written; nothing is to be written without one.
pub(crate) type Judged<T> = (T, Option<Batch>);

/// A key of an index, and what stands there.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// What the store says of itself.
pub(crate) fn format(db: &Db) -> Result<Format> {
    let bytes = db.get(keys::FORMAT)?;
    let gone = || StoreError::damaged("the format record", "it is gone");
    decode(keys::FORMAT, &bytes.ok_or_else(gone)?)
}

/// Counts an opening.
pub(crate) fn begin(db: &Db) -> Result<Judged<Generation>> {
    let mut format = format(db)?;
    format.generation += 1;
    let mut batch = Batch::default();
    batch.insert(keys::FORMAT, encode(&format)?);
    let generation = Generation::new(format.store, format.generation);
    Ok((generation, Some(batch)))
}

/// Counts a closing, and answers what the marker is to say afterwards.
pub(crate) fn close(db: &Db) -> Result<Judged<Marker>> {
    let mut format = format(db)?;
    format.closings += 1;
    let mut batch = Batch::default();
    batch.insert(keys::FORMAT, encode(&format)?);
    let Format {
        store, closings, ..
    } = format;
    Ok((Marker { store, closings }, Some(batch)))
}

/// Counts an opening off again, if it is the last.
pub(crate) fn take_back(db: &Db, generation: Generation) -> Result<Judged<()>> {
    let mut format = format(db)?;
    if generation != Generation::new(format.store, format.generation) {
        return Ok(((), None));
    }
    format.generation = format.generation.saturating_sub(1);
    let mut batch = Batch::default();
    batch.insert(keys::FORMAT, encode(&format)?);
    Ok(((), Some(batch)))
}

/// Judges a change. What it writes is one batch, which sled writes whole or not at all.
pub(crate) fn judge(db: &Db, change: Change) -> Result<Judged<Outcome>> {
    let mut batch = Batch::default();
    let outcome = match change {
        Change::Insert { record } => insert(db, &mut batch, &record)?,
        Change::Update {
            expected,
            record,
            snapshots,
            receipt,
            reserved,
        } => {
            let outcome = update(db, &mut batch, expected, &record, &snapshots)?;
            put_reservations(&mut batch, &reserved)?;
            keep_receipt(db, &mut batch, outcome, receipt.as_deref())?
        }
        Change::Remove {
            account,
            id,
            expected,
        } => {
            let key = keys::record(&account, id);
            match stored(db, &key)?.filter(|record| record.version == expected) {
                None => Outcome::VersionConflict,
                Some(record) => remove(db, &mut batch, &record)?,
            }
        }
        Change::Reserve { reserved, released } => {
            put_reservations(&mut batch, &reserved)?;
            for volume in released {
                batch.remove(keys::reservation(volume));
            }
            Outcome::Done
        }
        _ => {
            return Err(StoreError::UnknownChange);
        }
    };
    Ok((outcome, (outcome == Outcome::Done).then_some(batch)))
}

fn stored(db: &Db, key: &[u8]) -> Result<Option<WorkspaceRecord>> {
    db.get(key)?.map(|bytes| decode(key, &bytes)).transpose()
}

/// The account that has a workspace of that id.
fn account_of(db: &Db, id: WorkspaceId) -> Result<Option<sled::IVec>> {
    Ok(db.get(keys::account(id))?)
}

fn insert(db: &Db, batch: &mut Batch, record: &WorkspaceRecord) -> Result<Outcome> {
    if record.version != 1 {
        return Err(StoreError::invalid("a new record has version 1"));
    }
    if account_of(db, record.id)?.is_some() {
        return Ok(Outcome::VersionConflict);
    }
    if name_is_taken(db, record)? {
        return Ok(Outcome::NameTaken);
    }
    put_record(batch, record)?;
    Ok(Outcome::Done)
}

fn update(
    db: &Db,
    batch: &mut Batch,
    expected: u64,
    record: &WorkspaceRecord,
    snapshots: &[SnapshotChange],
) -> Result<Outcome> {
    if record.version != expected.wrapping_add(1) {
        return Err(StoreError::invalid("the record's version does not follow"));
    }
    let account = account_of(db, record.id)?;
    if account.is_some_and(|account| *account != *record.account.as_str().as_bytes()) {
        return Err(StoreError::invalid("a workspace stays with its account"));
    }
    let key = keys::record(&record.account, record.id);
    let Some(before) = stored(db, &key)?.filter(|before| before.version == expected) else {
        return Ok(Outcome::VersionConflict);
    };
    if name_is_taken(db, record)? {
        return Ok(Outcome::NameTaken);
    }
    replace_record(batch, &before, record)?;
    change_snapshots(db, batch, record.id, snapshots)
}

/// Judges and puts down changes of snapshots, each on what those before it left.
fn change_snapshots(
    db: &Db,
    batch: &mut Batch,
    workspace: WorkspaceId,
    changes: &[SnapshotChange],
) -> Result<Outcome> {
    // What earlier changes left, by id: the tree does not show it yet.
    let mut changed: HashMap<SnapshotId, Option<&SnapshotRecord>> = HashMap::new();
    for change in changes {
        let (id, put) = match change {
            SnapshotChange::Put(snapshot) => (snapshot.id, Some(snapshot)),
            SnapshotChange::Remove(id) => (*id, None),
            _ => {
                return Err(StoreError::UnknownChange);
            }
        };
        if let Some(snapshot) = put {
            let key = snapshot.name.key();
            let stored = snapshot_of_name(db, workspace, key)?;
            let stored = stored.is_some_and(|it| it.id != id && !changed.contains_key(&it.id));
            let mut earlier = changed.values().flatten();
            if stored || earlier.any(|it| it.id != id && it.name.key() == key) {
                return Ok(Outcome::SnapshotNameTaken);
            }
        }
        let before = match changed.get(&id) {
            Some(before) => before.cloned(),
            None => snapshot_of_id(db, workspace, id)?,
        };
        if let Some(before) = before {
            take_snapshot_away(batch, workspace, &before);
        }
        if let Some(snapshot) = put {
            put_snapshot(batch, workspace, snapshot)?;
        }
        changed.insert(id, put);
    }
    Ok(Outcome::Done)
}

/// Puts a receipt down beside a change that is done.
fn keep_receipt(
    db: &Db,
    batch: &mut Batch,
    outcome: Outcome,
    receipt: Option<&Receipt>,
) -> Result<Outcome> {
    let Some(receipt) = receipt.filter(|_| outcome == Outcome::Done) else {
        return Ok(outcome);
    };
    if db.contains_key(keys::receipt(&receipt.account, &receipt.key))? {
        return Ok(Outcome::ReceiptTaken);
    }
    put_receipt(batch, receipt)?;
    Ok(outcome)
}

/// Puts a receipt with its place in the order of time.
pub(crate) fn put_receipt(batch: &mut Batch, receipt: &Receipt) -> Result<()> {
    let key = keys::receipt(&receipt.account, &receipt.key);
    batch.insert(key, encode(receipt)?);
    for (key, value) in entries_of_receipt(receipt) {
        batch.insert(key, value);
    }
    Ok(())
}

/// Puts reservations in the places of earlier ones of their volumes.
pub(crate) fn put_reservations(batch: &mut Batch, reservations: &[Reservation]) -> Result<()> {
    for reservation in reservations {
        batch.insert(keys::reservation(reservation.volume), encode(reservation)?);
    }
    Ok(())
}

/// A receipt's entries in the indexes.
pub(crate) fn entries_of_receipt(receipt: &Receipt) -> Vec<Entry> {
    vec![(keys::receipt_time(receipt), Vec::new())]
}

/// Removes receipts made before then, the oldest first.
pub(crate) fn forget_receipts(db: &Db, before: Timestamp, limit: usize) -> Result<Judged<usize>> {
    let mut batch = Batch::default();
    let mut count = 0;
    let old = vec![keys::RECEIPT_TIMES]..keys::receipts_made_at(before);
    for key in db.range(old).keys().take(limit) {
        let key = key?;
        batch.remove(keys::of_receipt_time(&key));
        batch.remove(key);
        count += 1;
    }
    Ok((count, (count > 0).then_some(batch)))
}

fn remove(db: &Db, batch: &mut Batch, record: &WorkspaceRecord) -> Result<Outcome> {
    batch.remove(keys::record(&record.account, record.id));
    for (key, _) in entries_of(record) {
        batch.remove(key);
    }
    for entry in db.scan_prefix(keys::snapshots(record.id)) {
        let (key, bytes) = entry?;
        take_snapshot_away(batch, record.id, &decode(&key, &bytes)?);
    }
    Ok(Outcome::Done)
}

fn name_is_taken(db: &Db, record: &WorkspaceRecord) -> Result<bool> {
    let Some(name) = &record.name else {
        return Ok(false);
    };
    for entry in db
        .scan_prefix(keys::names(&record.account, name.key()))
        .keys()
    {
        if keys::trailing_id(&entry?) != Some(record.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts a record with its places in the indexes.
pub(crate) fn put_record(batch: &mut Batch, record: &WorkspaceRecord) -> Result<()> {
    batch.insert(keys::record(&record.account, record.id), encode(record)?);
    for (key, value) in entries_of(record) {
        batch.insert(key, value);
    }
    Ok(())
}

/// Puts a record in the place of an earlier one of the workspace. Of the indexes only what differs is written: most changes
/// touch none, and each entry stands in another page.
fn replace_record(
    batch: &mut Batch,
    before: &WorkspaceRecord,
    record: &WorkspaceRecord,
) -> Result<()> {
    batch.insert(keys::record(&record.account, record.id), encode(record)?);
    let (before, after) = (entries_of(before), entries_of(record));
    for (key, _) in before.iter().filter(|entry| !after.contains(entry)) {
        batch.remove(&**key);
    }
    for (key, value) in after.into_iter().filter(|entry| !before.contains(entry)) {
        batch.insert(key, value);
    }
    Ok(())
}

/// A record's entries in the indexes.
pub(crate) fn entries_of(record: &WorkspaceRecord) -> Vec<Entry> {
    let account = record.account.as_str().as_bytes();
    let mut entries = vec![(keys::account(record.id), account.to_vec())];
    if let Some(name) = &record.name {
        let key = keys::name(&record.account, name.key(), record.id);
        entries.push((key, Vec::new()));
    }
    if record.is_in_flight() {
        entries.push((keys::in_flight(record.id), account.to_vec()));
    }
    if let Some(position) = session_position(record) {
        entries.push((keys::session(position), account.to_vec()));
    }
    entries
}

/// Puts a snapshot with its places in the indexes.
pub(crate) fn put_snapshot(
    batch: &mut Batch,
    workspace: WorkspaceId,
    snapshot: &SnapshotRecord,
) -> Result<()> {
    batch.insert(
        keys::snapshot(workspace, snapshot.sequence),
        encode(snapshot)?,
    );
    for (key, value) in entries_of_snapshot(workspace, snapshot) {
        batch.insert(key, value);
    }
    Ok(())
}

/// A snapshot's entries in the indexes.
pub(crate) fn entries_of_snapshot(workspace: WorkspaceId, snapshot: &SnapshotRecord) -> Vec<Entry> {
    let sequence = snapshot.sequence.to_be_bytes().to_vec();
    vec![
        (
            keys::snapshot_name(workspace, snapshot.name.key()),
            sequence.clone(),
        ),
        (keys::snapshot_id(workspace, snapshot.id), sequence),
    ]
}

fn take_snapshot_away(batch: &mut Batch, workspace: WorkspaceId, snapshot: &SnapshotRecord) {
    batch.remove(keys::snapshot(workspace, snapshot.sequence));
    batch.remove(keys::snapshot_name(workspace, snapshot.name.key()));
    batch.remove(keys::snapshot_id(workspace, snapshot.id));
}

pub(crate) fn snapshot_of_name(
    db: &Db,
    workspace: WorkspaceId,
    name: &NameKey,
) -> Result<Option<SnapshotRecord>> {
    snapshot_behind(db, workspace, &keys::snapshot_name(workspace, name))
}

pub(crate) fn snapshot_of_id(
    db: &Db,
    workspace: WorkspaceId,
    id: SnapshotId,
) -> Result<Option<SnapshotRecord>> {
    snapshot_behind(db, workspace, &keys::snapshot_id(workspace, id))
}

/// The snapshot to whose sequence number an index points.
fn snapshot_behind(
    db: &Db,
    workspace: WorkspaceId,
    index: &[u8],
) -> Result<Option<SnapshotRecord>> {
    let Some(sequence) = db.get(index)? else {
        return Ok(None);
    };
    let key = [keys::snapshots(workspace), sequence.to_vec()].concat();
    // A reader can come between the index and what it points to, when that is just being removed.
    db.get(&key)?.map(|bytes| decode(&key, &bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use workdisk::model::{AccountId, SessionType, VolumeId, WorkspaceName};

    use super::*;

    fn named(record: &WorkspaceRecord, name: &str) -> WorkspaceRecord {
        let mut next = record.clone();
        next.version += 1;
        next.name = Some(WorkspaceName::parse(name).unwrap());
        next
    }

    /// Makes a change, and answers the keys that it writes or removes.
    fn written(db: &Db, change: Change) -> BTreeSet<Vec<u8>> {
        let mut events = db.watch_prefix(vec![]);
        let (outcome, batch) = judge(db, change).unwrap();
        assert_eq!(outcome, Outcome::Done);
        db.apply_batch(batch.unwrap()).unwrap();
        let events = std::iter::from_fn(|| events.next_timeout(Duration::ZERO).ok());
        events.map(|event| event.key().to_vec()).collect()
    }

    fn update(record: &WorkspaceRecord) -> Change {
        Change::Update {
            expected: record.version - 1,
            record: record.clone(),
            snapshots: Vec::new(),
            receipt: None,
            reserved: Vec::new(),
        }
    }

    /// Every entry of the indexes was written again by each change of the record.
    #[test]
    fn change_writes_the_record_and_what_differs_in_the_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let db = sled::open(folder.path()).unwrap();
        let account = AccountId::parse("a").unwrap();
        let (id, head) = (WorkspaceId::new(), VolumeId::new());
        let now = Timestamp::from_unix_micros(0);
        let mut record = WorkspaceRecord::new(id, account.clone(), SessionType::Browser, head, now);
        record.name = Some(WorkspaceName::parse("one").unwrap());
        let name = |name| keys::name(&account, &NameKey::of(name), id);
        let own = keys::record(&account, id);
        let inserted = Change::Insert {
            record: record.clone(),
        };
        let all = [own.clone(), keys::account(id), name("one")];
        assert_eq!(written(&db, inserted), BTreeSet::from(all));

        let recased = named(&record, "ONE");
        assert_eq!(
            written(&db, update(&recased)),
            BTreeSet::from([own.clone()])
        );

        let mut renamed = named(&recased, "two");
        renamed.discard = vec![VolumeId::new()];
        let changed = [own, name("one"), name("two"), keys::in_flight(id)];
        assert_eq!(written(&db, update(&renamed)), BTreeSet::from(changed));
        assert_eq!(
            stored(&db, &keys::record(&account, id)).unwrap(),
            Some(renamed)
        );
    }
}
