//! Getting all records out, and into a new store: JSON lines, a header first.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use sled::{Batch, Db};
use workdisk::error::{BackendError, BackendErrorKind};
use workdisk::model::{SnapshotRecord, StoreId, WorkspaceId, WorkspaceRecord};

use crate::encoding::{Format, decode, encode};
use crate::{SledMetadata, apply, blocking, failed, keys};

/// How many lines are written to the store at a time.
const GROUP: usize = 1_000;

/// A line of an export.
#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    /// The first.
    Header {
        version: u32,
        store: StoreId,
        generation: u64,
    },
    Workspace {
        record: Box<WorkspaceRecord>,
    },
    Snapshot {
        workspace: WorkspaceId,
        record: Box<SnapshotRecord>,
    },
}

impl SledMetadata {
    /// Writes all records as JSON lines, in no order that means anything. It reads only, and works on a store that refuses
    /// writes.
    ///
    /// What is committed meanwhile may be in it or not; end all work first for an export of one instant.
    ///
    /// # Errors
    /// [`Unavailable`](BackendErrorKind::Unavailable) if `to` can't be written, [`Corrupt`](BackendErrorKind::Corrupt) at a
    /// record that can't be read.
    pub async fn export(&self, to: impl Write + Send + 'static) -> Result<(), BackendError> {
        let mut to = to;
        self.read(move |db| export(db, &mut to)).await
    }

    /// Reads an export into this store, which must be new. The store takes the exported one's id and generation, so that
    /// its volumes know it.
    ///
    /// # Errors
    /// [`InvalidInput`](BackendErrorKind::InvalidInput) if the store has records already or a line is none of an export;
    /// remove the folder then and begin again.
    pub async fn import(self, from: impl BufRead + Send + 'static) -> Result<Self, BackendError> {
        blocking(move || {
            let mut from = from;
            import(&self.db, &mut from)?;
            let unsynced = |error| BackendError::io("the import could not be made durable", error);
            crate::writer::sync_to(&self.folder)(&self.db).map_err(unsynced)?;
            Ok(self)
        })
        .await
    }
}

fn export(db: &Db, to: &mut impl Write) -> Result<(), BackendError> {
    let mut put = |line: &Line| {
        let unwritten = |error| BackendError::io("the export cannot be written", error);
        let mut text = serde_json::to_vec(line).map_err(|error| unwritten(error.into()))?;
        text.push(b'\n');
        to.write_all(&text).map_err(unwritten)
    };
    let format = format(db)?;
    let (version, store, generation) = (format.version, format.store, format.generation);
    put(&Line::Header {
        version,
        store,
        generation,
    })?;
    for entry in db.scan_prefix(b"r") {
        let (key, bytes) = entry.map_err(failed)?;
        put(&Line::Workspace {
            record: Box::new(decode(&key, &bytes)?),
        })?;
    }
    for entry in db.scan_prefix(b"s") {
        let (key, bytes) = entry.map_err(failed)?;
        let workspace = key.get(1..17).and_then(keys::trailing_id);
        let workspace = workspace.ok_or_else(|| {
            BackendError::corrupt("a snapshot's key", "a snapshot's key is damaged")
        })?;
        put(&Line::Snapshot {
            workspace,
            record: Box::new(decode(&key, &bytes)?),
        })?;
    }
    Ok(())
}

fn format(db: &Db) -> Result<Format, BackendError> {
    let bytes = db.get(keys::FORMAT).map_err(failed)?;
    let gone = || BackendError::corrupt("the format record", "the format record is gone");
    decode(keys::FORMAT, &bytes.ok_or_else(gone)?)
}

fn import(db: &Db, from: &mut impl BufRead) -> Result<(), BackendError> {
    if db.iter().keys().take(2).count() > 1 {
        return Err(BackendError::invalid_input(
            "an export is read into a new store only",
        ));
    }
    let (mut header, mut batch, mut waiting) = (None, Batch::default(), 0);
    for (number, line) in from.lines().enumerate() {
        let bad = |error: &dyn std::fmt::Display| {
            BackendError::invalid_input(format!("line {}: {error}", number + 1))
        };
        let line = line.map_err(|error| bad(&error))?;
        match serde_json::from_str(&line).map_err(|error| bad(&error))? {
            Line::Header {
                version,
                store,
                generation,
            } if number == 0 => {
                header = Some((version, store, generation));
            }
            Line::Header { .. } => return Err(bad(&"a second header")),
            _ if header.is_none() => return Err(bad(&"the header is missing")),
            Line::Workspace { record } => apply::put_record(&mut batch, &record)?,
            Line::Snapshot { workspace, record } => {
                apply::put_snapshot(&mut batch, workspace, &record)?;
            }
        }
        waiting += 1;
        if waiting == GROUP {
            db.apply_batch(std::mem::take(&mut batch)).map_err(failed)?;
            waiting = 0;
        }
    }
    let Some((version, store, generation)) = header else {
        return Err(BackendError::invalid_input("the export is empty"));
    };
    let mut format = format(db)?;
    if version != format.version {
        let message =
            format!("the export is of version {version}, which this release does not know");
        return Err(BackendError::new(BackendErrorKind::Mismatch, message));
    }
    (format.store, format.generation) = (store, generation);
    batch.insert(keys::FORMAT, encode(&format)?);
    db.apply_batch(batch).map_err(failed)
}
