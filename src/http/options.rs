//! What an embedding application may set.

use std::time::Duration;

/// How the API behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    pub(super) lease: Duration,
    pub(super) body_limit: usize,
    pub(super) body_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) attempts: Option<Attempts>,
}

/// How many wrong keys an address may give.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    /// So many at once.
    pub(super) burst: u32,
    /// And one more after each of these.
    pub(super) refill: Duration,
}

impl Default for HttpOptions {
    /// Leases of a minute, bodies of 1 MiB that arrive within 30 seconds, calls of five minutes, and twenty wrong keys from
    /// an address, then one every three seconds.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            body_limit: 1 << 20,
            body_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(300),
            attempts: Some(Attempts {
                burst: 20,
                refill: Duration::from_secs(3),
            }),
        }
    }
}

impl HttpOptions {
    /// Sets the lease of a session that is started without saying any.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how many bytes a request's body may have.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets how long a request's body may take to arrive.
    #[must_use]
    pub fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets how long a call is waited for. It goes on after that.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many wrong keys an address may give at once, and after what time one more.
    #[must_use]
    pub fn with_attempt_limit(mut self, burst: u32, refill: Duration) -> Self {
        self.attempts = Some(Attempts { burst, refill });
        self
    }

    /// Lets an address give as many wrong keys as it likes.
    #[must_use]
    pub fn without_attempt_limit(mut self) -> Self {
        self.attempts = None;
        self
    }
}
