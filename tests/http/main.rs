//! What the REST API promises, over real sockets: each answer is checked against the document that describes it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

mod support;

mod conditions;
mod document;
mod errors;
mod hostile;
mod keys;
mod once;
mod readme;
mod requests;
mod server;
mod sessions;
mod snapshots;
mod workspaces;
