//! The signals that would end this process, caught so that what runs is ended first.

use std::fs::File;

use nix::sys::signal::Signal;
use nix::unistd::{getpgrp, tcgetpgrp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::places::Result;

const CAUGHT: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Signals to this process, from now on.
pub(crate) struct Signals(UnboundedReceiver<Signal>);

impl Signals {
    pub(crate) fn catch() -> Result<Self> {
        let (sender, caught) = unbounded_channel();
        for number in CAUGHT {
            let mut signals = signal(SignalKind::from_raw(number as i32))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() && sender.send(number).is_ok() {}
            });
        }
        Ok(Self(caught))
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// The next signal that asks this process to end.
    pub(crate) async fn end(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if ends(&signal) {
                return signal;
            }
        }
    }

    /// A signal that has come already and asks this process to end.
    pub(crate) fn pending_end(&mut self) -> Option<Signal> {
        std::iter::from_fn(|| self.0.try_recv().ok()).find(ends)
    }
}

fn ends(signal: &Signal) -> bool {
    !matches!(signal, Signal::SIGUSR1 | Signal::SIGUSR2)
}

/// Whether a terminal sends the signal to our command too, so that it is not to be passed on: what Ctrl-C and Ctrl-\ do to
/// every process in the foreground.
pub(crate) fn comes_from_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::SIGINT | Signal::SIGQUIT) && in_foreground()
}

fn in_foreground() -> bool {
    let terminal = File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}
