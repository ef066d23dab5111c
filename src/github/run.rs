//! An import from its beginning to its end: its attempts, its limits of time, and how it is stopped.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::attempt::{Fetched, attempt};
use super::client::Client;
use super::credential::CredentialRequest;
use super::failure::Failure;
use super::meter::Meter;
use super::options::GithubOptions;
use super::progress::Publisher;
use super::tls;
use super::transport::Carrier;
use crate::model::{AccountId, GitRef, GithubRepo, ImportLimit};

/// How often watchers are told.
const TICK: Duration = Duration::from_millis(50);

/// What is to be imported.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) account: AccountId,
    pub(crate) repo: GithubRepo,
    pub(crate) reference: Option<GitRef>,
    pub(crate) depth: Option<NonZeroU32>,
}

/// Stops the threads of an import whose task is dropped.
struct StopOnDrop(Arc<Meter>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(Failure::Cancelled);
    }
}

impl GithubOptions {
    /// Fetches a repository, into a folder that becomes it, and checks it out, until `cancelled` is ready.
    ///
    /// When this answers, nothing writes to the folder any more, whatever it answers. It does so within moments after it
    /// is cancelled: connections end at once, and gix looks between two objects or files.
    pub(crate) async fn run(
        &self,
        job: Job,
        folder: PathBuf,
        publisher: &Publisher,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Fetched, Failure> {
        let meter = Arc::new(Meter::new(self.limits));
        let _stop = StopOnDrop(Arc::clone(&meter));
        let mut work = pin!(self.attempts(job, folder, &meter));
        let mut cancelled = pin!(cancelled);
        let mut deadline = pin!(sleep(self.limits.time));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                () = &mut cancelled, if !meter.is_stopped() => meter.stop(Failure::Cancelled),
                () = &mut deadline, if !meter.is_stopped() => {
                    meter.stop(Failure::TooLarge(ImportLimit::Time));
                }
                _ = tick.tick() => publisher.publish(meter.reading()),
            }
        };
        publisher.publish(meter.reading());
        // A checkout that is stopped half way says that it is done.
        match meter.take_cause() {
            Some(cause) => Err(cause),
            None => result,
        }
    }

    async fn attempts(
        &self,
        job: Job,
        folder: PathBuf,
        meter: &Arc<Meter>,
    ) -> Result<Fetched, Failure> {
        let authorization = tokio::select! {
            given = self.authorization(&job) => given?,
            () = meter.stopped() => return Err(Failure::Cancelled),
        };
        let client = Arc::new(self.client(authorization).await?);
        let url = self.base.of(&job.repo);
        let mut retry = 0;
        loop {
            let carrier = Carrier::new(Arc::clone(&client), Arc::clone(meter));
            let (job, folder, url) = (job.clone(), folder.clone(), url.clone());
            let meter_of_attempt = Arc::clone(meter);
            let result =
                spawn_blocking(move || attempt(&job, &folder, &url, &carrier, &meter_of_attempt))
                    .await;
            let result =
                result.unwrap_or_else(|_| Err(Failure::lasting("the import was broken off")));
            match result {
                Err(Failure::Unreachable {
                    reason,
                    passing: true,
                }) if retry < self.retries.count && !meter.is_stopped() => {
                    tracing::debug!(reason, retry, "trying again");
                }
                result => return result,
            }
            tokio::select! {
                () = sleep(self.retries.pause(retry)) => {}
                () = meter.stopped() => return Err(Failure::Cancelled),
            }
            retry += 1;
            meter.reset();
        }
    }

    async fn client(&self, authorization: Option<HeaderValue>) -> Result<Client, Failure> {
        let mut connector = None;
        if self.base.is_secure() {
            let roots = self.roots.clone();
            let made = spawn_blocking(move || tls::connector(&roots)).await;
            let made = made.unwrap_or_else(|_| Err(Failure::lasting("TLS could not be set up")));
            connector = Some(made?);
        }
        Ok(Client::new(
            self.base.clone(),
            connector,
            authorization,
            self.connect_timeout,
            self.idle_timeout,
        ))
    }

    /// Asks for the credential, if it can be sent.
    async fn authorization(&self, job: &Job) -> Result<Option<HeaderValue>, Failure> {
        let Some(provider) = self.credentials.as_ref().filter(|_| self.base.is_secure()) else {
            return Ok(None);
        };
        let request = CredentialRequest {
            account: job.account.clone(),
            repo: job.repo.clone(),
            host: self.base.host().to_owned(),
        };
        let given = provider.credential(request).await.map_err(|error| {
            tracing::warn!(%error, "no credential could be had");
            Failure::Unauthorized("no credential could be had for it")
        })?;
        let Some(credential) = given else {
            return Ok(None);
        };
        let header = credential.authorization();
        header
            .map(Some)
            .ok_or(Failure::Unauthorized("the credential is not one"))
    }
}
