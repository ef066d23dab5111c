//! Reading. An index that points to nothing is skipped: a reader can come between the steps of a removal.

use std::ops::Bound;

use sled::{Db, IVec};
use workdisk::metadata::{RecordPosition, SessionPosition};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotRecord, Timestamp, VolumeId, WorkspaceFilter,
    WorkspaceId, WorkspaceRecord,
};

use crate::encoding::decode;
use crate::error::{Result, StoreError};
use crate::keys;

pub(crate) fn workspace(
    db: &Db,
    account: &AccountId,
    id: WorkspaceId,
) -> Result<Option<WorkspaceRecord>> {
    let key = keys::record(account, id);
    db.get(&key)?.map(|bytes| decode(&key, &bytes)).transpose()
}

pub(crate) fn receipt(db: &Db, account: &AccountId, key: &str) -> Result<Option<Receipt>> {
    let key = keys::receipt(account, key);
    db.get(&key)?.map(|bytes| decode(&key, &bytes)).transpose()
}

pub(crate) fn workspaces_named(
    db: &Db,
    account: &AccountId,
    name: &NameKey,
) -> Result<Vec<WorkspaceRecord>> {
    let mut found = Vec::new();
    for key in db.scan_prefix(keys::names(account, name)).keys() {
        let Some(id) = keys::trailing_id(&key?) else {
            continue;
        };
        let record = workspace(db, account, id)?;
        // The name may have changed since the index was read.
        let named = |record: &WorkspaceRecord| {
            record
                .name
                .as_ref()
                .is_some_and(|current| current.key() == name)
        };
        found.extend(record.filter(named));
    }
    Ok(found)
}

pub(crate) fn list(
    db: &Db,
    account: &AccountId,
    filter: &WorkspaceFilter,
    after: Option<WorkspaceId>,
    limit: usize,
) -> Result<Vec<WorkspaceRecord>> {
    let prefix = keys::records(account);
    let after = after.map_or_else(|| prefix.clone(), |id| keys::record(account, id));
    let mut found = Vec::new();
    for entry in range(db, after, &prefix) {
        if found.len() == limit {
            break;
        }
        let (key, bytes) = entry?;
        let record: WorkspaceRecord = decode(&key, &bytes)?;
        if filter.matches(&record) {
            found.push(record);
        }
    }
    Ok(found)
}

pub(crate) fn snapshots(
    db: &Db,
    workspace: WorkspaceId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<SnapshotRecord>> {
    let prefix = keys::snapshots(workspace);
    let after = after.map_or_else(|| prefix.clone(), |after| keys::snapshot(workspace, after));
    let decoded = range(db, after, &prefix).take(limit).map(|entry| {
        let (key, bytes) = entry?;
        decode(&key, &bytes)
    });
    decoded.collect()
}

pub(crate) fn in_flight(
    db: &Db,
    after: Option<WorkspaceId>,
    limit: usize,
) -> Result<Vec<WorkspaceRecord>> {
    let prefix = [keys::IN_FLIGHT];
    let after = after.map_or_else(|| prefix.to_vec(), keys::in_flight);
    through_index(
        db,
        after,
        &prefix,
        limit,
        |_| true,
        WorkspaceRecord::is_in_flight,
    )
}

pub(crate) fn reservations(
    db: &Db,
    after: Option<VolumeId>,
    limit: usize,
) -> Result<Vec<Reservation>> {
    let prefix = [keys::RESERVATIONS];
    let after = after.map_or_else(|| prefix.to_vec(), keys::reservation);
    let decoded = range(db, after, &prefix).take(limit).map(|entry| {
        let (key, bytes) = entry?;
        decode(&key, &bytes)
    });
    decoded.collect()
}

pub(crate) fn sessions(
    db: &Db,
    until: Option<Timestamp>,
    after: Option<SessionPosition>,
    limit: usize,
) -> Result<Vec<WorkspaceRecord>> {
    let prefix = [keys::SESSIONS];
    let after = after.map_or_else(|| prefix.to_vec(), keys::session);
    let last = WorkspaceId::from_uuid(uuid::Uuid::max());
    let end = until.map(|until| keys::session((until, last)));
    let wanted = |key: &[u8]| end.as_deref().is_none_or(|end| key <= end);
    through_index(db, after, &prefix, limit, wanted, |record| {
        record.session.is_some()
    })
}

/// The records of all accounts, but for those that cannot be read.
pub(crate) fn all(
    db: &Db,
    after: Option<RecordPosition>,
    limit: usize,
) -> Result<Vec<WorkspaceRecord>> {
    let prefix = [keys::RECORDS];
    let after = after.map_or_else(
        || prefix.to_vec(),
        |(account, id)| keys::record(&account, id),
    );
    let mut found = Vec::new();
    for entry in range(db, after, &prefix) {
        if found.len() == limit {
            break;
        }
        let (key, bytes) = entry?;
        found.extend(decode_record(&key, &bytes).ok());
    }
    Ok(found)
}

/// Decodes a record, which must be the one that its key says.
pub(crate) fn decode_record(key: &[u8], bytes: &[u8]) -> Result<WorkspaceRecord> {
    let record: WorkspaceRecord = decode(key, bytes)?;
    if keys::record(&record.account, record.id) == key {
        return Ok(record);
    }
    Err(StoreError::damaged(
        format!("the record of key {}", key.escape_ascii()),
        "it is another workspace's",
    ))
}

/// The records to which an index across accounts points.
fn through_index(
    db: &Db,
    after: Vec<u8>,
    prefix: &[u8],
    limit: usize,
    wanted: impl Fn(&[u8]) -> bool,
    still: impl Fn(&WorkspaceRecord) -> bool,
) -> Result<Vec<WorkspaceRecord>> {
    let mut found = Vec::new();
    for entry in range(db, after, prefix) {
        let (key, account) = entry?;
        if found.len() == limit || !wanted(&key) {
            break;
        }
        let account = String::from_utf8(account.to_vec()).ok();
        let account = account.and_then(|account| AccountId::parse(account).ok());
        let (Some(account), Some(id)) = (account, keys::trailing_id(&key)) else {
            return Err(StoreError::damaged("an index", "it names no account"));
        };
        found.extend(workspace(db, &account, id)?.filter(&still));
    }
    Ok(found)
}

/// The entries after a key that begin with a prefix.
fn range<'a>(
    db: &Db,
    after: Vec<u8>,
    prefix: &'a [u8],
) -> impl Iterator<Item = Result<(IVec, IVec)>> + use<'a> {
    db.range::<Vec<u8>, _>((Bound::Excluded(after), Bound::Unbounded))
        .map(|entry| entry.map_err(StoreError::from))
        .take_while(move |entry| {
            entry
                .as_ref()
                .map_or(true, |(key, _)| key.starts_with(prefix))
        })
}
