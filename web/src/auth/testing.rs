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

pub(crate) fn store() -> (Database, Time) {
    let time = Time(Arc::new(AtomicU64::new(1_800_000_000_000_000)));
    let options = Options { clock: Arc::new(time.clone()), ..Options::new(built_in_types()) };
    (Database::in_memory(options).unwrap(), time)
}
