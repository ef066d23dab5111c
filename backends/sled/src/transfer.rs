//! Getting all records out, and into a new store: JSON lines, a header first.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sled::{Batch, Db};
use workdisk::error::BackendError;
use workdisk::model::{
    AccountId, ImageRef, Intent, Receipt, Reservation, SnapshotId, SnapshotName, SnapshotRecord,
    StoreId, VolumeId, WorkspaceId, WorkspaceName, WorkspaceRecord,
};

use crate::encoding::{decode, encode};
use crate::error::{Result, StoreError};
use crate::marker::Marker;
use crate::writer::Disk;
use crate::{SledMetadata, apply, blocking, keys};

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
    Receipt {
        record: Box<Receipt>,
    },
    Reservation {
        record: Box<Reservation>,
    },
    /// The last: how many there were of the others, so that a part is not taken for the whole.
    End {
        workspaces: u64,
        snapshots: u64,
        #[serde(default, skip_serializing_if = "is_none")]
        receipts: u64,
        #[serde(default, skip_serializing_if = "is_none")]
        reservations: u64,
    },
}

/// An export without receipts, or without reservations, reads as one of a release that knew none.
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl SledMetadata {
    /// Writes all records as JSON lines, in no order that means anything. It reads only, and works on a store that refuses
    /// writes.
    ///
    /// What is committed meanwhile may be in it or not; end all work first for an export of one instant.
    ///
    /// # Errors
    /// [`Unavailable`](workdisk::BackendErrorKind::Unavailable) if `to` can't be written, [`Corrupt`](workdisk::BackendErrorKind::Corrupt) at a
    /// record that can't be read.
    pub async fn export(&self, to: impl Write + Send + 'static) -> Result<(), BackendError> {
        let mut to = to;
        self.read(move |db| export(db, &mut to)).await
    }

    /// Reads an export into this store, which must be new. The store takes the exported one's id and generation, so that
    /// its volumes know it. The keys of names are computed anew, because the exporting release may have had another
    /// version of Unicode.
    ///
    /// # Errors
    /// [`InvalidInput`](workdisk::BackendErrorKind::InvalidInput) if the store has records already, a line is none of an export, a name
    /// or an image breaks its rules, a record stands there twice, or the end is missing. Unless it was refused for its records, the store cannot be opened after an error, nor after a crash
    /// meanwhile: remove the folder then and begin again.
    pub async fn import(self, from: impl BufRead + Send + 'static) -> Result<Self, BackendError> {
        let folder = self.folder.clone();
        blocking(folder, move || {
            let mut from = from;
            import(&self.db, &self.folder, &mut from)?;
            Ok(self)
        })
        .await
    }
}

fn export(db: &Db, to: &mut impl Write) -> Result<()> {
    let mut put = |line: &Line| {
        let unwritten = StoreError::io("write the export");
        let mut text = serde_json::to_vec(line).map_err(|error| unwritten(error.into()))?;
        text.push(b'\n');
        to.write_all(&text).map_err(&unwritten)
    };
    let format = apply::format(db)?;
    let (version, store, generation) = (format.version, format.store, format.generation);
    put(&Line::Header {
        version,
        store,
        generation,
    })?;
    let (mut workspaces, mut snapshots, mut receipts, mut reservations) = (0, 0, 0, 0);
    for entry in db.scan_prefix(b"r") {
        let (key, bytes) = entry?;
        workspaces += 1;
        put(&Line::Workspace {
            record: Box::new(decode(&key, &bytes)?),
        })?;
    }
    for entry in db.scan_prefix(b"s") {
        let (key, bytes) = entry?;
        snapshots += 1;
        let workspace = key.get(1..17).and_then(keys::trailing_id);
        let workspace = workspace
            .ok_or_else(|| StoreError::damaged("a snapshot's key", "it names no workspace"))?;
        put(&Line::Snapshot {
            workspace,
            record: Box::new(decode(&key, &bytes)?),
        })?;
    }
    for entry in db.scan_prefix([keys::RECEIPTS]) {
        let (key, bytes) = entry?;
        receipts += 1;
        put(&Line::Receipt {
            record: Box::new(decode(&key, &bytes)?),
        })?;
    }
    for entry in db.scan_prefix([keys::RESERVATIONS]) {
        let (key, bytes) = entry?;
        reservations += 1;
        put(&Line::Reservation {
            record: Box::new(decode(&key, &bytes)?),
        })?;
    }
    put(&Line::End {
        workspaces,
        snapshots,
        receipts,
        reservations,
    })?;
    to.flush().map_err(StoreError::io("write the export"))
}

fn import(db: &Db, folder: &Path, from: &mut impl BufRead) -> Result<()> {
    if db.iter().keys().take(2).count() > 1 {
        return Err(StoreError::invalid(
            "an export is read into a new store only",
        ));
    }
    let unsynced = StoreError::io("make the import durable");
    let mut disk = Disk::of(folder);
    let mut format = apply::format(db)?;
    format.incomplete = true;
    db.insert(keys::FORMAT, encode(&format)?)?;
    disk.make_durable(db).map_err(&unsynced)?;

    let mut lines = Lines::default();
    for (number, line) in from.lines().enumerate() {
        let bad = |wrong: &dyn std::fmt::Display| {
            StoreError::invalid(format!("line {}: {wrong}", number + 1))
        };
        let line = line.map_err(|error| bad(&error))?;
        let mut line = serde_json::from_str(&line).map_err(|error| bad(&error))?;
        lines.judge(&line).map_err(|wrong| bad(&wrong))?;
        parse_again(&mut line).map_err(|wrong| bad(&wrong))?;
        lines.take(line).map_err(|wrong| bad(&wrong))?;
        if lines.waiting == GROUP {
            lines.waiting = 0;
            let batch = std::mem::take(&mut lines.batch);
            db.apply_batch(batch)?;
        }
    }
    let Some((version, store, generation)) = lines.header else {
        return Err(StoreError::invalid("the export is empty"));
    };
    if !lines.ended {
        return Err(StoreError::invalid(
            "the export is cut short: its end is missing",
        ));
    }
    if version != format.version {
        let message =
            format!("the export is of version {version}, which this release does not know");
        return Err(StoreError::Mismatch(message));
    }
    db.apply_batch(lines.batch)?;
    // Nothing is complete before all of it is on the disk.
    disk.make_durable(db).map_err(&unsynced)?;
    Marker { store, closings: 0 }
        .write(folder)
        .map_err(&unsynced)?;
    (format.store, format.generation, format.incomplete) = (store, generation, false);
    db.insert(keys::FORMAT, encode(&format)?)?;
    disk.make_durable(db).map_err(&unsynced)
}

/// What was read of an export so far.
#[derive(Default)]
struct Lines {
    header: Option<(u32, StoreId, u64)>,
    workspaces: u64,
    snapshots: u64,
    receipts: u64,
    reservations: u64,
    ended: bool,
    seen: HashSet<Seen>,
    batch: Batch,
    waiting: usize,
}

/// What stands in one line only: a second one would take the place of the first.
#[derive(PartialEq, Eq, Hash)]
enum Seen {
    Workspace(WorkspaceId),
    Snapshot(WorkspaceId, SnapshotId),
    Sequence(WorkspaceId, u64),
    Receipt(AccountId, String),
    Reservation(VolumeId),
}

impl Lines {
    /// Says what is wrong with the next line, if it cannot stand here.
    fn judge(&self, line: &Line) -> Result<(), &'static str> {
        match line {
            _ if self.ended => Err("a line after the end"),
            Line::Header { .. } if self.header.is_some() => Err("a second header"),
            Line::Header { .. } => Ok(()),
            _ if self.header.is_none() => Err("the header is missing"),
            Line::End {
                workspaces,
                snapshots,
                receipts,
                reservations,
            } if (*workspaces, *snapshots, *receipts, *reservations)
                != (
                    self.workspaces,
                    self.snapshots,
                    self.receipts,
                    self.reservations,
                ) =>
            {
                Err("lines are missing before the end")
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Header {
                version,
                store,
                generation,
            } => self.header = Some((version, store, generation)),
            Line::Workspace { record } => {
                self.workspaces += 1;
                self.once(Seen::Workspace(record.id))?;
                apply::put_record(&mut self.batch, &record)?;
            }
            Line::Snapshot { workspace, record } => {
                self.snapshots += 1;
                self.once(Seen::Snapshot(workspace, record.id))?;
                self.once(Seen::Sequence(workspace, record.sequence))?;
                apply::put_snapshot(&mut self.batch, workspace, &record)?;
            }
            Line::Receipt { record } => {
                self.receipts += 1;
                self.once(Seen::Receipt(record.account.clone(), record.key.clone()))?;
                apply::put_receipt(&mut self.batch, &record)?;
            }
            Line::Reservation { record } => {
                self.reservations += 1;
                self.once(Seen::Reservation(record.volume))?;
                apply::put_reservations(&mut self.batch, std::slice::from_ref(&*record))?;
            }
            Line::End { .. } => self.ended = true,
        }
        self.waiting += 1;
        Ok(())
    }

    fn once(&mut self, record: Seen) -> Result<()> {
        match self.seen.insert(record) {
            true => Ok(()),
            false => Err(StoreError::invalid("a second record of one thing")),
        }
    }
}

/// Parses what was parsed when it was made, because a line may be anybody's, and a release may have other rules and
/// compute other keys than the one that wrote it.
fn parse_again(line: &mut Line) -> Result<(), workdisk::Error> {
    match line {
        Line::Workspace { record } => {
            if let Some(name) = &mut record.name {
                *name = WorkspaceName::parse(name.as_str())?;
            }
            if let Some(image) = &mut record.image {
                *image = ImageRef::parse(image.as_str())?;
            }
            match record.operation.as_mut().map(|it| &mut it.intent) {
                Some(Intent::Snapshot { snapshot }) => parse_name_again(snapshot),
                Some(Intent::Restore { save_head_as, .. }) => {
                    save_head_as.iter_mut().try_for_each(parse_name_again)
                }
                _ => Ok(()),
            }
        }
        Line::Snapshot { record, .. } => parse_name_again(record),
        // What was answered once is answered again as it was, be it a name that would be refused today.
        Line::Receipt { .. }
        | Line::Reservation { .. }
        | Line::Header { .. }
        | Line::End { .. } => Ok(()),
    }
}

fn parse_name_again(snapshot: &mut SnapshotRecord) -> Result<(), workdisk::Error> {
    snapshot.name = SnapshotName::parse(snapshot.name.as_str())?;
    Ok(())
}
