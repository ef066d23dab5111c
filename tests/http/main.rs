//! What the REST API promises, over real sockets: each answer is checked against the document that describes it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[cfg(feature = "github")]
#[path = "../it/import/git.rs"]
#[expect(dead_code, reason = "other tests look closer at what was imported")]
mod git;
#[cfg(feature = "github")]
#[path = "../it/import/server.rs"]
#[expect(dead_code, reason = "other tests need a server that misbehaves")]
mod git_server;
mod support;

mod abuse;
mod conditions;
mod document;
mod errors;
mod hostile;
#[cfg(feature = "github")]
mod import;
mod isolation;
mod keys;
mod once;
mod readme;
mod requests;
mod server;
mod sessions;
mod snapshots;
mod workspaces;
