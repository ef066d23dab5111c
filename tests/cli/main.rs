//! What the command line promises: each test runs `workdisk`, the example, as a process.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[cfg(all(feature = "github", feature = "http"))]
mod asking;
#[cfg(feature = "github")]
#[path = "../it/import/certified.rs"]
mod certified;
mod completing;
mod failing;
#[cfg(feature = "github")]
#[path = "../it/import/git.rs"]
#[expect(dead_code, reason = "other tests look closer at what was imported")]
mod git;
#[cfg(feature = "github")]
#[path = "../it/import/server.rs"]
#[expect(dead_code, reason = "other tests need a server that misbehaves more")]
mod git_server;
#[cfg(feature = "github")]
mod importing;
mod listing;
mod making;
mod mending;
mod removing;
mod running;
mod sharing;
mod snapshots;
mod support;
mod terminal;
