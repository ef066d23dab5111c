//! How fast files may be removed.

use std::time::Duration;

/// For how long a bucket fills at most. The files of that time are removed in a row, and then there is a pause.
const PORTION: Duration = Duration::from_millis(10);

/// A bucket that time fills and files empty.
///
/// - In any span of time it lets through no more files than are due in it and in one portion.
/// - Who is told to wait, and asks again after that time, is let through.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// The time in which a file is due.
    file: Duration,
    full: Duration,
    filled: Duration,
    /// Up to when it was filled.
    at: Duration,
}

impl Bucket {
    /// Begins full. Times are counted from here.
    pub(crate) fn new(file: Duration) -> Self {
        let full = PORTION.max(file);
        Self {
            file,
            full,
            filled: full,
            at: Duration::ZERO,
        }
    }

    /// Lets a file through, or tells how long to wait for the next portion.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let since = now.saturating_sub(self.at);
        self.filled = self.filled.saturating_add(since).min(self.full);
        self.at = self.at.max(now);
        match self.filled.checked_sub(self.file) {
            Some(left) => {
                self.filled = left;
                Ok(())
            }
            None => Err(self.full - self.filled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// How many files in a row are let through at a time.
    fn drain(bucket: &mut Bucket, now: Duration) -> usize {
        std::iter::from_fn(|| bucket.take(now).ok()).count()
    }

    #[test]
    fn files_come_in_portions_with_a_pause_between() {
        let mut bucket = Bucket::new(MILLISECOND);
        assert_eq!(drain(&mut bucket, Duration::ZERO), 10);
        assert_eq!(bucket.take(Duration::ZERO), Err(PORTION));
        assert_eq!(
            bucket.take(4 * MILLISECOND / 5),
            Err(PORTION - 4 * MILLISECOND / 5)
        );
        assert_eq!(drain(&mut bucket, PORTION), 10);
    }

    #[test]
    fn time_in_which_nothing_is_removed_is_saved_up_for_one_portion_only() {
        let mut bucket = Bucket::new(MILLISECOND);
        assert_eq!(drain(&mut bucket, Duration::from_secs(3_600)), 10);
    }

    #[test]
    fn no_more_files_are_let_through_than_are_due_and_one_portion() {
        let mut bucket = Bucket::new(MILLISECOND / 4);
        let mut now = Duration::ZERO;
        let mut files = 0;
        while now < Duration::from_secs(1) {
            match bucket.take(now) {
                Ok(()) => files += 1,
                Err(pause) => now += pause,
            }
        }
        assert_eq!(files, 4_000);
    }

    #[test]
    fn file_that_is_due_less_often_than_portions_are_is_let_through_alone() {
        let mut bucket = Bucket::new(Duration::from_secs(5));
        assert_eq!(drain(&mut bucket, Duration::ZERO), 1);
        assert_eq!(
            bucket.take(Duration::from_secs(2)),
            Err(Duration::from_secs(3))
        );
        assert_eq!(drain(&mut bucket, Duration::from_secs(5)), 1);
    }

    #[test]
    fn clock_that_goes_back_lets_no_more_through() {
        let mut bucket = Bucket::new(MILLISECOND);
        assert_eq!(drain(&mut bucket, PORTION), 10);
        assert_eq!(drain(&mut bucket, Duration::ZERO), 0);
        assert_eq!(drain(&mut bucket, PORTION), 0);
    }
}
