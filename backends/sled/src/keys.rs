//! Where each thing stands in the tree.
//!
//! A key begins with a byte for its kind. An account is preceded by its length, so that no account's keys are a prefix of
//! another's; ids have 16 bytes; numbers are big-endian, so that the order of keys is that of numbers.

use workdisk::metadata::SessionPosition;
use workdisk::model::{AccountId, NameKey, Receipt, SnapshotId, Timestamp, VolumeId, WorkspaceId};

/// The format record.
pub(crate) const FORMAT: &[u8] = b"0format";

/// The kind byte of records.
pub(crate) const RECORDS: u8 = b'r';

/// The kind byte of the index from a workspace to its account.
pub(crate) const ACCOUNTS: u8 = b'a';

/// The kind byte of names.
pub(crate) const NAMES: u8 = b'n';

/// The kind byte of snapshots.
pub(crate) const SNAPSHOTS: u8 = b's';

/// The kind byte of snapshots' names.
pub(crate) const SNAPSHOT_NAMES: u8 = b'k';

/// The kind byte of snapshots' ids.
pub(crate) const SNAPSHOT_IDS: u8 = b'i';

/// Every key of an account's records begins so.
pub(crate) fn records(account: &AccountId) -> Vec<u8> {
    of_account(RECORDS, account)
}

pub(crate) fn record(account: &AccountId, id: WorkspaceId) -> Vec<u8> {
    [records(account), id.as_uuid().as_bytes().to_vec()].concat()
}

/// Whose a workspace is.
pub(crate) fn account(id: WorkspaceId) -> Vec<u8> {
    of_workspace(ACCOUNTS, id)
}

/// Every key of an account's workspaces of one name begins so.
pub(crate) fn names(account: &AccountId, name: &NameKey) -> Vec<u8> {
    let mut key = of_account(NAMES, account);
    key.extend(length(name.as_str()));
    key.extend(name.as_str().as_bytes());
    key
}

pub(crate) fn name(account: &AccountId, name: &NameKey, id: WorkspaceId) -> Vec<u8> {
    [names(account, name), id.as_uuid().as_bytes().to_vec()].concat()
}

/// Every key of a workspace's snapshots begins so.
pub(crate) fn snapshots(workspace: WorkspaceId) -> Vec<u8> {
    of_workspace(SNAPSHOTS, workspace)
}

pub(crate) fn snapshot(workspace: WorkspaceId, sequence: u64) -> Vec<u8> {
    [snapshots(workspace), sequence.to_be_bytes().to_vec()].concat()
}

pub(crate) fn snapshot_name(workspace: WorkspaceId, name: &NameKey) -> Vec<u8> {
    [
        of_workspace(SNAPSHOT_NAMES, workspace),
        name.as_str().as_bytes().to_vec(),
    ]
    .concat()
}

pub(crate) fn snapshot_id(workspace: WorkspaceId, id: SnapshotId) -> Vec<u8> {
    [
        of_workspace(SNAPSHOT_IDS, workspace),
        id.as_uuid().as_bytes().to_vec(),
    ]
    .concat()
}

/// The kind byte of what is in flight.
pub(crate) const IN_FLIGHT: u8 = b'f';

pub(crate) fn in_flight(id: WorkspaceId) -> Vec<u8> {
    of_workspace(IN_FLIGHT, id)
}

/// The kind byte of sessions.
pub(crate) const SESSIONS: u8 = b'l';

pub(crate) fn session((expires_at, id): SessionPosition) -> Vec<u8> {
    let mut key = vec![SESSIONS];
    key.extend(time(expires_at));
    key.extend(id.as_uuid().as_bytes());
    key
}

/// The account in a key of one, and what follows it.
pub(crate) fn account_in(key: &[u8]) -> Option<(AccountId, &[u8])> {
    let (length, rest) = key.get(1..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (account, rest) = rest.split_at_checked(length)?;
    let account = AccountId::parse(std::str::from_utf8(account).ok()?).ok()?;
    Some((account, rest))
}

/// The workspace in a key of one, and what follows it.
pub(crate) fn workspace_in(key: &[u8]) -> Option<(WorkspaceId, &[u8])> {
    let (id, rest) = key.get(1..)?.split_first_chunk::<16>()?;
    Some((WorkspaceId::from_uuid(uuid::Uuid::from_bytes(*id)), rest))
}

/// The kind byte of reservations.
pub(crate) const RESERVATIONS: u8 = b'v';

pub(crate) fn reservation(volume: VolumeId) -> Vec<u8> {
    let mut key = vec![RESERVATIONS];
    key.extend(volume.as_uuid().as_bytes());
    key
}

/// The kind byte of receipts.
pub(crate) const RECEIPTS: u8 = b'q';

/// Every key of an account's receipts begins so.
pub(crate) fn receipts(account: &AccountId) -> Vec<u8> {
    of_account(RECEIPTS, account)
}

pub(crate) fn receipt(account: &AccountId, key: &str) -> Vec<u8> {
    [receipts(account), key.as_bytes().to_vec()].concat()
}

/// The kind byte of the receipts' times.
pub(crate) const RECEIPT_TIMES: u8 = b't';

/// Where the receipts made then begin, in the order of time.
pub(crate) fn receipts_made_at(made_at: Timestamp) -> Vec<u8> {
    [vec![RECEIPT_TIMES], time(made_at).to_vec()].concat()
}

/// A receipt's place in the order of time; its own key follows the time.
pub(crate) fn receipt_time(receipt: &Receipt) -> Vec<u8> {
    [
        receipts_made_at(receipt.made_at),
        self::receipt(&receipt.account, &receipt.key),
    ]
    .concat()
}

/// The receipt's key within its place in the order of time.
pub(crate) fn of_receipt_time(key: &[u8]) -> &[u8] {
    key.get(9..).unwrap_or_default()
}

/// A time such that the order of keys is that of times.
fn time(time: Timestamp) -> [u8; 8] {
    // Flipping the sign bit puts the times before the epoch in front.
    (time.unix_micros().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The id that a key ends with.
pub(crate) fn trailing_id(key: &[u8]) -> Option<WorkspaceId> {
    let (_, id) = key.split_at_checked(key.len().checked_sub(16)?)?;
    Some(WorkspaceId::from_uuid(uuid::Uuid::from_slice(id).ok()?))
}

fn of_account(kind: u8, account: &AccountId) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(length(account.as_str()));
    key.extend(account.as_str().as_bytes());
    key
}

fn of_workspace(kind: u8, id: WorkspaceId) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(id.as_uuid().as_bytes());
    key
}

fn length(text: &str) -> [u8; 4] {
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use workdisk::model::Timestamp;

    use super::*;

    #[test]
    fn no_accounts_keys_are_within_anothers() {
        let (a, ab) = (
            AccountId::parse("a").unwrap(),
            AccountId::parse("ab").unwrap(),
        );
        assert!(!records(&ab).starts_with(&records(&a)));
        assert!(!names(&ab, &NameKey::of("c")).starts_with(&names(&a, &NameKey::of("bc"))));
    }

    #[test]
    fn order_of_session_keys_is_that_of_time() {
        let id = WorkspaceId::new();
        let times = [
            Timestamp::MIN,
            Timestamp::from_unix_micros(-1),
            Timestamp::from_unix_micros(1),
        ];
        let keys: Vec<_> = times
            .into_iter()
            .chain([Timestamp::MAX])
            .map(|t| session((t, id)))
            .collect();
        assert!(keys.is_sorted());
        assert_eq!(trailing_id(&keys[0]), Some(id));
    }
}
