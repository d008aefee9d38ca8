//! The history of an object.

use bough_core::Oid;
use bough_core::security::permission::HISTORY;
use bough_core::snapshot::is_live;
use bough_web::pages::{PageError, PageRequest};

/// Where the history of an object is; empty where whoever asks may not see it. One that was deleted is asked for by oid.
pub(crate) fn url_of(request: &PageRequest, oid: Oid) -> Result<String, PageError> {
    if is_live(request.snapshot(), oid)? {
        let may_see = request.access().allows_at(HISTORY, oid)?;
        return if may_see { request.page_url(oid, &["history"]) } else { Ok(String::new()) };
    }
    Ok(format!("{}?oid={oid}", request.page_url(request.object()?.oid(), &["history"])?))
}
