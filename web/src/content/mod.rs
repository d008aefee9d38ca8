//! What content that people wrote may do in a browser, and which requests are taken for its reader's own wish.
//!
//! Code map: `policy` (who is trusted how far: `_content_policy`), `media` (which types of files can act), `sanitise`
//! (HTML without what acts), `headers` (what every answer tells the browser), `same_origin` (no other site may write
//! here in its visitor's name).
//!
//! # Invariants
//! - Where nobody said otherwise, and where what was said cannot be understood, nothing that people wrote runs.
//! - What was trusted at a past time is trusted there only as far as it is now.

pub(crate) mod headers;
pub(crate) mod media;
pub(crate) mod policy;
pub(crate) mod same_origin;
pub(crate) mod sanitise;
