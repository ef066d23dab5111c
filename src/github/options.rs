//! What the embedding application sets up for imports.

use std::sync::Arc;
use std::time::Duration;

use super::base_url::BaseUrl;
use super::credential::CredentialProvider;
use super::tls;
use crate::error::Error;

/// Where repositories are imported from, with what, and how much of them.
///
/// [`WorkspaceManagerBuilder::with_github`](crate::manager::WorkspaceManagerBuilder::with_github) takes it. No caller of an
/// account's handle can change any of it.
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a manager is opened with them"]
pub struct GithubOptions {
    pub(super) base: BaseUrl,
    pub(super) roots: Vec<tls::Certificate>,
    pub(super) credentials: Option<Arc<dyn CredentialProvider>>,
    pub(super) limits: ImportLimits,
    pub(super) retries: Retries,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

impl Default for GithubOptions {
    /// <https://github.com>, without credentials, with the default limits.
    fn default() -> Self {
        let base = BaseUrl::parse("https://github.com");
        Self {
            base: base.expect("because a test parses this text"),
            roots: Vec::new(),
            credentials: None,
            limits: ImportLimits::default(),
            retries: Retries::default(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

impl GithubOptions {
    /// Imports from a GitHub Enterprise instead: `https://HOST`, with a port and a path if it has them.
    ///
    /// Over `http://`, meant for tests, no credential is asked for or sent.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) for anything else, a URL with a credential in it included.
    pub fn with_base_url(mut self, url: &str) -> Result<Self, Error> {
        self.base = BaseUrl::parse(url)?;
        Ok(self)
    }

    /// Trusts the authorities of a PEM text, besides those that the host trusts.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) if the text holds no certificate, or one that is none.
    pub fn with_root_certificates(mut self, pem: &str) -> Result<Self, Error> {
        self.roots.extend(tls::parse(pem)?);
        Ok(self)
    }

    /// Asks for a credential at each import.
    pub fn with_credentials(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.credentials = Some(provider);
        self
    }

    /// Sets how much an import may take.
    pub fn with_limits(mut self, limits: ImportLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how often what may pass is tried again.
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Says how long a connection may take to stand. By default ten seconds.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Says for how long the site may send nothing. By default thirty seconds.
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }
}

/// How much an import may take. Each limit holds while the import runs: what is beyond it ends it there and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportLimits {
    /// Bytes that the server sends: 4 GiB by default.
    pub received_bytes: u64,
    /// Objects of git: ten million by default.
    pub objects: u64,
    /// Bytes of memory that one object may take: 256 MiB by default. That is its content, or twice as much for one that is
    /// sent as a difference from another. GitHub takes no larger file than 100 MiB.
    ///
    /// Each of at most [`MAX_THREADS`](Self::MAX_THREADS) threads holds two objects at a time. Of a chain of objects that are
    /// sent as differences from each other, it holds those besides that others wait for: all of a chain at worst, and git
    /// sends chains of up to 50. So the memory of an import is less than `object_bytes * (2 * MAX_THREADS + 50)`, and a
    /// hundred bytes for each object of the repository.
    pub object_bytes: u64,
    /// Files and folders to check out: a million by default.
    pub files: u64,
    /// Bytes of all files to check out, as git stores them: 16 GiB by default.
    pub file_bytes: u64,
    /// Time, retries included: an hour by default.
    pub time: Duration,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self {
            received_bytes: 4 << 30,
            objects: 10_000_000,
            object_bytes: 256 << 20,
            files: 1_000_000,
            file_bytes: 16 << 30,
            time: Duration::from_secs(3600),
        }
    }
}

impl ImportLimits {
    /// How many threads of an import work at a time, where the host has so many processors.
    pub const MAX_THREADS: usize = 4;

    /// Limits the bytes that the server sends.
    #[must_use]
    pub fn with_received_bytes(mut self, bytes: u64) -> Self {
        self.received_bytes = bytes;
        self
    }

    /// Limits the objects.
    #[must_use]
    pub fn with_objects(mut self, objects: u64) -> Self {
        self.objects = objects;
        self
    }

    /// Limits the bytes of one object.
    #[must_use]
    pub fn with_object_bytes(mut self, bytes: u64) -> Self {
        self.object_bytes = bytes;
        self
    }

    /// Limits the files and folders to check out.
    #[must_use]
    pub fn with_files(mut self, files: u64) -> Self {
        self.files = files;
        self
    }

    /// Limits the bytes of all files to check out.
    #[must_use]
    pub fn with_file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = bytes;
        self
    }

    /// Limits the time.
    #[must_use]
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

/// How often an import that met what may pass is tried again: a connection that is refused or breaks, a server that does not
/// answer, says that it is overloaded or fails. A repository that is not found or may not be read is not asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// How often: three times by default.
    pub count: u32,
    /// The pause before the first, which doubles each time up to half a minute: a second by default.
    pub pause: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            count: 3,
            pause: Duration::from_secs(1),
        }
    }
}

impl Retries {
    /// Sets how often, and the first pause.
    pub fn new(count: u32, pause: Duration) -> Self {
        Self { count, pause }
    }

    /// The pause before a retry, the first being 0.
    pub(super) fn pause(&self, retry: u32) -> Duration {
        let longest = Duration::from_secs(30);
        self.pause
            .saturating_mul(2_u32.saturating_pow(retry))
            .min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_site_is_github_and_pauses_double_up_to_a_bound() {
        let options = GithubOptions::default();
        assert_eq!(options.base.to_string(), "https://github.com");
        let retries = Retries::new(9, Duration::from_secs(1));
        let pauses: Vec<u64> = (0..7).map(|retry| retries.pause(retry).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }
}
