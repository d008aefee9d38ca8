//! Streaming: large files as bodies that are never whole in memory.
//!
//! Each chunk is read on a blocking thread while the one before is being sent; so at most two are in memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

/// Large enough to make the hand-over cheap, small enough for thousands of slow clients.
const CHUNK_BYTES: u64 = 128 << 10;

/// Bytes that can be read from any place.
pub(crate) trait ReadAt: Send + Sync + 'static {
    /// Fills `into` from `offset`.
    ///
    /// # Errors
    /// When not all of it can be read.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for bough_store::BlobFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        bough_store::BlobFile::read_at(self, into, offset)
    }
}

/// A body that reads from `offset` to `end`.
pub(crate) struct Stream<R> {
    from: Arc<R>,
    offset: u64,
    end: u64,
    /// Not handed out yet.
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl<R: ReadAt> Stream<R> {
    /// The `bytes` bytes from `offset`.
    pub(crate) fn new(from: R, offset: u64, bytes: u64) -> Self {
        Self { from: Arc::new(from), offset, end: offset + bytes, left: bytes, reading: None }
    }

    fn start_reading(&mut self) {
        let bytes = CHUNK_BYTES.min(self.end - self.offset);
        if bytes == 0 {
            return;
        }
        let (from, offset) = (Arc::clone(&self.from), self.offset);
        self.offset += bytes;
        self.reading = Some(spawn_blocking(move || {
            let mut chunk = vec![0; bytes as usize];
            from.read_at(&mut chunk, offset).map(|()| chunk.into())
        }));
    }
}

impl<R: ReadAt> http_body::Body for Stream<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.reading.is_none() {
            this.start_reading();
        }
        let Some(reading) = &mut this.reading else { return Poll::Ready(None) };
        let read =
            ready!(Pin::new(reading).poll(context)).unwrap_or_else(|error| Err(io::Error::other(error)));
        this.reading = None;
        match read {
            Ok(chunk) => {
                this.left -= chunk.len() as u64;
                this.start_reading();
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Err(error) => {
                // Too late for an error page: the connection is cut, so that the client sees that this is not all.
                tracing::error!(%error, "cannot read a file while sending it");
                this.offset = this.end;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    struct Counting(u64);

    impl ReadAt for Counting {
        fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
            assert!(into.len() as u64 <= CHUNK_BYTES, "a chunk is bounded");
            if offset + into.len() as u64 > self.0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for (nth, byte) in into.iter_mut().enumerate() {
                *byte = ((offset + nth as u64) % 251) as u8;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_byte_of_a_range_comes_once_and_in_order() {
        for (offset, bytes) in [(0, 0), (0, 1), (5, CHUNK_BYTES), (3, CHUNK_BYTES * 3 + 7)] {
            let stream = Stream::new(Counting(1 << 20), offset, bytes);
            let all = stream.collect().await.unwrap().to_bytes();
            assert_eq!(all.len() as u64, bytes);
            assert!(all.iter().zip(offset..).all(|(&byte, at)| u64::from(byte) == at % 251));
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_to_its_end_breaks_the_body() {
        let stream = Stream::new(Counting(CHUNK_BYTES + 1), 0, CHUNK_BYTES * 2);
        assert!(stream.collect().await.is_err());
    }
}
