//! Receiving: what a request carries is complete before the work with it begins.
//!
//! A short body stays in memory; a longer one goes to a file without a name, which is gone with the request. So a job
//! that works with it reads without waiting for the network, and a slow client holds no thread.
//!
//! # Invariants
//! - Nothing is taken that is longer than it may be, whatever the client said about its length.
//! - Memory is bounded for all requests together: each may have a little, few may have more, the others go to files,
//!   of which there are few, too.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::error::PublishError;

/// What every request may have in memory.
const SMALL_BYTES_MAX: usize = 64 << 10;
/// What some requests may have in memory.
const MEMORY_BYTES_MAX: usize = 1 << 20;
/// How many.
const IN_MEMORY_MAX: usize = 64;
/// How much is collected before it is written to the file.
const CHUNK_BYTES: usize = 256 << 10;

/// What a request carried.
#[derive(Debug, Default)]
pub(crate) enum Received {
    /// Nothing that was looked at.
    #[default]
    Nothing,
    /// A short body.
    Memory {
        bytes: Bytes,
        /// Gives the room free for another.
        _room: Option<OwnedSemaphorePermit>,
    },
    /// A long one.
    Spooled {
        file: File,
        bytes: u64,
        /// Gives the place free for another.
        _place: OwnedSemaphorePermit,
    },
}

/// Reads a part of what was received; any number may do so at the same time.
pub(crate) struct Reader<'a> {
    from: &'a Received,
    at: u64,
    end: u64,
}

impl Received {
    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::Memory { bytes: bytes.into(), _room: None }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Memory { bytes, .. } => bytes.len() as u64,
            Self::Spooled { bytes, .. } => *bytes,
        }
    }

    /// Whether it went to a file.
    pub(crate) fn is_spooled(&self) -> bool {
        matches!(self, Self::Spooled { .. })
    }

    /// All of it.
    pub(crate) fn reader(&self) -> Reader<'_> {
        self.part(0, self.len())
    }

    /// The bytes from `start` to `end`, as far as they are there.
    pub(crate) fn part(&self, start: u64, end: u64) -> Reader<'_> {
        let end = end.min(self.len());
        Reader { from: self, at: start.min(end), end }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Nothing => Ok(0),
            Self::Memory { bytes, .. } => (&bytes[offset as usize..]).read(into),
            Self::Spooled { file, .. } => file.read_at(into, offset),
        }
    }
}

impl Reader<'_> {
    /// How many bytes are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.end - self.at
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = into.len().min(usize::try_from(self.left()).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.from.read_at(&mut into[..wanted], self.at)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "what was received is cut short"));
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// Where bodies go until they are worked with.
pub(crate) struct Receiver {
    folder: PathBuf,
    body_bytes_max: u64,
    upload_bytes_max: u64,
    in_memory: Arc<Semaphore>,
    in_files: Arc<Semaphore>,
}

impl Receiver {
    pub(crate) fn new(limits: &Limits, folder: Option<PathBuf>) -> Self {
        Self {
            folder: folder.unwrap_or_else(std::env::temp_dir),
            body_bytes_max: limits.body_bytes_max,
            upload_bytes_max: limits.upload_bytes_max.max(limits.body_bytes_max),
            in_memory: Arc::new(Semaphore::new(IN_MEMORY_MAX)),
            in_files: Arc::new(Semaphore::new(limits.uploads_max.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// How long the body of such a request may be: files may be longer than all else.
    pub(crate) fn bytes_max(&self, method: &Method, headers: &HeaderMap) -> u64 {
        let essence = media_essence(headers);
        let is_form = essence == "application/x-www-form-urlencoded";
        let is_upload = essence == "multipart/form-data" || (*method == Method::PUT && !is_form);
        if is_upload { self.upload_bytes_max } else { self.body_bytes_max }
    }

    /// Takes the body of a request that may have at most `bytes_max` bytes. What stays in memory has to be there at
    /// `deadline`; how slowly a long one may come is for the server to say.
    ///
    /// # Errors
    /// When it is too long, does not come or not to its end, or there is no place for it.
    pub(crate) async fn receive(
        &self,
        headers: &HeaderMap,
        mut body: Body,
        bytes_max: u64,
        deadline: Instant,
    ) -> Result<Received, PublishError> {
        let announced = announced_bytes(headers);
        // Before anything is read: a client that asks first (`Expect: 100-continue`) need not send it then.
        if let Some(bytes) = announced.filter(|&bytes| bytes > bytes_max) {
            return Err(PublishError::Body { bytes, max: bytes_max });
        }
        let mut memory = Memory::new(announced.unwrap_or(0).min(bytes_max));
        if announced.is_none_or(|bytes| bytes <= MEMORY_BYTES_MAX as u64) {
            let small = self.fill(&mut memory, &mut body, bytes_max);
            let whole = tokio::time::timeout_at(deadline.into(), small).await;
            if whole.map_err(|_| PublishError::BodyLate)?? {
                return Ok(Received::Memory { bytes: memory.bytes.into(), _room: memory.permit });
            }
        }
        self.spool(memory.bytes, body, bytes_max).await
    }

    /// Reads into memory; answers whether the body came to its end there.
    async fn fill(&self, memory: &mut Memory, body: &mut Body, max: u64) -> Result<bool, PublishError> {
        while let Some(data) = next(body).await? {
            memory.bytes.extend_from_slice(&data);
            check(memory.bytes.len() as u64, max)?;
            if memory.bytes.len() > SMALL_BYTES_MAX && memory.permit.is_none() {
                memory.permit = Arc::clone(&self.in_memory).try_acquire_owned().ok();
            }
            let room = if memory.permit.is_some() { MEMORY_BYTES_MAX } else { SMALL_BYTES_MAX };
            if memory.bytes.len() > room {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn spool(&self, start: Vec<u8>, mut body: Body, max: u64) -> Result<Received, PublishError> {
        let Ok(place) = Arc::clone(&self.in_files).try_acquire_owned() else {
            return Err(PublishError::Busy);
        };
        let folder = self.folder.clone();
        let mut file = blocking(move || unnamed(&folder)).await?;
        let (mut bytes, mut chunk) = (start.len() as u64, start);
        while let Some(data) = next(&mut body).await? {
            bytes += data.len() as u64;
            check(bytes, max)?;
            chunk.extend_from_slice(&data);
            if chunk.len() >= CHUNK_BYTES {
                (file, chunk) = write(file, chunk).await?;
            }
        }
        (file, _) = write(file, chunk).await?;
        Ok(Received::Spooled { file, bytes, _place: place })
    }
}

/// What was read so far, and the right to keep more than a little of it.
struct Memory {
    bytes: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Memory {
    fn new(announced: u64) -> Self {
        // What a client announces is not believed for more than a little.
        let bytes = Vec::with_capacity((announced as usize).min(SMALL_BYTES_MAX));
        Self { bytes, permit: None }
    }
}

fn check(bytes: u64, max: u64) -> Result<(), PublishError> {
    if bytes > max { Err(PublishError::Body { bytes, max }) } else { Ok(()) }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, PublishError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| PublishError::BodyCut(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn unnamed(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

async fn write(mut file: File, mut chunk: Vec<u8>) -> Result<(File, Vec<u8>), PublishError> {
    blocking(move || {
        file.write_all(&chunk)?;
        chunk.clear();
        Ok((file, chunk))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PublishError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(PublishError::Spool),
        Err(error) => Err(PublishError::Spool(io::Error::other(error))),
    }
}

/// The length that a request announces.
pub(crate) fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// The media type of a body without its parameters, in lower case; empty where none is named.
pub(crate) fn media_essence(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use super::*;

    fn receiver(files: usize) -> Receiver {
        let limits = Limits { uploads_max: files, ..Limits::default() };
        Receiver::new(&limits, None)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// A body that says nothing about its length: so many bytes, or none at all for ever.
    struct Chunks(Option<usize>);

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            let Some(left) = &mut self.0 else { return Poll::Pending };
            let chunk = (*left).min(1 << 10);
            *left -= chunk;
            Poll::Ready((chunk > 0).then(|| Ok(http_body::Frame::data(vec![7; chunk].into()))))
        }
    }

    fn stream(bytes: usize) -> Body {
        Body::new(Chunks(Some(bytes)))
    }

    async fn take(receiver: &Receiver, body: Body, max: u64) -> Result<Received, PublishError> {
        receiver.receive(&HeaderMap::new(), body, max, soon()).await
    }

    #[tokio::test]
    async fn short_bodies_stay_in_memory_and_long_ones_read_the_same_from_a_file() {
        let receiver = receiver(4);
        for (bytes, spooled) in [(0, false), (1 << 10, false), (1 << 20, false), ((1 << 20) + 1024, true)] {
            let received = take(&receiver, stream(bytes), u64::MAX).await.unwrap();
            assert_eq!((received.len(), received.is_spooled()), (bytes as u64, spooled), "{bytes}");
            let mut all = Vec::new();
            received.reader().read_to_end(&mut all).unwrap();
            assert!(all.len() == bytes && all.iter().all(|&byte| byte == 7), "{bytes}");
            let mut part = Vec::new();
            received.part(10, 20).read_to_end(&mut part).unwrap();
            assert_eq!(part.len(), bytes.min(10), "{bytes}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_longer_than_it_may_be_is_refused_whatever_it_announced() {
        let receiver = receiver(4);
        for (bytes, max) in [(2 << 10, 1 << 10), (4 << 20, 2 << 20)] {
            let error = take(&receiver, stream(bytes), max).await.unwrap_err();
            assert!(matches!(error, PublishError::Body { .. }), "{error}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, 11.into());
        let error = receiver.receive(&headers, stream(5), 10, soon()).await.unwrap_err();
        assert!(matches!(error, PublishError::Body { bytes: 11, max: 10 }), "{error}");
    }

    #[tokio::test]
    async fn what_is_in_memory_and_in_files_at_the_same_time_is_bounded() {
        let receiver = receiver(1);
        let mut held = Vec::new();
        for _ in 0..IN_MEMORY_MAX {
            held.push(take(&receiver, stream(100 << 10), u64::MAX).await.unwrap());
        }
        assert!(held.iter().all(|received| !received.is_spooled()));
        let in_file = take(&receiver, stream(100 << 10), u64::MAX).await.unwrap();
        assert!(in_file.is_spooled());
        assert!(matches!(take(&receiver, stream(100 << 10), u64::MAX).await, Err(PublishError::Busy)));
        assert!(take(&receiver, stream(10 << 10), u64::MAX).await.is_ok(), "little always has room");
        drop(in_file);
        assert!(take(&receiver, stream(100 << 10), u64::MAX).await.is_ok());
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_waited_for_until_the_deadline() {
        let (receiver, headers) = (receiver(1), HeaderMap::new());
        let received = receiver.receive(&headers, Body::new(Chunks(None)), 10, Instant::now());
        assert!(matches!(received.await, Err(PublishError::BodyLate)));
    }

    #[test]
    fn only_files_may_be_longer_than_the_bodies_of_other_requests() {
        let receiver = receiver(1);
        let max = |method: Method, media: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(media));
            receiver.bytes_max(&method, &headers)
        };
        let limits = Limits::default();
        assert_eq!(max(Method::POST, "multipart/form-data; boundary=x"), limits.upload_bytes_max);
        assert_eq!(max(Method::PUT, "image/png"), limits.upload_bytes_max);
        assert_eq!(max(Method::PUT, "application/x-www-form-urlencoded"), limits.body_bytes_max);
        assert_eq!(max(Method::POST, "application/json"), limits.body_bytes_max);
    }
}
