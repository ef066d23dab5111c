//! sled, closed without a panic.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An open store of sled. Its last owner writes what is left of its log when it is dropped, and panics if the disk has
/// failed: whoever drops it has heard of that by an error before.
#[derive(Debug)]
pub(crate) struct Closing(Option<sled::Db>);

impl Closing {
    pub(crate) fn new(db: sled::Db) -> Self {
        Self(Some(db))
    }
}

impl Deref for Closing {
    type Target = sled::Db;

    fn deref(&self) -> &sled::Db {
        self.0
            .as_ref()
            .expect("because only dropping it takes it away")
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let db = self.0.take();
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            tracing::error!("sled panicked while it was closed");
        }
    }
}
