//! Wakes who waits for sled's log in vain.
//!
//! When a write of its log fails, sled notes the error, which each later call answers, and wakes those who wait for the
//! log. Where the last to leave a buffer writes it, it forgets to wake them (`Log::exit_reservation` of 0.34.7), and they
//! wait for ever. Any call that needs the log then meets the error and wakes all. The watch makes one when none returns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How long a call takes that is not worth a look.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long is waited for at most between two looks at one call. Each leaves a thread that waits too, if the disk is but
/// slow.
const LONGEST: Duration = Duration::from_secs(64);

/// The calls of sled, counted.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Ends the call when it is dropped, by a panic too.
struct Running<'a>(&'a Calls);

impl Calls {
    /// Makes a call of sled.
    pub(crate) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let _running = Running(self);
        call()
    }

    /// How many calls had begun, if any of them runs.
    fn running(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::Relaxed);
        let begun = self.begun.load(Ordering::Relaxed);
        (begun != ended).then_some(begun)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The thread that watches. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches calls. `wake` may wait as long as they do: it is called in a thread of its own.
    pub(crate) fn start(
        calls: Arc<Calls>,
        wake: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<Self> {
        Self::looking(PATIENCE, calls, wake)
    }

    fn looking(
        patience: Duration,
        calls: Arc<Calls>,
        wake: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let watch = move || {
            let (mut seen, mut pause) = (None, patience);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(pause) {
                let running = calls.running();
                if running.is_none() || running != seen {
                    (seen, pause) = (running, patience);
                    continue;
                }
                tracing::debug!("a call of sled takes long");
                let wake = wake.clone();
                if let Err(error) = thread("workdisk-sled-wake").spawn(wake) {
                    tracing::warn!(%error, "who waits for the log could not be woken");
                }
                pause = (pause * 2).min(LONGEST);
            }
        };
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread("workdisk-sled-watch").spawn(watch)?),
        })
    }
}

fn thread(name: &str) -> Builder {
    Builder::new().name(name.to_owned())
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to panic at.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn call_that_does_not_return_is_woken_and_calls_that_return_wake_nobody() {
        let (wake, woken) = channel();
        let calls = Arc::new(Calls::default());
        let patience = Duration::from_millis(1);
        let wake = move || wake.send(()).expect("the test waits for it");
        let watch = Watch::looking(patience, Arc::clone(&calls), wake).unwrap();
        for _ in 0..100 {
            calls.during(|| ());
        }
        assert!(woken.try_recv().is_err());
        calls.during(|| woken.recv().unwrap());
        assert_eq!(calls.running(), None);
        // It is not waited for any longer, so that a further wake may find nobody.
        drop(watch);
    }
}
