//! Which records are made from what stands beside the volumes. Every rule is here, and the same volumes give the same plan.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::error::{ErrorCode, Failure};
use crate::manager::fault::{Fault, FaultKind, Mend};
use crate::manager::label::{Beside, Label};
use crate::model::{
    NameKey, SnapshotId, SnapshotName, SnapshotRecord, Source, Timestamp, VolumeId, WorkspaceId,
    WorkspaceName, WorkspaceRecord,
};
use crate::volume::VolumeKind;

/// A volume, and what was read beside it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: VolumeId,
    pub(super) kind: VolumeKind,
    /// The label; none, or why it cannot be read.
    pub(super) label: Result<Option<Label>, String>,
}

/// A workspace that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) record: WorkspaceRecord,
    pub(super) snapshots: Vec<SnapshotRecord>,
    /// When its label was written: of two of one name, the later keeps it.
    written_at: Timestamp,
}

/// What is to be made, and what a person is to know.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) workspaces: Vec<Planned>,
    pub(super) notes: Vec<Fault>,
}

/// What was found of one workspace, the latest last.
#[derive(Default)]
struct Parts {
    heads: Vec<(VolumeId, Label)>,
    frozen: Vec<(VolumeId, Label)>,
    snapshots: Vec<(VolumeId, Label)>,
}

/// Plans the records of all volumes.
pub(super) fn plan(found: Vec<Found>, now: Timestamp) -> Plan {
    let (mut plan, mut parts) = (Plan::default(), BTreeMap::<_, Parts>::new());
    for Found { id, kind, label } in found {
        let label = match label {
            Ok(Some(label)) => label,
            Ok(None) => {
                plan.notes
                    .push(kept(id, "nothing beside it says whose it is"));
                continue;
            }
            Err(why) => {
                let why = format!("what stands beside it cannot be read ({why})");
                plan.notes.push(kept(id, &why));
                continue;
            }
        };
        if !label.left_out.is_empty() {
            plan.notes.push(incomplete(id, &label));
        }
        // Two accounts have no workspace in common, whatever a label says.
        let parts = parts.entry((label.account.clone(), label.workspace));
        let parts = parts.or_default();
        match (&label.beside, kind) {
            (Beside::Head { .. }, VolumeKind::Active) => parts.heads.push((id, label)),
            (Beside::FrozenHead, VolumeKind::Frozen) => parts.frozen.push((id, label)),
            (Beside::Snapshot { .. }, VolumeKind::Frozen) => parts.snapshots.push((id, label)),
            _ => plan
                .notes
                .push(kept(id, "what stands beside it is of the other kind")),
        }
    }
    let mut ids = HashSet::new();
    for ((account, workspace), mut parts) in parts {
        for some in [&mut parts.heads, &mut parts.frozen, &mut parts.snapshots] {
            some.sort_by_key(|(volume, label)| (label.written_at, *volume));
        }
        if parts.heads.is_empty() && parts.frozen.is_empty() && parts.snapshots.is_empty() {
            continue;
        }
        if !ids.insert(workspace) {
            let object = format!("workspace {workspace}");
            let effect = "two accounts are said to have it: the volumes of one are kept and are no workspace's";
            let note = Fault::new(FaultKind::Shared, object, effect, Mend::Decide);
            plan.notes.push(Fault {
                account: Some(account),
                ..note
            });
            continue;
        }
        plan.add(parts, now);
    }
    plan.settle_names();
    plan
}

impl Plan {
    fn add(&mut self, mut parts: Parts, now: Timestamp) {
        let head = parts.heads.pop();
        for (volume, label) in parts.heads {
            let own = second_head(volume, &label, now);
            let effect = format!(
                "it was the disk of workspace {} before another one: it is workspace {} now",
                label.workspace, own.record.id
            );
            let note = Fault::new(
                FaultKind::Head,
                format!("volume {volume}"),
                effect,
                Mend::Decide,
            );
            self.notes.push(note.of(&own.record).with_volume(volume));
            self.workspaces.push(own);
        }
        let mut any = head.iter().chain(&parts.snapshots).chain(&parts.frozen);
        let Some((_, label)) = any.next() else {
            return;
        };
        let mut record = record_of(label, head.as_ref().map(|(volume, _)| *volume), now);
        let written_at = label.written_at;
        let mut snapshots = parts.snapshots;
        if head.is_some() {
            // Clones do not need it, and the head may have changed since.
            record
                .discard
                .extend(parts.frozen.iter().map(|(volume, _)| *volume));
        } else {
            snapshots.extend(parts.frozen);
        }
        let snapshots = self.snapshots_of(&record, snapshots);
        record.snapshot_count = snapshots.len() as u64;
        record.next_sequence = snapshots.last().map_or(1, |last| last.sequence + 1);
        if head.is_none() {
            let message = "its disk was not there when the records were rebuilt";
            record.failure = Some(Failure::new(ErrorCode::StorageCorrupt, message, now));
            let object = format!("the disk of workspace {}", record.id);
            let effect = "it is lost, and the workspace's name with it";
            let note = Fault::new(FaultKind::Head, object, effect, Mend::Restore);
            self.notes.push(note.of(&record));
        }
        self.workspaces.push(Planned {
            written_at,
            record,
            snapshots,
        });
    }

    /// A workspace's snapshots in their order, each with a sequence number and a name of its own.
    fn snapshots_of(
        &mut self,
        record: &WorkspaceRecord,
        found: Vec<(VolumeId, Label)>,
    ) -> Vec<SnapshotRecord> {
        let mut once: BTreeMap<(u64, Timestamp, SnapshotId), SnapshotRecord> = BTreeMap::new();
        let mut seen = HashSet::new();
        // The latest of two that claim one place or one name has it.
        for (volume, label) in found.into_iter().rev() {
            let snapshot = snapshot_of(volume, &label);
            if seen.insert(snapshot.id) {
                once.insert(
                    (snapshot.sequence, snapshot.created_at, snapshot.id),
                    snapshot,
                );
            } else {
                let why = format!("another volume is snapshot {} too", snapshot.id);
                self.notes.push(kept(volume, &why).of(record));
            }
        }
        let mut snapshots: Vec<SnapshotRecord> = once.into_values().collect();
        let mut next = 1;
        for snapshot in &mut snapshots {
            snapshot.sequence = snapshot.sequence.max(next);
            next = snapshot.sequence.saturating_add(1);
        }
        let mut names: HashSet<NameKey> = HashSet::new();
        for snapshot in snapshots.iter_mut().rev() {
            if names.insert(snapshot.name.key().clone()) {
                continue;
            }
            let was = snapshot.name.clone();
            snapshot.name = free_name(snapshot.sequence, &names);
            names.insert(snapshot.name.key().clone());
            let object = format!("snapshot {} of workspace {}", snapshot.id, record.id);
            let effect = format!(
                "a later one is named {:?} too: it is named {:?} now",
                was.as_str(),
                snapshot.name.as_str()
            );
            let note = Fault::new(FaultKind::Name, object, effect, Mend::Decide);
            self.notes
                .push(note.of(record).with_snapshot(Some(snapshot.id)));
        }
        snapshots
    }

    /// Of the workspaces that claim one name, the one whose label was written last keeps it. The others have none.
    fn settle_names(&mut self) {
        self.workspaces.sort_by_key(|it| it.record.id);
        let mut holders: HashMap<_, (Timestamp, WorkspaceId)> = HashMap::new();
        for it in &self.workspaces {
            if let Some(name) = &it.record.name {
                let key = (it.record.account.clone(), name.key().clone());
                let claim = (it.written_at, it.record.id);
                let holder = holders.entry(key).or_insert(claim);
                *holder = claim.max(*holder);
            }
        }
        for it in &mut self.workspaces {
            let Some(name) = it.record.name.take() else {
                continue;
            };
            let key = (it.record.account.clone(), name.key().clone());
            if holders.get(&key).map(|(_, id)| *id) == Some(it.record.id) {
                it.record.name = Some(name);
                continue;
            }
            let object = format!("workspace {}", it.record.id);
            let effect = format!(
                "another workspace is named {:?} too: it has no name now",
                name.as_str()
            );
            let note = Fault::new(FaultKind::Name, object, effect, Mend::Rename);
            self.notes.push(note.of(&it.record));
        }
    }
}

/// A record as it is inserted, or with what its snapshots add to it.
fn record_of(label: &Label, head: Option<VolumeId>, now: Timestamp) -> WorkspaceRecord {
    // One that is lost gets an id that no volume has, the same each time.
    let head = head.unwrap_or_else(|| VolumeId::from_uuid(*label.workspace.as_uuid()));
    let mut record = WorkspaceRecord::new(
        label.workspace,
        label.account.clone(),
        label.session_type,
        head,
        label.written_at,
    );
    record.image = label.image.clone();
    match &label.beside {
        Beside::Head {
            name,
            template,
            source,
            created_at,
            base_snapshot,
        } => {
            record.name = name.as_deref().and_then(|it| WorkspaceName::parse(it).ok());
            record.template = *template;
            record.source = source.clone();
            record.created_at = *created_at;
            record.base_snapshot = *base_snapshot;
        }
        Beside::Snapshot { created_at, .. } => record.created_at = *created_at,
        Beside::FrozenHead => {}
    }
    record.updated_at = now;
    // Greater than any that was given away: neither grows by one a second.
    let seconds = now.unix_micros() / 1_000_000;
    let since = u64::try_from(seconds).unwrap_or_default().max(1);
    (record.epoch, record.revision) = (since, since);
    record
}

/// A disk that was replaced by another one becomes a workspace of its own, so that nothing of it is lost.
fn second_head(volume: VolumeId, label: &Label, now: Timestamp) -> Planned {
    let mut record = record_of(label, Some(volume), now);
    let millis = u64::try_from(record.created_at.unix_micros() / 1_000).unwrap_or_default();
    let mut random = [0; 10];
    random.copy_from_slice(&volume.as_uuid().as_bytes()[..10]);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    record.id = WorkspaceId::from_uuid(id);
    (record.name, record.template) = (None, false);
    record.source = Some(Source::Clone {
        clone_of: label.workspace,
        snapshot: None,
    });
    Planned {
        written_at: label.written_at,
        record,
        snapshots: Vec::new(),
    }
}

/// A snapshot's record. What was frozen for clones becomes one where the head is lost.
fn snapshot_of(volume: VolumeId, label: &Label) -> SnapshotRecord {
    let (id, sequence, name, parent, created_at) = match &label.beside {
        Beside::Snapshot {
            snapshot,
            sequence,
            snapshot_name,
            parent,
            created_at,
        } => {
            let name = SnapshotName::parse(snapshot_name).ok();
            (*snapshot, *sequence, name, *parent, *created_at)
        }
        _ => {
            let id = SnapshotId::from_uuid(*volume.as_uuid());
            (id, 1, None, None, label.written_at)
        }
    };
    let name = name.unwrap_or_else(|| free_name(sequence, &HashSet::new()));
    SnapshotRecord {
        parent,
        ..SnapshotRecord::new(id, sequence, name, volume, created_at)
    }
}

/// A name that nobody has.
fn free_name(sequence: u64, taken: &HashSet<NameKey>) -> SnapshotName {
    (0_u64..)
        .map(|n| match n {
            0 => format!("rebuilt {sequence}"),
            n => format!("rebuilt {sequence} ({n})"),
        })
        .filter_map(|text| SnapshotName::parse(&text).ok())
        .find(|name| !taken.contains(name.key()))
        .expect("because more numbers than names are tried")
}

fn kept(volume: VolumeId, why: &str) -> Fault {
    let effect = format!("{why}: it is kept, and is no workspace's");
    let note = Fault::new(
        FaultKind::Orphan,
        format!("volume {volume}"),
        effect,
        Mend::Decide,
    );
    note.with_volume(volume)
}

fn incomplete(volume: VolumeId, label: &Label) -> Fault {
    let object = format!("volume {volume} of workspace {}", label.workspace);
    let effect = format!(
        "there was no room beside it for all: {:?} is lost",
        label.left_out
    );
    let note = Fault::new(FaultKind::Label, object, effect, Mend::Decide);
    let note = note.with_volume(volume);
    note.of_workspace(label.account.clone(), label.workspace)
}
