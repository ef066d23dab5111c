//! Times of the same thing, done again and again.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Error;
use crate::disk::flushes;

/// How long each run took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, other: Samples) {
        self.0.extend(other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Times what succeeds.
    pub(crate) async fn time<T, E>(
        &mut self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let begin = Instant::now();
        let done = work.await?;
        self.add(begin.elapsed());
        Ok(done)
    }

    /// Times what succeeds and waits for nothing but the disk.
    pub(crate) fn time_blocking<T, E>(
        &mut self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = Instant::now();
        let done = work()?;
        self.add(begin.elapsed());
        Ok(done)
    }

    pub(crate) fn median(&self) -> Duration {
        self.at(0.5)
    }

    /// The time that 99 of 100 runs did not exceed; of fewer than 100, the greatest.
    pub(crate) fn p99(&self) -> Duration {
        self.at(0.99)
    }

    fn at(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
    }
}

/// Times of the same thing, and how often the disk was told meanwhile to keep what was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) times: Samples,
    flushes: Vec<u64>,
}

impl Counted {
    pub(crate) fn add(&mut self, time: Duration, flushes: u64) {
        self.times.add(time);
        self.flushes.push(flushes);
    }

    pub(crate) fn extend(&mut self, other: Counted) {
        self.times.extend(other.times);
        self.flushes.extend(other.flushes);
    }

    /// Times and counts what succeeds. `counts` is where the kernel counts what the disk does.
    pub(crate) async fn time<T, E: Into<Error>>(
        &mut self,
        counts: &Path,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        let before = flushes(counts)?;
        let done = self.times.time(work).await.map_err(Into::into)?;
        self.flushes.push(flushes(counts)? - before);
        Ok(done)
    }

    /// How many flushes there were as a rule: the kernel makes some of its own accord.
    pub(crate) fn flushes(&self) -> u64 {
        let mut sorted = self.flushes.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_p99_are_times_that_were_measured() {
        let samples: Samples = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(samples.median(), Duration::from_millis(100));
        assert_eq!(samples.p99(), Duration::from_millis(198));
        let one: Samples = [Duration::from_millis(7)].into_iter().collect();
        assert_eq!((one.median(), one.p99()), (one.p99(), one.median()));
    }

    #[test]
    fn p99_of_few_is_the_greatest() {
        let samples: Samples = (1..=10).map(Duration::from_millis).collect();
        assert_eq!(samples.p99(), Duration::from_millis(10));
        assert_eq!(samples.median(), Duration::from_millis(5));
    }
}
