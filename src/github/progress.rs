//! How far an import is, for whoever asks.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::ErrorCode;

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImportPhase {
    /// It connects and asks for the refs, for the first time or again.
    Connecting,
    /// It receives objects.
    Receiving,
    /// It puts the objects together that were sent as differences.
    Resolving,
    /// It writes the files.
    CheckingOut,
    /// It makes the files durable.
    Saving,
    /// It is done, and the workspace is ready.
    Done,
    /// It has failed, and there is no workspace.
    Failed,
}

impl ImportPhase {
    /// The text of the phase.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportPhase::Connecting => "connecting",
            ImportPhase::Receiving => "receiving",
            ImportPhase::Resolving => "resolving",
            ImportPhase::CheckingOut => "checking_out",
            ImportPhase::Saving => "saving",
            ImportPhase::Done => "done",
            ImportPhase::Failed => "failed",
        }
    }
}

impl fmt::Display for ImportPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportProgress {
    /// What it is doing.
    pub phase: ImportPhase,
    /// How many objects are received or resolved, or files checked out.
    pub done: u64,
    /// Of how many, as soon as that is known.
    pub total: Option<u64>,
    /// How many bytes the server has sent.
    pub bytes: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<ErrorCode>,
}

impl ImportProgress {
    pub(super) const START: Self = Self {
        phase: ImportPhase::Connecting,
        done: 0,
        total: None,
        bytes: 0,
        failure: None,
    };

    /// Whether the import has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, ImportPhase::Done | ImportPhase::Failed)
    }
}

/// Watches an import. Any number may, and none slows it down: what a watcher does not ask for in time it misses, but for
/// the end.
#[derive(Clone, Debug)]
pub struct ImportWatch(watch::Receiver<ImportProgress>);

impl ImportWatch {
    /// How far the import is now.
    pub fn current(&self) -> ImportProgress {
        *self.0.borrow()
    }

    /// Waits until the import has got on since this was last called. `None` if it has ended, and the end was answered.
    pub async fn changed(&mut self) -> Option<ImportProgress> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }
}

/// The side that tells.
#[derive(Clone, Debug)]
pub(crate) struct Publisher(watch::Sender<ImportProgress>);

impl Publisher {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(ImportProgress::START))
    }

    pub(crate) fn watch(&self) -> ImportWatch {
        ImportWatch(self.0.subscribe())
    }

    pub(super) fn publish(&self, progress: ImportProgress) {
        self.0.send_if_modified(|shown| {
            let changed = *shown != progress;
            *shown = progress;
            changed
        });
    }

    /// Tells of a phase that has no numbers of its own.
    pub(crate) fn enter(&self, phase: ImportPhase, failure: Option<ErrorCode>) {
        let bytes = self.0.borrow().bytes;
        self.publish(ImportProgress {
            phase,
            bytes,
            failure,
            ..ImportProgress::START
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn watcher_learns_of_the_end_and_then_of_nothing_more() {
        let publisher = Publisher::new();
        let (mut one, other) = (publisher.watch(), publisher.watch());
        publisher.enter(ImportPhase::Saving, None);
        publisher.enter(ImportPhase::Done, None);
        drop(publisher);
        assert_eq!(one.changed().await.unwrap().phase, ImportPhase::Done);
        assert_eq!(one.changed().await, None);
        assert!(other.current().is_over());
    }
}
