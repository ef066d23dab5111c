//! Looking at one workspace: what its record says of its process, and whether the volumes that it names are there and sound.
//!
//! A store under work is looked at as it is. What is found then counts only if it is found again while nobody works on the
//! workspace.

use super::core::{ATTEMPTS, Core};
use super::fault::{Fault, FaultKind, Mend};
use super::label::Label;
use crate::error::{BackendError, BackendErrorKind, Error};
use crate::metadata::volumes_of;
use crate::model::{Intent, SnapshotId, SnapshotRecord, VolumeId, WorkspaceId, WorkspaceRecord};
use crate::session::lease::Hold;
use crate::volume::{VolumeKind, VolumeStatus};

const VERB: &str = "check";

/// A volume as a record names it.
pub(super) struct Named {
    pub(super) id: VolumeId,
    kind: VolumeKind,
    snapshot: Option<SnapshotId>,
    /// What it is, for a person.
    object: String,
    /// What follows if it is lost.
    effect: &'static str,
    lost: FaultKind,
    damaged: FaultKind,
    mend: Mend,
    /// What is to stand beside it.
    pub(super) label: Label,
}

impl Core {
    /// Looks at one workspace, and again if anything is wrong with it.
    pub(super) async fn look(&self, record: &WorkspaceRecord) -> Result<Vec<Fault>, Error> {
        if self.glance(record).await?.is_empty() {
            return Ok(Vec::new());
        }
        let (account, id) = (&record.account, record.id);
        for _ in 0..ATTEMPTS {
            let now = self.still_there(VERB, account, id).await?;
            // What works on it now may go on for long, and is none of the dead.
            if now.is_none_or(|now| self.is_worked_on(&now)) {
                return Ok(Vec::new());
            }
            let _lock = self.locks.lock(id).await;
            let Some(before) = self.still_there(VERB, account, id).await? else {
                return Ok(Vec::new());
            };
            if self.is_worked_on(&before) {
                return Ok(Vec::new());
            }
            // Whoever has changed what a label tells of the record has written it by then.
            drop(self.changes.write().await);
            let found = self.glance(&before).await?;
            match self.still_there(VERB, account, id).await? {
                None => return Ok(Vec::new()),
                Some(after) if is_as_before(&before, &after) => return Ok(found),
                Some(_) => {}
            }
        }
        Err(Self::contended(VERB))
    }

    fn is_worked_on(&self, record: &WorkspaceRecord) -> bool {
        let operation = record.operation.as_ref();
        operation.is_some_and(|operation| !self.is_abandoned(operation))
    }

    /// What looks wrong with a workspace.
    async fn glance(&self, record: &WorkspaceRecord) -> Result<Vec<Fault>, Error> {
        let mut faults = Vec::new();
        if let Some(operation) = &record.operation {
            if self.is_worked_on(record) {
                return Ok(faults);
            }
            let effect = format!(
                "a dead process left its {} half done; until that is settled others are refused",
                operation.intent.kind()
            );
            faults.push(of_record(
                record,
                FaultKind::Operation,
                effect,
                Mend::Repair,
            ));
            // What it names may be half made or half removed.
            if matches!(
                operation.intent,
                Intent::Create | Intent::Import | Intent::Delete
            ) {
                return Ok(faults);
            }
        }
        if let Some(session) = &record.session
            && self.hold(session) != Hold::Live
        {
            let effect = format!(
                "its session {} has no living owner and still has the disk",
                session.id
            );
            faults.push(of_record(record, FaultKind::Session, effect, Mend::Repair));
        }
        if let Some(failure) = &record.failure {
            let effect = format!("it failed and takes no session: {}", failure.message);
            faults.push(of_record(
                record,
                FaultKind::Failed,
                effect,
                way_out(record),
            ));
        }
        let snapshots = self.snapshots_if_readable(VERB, record.id).await?;
        if let Some(snapshots) = &snapshots
            && snapshots.len() as u64 != record.snapshot_count
        {
            let effect = format!(
                "it counts {} snapshots, and there are {}",
                record.snapshot_count,
                snapshots.len()
            );
            faults.push(of_record(record, FaultKind::Count, effect, Mend::Repair));
        }
        for named in self.named(record, snapshots.as_deref().unwrap_or_default()) {
            faults.extend(self.look_at(record, &named).await);
        }
        Ok(faults)
    }

    /// The snapshots of a workspace; nothing if one cannot be read, which the metadata's own check tells.
    pub(super) async fn snapshots_if_readable(
        &self,
        verb: &'static str,
        workspace: WorkspaceId,
    ) -> Result<Option<Vec<SnapshotRecord>>, Error> {
        match self.all_snapshots(verb, workspace).await {
            Ok(snapshots) => Ok(Some(snapshots)),
            Err(Error::StorageCorrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The volumes of a workspace: its disk, what clones of it start from, and its snapshots.
    pub(super) fn named(
        &self,
        record: &WorkspaceRecord,
        snapshots: &[SnapshotRecord],
    ) -> Vec<Named> {
        let (id, now) = (record.id, self.now());
        let mut named = vec![Named {
            id: record.head,
            kind: VolumeKind::Active,
            snapshot: None,
            object: format!("the disk of workspace {id}"),
            effect: "its files are lost",
            lost: FaultKind::Head,
            damaged: FaultKind::Damaged,
            mend: way_out(record),
            label: Label::of_head(record, now),
        }];
        named.extend(record.frozen_head.map(|frozen| Named {
            id: frozen,
            kind: VolumeKind::Frozen,
            snapshot: None,
            object: format!("what clones of workspace {id} start from"),
            effect: "it cannot be cloned",
            lost: FaultKind::FrozenHead,
            damaged: FaultKind::FrozenHead,
            mend: Mend::Repair,
            label: Label::of_frozen_head(record, now),
        }));
        named.extend(snapshots.iter().map(|snapshot| Named {
            id: snapshot.volume,
            kind: VolumeKind::Frozen,
            snapshot: Some(snapshot.id),
            object: format!("snapshot {} of workspace {id}", snapshot.id),
            effect: "it cannot be restored or cloned",
            lost: FaultKind::Snapshot,
            damaged: FaultKind::Snapshot,
            mend: Mend::DeleteSnapshot,
            label: Label::of_snapshot(record, snapshot, now),
        }));
        named
    }

    async fn look_at(&self, record: &WorkspaceRecord, named: &Named) -> Vec<Fault> {
        let fault = |kind, effect: String, mend| {
            Fault::new(kind, named.object.clone(), effect, mend)
                .of(record)
                .with_snapshot(named.snapshot)
                .with_volume(named.id)
        };
        let lost = |what: &str| {
            let effect = format!("volume {} {what}: {}", named.id, named.effect);
            fault(named.lost, effect, named.mend)
        };
        let unread = |error: BackendError| {
            let effect = format!("volume {} cannot be looked at: {error}", named.id);
            fault(FaultKind::Unread, effect, Mend::CheckAgain)
        };
        match self.volume.status(named.id).await {
            Err(error) => return vec![unread(error)],
            Ok(None) => return vec![lost("is not there")],
            Ok(Some(VolumeStatus { kind, .. })) if kind != named.kind => {
                return vec![lost(match kind {
                    VolumeKind::Active => "is not frozen",
                    VolumeKind::Frozen => "is frozen",
                })];
            }
            Ok(Some(_)) => {}
        }
        let mut faults = Vec::new();
        match self.volume.check(named.id).await {
            Err(error) => faults.push(unread(error)),
            Ok(found) => faults.extend(found.into_iter().map(|found| {
                let effect = format!("{}: {}", found.object, found.effect);
                fault(named.damaged, effect, named.mend)
            })),
        }
        if let Some(wrong) = self.wrong_with_label(record, named).await {
            let effect = format!(
                "what stands beside volume {} {wrong}: if the metadata is lost, its record is not made again as it is",
                named.id
            );
            faults.push(fault(FaultKind::Label, effect, Mend::Repair));
        }
        faults
    }

    async fn wrong_with_label(&self, record: &WorkspaceRecord, named: &Named) -> Option<String> {
        // The end of an operation labels its head.
        if record.operation.is_some() && named.id == record.head {
            return None;
        }
        match self.volume.label(named.id).await {
            Ok(None) => Some("is missing".to_owned()),
            Ok(Some(text)) => match Label::parse(&text) {
                Ok(label) if label.tells(&named.label) => None,
                Ok(_) => Some("is out of date".to_owned()),
                Err(why) => Some(format!("is damaged ({why})")),
            },
            Err(error) if matches!(error.kind(), BackendErrorKind::Corrupt { .. }) => {
                Some("is damaged".to_owned())
            }
            Err(error) => Some(format!("cannot be read ({error})")),
        }
    }
}

/// Whether nobody has changed what was looked at.
fn is_as_before(before: &WorkspaceRecord, after: &WorkspaceRecord) -> bool {
    let seen = |record: &WorkspaceRecord| {
        let session = record.session.as_ref().map(|session| session.id);
        (
            volumes_of(record),
            record.snapshot_count,
            record.revision,
            session,
        )
    };
    seen(before) == seen(after)
}

fn of_record(record: &WorkspaceRecord, kind: FaultKind, effect: String, mend: Mend) -> Fault {
    Fault::new(kind, format!("workspace {}", record.id), effect, mend).of(record)
}

/// What becomes of a workspace whose disk cannot be used.
fn way_out(record: &WorkspaceRecord) -> Mend {
    match record.snapshot_count {
        0 => Mend::DeleteWorkspace,
        _ => Mend::Restore,
    }
}
