//! Patience: how slow a client may be, once it is connected.
//!
//! A client that takes nothing of its answer, says nothing at all for long, or sends what it has to send by drops, would
//! otherwise keep its connection, and what is done for it, as long as it likes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection that is given up when nothing can be written to it for `stall_max`, or nothing went either way for
/// `idle_max`.
pub(crate) struct Timed<S> {
    stream: S,
    stall_max: Duration,
    idle_max: Duration,
    /// When something last went either way.
    active: Instant,
    idle: Pin<Box<Sleep>>,
    /// Until when what is to be written has to find room.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    pub(crate) fn new(stream: S, stall_max: Duration, idle_max: Duration) -> Self {
        let active = Instant::now();
        let idle = Box::pin(sleep_until(active + idle_max));
        Self { stream, stall_max, idle_max, active, idle, stall: None }
    }

    /// What came of an attempt to write.
    fn written<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stall = None;
            self.active = Instant::now();
            return outcome;
        }
        let until = Instant::now() + self.stall_max;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(too_slow("the client does not take its answer")))
    }
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(outcome) = Pin::new(&mut this.stream).poll_read(context, into) {
            this.active = Instant::now();
            return Poll::Ready(outcome);
        }
        while this.idle.as_mut().poll(context).is_ready() {
            let until = this.active + this.idle_max;
            if until <= Instant::now() {
                return Poll::Ready(Err(too_slow("the client said nothing for too long")));
            }
            this.idle.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.written(context, outcome)
    }
}

/// The body of a request, which has to come at least so fast on the whole.
pub(crate) struct Paced<B> {
    body: B,
    /// How long it may take, whatever its length.
    grace: Duration,
    /// How much has to come in each second besides, in bytes.
    rate_min: u64,
    came: u64,
    /// When somebody began to read it.
    began: Option<Instant>,
    late: Option<Pin<Box<Sleep>>>,
}

impl<B> Paced<B> {
    pub(crate) fn new(body: B, grace: Duration, rate_min: u64) -> Self {
        Self { body, grace, rate_min: rate_min.max(1), came: 0, began: None, late: None }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let frame = frame.map(|frame| frame.map_err(io::Error::other));
            if let Some(Ok(frame)) = &frame {
                this.came += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.late = None;
            }
            return Poll::Ready(frame);
        }
        let began = *this.began.get_or_insert_with(Instant::now);
        let until = began + this.grace + Duration::from_secs(this.came / this.rate_min);
        let late = this.late.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(late.as_mut().poll(context));
        Poll::Ready(Some(Err(too_slow("the body of the request comes too slowly"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
