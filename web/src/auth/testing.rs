//! A store whose clock the tests move.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bough_core::clock::Clock;
use bough_store::{Database, Options};

use crate::types::built_in_types;

#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn pass(&self, micros: u64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for Time {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// 08:00 on 15 January 2027, in UTC.
pub(crate) fn time() -> Time {
    Time(Arc::new(AtomicU64::new(1_800_000_000_000_000)))
}

pub(crate) fn store() -> (Database, Time) {
    let time = time();
    let options = Options { clock: Arc::new(time.clone()), ..Options::new(built_in_types()) };
    (Database::in_memory(options).unwrap(), time)
}
