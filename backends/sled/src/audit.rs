//! Looking for what does not fit together in the store, and making indexes agree with the records again.
//!
//! A reader can come between the steps of a change, so that what it finds are suspects. The writer, between two changes,
//! looks at each of them again.

use std::collections::HashSet;

use sled::{Batch, Db, IVec};
use workdisk::metadata::MetadataFault;
use workdisk::model::{
    AccountId, Receipt, Reservation, SnapshotRecord, WorkspaceId, WorkspaceRecord,
};

use crate::apply::{Entry, Judged, entries_of, entries_of_receipt, entries_of_snapshot};
use crate::encoding::decode;
use crate::error::Result;
use crate::keys;
use crate::read::decode_record;

/// Whether what can be mended is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mending {
    No,
    Yes,
}

/// What looked wrong to a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// A record, a snapshot, a receipt or a reservation that cannot be read.
    Unreadable(IVec),
    /// A snapshot without its workspace.
    Orphan(IVec),
    /// An entry of an index that belongs to nothing.
    Stray(IVec),
    /// One of those without one of its entries.
    Unlisted { of: IVec, entry: Vec<u8> },
}

/// How a fault is mended.
enum Mend {
    Remove(IVec),
    Insert(Vec<u8>, Vec<u8>),
}

type Finding = (MetadataFault, Option<Mend>);

/// Looks through the store, or through what is one account's.
pub(crate) fn suspects(db: &Db, account: Option<&AccountId>) -> Result<Vec<Suspect>> {
    let (mut found, mut workspaces) = (Vec::new(), HashSet::new());
    let records = account.map_or_else(|| vec![keys::RECORDS], keys::records);
    for entry in db.scan_prefix(records) {
        let (key, bytes) = entry?;
        workspaces.extend(keys::trailing_id(&key));
        match decode_record(&key, &bytes) {
            Err(_) => found.push(Suspect::Unreadable(key)),
            Ok(record) => unlisted(db, &key, entries_of(&record), &mut found)?,
        }
    }
    let of_account = |key: &[u8]| {
        account.is_none() || keys::workspace_in(key).is_some_and(|(id, _)| workspaces.contains(&id))
    };
    for entry in db.scan_prefix([keys::SNAPSHOTS]) {
        let (key, bytes) = entry?;
        let workspace = keys::workspace_in(&key).map(|(id, _)| id);
        match decode_snapshot(&key, &bytes) {
            _ if !of_account(&key) => {}
            _ if workspace.is_none_or(|id| !workspaces.contains(&id)) => {
                found.push(Suspect::Orphan(key));
            }
            None => found.push(Suspect::Unreadable(key)),
            Some((id, snapshot)) => {
                unlisted(db, &key, entries_of_snapshot(id, &snapshot), &mut found)?;
            }
        }
    }
    let receipts = account.map_or_else(|| vec![keys::RECEIPTS], keys::receipts);
    for entry in db.scan_prefix(receipts) {
        let (key, bytes) = entry?;
        match decode_receipt(&key, &bytes) {
            None => found.push(Suspect::Unreadable(key)),
            Some(receipt) => unlisted(db, &key, entries_of_receipt(&receipt), &mut found)?,
        }
    }
    if account.is_none() {
        for entry in db.scan_prefix([keys::RESERVATIONS]) {
            let (key, bytes) = entry?;
            if decode_reservation(&key, &bytes).is_none() {
                found.push(Suspect::Unreadable(key));
            }
        }
    }
    let of_accounts = [
        keys::ACCOUNTS,
        keys::NAMES,
        keys::IN_FLIGHT,
        keys::SESSIONS,
        keys::RECEIPT_TIMES,
    ];
    for kind in of_accounts {
        for entry in db.scan_prefix([kind]) {
            let (key, value) = entry?;
            let whose = account_of_entry(&key, &value);
            if (account.is_none() || whose.as_ref() == account) && is_stray(db, &key, &value)? {
                found.push(Suspect::Stray(key));
            }
        }
    }
    for kind in [keys::SNAPSHOT_NAMES, keys::SNAPSHOT_IDS] {
        for entry in db.scan_prefix([kind]) {
            let (key, value) = entry?;
            if of_account(&key) && is_stray(db, &key, &value)? {
                found.push(Suspect::Stray(key));
            }
        }
    }
    Ok(found)
}

/// Notes the entries of a record, a snapshot or a receipt that are not there or say something else.
fn unlisted(db: &Db, of: &IVec, entries: Vec<Entry>, found: &mut Vec<Suspect>) -> Result<()> {
    for (entry, value) in entries {
        if db.get(&entry)?.is_none_or(|stored| *stored != *value) {
            let of = of.clone();
            found.push(Suspect::Unlisted { of, entry });
        }
    }
    Ok(())
}

/// What is left of the suspects when nothing is being written.
pub(crate) fn confirm(db: &Db, suspects: &[Suspect]) -> Result<Vec<MetadataFault>> {
    let findings = findings(db, suspects)?;
    Ok(findings.into_iter().map(|(fault, _)| fault).collect())
}

/// The same, and what is to be written to mend it.
pub(crate) fn mend(db: &Db, suspects: &[Suspect]) -> Result<Judged<Vec<MetadataFault>>> {
    let (mut batch, mut faults, mut mended) = (Batch::default(), Vec::new(), false);
    let mut findings = findings(db, suspects)?;
    // An entry that is wrong is removed and put in again.
    findings.sort_by_key(|(_, mend)| matches!(mend, Some(Mend::Insert(..))));
    for (fault, mend) in findings {
        mended |= mend.is_some();
        match mend {
            Some(Mend::Remove(key)) => batch.remove(key),
            Some(Mend::Insert(key, value)) => batch.insert(key, value),
            None => {}
        }
        faults.push(fault);
    }
    Ok((faults, mended.then_some(batch)))
}

fn findings(db: &Db, suspects: &[Suspect]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for suspect in suspects {
        found.extend(match suspect {
            Suspect::Unreadable(key) => unreadable(db, key)?,
            Suspect::Orphan(key) => orphan(db, key)?,
            Suspect::Stray(key) => stray(db, key)?,
            Suspect::Unlisted { of, entry } => missing(db, of, entry)?,
        });
    }
    Ok(found)
}

fn unreadable(db: &Db, key: &IVec) -> Result<Option<Finding>> {
    let Some(bytes) = db.get(key)? else {
        return Ok(None);
    };
    if key.first() == Some(&keys::SNAPSHOTS) {
        let workspace = keys::workspace_in(key).map(|(id, _)| id);
        let effect = "it cannot be read: the workspace's snapshots cannot be listed, and it cannot be deleted";
        let fault = MetadataFault::new(object("a snapshot of workspace", workspace), effect);
        let account = workspace.and_then(|id| account_of(db, id).ok().flatten());
        let is_damaged = decode_snapshot(key, &bytes).is_none();
        return Ok(is_damaged.then(|| (fault.of(account, workspace), None)));
    }
    let account = keys::account_in(key).map(|(account, _)| account);
    if key.first() == Some(&keys::RECEIPTS) {
        let effect = "it cannot be read: a request under its key fails until it is forgotten";
        let fault = MetadataFault::new("a receipt", effect).of(account, None);
        let is_damaged = decode_receipt(key, &bytes).is_none();
        return Ok(is_damaged.then_some((fault, None)));
    }
    if key.first() == Some(&keys::RESERVATIONS) {
        let effect = "it cannot be read: nothing that a crash left is settled";
        let fault = MetadataFault::new("a reservation", effect);
        let is_damaged = decode_reservation(key, &bytes).is_none();
        return Ok(is_damaged.then_some((fault, None)));
    }
    let workspace = keys::trailing_id(key);
    let effect = match decode_record(key, &bytes) {
        Ok(_) => return Ok(None),
        Err(error) => {
            format!("{error}: the workspace is out of reach, and its account cannot be listed")
        }
    };
    let fault = MetadataFault::new(object("the record of workspace", workspace), effect);
    Ok(Some((fault.of(account, workspace), None)))
}

fn orphan(db: &Db, key: &IVec) -> Result<Option<Finding>> {
    let workspace = keys::workspace_in(key).map(|(id, _)| id);
    if db.get(key)?.is_none() {
        return Ok(None);
    }
    for record in db.scan_prefix([keys::RECORDS]).keys() {
        if keys::trailing_id(&record?) == workspace {
            return Ok(None);
        }
    }
    let effect = "its workspace's record is gone: nobody can reach its files";
    let fault = MetadataFault::new(object("a snapshot of workspace", workspace), effect);
    Ok(Some((fault.of(None, workspace), None)))
}

fn stray(db: &Db, key: &IVec) -> Result<Option<Finding>> {
    let Some(value) = db.get(key)? else {
        return Ok(None);
    };
    if !is_stray(db, key, &value)? {
        return Ok(None);
    }
    let (account, workspace) = (account_of_entry(key, &value), workspace_of_entry(key));
    let fault = MetadataFault::new(
        entry_of(key, workspace),
        "it belongs to nothing that is there: what it holds stays taken",
    );
    let fault = fault.of(account, workspace).with_mend();
    Ok(Some((fault, Some(Mend::Remove(key.clone())))))
}

/// An entry that a record, a snapshot or a receipt should have.
fn missing(db: &Db, of: &IVec, entry: &[u8]) -> Result<Option<Finding>> {
    let Some((account, workspace, entries)) = read_entries(db, of)? else {
        return Ok(None);
    };
    let Some((key, value)) = entries.into_iter().find(|(key, _)| key == entry) else {
        return Ok(None);
    };
    let stored = db.get(&key)?;
    if stored.as_ref().is_some_and(|stored| **stored == *value) {
        return Ok(None);
    }
    let object = entry_of(&key, workspace);
    if let Some(stored) = stored
        && !is_stray(db, &key, &stored)?
    {
        let effect = "two have the same place in the index: one of them cannot be found by it";
        let fault = MetadataFault::new(object, effect).of(account, workspace);
        return Ok(Some((fault, None)));
    }
    let effect = "it is missing: what is there is not found by it";
    let fault = MetadataFault::new(object, effect).of(account, workspace);
    Ok(Some((fault.with_mend(), Some(Mend::Insert(key, value)))))
}

type Entries = (Option<AccountId>, Option<WorkspaceId>, Vec<Entry>);

/// What the record, the snapshot or the receipt of a key should have in the indexes; nothing if it cannot be read.
fn read_entries(db: &Db, of: &[u8]) -> Result<Option<Entries>> {
    let Some(bytes) = db.get(of)? else {
        return Ok(None);
    };
    if of.first() == Some(&keys::SNAPSHOTS) {
        return Ok(match decode_snapshot(of, &bytes) {
            None => None,
            Some((id, snapshot)) => {
                let account = account_of(db, id)?;
                Some((account, Some(id), entries_of_snapshot(id, &snapshot)))
            }
        });
    }
    if of.first() == Some(&keys::RECEIPTS) {
        let receipt = decode_receipt(of, &bytes);
        return Ok(receipt.map(|it| (Some(it.account.clone()), None, entries_of_receipt(&it))));
    }
    let record = decode_record(of, &bytes).ok();
    Ok(record.map(|it: WorkspaceRecord| (Some(it.account.clone()), Some(it.id), entries_of(&it))))
}

/// Whether an entry of an index belongs to nothing. What cannot be read may be what it belongs to.
fn is_stray(db: &Db, key: &[u8], value: &[u8]) -> Result<bool> {
    let Some(of) = source_of_entry(key, value) else {
        return Ok(true);
    };
    let Some(bytes) = db.get(&of)? else {
        return Ok(true);
    };
    let entries = match of.first() {
        Some(&keys::SNAPSHOTS) => {
            decode_snapshot(&of, &bytes).map(|(id, it)| entries_of_snapshot(id, &it))
        }
        Some(&keys::RECEIPTS) => decode_receipt(&of, &bytes).map(|it| entries_of_receipt(&it)),
        _ => decode_record(&of, &bytes).ok().map(|it| entries_of(&it)),
    };
    Ok(entries.is_some_and(|entries| !entries.iter().any(|(entry, _)| entry == key)))
}

/// The key of what an entry of an index stands for.
fn source_of_entry(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    match *key.first()? {
        keys::SNAPSHOT_NAMES | keys::SNAPSHOT_IDS => {
            let (workspace, _) = keys::workspace_in(key)?;
            let sequence = u64::from_be_bytes(value.try_into().ok()?);
            Some(keys::snapshot(workspace, sequence))
        }
        keys::RECEIPT_TIMES => {
            let of = keys::of_receipt_time(key);
            of.starts_with(&[keys::RECEIPTS]).then(|| of.to_vec())
        }
        _ => {
            let account = account_of_entry(key, value)?;
            Some(keys::record(&account, workspace_of_entry(key)?))
        }
    }
}

fn account_of_entry(key: &[u8], value: &[u8]) -> Option<AccountId> {
    match *key.first()? {
        keys::NAMES => keys::account_in(key).map(|(account, _)| account),
        keys::RECEIPT_TIMES => {
            keys::account_in(keys::of_receipt_time(key)).map(|(account, _)| account)
        }
        keys::ACCOUNTS | keys::IN_FLIGHT | keys::SESSIONS => {
            AccountId::parse(std::str::from_utf8(value).ok()?).ok()
        }
        _ => None,
    }
}

fn workspace_of_entry(key: &[u8]) -> Option<WorkspaceId> {
    match *key.first()? {
        keys::SNAPSHOT_NAMES | keys::SNAPSHOT_IDS => keys::workspace_in(key).map(|(id, _)| id),
        keys::RECEIPT_TIMES => None,
        _ => keys::trailing_id(key),
    }
}

fn account_of(db: &Db, workspace: WorkspaceId) -> Result<Option<AccountId>> {
    let account = db.get(keys::account(workspace))?;
    let account = account.and_then(|it| String::from_utf8(it.to_vec()).ok());
    Ok(account.and_then(|account| AccountId::parse(account).ok()))
}

fn decode_snapshot(key: &[u8], bytes: &[u8]) -> Option<(WorkspaceId, SnapshotRecord)> {
    let (workspace, _) = keys::workspace_in(key)?;
    let snapshot: SnapshotRecord = decode(key, bytes).ok()?;
    (keys::snapshot(workspace, snapshot.sequence) == key).then_some((workspace, snapshot))
}

fn decode_reservation(key: &[u8], bytes: &[u8]) -> Option<Reservation> {
    let reservation: Reservation = decode(key, bytes).ok()?;
    (keys::reservation(reservation.volume) == key).then_some(reservation)
}

fn decode_receipt(key: &[u8], bytes: &[u8]) -> Option<Receipt> {
    let receipt: Receipt = decode(key, bytes).ok()?;
    (keys::receipt(&receipt.account, &receipt.key) == key).then_some(receipt)
}

fn entry_of(key: &[u8], workspace: Option<WorkspaceId>) -> String {
    match key.first() {
        Some(&keys::RECEIPT_TIMES) => "a receipt's entry by time".to_owned(),
        _ => object(&format!("{} of workspace", index_of(key)), workspace),
    }
}

fn index_of(key: &[u8]) -> &'static str {
    match key.first() {
        Some(&keys::ACCOUNTS) => "the entry by id",
        Some(&keys::NAMES) => "the entry by name",
        Some(&keys::IN_FLIGHT) => "the entry of what is in flight",
        Some(&keys::SESSIONS) => "the entry of the session",
        Some(&keys::SNAPSHOT_NAMES) => "a snapshot's entry by name",
        _ => "a snapshot's entry by id",
    }
}

fn object(what: &str, workspace: Option<WorkspaceId>) -> String {
    match workspace {
        Some(id) => format!("{what} {id}"),
        None => format!("{what} without an id"),
    }
}
