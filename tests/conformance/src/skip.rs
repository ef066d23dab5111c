//! What a machine lacks.

use std::env;
use std::fmt;

/// The reason why a case cannot run on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a skip that is not announced looks like a pass"]
pub struct Skip {
    reason: String,
}

impl Skip {
    /// Gives the reason: what is missing, and how to provide it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }

    /// Prints the reason.
    ///
    /// # Panics
    /// If `WORKDISK_REQUIRE_OVERLAYFS` is `1`, which says that the machine has all it takes.
    pub fn announce(self) {
        let is_forbidden = env::var_os("WORKDISK_REQUIRE_OVERLAYFS").is_some_and(|it| it == "1");
        assert!(
            !is_forbidden,
            "skipped though WORKDISK_REQUIRE_OVERLAYFS=1: {}",
            self.reason
        );
        say(&format!("skipped: {}", self.reason));
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Says that a case does not apply, because the backend documents the exception.
pub(crate) fn exempt(what: &str) {
    say(&format!("exempt: the backend documents that {what}"));
}

#[expect(
    clippy::print_stderr,
    reason = "a test that did nothing has to say so, and has only its output to say it by"
)]
fn say(text: &str) {
    eprintln!("{text}");
}
