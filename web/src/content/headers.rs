//! What every answer tells the browser to keep apart, in one place.
//!
//! A document says with its [`Guard`] what it is; whatever says nothing is a page of the site itself.

use axum::body::Body;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::media::{Nature, nature};
use super::policy::{Allowed, ContentPolicy};

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// For pages that templates make. Pictures, sound and film may come from anywhere; scripts only from files of the site.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src * data:; media-src *; style-src 'self' 'unsafe-inline'; script-src 'self'; \
     object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
);
/// For files that could act and must not: an origin of their own, no scripts, and the style of the files beside them.
const INERT: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);
/// For what may act, but not as the site.
const BOXED: HeaderValue = HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups");
/// A year, in seconds.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// What no page of a site needs unless it is trusted.
const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=(), usb=()");

/// What a document is to the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A page of the site.
    #[default]
    Page,
    /// A page that the server makes by itself, within a policy of its own.
    Own(HeaderValue),
    /// A file that is shown, heard or read, and that is all.
    Still,
    /// A file that could act, and must not.
    Inert,
    /// A file that nobody knows how to show safely: it is saved, not shown.
    Saved,
    /// It may act, in an origin of its own.
    Boxed,
    /// It may do what the site may, within a policy of its own if it has one.
    Trusted(Option<HeaderValue>),
}

impl Guard {
    /// For a page that a template makes.
    pub(crate) fn of_page(allowed: &Allowed) -> Self {
        match allowed.policy {
            ContentPolicy::Clean => Self::Page,
            ContentPolicy::Sandbox => Self::Boxed,
            ContentPolicy::Trusted => Self::Trusted(allowed.own.clone()),
        }
    }

    /// For a file that is sent as it is.
    ///
    /// # Errors
    /// When what is allowed cannot be read.
    pub(crate) fn of_file<E>(
        media_type: &HeaderValue,
        allowed: impl FnOnce() -> Result<Allowed, E>,
    ) -> Result<Self, E> {
        let nature = nature(media_type);
        if nature == Nature::Passive {
            // Most files: nothing has to be allowed, so nobody is asked.
            return Ok(Self::Still);
        }
        let Allowed { policy, own } = allowed()?;
        Ok(match (policy, nature) {
            (ContentPolicy::Trusted, _) => Self::Trusted(own),
            (ContentPolicy::Sandbox, _) => Self::Boxed,
            (ContentPolicy::Clean, Nature::Active) => Self::Inert,
            (ContentPolicy::Clean, _) => Self::Saved,
        })
    }

    /// Whether what is allowed can only ever become more, so that an answer does no harm however long it is kept.
    pub(crate) fn may_be_kept(&self) -> bool {
        !matches!(self, Self::Boxed | Self::Trusted(_))
    }

    /// What makes the tags of answers differ that are the same but for what they are allowed.
    pub(crate) fn mark(&self) -> Option<[u8; 8]> {
        let said: &[&[u8]] = match self {
            Self::Page | Self::Own(_) | Self::Still => return None,
            Self::Inert => &[b"inert"],
            Self::Saved => &[b"saved"],
            Self::Boxed => &[b"boxed"],
            Self::Trusted(None) => &[b"trusted"],
            Self::Trusted(Some(own)) => &[b"trusted ", own.as_bytes()],
        };
        let mut mark = [0; 8];
        mark.copy_from_slice(&blake3::hash(&said.concat()).as_bytes()[..8]);
        Some(mark)
    }
}

/// Adds the headers about security that every answer of a site has, also those that the site itself does not make.
/// `is_own_tls`: whether the request came with [`OwnTls`](crate::OwnTls), so that browsers may be told to stay there.
pub fn secure(response: &mut Response<Body>, is_own_tls: bool) {
    let guard = response.extensions_mut().remove::<Guard>().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    if is_own_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
    match guard {
        Guard::Page => {
            headers.insert(CONTENT_SECURITY_POLICY, PAGE);
            headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
            keep_in(headers);
        }
        Guard::Own(policy) => {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
            headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
            keep_in(headers);
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        Guard::Still => keep_in(headers),
        Guard::Inert => {
            headers.insert(CONTENT_SECURITY_POLICY, INERT);
            keep_in(headers);
        }
        Guard::Saved => {
            headers.insert(CONTENT_SECURITY_POLICY, INERT);
            headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
            keep_in(headers);
        }
        // Documents in frames of each other have no origin in common, so none could name the others.
        Guard::Boxed => {
            headers.insert(CONTENT_SECURITY_POLICY, BOXED);
            headers.insert(PERMISSIONS_POLICY, NO_DEVICES);
        }
        Guard::Trusted(own) => {
            if let Some(own) = own {
                headers.insert(CONTENT_SECURITY_POLICY, own);
            }
        }
    }
}

fn keep_in(headers: &mut HeaderMap) {
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(PERMISSIONS_POLICY, NO_DEVICES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_guarded_by_what_it_is_and_by_how_far_it_is_trusted() {
        let own = HeaderValue::from_static("default-src 'none'");
        let check = |policy, media_type, expected| {
            let allowed = Allowed { policy, own: (policy == ContentPolicy::Trusted).then(|| own.clone()) };
            let media_type = HeaderValue::from_static(media_type);
            let guard: Result<_, ()> = Guard::of_file(&media_type, || Ok(allowed));
            assert_eq!(guard, Ok(expected), "{policy} {media_type:?}");
        };
        let trusted = Guard::Trusted(Some(own.clone()));
        for (policy, html, other) in [
            (ContentPolicy::Clean, Guard::Inert, Guard::Saved),
            (ContentPolicy::Sandbox, Guard::Boxed, Guard::Boxed),
            (ContentPolicy::Trusted, trusted.clone(), trusted.clone()),
        ] {
            check(policy, "text/html", html);
            check(policy, "application/zip", other);
            check(policy, "image/png", Guard::Still);
        }
    }
}
