//! Making the records again from what stands beside the volumes, where the metadata is lost.

mod plan;

use std::collections::HashMap;

use serde::Serialize;

use self::plan::{Found, Plan, Planned, plan};
use super::WorkspaceManagerBuilder;
use super::census::all_volumes;
use super::core::Core;
use super::fault::{Fault, FaultKind, Mend};
use super::label::Label;
use crate::error::{BackendError, BackendErrorKind, Error};
use crate::metadata::{Change, Metadata, Outcome, SnapshotChange};
use crate::model::{Timestamp, VolumeId, WorkspaceId, WorkspaceRecord};
use crate::volume::{Volume, VolumeStatus};

const VERB: &str = "rebuild";
const PAGE: usize = 256;

/// What a rebuild made, and what a person is to know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RebuildReport {
    /// The workspaces that have records again.
    pub workspaces: Vec<WorkspaceId>,
    /// How many snapshots they have.
    pub snapshots: u64,
    /// What could not be made as it was, and which volumes are no workspace's.
    pub notes: Vec<Fault>,
}

impl WorkspaceManagerBuilder {
    /// Makes the records again from what stands beside the volumes, in a metadata store that holds none, and ties the two
    /// to each other. The stores can be opened afterwards.
    ///
    /// Workspaces come back with their accounts, ids, names, session types, images, template flags and sources, and their
    /// snapshots with their names, order and parents. Sessions, operations and requests under keys do not. Nothing is
    /// removed: a volume that says nothing of itself is kept and reported; of two workspaces that claim one name, the one
    /// that was labelled last keeps it; of two disks of one workspace, the older becomes a workspace of its own; and a
    /// workspace whose disk is lost is failed, with its snapshots to restore.
    ///
    /// It is not for a store that is merely old or damaged in part: what stands beside the volumes is never trusted over
    /// records.
    ///
    /// # What a crash leaves
    /// A store that the volumes do not know yet, so that it does not open. The same call again completes it.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) if the store holds anything else than an earlier attempt has made, with
    /// nothing changed; those of the storage.
    pub async fn rebuild(self) -> Result<RebuildReport, Error> {
        Core::spanned(VERB, None, Box::pin(self.rebuild_records())).await
    }

    async fn rebuild_records(self) -> Result<RebuildReport, Error> {
        let now = self.host()?.now();
        let (metadata, volume) = (&*self.metadata, &*self.volume);
        let statuses = all_volumes(VERB, volume).await?;
        let mut found = Vec::new();
        for VolumeStatus { id, kind, .. } in &statuses {
            let (id, kind) = (*id, *kind);
            let label = read_label(volume, id).await?;
            found.push(Found { id, kind, label });
        }
        let labels: HashMap<VolumeId, Label> = found
            .iter()
            .filter_map(|it| Some((it.id, it.label.clone().ok()??)))
            .collect();
        let Plan {
            workspaces,
            mut notes,
        } = plan(found, now);
        let mut stored = stored(metadata, &workspaces).await?;
        for planned in &workspaces {
            put(metadata, planned, stored.remove(&planned.record.id)).await?;
        }
        // Last, so that half of the records is none that could be opened.
        let generation = metadata.begin().await.map_err(storage)?;
        volume.bind(generation, true).await.map_err(storage)?;
        for planned in &workspaces {
            relabel(volume, planned, &labels, now).await?;
        }
        for status in statuses.iter().filter(|status| status.mounted) {
            if let Err(error) = volume.unmount(status.id).await {
                let effect = format!("it is still mounted by a session that nobody knows: {error}");
                let object = format!("volume {}", status.id);
                let note = Fault::new(FaultKind::Session, object, effect, Mend::CheckAgain);
                notes.push(note.with_volume(status.id));
            }
        }
        notes.sort_unstable();
        Ok(RebuildReport {
            snapshots: workspaces.iter().map(|it| it.record.snapshot_count).sum(),
            workspaces: workspaces.iter().map(|it| it.record.id).collect(),
            notes,
        })
    }
}

fn storage(error: BackendError) -> Error {
    Error::storage(VERB, error)
}

/// What stands beside a volume; none, or why it cannot be read.
async fn read_label(
    volume: &dyn Volume,
    id: VolumeId,
) -> Result<Result<Option<Label>, String>, Error> {
    match volume.label(id).await {
        Ok(text) => Ok(text.as_deref().map(Label::parse).transpose()),
        Err(error) if matches!(error.kind(), BackendErrorKind::Corrupt { .. }) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(storage(error)),
    }
}

/// The records that an earlier attempt has made.
///
/// # Errors
/// If there is anything else in the store.
async fn stored(
    metadata: &dyn Metadata,
    planned: &[Planned],
) -> Result<HashMap<WorkspaceId, WorkspaceRecord>, Error> {
    let faults = metadata.check(None).await.map_err(storage)?;
    let mut stored = HashMap::new();
    let mut page = metadata.all(None, PAGE).await.map_err(storage)?;
    while let Some(last) = page.last() {
        let after = Some((last.account.clone(), last.id));
        stored.extend(page.drain(..).map(|record| (record.id, record)));
        page = metadata.all(after, PAGE).await.map_err(storage)?;
    }
    let own: HashMap<WorkspaceId, &Planned> = planned.iter().map(|it| (it.record.id, it)).collect();
    let is_own =
        |record: &WorkspaceRecord| own.get(&record.id).is_some_and(|it| is_made_as(it, record));
    if faults.is_empty() && stored.values().all(is_own) {
        return Ok(stored);
    }
    let reason = "the metadata store holds records; records are rebuilt in an empty one only, so move it away first if it is lost";
    Err(Error::InvalidRequest {
        reason: reason.to_owned(),
    })
}

/// Whether a stored record is what is planned, or the first step to it.
fn is_made_as(planned: &Planned, stored: &WorkspaceRecord) -> bool {
    let wanted = &planned.record;
    stored.version <= 2
        && *wanted
            == WorkspaceRecord {
                version: wanted.version,
                revision: wanted.revision,
                epoch: wanted.epoch,
                discard: wanted.discard.clone(),
                failure: wanted.failure.clone(),
                snapshot_count: wanted.snapshot_count,
                next_sequence: wanted.next_sequence,
                updated_at: wanted.updated_at,
                ..stored.clone()
            }
}

/// Inserts a record, and then its snapshots in one step.
async fn put(
    metadata: &dyn Metadata,
    planned: &Planned,
    stored: Option<WorkspaceRecord>,
) -> Result<(), Error> {
    let first = match stored {
        Some(stored) if stored.version > 1 => return Ok(()),
        Some(stored) => stored,
        None => {
            let record = WorkspaceRecord {
                snapshot_count: 0,
                next_sequence: 1,
                discard: Vec::new(),
                ..planned.record.clone()
            };
            commit(
                metadata,
                Change::Insert {
                    record: record.clone(),
                },
            )
            .await?;
            record
        }
    };
    let record = WorkspaceRecord {
        version: 2,
        revision: first.revision,
        epoch: first.epoch,
        ..planned.record.clone()
    };
    let snapshots = planned.snapshots.iter().cloned();
    let change = Change::Update {
        expected: 1,
        record,
        snapshots: snapshots.map(SnapshotChange::Put).collect(),
        receipt: None,
        reserved: Vec::new(),
    };
    commit(metadata, change).await
}

async fn commit(metadata: &dyn Metadata, change: Change) -> Result<(), Error> {
    match metadata.commit(change).await.map_err(storage)? {
        Outcome::Done => Ok(()),
        outcome => {
            let message = format!("the store answers {outcome:?} though nobody else uses it");
            Err(storage(BackendError::corrupt(
                "the metadata store",
                message,
            )))
        }
    }
}

/// Labels anew what is no longer what its label says.
async fn relabel(
    volume: &dyn Volume,
    planned: &Planned,
    labels: &HashMap<VolumeId, Label>,
    now: Timestamp,
) -> Result<(), Error> {
    let Planned {
        record, snapshots, ..
    } = planned;
    let head = (record.failure.is_none()).then(|| (record.head, Label::of_head(record, now)));
    let snapshots = snapshots
        .iter()
        .map(|it| (it.volume, Label::of_snapshot(record, it, now)));
    for (id, label) in head.into_iter().chain(snapshots) {
        if labels.get(&id).is_none_or(|stands| !stands.tells(&label)) {
            let put = volume.set_label(id, &label.text()).await;
            put.map_err(storage)?;
        }
    }
    Ok(())
}
