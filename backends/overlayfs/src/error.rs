//! What goes wrong inside the backend, and what of it the core is told.

use std::path::PathBuf;

use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::{BackendError, BackendErrorKind, Holder};

pub(crate) type Result<T, E = OverlayError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OverlayError {
    #[error("cannot {operation} {object}")]
    Io {
        operation: &'static str,
        object: String,
        source: Errno,
    },
    #[error("volume {0} does not exist")]
    NotFound(VolumeId),
    #[error("volume {0} exists already")]
    AlreadyExists(VolumeId),
    #[error("volume {volume} is {is}, not {wanted}")]
    WrongState {
        volume: VolumeId,
        is: &'static str,
        wanted: &'static str,
    },
    #[error("volume {volume} {reason}")]
    Busy {
        volume: VolumeId,
        reason: &'static str,
        holders: Vec<Holder>,
    },
    #[error("{} is open already, here or in another process", .0.display())]
    InUse(PathBuf),
    #[error("{0}")]
    Mismatch(String),
    #[error("{object}: {effect}")]
    Corrupt {
        object: String,
        effect: &'static str,
    },
    #[error("{0}")]
    InvalidInput(String),
    #[error("an earlier write could not be made durable; reopen the volumes to go on")]
    Poisoned,
    #[error("{0}")]
    Unusable(String),
    #[error("a task of the volumes panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

impl OverlayError {
    pub(crate) fn io(operation: &'static str, object: impl Into<String>, source: Errno) -> Self {
        Self::Io {
            operation,
            object: object.into(),
            source,
        }
    }

    pub(crate) fn corrupt(object: impl Into<String>, effect: &'static str) -> Self {
        Self::Corrupt {
            object: object.into(),
            effect,
        }
    }

    /// Whether there was no room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.errno(), Some(Errno::NOSPC | Errno::DQUOT))
    }

    /// The number of the system call's failure, if it is one.
    pub(crate) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } => Some(*source),
            _ => None,
        }
    }
}

impl From<OverlayError> for BackendError {
    fn from(error: OverlayError) -> Self {
        let message = error.to_string();
        match error {
            OverlayError::Io { source, .. } => BackendError::io(message, source.into()),
            OverlayError::NotFound(_) => BackendError::not_found(message),
            OverlayError::AlreadyExists(_) => {
                BackendError::new(BackendErrorKind::AlreadyExists, message)
            }
            OverlayError::WrongState { .. } => {
                BackendError::new(BackendErrorKind::WrongState, message)
            }
            OverlayError::Busy { holders, .. } => BackendError::busy(message, holders),
            OverlayError::InUse(_) => BackendError::new(BackendErrorKind::InUse, message),
            OverlayError::Mismatch(_) => BackendError::new(BackendErrorKind::Mismatch, message),
            OverlayError::Corrupt { object, .. } => BackendError::corrupt(object, message),
            OverlayError::InvalidInput(_) => BackendError::invalid_input(message),
            OverlayError::Poisoned => BackendError::unavailable(message),
            OverlayError::Unusable(_) => BackendError::unsupported(message),
            OverlayError::Panicked(source) => {
                BackendError::unavailable(message).with_source(source)
            }
        }
    }
}
