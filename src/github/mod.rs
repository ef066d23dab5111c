//! Importing repositories from GitHub: what the embedding application sets up, and how a repository is fetched.
//!
//! # Words
//! The *site* is where repositories are fetched from: <https://github.com>, or a GitHub Enterprise that the embedding
//! application names. No caller can name one. A *credential* is asked for each import, goes to the site over TLS, and
//! nowhere else.
//!
//! # How
//! [`Account::import`](crate::Account::import) is the verb. The protocol of git, packs and the checkout are gix's, isolated
//! from every configuration of the host, so that no filter, hook or helper runs; the connections are this module's, so that
//! they end when the import does, count what is received while it is, and go to the site alone.

mod amend;
mod attempt;
mod base_url;
mod checkout;
mod client;
mod credential;
mod encoding;
mod failure;
mod gauge;
mod ident;
mod meter;
mod options;
mod progress;
mod receive;
mod refs;
mod run;
mod tls;
mod transport;
mod tree;

pub use crate::model::{GitRef, GithubRepo, ImportLimit};
pub use credential::{Credential, CredentialError, CredentialProvider, CredentialRequest};
pub use options::{GithubOptions, ImportLimits, Retries};
pub use progress::{ImportPhase, ImportProgress, ImportWatch};

pub(crate) use attempt::Fetched;
pub(crate) use failure::Failure;
pub(crate) use progress::Publisher;
pub(crate) use run::Job;
