//! What goes wrong here, and what the core is told of it.

use std::io;

use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendError, BackendErrorKind, Holder};

pub(crate) type Result<T> = std::result::Result<T, DirectoryError>;

/// A failure of the backend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("volume {0} does not exist")]
    NotFound(VolumeId),
    #[error("volume {0} exists already")]
    AlreadyExists(VolumeId),
    #[error("volume {id} is {kind:?} and the call needs the other kind")]
    WrongState { id: VolumeId, kind: VolumeKind },
    #[error("volume {0} is mounted")]
    Mounted(VolumeId),
    #[error("volume {id} is in use")]
    Held { id: VolumeId, holders: Vec<Holder> },
    #[error("the volumes are open elsewhere: close the other process or use another folder")]
    InUse,
    #[error("{0}")]
    Mismatch(String),
    #[error("{object} is damaged: {problem}")]
    Corrupt { object: String, problem: String },
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("could not {doing}: {source}")]
    Io {
        doing: &'static str,
        source: io::Error,
    },
    #[error("a task of the volumes did not finish")]
    Interrupted,
}

impl DirectoryError {
    /// Whether there was no room.
    pub(crate) fn is_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }

    /// Whether something was not there any more.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Says what was being done when the operating system refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, Errno> {
    fn doing(self, what: &'static str) -> Result<T> {
        self.map_err(io::Error::from).doing(what)
    }
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| DirectoryError::Io { doing, source })
    }
}

impl From<DirectoryError> for BackendError {
    fn from(error: DirectoryError) -> Self {
        let text = error.to_string();
        let kind = match error {
            DirectoryError::NotFound(_) => BackendErrorKind::NotFound,
            DirectoryError::AlreadyExists(_) => BackendErrorKind::AlreadyExists,
            DirectoryError::WrongState { .. } => BackendErrorKind::WrongState,
            DirectoryError::Mounted(_) => BackendErrorKind::Busy {
                holders: Vec::new(),
            },
            DirectoryError::Held { holders, .. } => BackendErrorKind::Busy { holders },
            DirectoryError::InUse => BackendErrorKind::InUse,
            DirectoryError::Mismatch(_) => BackendErrorKind::Mismatch,
            DirectoryError::Corrupt { object, .. } => BackendErrorKind::Corrupt { object },
            DirectoryError::InvalidInput(_) => BackendErrorKind::InvalidInput,
            DirectoryError::Unsupported(_) => BackendErrorKind::Unsupported,
            DirectoryError::Io { doing, source } => {
                return BackendError::io(format!("could not {doing}"), source);
            }
            DirectoryError::Interrupted => BackendErrorKind::Unavailable,
        };
        BackendError::new(kind, text)
    }
}
