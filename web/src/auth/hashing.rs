//! Where passwords are hashed: on threads of their own, few at a time.
//!
//! A hash takes 19 MiB and tens of milliseconds on purpose. Without a bound of its own, a crowd at the log-in form would
//! take the memory and all threads that render pages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::AccountError;

/// How many passwords are hashed at the same time.
const AT_ONCE_MAX: usize = 2;
/// How many may wait for their turn: at two at a time, that is about a second.
const WAITING_MAX: usize = 64;

pub(crate) struct Hashing {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// Counts one who waits, for as long as he does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hashing {
    pub(crate) fn new() -> Self {
        Self::with(AT_ONCE_MAX, WAITING_MAX)
    }

    fn with(at_once: usize, waiting_max: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)), waiting: AtomicUsize::new(0), waiting_max }
    }

    /// Does work that hashes a password, when its turn comes.
    ///
    /// # Errors
    /// [`AccountError::Busy`] where too many wait already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let waits = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            return Err(AccountError::Busy);
        }
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| AccountError::Busy)?;
        drop(waits);
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held until the hash is done, also when nobody waits for it any more.
            drop(place);
            done
        });
        match work.await {
            Ok(done) => done,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(AccountError::Busy),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn who_comes_when_too_many_wait_is_told_so_and_the_others_get_their_turn() {
        let hashing = Arc::new(Hashing::with(1, 1));
        let (started, has_started) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let hashing = Arc::clone(&hashing);
            async move {
                let work = move || {
                    started.send(()).unwrap();
                    may_go.recv().unwrap();
                    Ok(1)
                };
                hashing.run(work).await
            }
        });
        has_started.recv().unwrap();
        let mut second = Box::pin(hashing.run(|| Ok(2)));
        assert!(futures_poll(&mut second).await.is_none(), "one may wait");
        assert!(matches!(hashing.run(|| Ok(3)).await, Err(AccountError::Busy)));
        go.send(()).unwrap();
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap()), (1, 2));
        assert_eq!(hashing.run(|| Ok(4)).await.unwrap(), 4);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_goes_away_while_waiting_leaves_no_place_taken() {
        let hashing = Hashing::with(1, 1);
        let place = Arc::clone(&hashing.places).acquire_owned().await.unwrap();
        {
            let mut gone = Box::pin(hashing.run(|| Ok(1)));
            assert!(futures_poll(&mut gone).await.is_none());
        }
        drop(place);
        assert_eq!(hashing.run(|| Ok(2)).await.unwrap(), 2);
    }

    /// Asks a future once.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
