//! What goes wrong inside the store, and what of it the core is told.

use std::io;
use std::path::{Path, PathBuf};

use workdisk::error::{BackendError, BackendErrorKind};

pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("cannot {operation}")]
    Io {
        operation: String,
        source: io::Error,
    },
    #[error("sled failed")]
    Sled(#[source] sled::Error),
    #[error("{object} is damaged: {problem}; restore the store from an export or a copy")]
    Damaged { object: String, problem: String },
    #[error("{} is in use by process {holder}; one process opens it at a time", folder.display())]
    InUse { folder: PathBuf, holder: String },
    #[error("{0}")]
    Mismatch(String),
    #[error("{0}")]
    InvalidInput(String),
    #[error("the disk is full: {free} bytes are left")]
    Full { free: u64 },
    #[error("the change may have happened, but {step} failed: {reason}; reopen the store")]
    Unsure { step: &'static str, reason: String },
    #[error("an earlier write failed; reopen the store")]
    Poisoned,
    #[error("the store's writer has ended; reopen the store")]
    WriterEnded,
    #[error("the call was broken off: the runtime is shutting down")]
    BrokenOff,
    #[error("the store does not know this kind of change")]
    UnknownChange,
}

impl StoreError {
    pub(crate) fn io(operation: impl Into<String>) -> impl Fn(io::Error) -> Self {
        let operation = operation.into();
        move |source| Self::Io {
            operation: operation.clone(),
            source,
        }
    }

    pub(crate) fn damaged(object: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Damaged {
            object: object.into(),
            problem: problem.into(),
        }
    }

    /// As [`damaged`](Self::damaged), of a file or a folder.
    pub(crate) fn damaged_file(file: &Path, problem: impl Into<String>) -> Self {
        Self::damaged(file.display().to_string(), problem)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidInput(message.into())
    }

    /// What the core is told: every error says which store it is of.
    pub(crate) fn of_store(self, folder: &Path) -> BackendError {
        let store = folder.display();
        let message = match &self {
            Self::InUse { .. } => self.to_string(),
            error => format!("{error} (the store in {store})"),
        };
        match self {
            Self::Io { source, .. } | Self::Sled(sled::Error::Io(source)) => {
                BackendError::io(message, source)
            }
            Self::Sled(source @ sled::Error::Corruption { .. }) => {
                BackendError::corrupt(store.to_string(), message).with_source(source)
            }
            Self::Sled(source) => BackendError::unavailable(message).with_source(source),
            Self::Damaged { object, .. } => {
                // Where the object is a record, the folder is the file that is meant.
                let object = match Path::new(&object).starts_with(folder) {
                    true => object,
                    false => format!("{store}: {object}"),
                };
                BackendError::corrupt(object, message)
            }
            Self::InUse { .. } => BackendError::new(BackendErrorKind::InUse, message),
            Self::Mismatch(_) => BackendError::new(BackendErrorKind::Mismatch, message),
            Self::InvalidInput(_) => BackendError::invalid_input(message),
            Self::Full { .. } => BackendError::new(BackendErrorKind::Full, message),
            Self::UnknownChange => BackendError::unsupported(message),
            Self::Unsure { .. } | Self::Poisoned | Self::WriterEnded | Self::BrokenOff => {
                BackendError::unavailable(message)
            }
        }
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}
