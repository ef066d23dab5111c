//! What an implementer of [`Metadata`](crate::Metadata) or [`Volume`](crate::Volume) answers when it fails.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A process that keeps a disk in use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holder {
    /// The process id, in the process namespace of the library's process.
    pub pid: u32,
    /// The command's short name, or an empty text if the process was gone before it could be read.
    pub command: String,
}

impl Holder {
    /// Names a process.
    pub fn new(pid: u32, command: impl Into<String>) -> Self {
        Self {
            pid,
            command: command.into(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.pid, self.command.escape_default())
    }
}

/// What kind of failure a backend met: the decision that the core takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The volume that the call needs does not exist. Never used for a read, where absence is `None`.
    NotFound,
    /// The volume exists already under that id, with another content.
    AlreadyExists,
    /// The volume is mounted or held by somebody, so that it cannot be frozen, removed or unmounted now.
    Busy {
        /// The processes that hold it, as far as they can be seen. Empty if the holder is not visible from here.
        holders: Vec<Holder>,
    },
    /// The call does not fit the volume's state: forking an active one, mounting a frozen one.
    WrongState,
    /// The space, the inodes or a quota are used up. Nothing of the call happened.
    Full,
    /// The store is open elsewhere: another process holds it.
    InUse,
    /// The store and the volumes do not belong together, or one of them is older than the other.
    Mismatch,
    /// The storage did not answer, or refuses to go on until it is reopened. The call may have happened.
    Unavailable,
    /// The storage holds what it cannot have been given.
    Corrupt {
        /// The file, folder or record that is damaged.
        object: String,
    },
    /// The backend does not claim the capability. Nothing happened.
    Unsupported,
    /// The call's arguments break the contract: a record too large, a revision that does not follow. Nothing happened.
    InvalidInput,
}

/// A failure of a backend.
///
/// The text names the operation and the thing, and says what to do where that is known. It never carries a file's
/// content, a credential or another account's data. The source is kept for the log and is not part of the text.
#[derive(Debug)]
pub struct BackendError {
    kind: BackendErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// Makes an error of a kind with a text: lower case, naming the operation and the thing.
    pub fn new(kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Judges an I/O error of the operating system: a full disk, quota or inode table is [`Full`], bad media and a
    /// file system turned read-only are [`Unavailable`], and so is all else.
    ///
    /// [`Full`]: BackendErrorKind::Full
    /// [`Unavailable`]: BackendErrorKind::Unavailable
    pub fn io(message: impl Into<String>, error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BackendErrorKind::Full,
            ErrorKind::ResourceBusy => BackendErrorKind::Busy {
                holders: Vec::new(),
            },
            _ => BackendErrorKind::Unavailable,
        };
        let message = format!("{}: {error}", message.into());
        Self::new(kind, message).with_source(error)
    }

    /// The volume does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::NotFound, message)
    }

    /// The storage is damaged at `object`.
    pub fn corrupt(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(
            BackendErrorKind::Corrupt {
                object: object.into(),
            },
            message,
        )
    }

    /// The storage does not answer or refuses.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::Unavailable, message)
    }

    /// The backend does not claim the capability.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::Unsupported, message)
    }

    /// The call breaks the contract.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::InvalidInput, message)
    }

    /// The volume is in use by `holders`.
    pub fn busy(message: impl Into<String>, holders: Vec<Holder>) -> Self {
        Self::new(BackendErrorKind::Busy { holders }, message)
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> &BackendErrorKind {
        &self.kind
    }

    /// Whether the volume was missing.
    pub fn is_not_found(&self) -> bool {
        self.kind == BackendErrorKind::NotFound
    }

    /// Whether the volume was held by somebody.
    pub fn is_busy(&self) -> bool {
        matches!(self.kind, BackendErrorKind::Busy { .. })
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
