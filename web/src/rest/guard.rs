//! Who may use the interface, before anything is looked up.

use axum::http::HeaderName;
use axum::http::header::ORIGIN;

use crate::problem::{Code, Problem};
use crate::publisher::visit::Asked;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a page of another site lets a browser send.
pub(super) fn same_origin(asked: &Asked) -> Result<(), Problem> {
    let text = |name: &HeaderName| asked.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin = &asked.origin;
    let own = format!("{}://{}", if origin.is_https { "https" } else { "http" }, origin.authority);
    let is_own = match (text(&SEC_FETCH_SITE), text(&ORIGIN)) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(found)) => found == own,
        // No browser.
        (None, None) => true,
    };
    if is_own {
        return Ok(());
    }
    Err(Problem::new(Code::Origin, "a page of another site cannot change anything here").expected(own))
}
