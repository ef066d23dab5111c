//! Importing a repository from GitHub, wherever the workspaces are.

#[cfg(feature = "github")]
pub(super) mod folder;
pub(super) mod server;

use std::num::NonZeroU32;
use std::pin::Pin;

use super::Failure;
use crate::views::workspace::Step;

/// What to import.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) github_repo: String,
    pub(crate) reference: Option<String>,
    pub(crate) depth: Option<NonZeroU32>,
    pub(crate) name: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) template: bool,
}

/// Who is told how far an import is, and who stops it.
pub(crate) struct Watch<'a> {
    pub(crate) tell: &'a (dyn Fn(&Step) + Sync),
    /// Ready once the import is to stop.
    pub(crate) stopped: Pin<&'a mut (dyn Future<Output = ()> + Send)>,
}

/// What an import answers that was stopped.
fn stopped() -> Failure {
    Failure::new(
        "import_cancelled",
        "the import was stopped, and nothing is left of it",
    )
}
