//! Why an import fails, before it is said of which repository.

use crate::error::{BackendError, Error};
use crate::model::{GitRef, GithubRepo, ImportLimit};

/// Why an import fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The site has no such repository.
    NotFound,
    /// The site wants a credential.
    Unauthorized(&'static str),
    /// The repository does not have what was asked for.
    RefNotFound(GitRef),
    /// A limit is exceeded.
    TooLarge(ImportLimit),
    /// The site did not answer as it should.
    Unreachable {
        /// What went wrong.
        reason: String,
        /// Whether it may pass, so that the same is tried again.
        passing: bool,
    },
    /// Somebody wants it to stop.
    Cancelled,
    /// The disk fails.
    Storage(BackendError),
}

impl Failure {
    /// The site answers what can't be used, and would again.
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Failure::Unreachable {
            reason: reason.into(),
            passing: false,
        }
    }

    /// The site fails in a way that may pass.
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Failure::Unreachable {
            reason: reason.into(),
            passing: true,
        }
    }

    /// An error of the disk that the repository is written to.
    pub(super) fn disk(what: &str, error: std::io::Error) -> Self {
        Failure::Storage(BackendError::io(format!("cannot write {what}"), error))
    }

    /// Says which import failed.
    pub(crate) fn of(self, verb: &'static str, repo: GithubRepo) -> Error {
        match self {
            Failure::NotFound => Error::ImportNotFound { repo },
            Failure::Unauthorized(reason) => Error::ImportUnauthorized { repo, reason },
            Failure::RefNotFound(reference) => Error::ImportRefNotFound { repo, reference },
            Failure::TooLarge(limit) => Error::ImportTooLarge { repo, limit },
            Failure::Unreachable { reason, passing } => Error::ImportUnreachable {
                repo,
                reason,
                retryable: passing,
            },
            Failure::Cancelled => Error::ImportCancelled { repo },
            Failure::Storage(error) => Error::storage(verb, error),
        }
    }
}
