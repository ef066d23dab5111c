//! Places where a call waits.

use tokio::sync::watch;

/// Holds one call until it is released.
///
/// Dropping it releases the call too, so that a test that fails does not hang.
#[derive(Debug)]
#[must_use = "a gate that is dropped holds nothing"]
pub struct Gate {
    reached: watch::Receiver<bool>,
    released: watch::Sender<bool>,
}

/// The call's side of a [`Gate`].
#[derive(Debug)]
pub(super) struct Threshold {
    reached: watch::Sender<bool>,
    released: watch::Receiver<bool>,
}

impl Gate {
    pub(super) fn new() -> (Self, Threshold) {
        let (reaching, reached) = watch::channel(false);
        let (releasing, released) = watch::channel(false);
        let gate = Self {
            reached,
            released: releasing,
        };
        let threshold = Threshold {
            reached: reaching,
            released,
        };
        (gate, threshold)
    }

    /// Waits until the call stands at the gate. It waits for ever if the call never comes.
    ///
    /// # Panics
    /// If the call can no longer come, because every handle and wrapper is gone.
    pub async fn reached(&self) {
        let mut reached = self.reached.clone();
        let arrived = reached.wait_for(|is_reached| *is_reached).await;
        assert!(arrived.is_ok(), "the gate's call never came and never will");
    }

    /// Lets the call go on, or through if it has not come yet.
    pub fn release(&self) {
        self.released.send_replace(true);
    }
}

impl Threshold {
    /// Tells of the arrival and waits to be let go.
    pub(super) async fn pass(mut self) {
        self.reached.send_replace(true);
        // An error says that the gate was dropped, which releases as well.
        let _ = self.released.wait_for(|is_released| *is_released).await;
    }
}
