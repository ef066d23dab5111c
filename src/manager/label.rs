//! What stands beside a volume: enough to make its record again if the metadata is lost.
//!
//! It is JSON on one line, for a person too, and has a version. While the metadata is there it is what counts, and a label
//! is only ever written.

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountId, ImageRef, SessionType, SnapshotId, SnapshotName, SnapshotRecord, Source, Timestamp,
    WorkspaceId, WorkspaceName, WorkspaceRecord,
};
use crate::volume::MAX_LABEL;

/// The form that this release writes.
const VERSION: u32 = 1;

/// The text beside a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    workdisk: u32,
    /// When it was written. Of two heads of one workspace, the later is the one.
    pub(super) written_at: Timestamp,
    pub(super) workspace: WorkspaceId,
    pub(super) account: AccountId,
    pub(super) session_type: SessionType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<ImageRef>,
    #[serde(flatten)]
    pub(super) beside: Beside,
    /// What there was no room for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<Part>,
}

/// What the volume is to the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "beside", rename_all = "snake_case")]
pub(super) enum Beside {
    /// The disk that sessions mount.
    Head {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(default)]
        template: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Source>,
        created_at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_snapshot: Option<SnapshotId>,
    },
    /// What the head held once, frozen for clones to start from.
    FrozenHead,
    /// The files of a snapshot.
    Snapshot {
        snapshot: SnapshotId,
        sequence: u64,
        snapshot_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<SnapshotId>,
        created_at: Timestamp,
    },
}

/// A part of a label that others come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Source,
    Image,
    Name,
}

impl Label {
    pub(super) fn of_head(record: &WorkspaceRecord, now: Timestamp) -> Self {
        let beside = Beside::Head {
            name: record.name.as_ref().map(|name| name.as_str().to_owned()),
            template: record.template,
            source: record.source.clone(),
            created_at: record.created_at,
            base_snapshot: record.base_snapshot,
        };
        Self::new(record, beside, now)
    }

    pub(super) fn of_frozen_head(record: &WorkspaceRecord, now: Timestamp) -> Self {
        Self::new(record, Beside::FrozenHead, now)
    }

    pub(super) fn of_snapshot(
        record: &WorkspaceRecord,
        snapshot: &SnapshotRecord,
        now: Timestamp,
    ) -> Self {
        let beside = Beside::Snapshot {
            snapshot: snapshot.id,
            sequence: snapshot.sequence,
            snapshot_name: snapshot.name.as_str().to_owned(),
            parent: snapshot.parent,
            created_at: snapshot.created_at,
        };
        Self::new(record, beside, now)
    }

    fn new(record: &WorkspaceRecord, beside: Beside, written_at: Timestamp) -> Self {
        let label = Self {
            workdisk: VERSION,
            written_at,
            workspace: record.id,
            account: record.account.clone(),
            session_type: record.session_type,
            image: record.image.clone(),
            beside,
            left_out: Vec::new(),
        };
        label.fitted()
    }

    /// Leaves out what there is no room for, what matters least first. An account and a name always fit. All times are of
    /// one length, so that what fits does not depend on the clock.
    fn fitted(mut self) -> Self {
        for part in [Part::Source, Part::Image, Part::Name] {
            if self.text().len() <= MAX_LABEL {
                break;
            }
            if self.leave_out(part) {
                self.left_out.push(part);
            }
        }
        self
    }

    fn leave_out(&mut self, part: Part) -> bool {
        match (part, &mut self.beside) {
            (Part::Image, _) => self.image.take().is_some(),
            (Part::Source, Beside::Head { source, .. }) => source.take().is_some(),
            (Part::Name, Beside::Head { name, .. }) => name.take().is_some(),
            _ => false,
        }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("because texts, numbers and ids are JSON")
    }

    /// Reads a label, or says why it is none that this release can read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            workdisk: u32,
        }
        let none = |error: serde_json::Error| format!("it is not a label: {error}");
        let form: Form = serde_json::from_str(text).map_err(none)?;
        if form.workdisk != VERSION {
            return Err(format!("its form {} is not known", form.workdisk));
        }
        let label: Self = serde_json::from_str(text).map_err(none)?;
        label.judge().map_err(|error| error.to_string())?;
        Ok(label)
    }

    /// Parses what was parsed when it was made, because other releases may have other rules.
    fn judge(&self) -> Result<(), crate::Error> {
        if let Some(image) = &self.image {
            ImageRef::parse(image.as_str())?;
        }
        match &self.beside {
            Beside::Head { name, .. } => {
                name.as_deref().map(WorkspaceName::parse).transpose()?;
            }
            Beside::Snapshot { snapshot_name, .. } => {
                SnapshotName::parse(snapshot_name)?;
            }
            Beside::FrozenHead => {}
        }
        Ok(())
    }

    /// Whether both tell the same, whenever they were written.
    pub(super) fn tells(&self, other: &Label) -> bool {
        let written_at = self.written_at;
        *self
            == Self {
                written_at,
                ..other.clone()
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VolumeId;

    const NOW: Timestamp = Timestamp::MAX;

    fn record(account: &str) -> WorkspaceRecord {
        let account = AccountId::parse(account).unwrap();
        let (id, head) = (WorkspaceId::new(), VolumeId::new());
        let mut record = WorkspaceRecord::new(id, account, SessionType::Sandbox, head, NOW);
        record.name = Some(WorkspaceName::parse("déjà \"vu\" / 1").unwrap());
        record.image = Some(ImageRef::parse("ubuntu:24.04").unwrap());
        record.template = true;
        record.base_snapshot = Some(SnapshotId::new());
        record.source = Some(Source::Clone {
            clone_of: WorkspaceId::new(),
            snapshot: None,
        });
        record
    }

    fn snapshot(name: &str) -> SnapshotRecord {
        let name = SnapshotName::parse(name).unwrap();
        let mut snapshot = SnapshotRecord::new(SnapshotId::new(), 7, name, VolumeId::new(), NOW);
        snapshot.parent = Some(SnapshotId::new());
        snapshot
    }

    #[test]
    fn label_reads_back_as_it_was_written() {
        let record = record("acme");
        let labels = [
            Label::of_head(&record, NOW),
            Label::of_frozen_head(&record, NOW),
            Label::of_snapshot(&record, &snapshot("v1"), NOW),
        ];
        for label in labels {
            assert_eq!(Label::parse(&label.text()), Ok(label.clone()));
            assert!(!label.text().contains('\n'), "{}", label.text());
        }
    }

    /// What is written today must be read by every later release.
    #[test]
    fn label_of_the_first_form_is_read() {
        let text = r#"{"workdisk":1,"written_at":"2026-11-26T10:00:00.000000Z","workspace":"01a210e3-75a6-717d-a76a-2573aecd0f05","account":"acme","session_type":"sandbox","image":"docker.io/library/ubuntu:24.04","beside":"head","name":"base","template":true,"source":{"github_repo":"o/r","ref":"main","commit":"0123456789012345678901234567890123456789"},"created_at":"2026-11-25T10:00:00.000000Z","base_snapshot":"01a210e3-7c02-7343-a7a2-b252ab8f9e46"}"#;
        let label = Label::parse(text).unwrap();
        assert_eq!(label.text(), text);
        let text = r#"{"workdisk":1,"written_at":"2026-11-26T10:00:00.000000Z","workspace":"01a210e3-75a6-717d-a76a-2573aecd0f05","account":"acme","session_type":"browser","beside":"snapshot","snapshot":"01a210e3-7c02-7343-a7a2-b252ab8f9e46","sequence":3,"snapshot_name":"v3","created_at":"2026-11-25T10:00:00.000000Z"}"#;
        assert_eq!(Label::parse(text).unwrap().text(), text);
    }

    #[test]
    fn label_of_a_later_form_and_what_is_none_are_told_apart() {
        let later = Label::of_head(&record("a"), NOW)
            .text()
            .replace("\"workdisk\":1", "\"workdisk\":2");
        assert_eq!(
            Label::parse(&later),
            Err("its form 2 is not known".to_owned())
        );
        for text in ["", "{}", "[1]", "{\"workdisk\":1}"] {
            let refused = Label::parse(text).unwrap_err();
            assert!(refused.starts_with("it is not a label"), "{refused}");
        }
        let nameless = Label::of_snapshot(&record("a"), &snapshot("v1"), NOW);
        let nameless = nameless.text().replace("\"v1\"", "\" \"");
        assert!(Label::parse(&nameless).is_err());
    }

    #[test]
    fn label_fits_whatever_it_tells_and_says_what_it_leaves_out() {
        let mut record = record(&"\u{1}".repeat(AccountId::MAX_BYTES));
        let longest = "\u{1fa7}".repeat(64);
        record.name = Some(WorkspaceName::parse(&longest).unwrap());
        let registry = format!("{}.example", "r".repeat(2_000));
        record.image = Some(ImageRef::parse(&format!("{registry}/a")).unwrap());
        for label in [
            Label::of_head(&record, NOW),
            Label::of_snapshot(&record, &snapshot(&longest), NOW),
            Label::of_frozen_head(&record, NOW),
        ] {
            assert!(label.text().len() <= MAX_LABEL, "{}", label.text().len());
            assert!(label.left_out.contains(&Part::Image));
            assert_eq!(Label::parse(&label.text()), Ok(label.clone()));
        }
        let Beside::Head { name, .. } = Label::of_head(&record, NOW).beside else {
            panic!("it is beside a head");
        };
        assert_eq!(name.as_deref(), Some(longest.as_str()));
    }

    #[test]
    fn every_ref_and_repository_of_github_fits_beside_an_ordinary_name() {
        let mut record = record("acme");
        record.source = Some(Source::Github {
            github_repo: format!("{}/{}", "o".repeat(39), "r".repeat(100))
                .try_into()
                .unwrap(),
            reference: Some("\u{fc}".repeat(127)),
            commit: Some("0".repeat(40)),
        });
        assert_eq!(Label::of_head(&record, NOW).left_out, []);
    }

    #[test]
    fn time_of_writing_does_not_count() {
        let mut record = record("acme");
        let (then, now) = (
            Timestamp::from_unix_micros(1),
            Timestamp::from_unix_micros(2),
        );
        let before = Label::of_head(&record, then);
        assert!(before.tells(&Label::of_head(&record, now)));
        record.template = false;
        assert!(!before.tells(&Label::of_head(&record, now)));
    }
}
