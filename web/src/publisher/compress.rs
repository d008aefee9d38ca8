//! Compression: gzip for what shrinks, kept for documents that their tag alone identifies.
//!
//! Large files that are streamed are sent as they are: nearly all of them are media that do not shrink.

use std::io::Write;

use axum::http::HeaderValue;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Shorter than this, the gain does not pay for the header.
const BYTES_MIN: usize = 512;
/// Up to here compressing is quick enough to be done between two other requests.
pub(crate) const INLINE_BYTES_MAX: usize = 32 << 10;

#[derive(Clone)]
struct ByLength;

impl Weighter<String, Bytes> for ByLength {
    fn weight(&self, tag: &String, bytes: &Bytes) -> u64 {
        (tag.len() + bytes.len() + 64) as u64
    }
}

/// The compressed forms of the files that were asked for lately.
pub(crate) struct Compressed(Cache<String, Bytes, ByLength>);

impl Compressed {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let average = 8 << 10;
        Self(Cache::with_weighter((bytes_max / average).max(16) as usize, bytes_max, ByLength))
    }

    /// The compressed form, if it is at hand.
    pub(crate) fn get(&self, tag: &str) -> Option<Bytes> {
        self.0.get(tag)
    }

    pub(crate) fn keep(&self, tag: &str, compressed: Bytes) {
        self.0.insert(tag.to_owned(), compressed);
    }
}

/// Whether compressing is worth it.
pub(crate) fn is_worthwhile(media_type: &HeaderValue, bytes: usize) -> bool {
    bytes >= BYTES_MIN && is_compressible(media_type)
}

/// Whether documents of this type usually shrink.
pub(crate) fn is_compressible(media_type: &HeaderValue) -> bool {
    let Ok(media_type) = media_type.to_str() else { return false };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("+json")
        || matches!(
            essence,
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "font/ttf"
                | "font/otf"
                | "image/x-icon"
        )
}

pub(crate) fn gzip(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3 + 64), Compression::new(5));
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}
