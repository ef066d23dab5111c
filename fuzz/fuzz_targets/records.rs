//! What is stored as a record reads back as it was; whatever else stands there is a record or an error.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use workdisk::BackendErrorKind;
use workdisk::model::{SnapshotRecord, WorkspaceRecord};
use workdisk_fuzz::records::{snapshot, workspace};
use workdisk_fuzz::value;
use workdisk_sled::codec::{decode, encode};

fuzz_target!(|bytes: &[u8]| {
    reads_as_a_record_or_an_error::<WorkspaceRecord>(bytes);
    reads_as_a_record_or_an_error::<SnapshotRecord>(bytes);
    let seed = &bytes[..bytes.len().min(32)];
    reads_back(&value(&workspace(), seed));
    reads_back(&value(&snapshot(), seed));
});

fn reads_as_a_record_or_an_error<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    bytes: &[u8],
) {
    match decode::<T>(bytes) {
        Ok(record) => reads_back(&record),
        Err(error) => assert!(
            matches!(error.kind(), BackendErrorKind::Corrupt { .. }),
            "{error}"
        ),
    }
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(record: &T) {
    match encode(record) {
        Ok(bytes) => assert_eq!(decode::<T>(&bytes).as_ref().ok(), Some(record)),
        Err(error) => assert_eq!(error.kind(), &BackendErrorKind::InvalidInput, "{error}"),
    }
}
