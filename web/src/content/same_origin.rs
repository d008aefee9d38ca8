//! Whether a request that changes something was made by a page of this very site, or by no page at all.
//!
//! Browsers say from where a request comes (`Sec-Fetch-Site`), older ones at least which site made it (`Origin`). What
//! says neither was made by a program; it passes unless it carries a cookie, which only browsers keep.
//!
//! Idea: Filippo Valsorda, "Cross-Site Request Forgery", 2025.

use axum::http::header::{COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderName};

use crate::error::PublishError;
use crate::hosts::Origin;
use crate::publisher::visit::Asked;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request pass that changes something; to be asked before it is answered, whoever makes it.
///
/// # Errors
/// When a page of another site made it, or nobody says who did and it carries a cookie.
pub(crate) fn same_origin(asked: &Asked) -> Result<(), PublishError> {
    if is_ours(asked.headers(), &asked.origin) { Ok(()) } else { Err(PublishError::CrossSite) }
}

fn is_ours(headers: &HeaderMap, here: &Origin) -> bool {
    if headers.contains_key(FETCH_SITE) {
        return matches!(only(headers, &FETCH_SITE), Some("same-origin" | "none"));
    }
    if headers.contains_key(ORIGIN) {
        return only(headers, &ORIGIN).is_some_and(|origin| is_here(origin, here));
    }
    !headers.contains_key(COOKIE)
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn is_here(origin: &str, here: &Origin) -> bool {
    let (scheme, port) = if here.is_https { ("https", ":443") } else { ("http", ":80") };
    let plain = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    match origin.split_once("://") {
        Some((of, authority)) => {
            of == scheme && !here.authority.is_empty() && plain(authority) == plain(&here.authority)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_sites_own_pages_and_programs_without_cookies_may_change_something() {
        let site = ["same-origin", "none", "same-site", "cross-site", "Same-Origin", "", "same-origin, none"];
        let origins = [
            "http://a.example:8080",
            "http://A.EXAMPLE:8080",
            "https://a.example:8080",
            "http://a.example",
            "http://b.a.example:8080",
            "http://evil.example",
            "http://a.example:8080.evil.example",
            "http://a.example:8080/",
            "null",
            "a.example:8080",
            "",
        ];
        let here = Origin { authority: "a.example:8080".into(), ..Origin::default() };
        let check = |fetch: Option<&str>, origin: Option<&str>, cookie: bool, expected: bool| {
            let mut headers = HeaderMap::new();
            fetch.map(|value| headers.insert(FETCH_SITE, value.parse().unwrap()));
            origin.map(|value| headers.insert(ORIGIN, value.parse().unwrap()));
            cookie.then(|| headers.insert(COOKIE, "a=b".parse().unwrap()));
            assert_eq!(is_ours(&headers, &here), expected, "{fetch:?} {origin:?} {cookie}");
        };
        for cookie in [false, true] {
            for (nth, fetch) in site.into_iter().enumerate() {
                check(Some(fetch), None, cookie, nth < 2);
                for origin in origins {
                    check(Some(fetch), Some(origin), cookie, nth < 2);
                }
            }
            for (nth, origin) in origins.into_iter().enumerate() {
                check(None, Some(origin), cookie, nth < 2);
            }
            check(None, None, cookie, !cookie);
        }
    }

    #[test]
    fn the_port_that_goes_without_saying_may_be_said() {
        for (origin, authority, is_https, expected) in [
            ("https://a", "a", true, true),
            ("https://a", "a:443", true, true),
            ("https://a:443", "a", true, true),
            ("http://a", "a:80", false, true),
            ("http://a", "a:443", false, false),
            ("http://a", "a", true, false),
            ("https://a", "a", false, false),
            ("http://[::1]:8080", "[::1]:8080", false, true),
            ("http://", "", false, false),
        ] {
            let here = Origin { authority: authority.into(), is_https, ..Origin::default() };
            assert_eq!(is_here(origin, &here), expected, "{origin} at {authority}, https: {is_https}");
        }
    }

    #[test]
    fn what_is_said_twice_is_not_believed() {
        let here = Origin { authority: "a".into(), ..Origin::default() };
        for (name, value) in [(FETCH_SITE, "same-origin"), (ORIGIN, "http://a")] {
            let mut headers = HeaderMap::new();
            headers.append(&name, value.parse().unwrap());
            assert!(is_ours(&headers, &here));
            headers.append(&name, value.parse().unwrap());
            assert!(!is_ours(&headers, &here), "{name}");
        }
    }
}
