//! How values are written: a byte for the version, then JSON, so that a record written by one release can be read by the
//! next, and by a person.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use workdisk::model::StoreId;

use crate::error::{Result, StoreError};

/// The version that is written. Every earlier one is read.
const VERSION: u8 = 1;

/// The largest value. sled puts large pages into files of their own, which leak and which it does not sync. Sixty values of
/// 11 KB, overwritten again and again, made such files; as many of 8 KiB made none.
pub(crate) const MAX_VALUE: usize = 8 * 1024;

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// The version of the layout of keys.
    pub(crate) version: u32,
    /// The version of Unicode by which the names' keys were computed.
    pub(crate) unicode: String,
    pub(crate) store: StoreId,
    pub(crate) generation: u64,
    /// How often the store was closed in order after something had been written. The marker notes it too.
    #[serde(default)]
    pub(crate) closings: u64,
    /// Set while an export is read in, so that a part of one is never taken for the whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) incomplete: bool,
}

pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| StoreError::invalid(format!("the record cannot be written: {error}")))?;
    if bytes.len() > MAX_VALUE {
        return Err(StoreError::invalid(format!(
            "a record of {} bytes is too large: {MAX_VALUE} at most",
            bytes.len()
        )));
    }
    Ok(bytes)
}

pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T> {
    let damaged = |problem: String| {
        StoreError::damaged(format!("the record of key {}", key.escape_ascii()), problem)
    };
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|error| damaged(format!("it cannot be read: {error}"))),
        Some((version, _)) => Err(damaged(format!(
            "it is of version {version}, which this release does not know"
        ))),
        None => Err(damaged("it is empty".to_owned())),
    }
}

/// How values are written, for those who try what else could be read.
#[doc(hidden)]
pub mod codec {
    use std::path::Path;

    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use workdisk::BackendError;

    pub fn encode(value: &impl Serialize) -> Result<Vec<u8>, BackendError> {
        super::encode(value).map_err(|error| error.of_store(Path::new("")))
    }

    pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BackendError> {
        super::decode(b"", bytes).map_err(|error| error.of_store(Path::new("")))
    }
}
