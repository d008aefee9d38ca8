//! Cookies: how they are named, read and written.
//!
//! Under TLS each name begins with `__Host-`, so that no other host, and nobody who can answer for this one without
//! TLS, can put a cookie of that name into a browser; then no cookie without the mark is read.
//!
//! # Invariants
//! - What is written holds only letters, digits and `-`, so nothing that a client sent can end a cookie or a header.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// How many cookies of one name are looked at. Another host beside this one may have set some, without TLS.
const SAME_NAME_MAX: usize = 4;

/// The cookies of a browser that came by TLS, or without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies<'a> {
    headers: &'a HeaderMap,
    is_https: bool,
}

impl<'a> Cookies<'a> {
    pub(crate) fn new(headers: &'a HeaderMap, is_https: bool) -> Self {
        Self { headers, is_https }
    }

    /// What the browser holds under this name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = full_name(name, self.is_https);
        let values = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
        pairs
            .filter(move |(found, _)| found.trim() == name)
            .map(|(_, value)| value.trim())
            .take(SAME_NAME_MAX)
    }

    /// The header that has the browser hold this value for so many seconds; 0 takes it away.
    ///
    /// # Panics
    /// When the value holds anything but letters, digits and `-`.
    pub(crate) fn set(self, name: &str, value: &str, secs: u64) -> HeaderValue {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        assert!(is_plain(name) && is_plain(value), "BUG: a cookie that is not plain");
        let secure = if self.is_https { "; Secure" } else { "" };
        let name = full_name(name, self.is_https);
        let text = format!("{name}={value}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).unwrap_or_else(|error| unreachable!("BUG: plain text: {error}"))
    }
}

/// `bough` is called `bough-session` where it cannot be `__Host-bough`.
fn full_name(name: &str, is_https: bool) -> String {
    match (is_https, name) {
        (true, SESSION) => "__Host-bough".into(),
        (true, name) => format!("__Host-{name}"),
        (false, name) => name.into(),
    }
}

/// The cookie of a session.
pub(crate) const SESSION: &str = "bough-session";
/// The cookie of a browser that is not logged in and was shown a form.
pub(crate) const FORM: &str = "bough-form";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_hidden_from_scripts() {
        let none = HeaderMap::new();
        let (plain, tls) = (Cookies::new(&none, false), Cookies::new(&none, true));
        assert_eq!(
            plain.set(SESSION, "1f", 60),
            "bough-session=1f; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            tls.set(SESSION, "1f", 60),
            "__Host-bough=1f; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert!(tls.set(FORM, "", 0).to_str().unwrap().starts_with("__Host-bough-form=; Path=/; Max-Age=0"));
    }

    #[test]
    fn under_tls_only_cookies_are_read_that_nobody_else_can_set() {
        let headers = headers(&["a=b; bough-session=1; __Host-bough=2", "__Host-bough = 3 ;bough-session=4"]);
        let read = |is_https| Cookies::new(&headers, is_https).all(SESSION).collect::<Vec<_>>();
        assert_eq!(read(true), ["2", "3"]);
        assert_eq!(read(false), ["1", "4"]);
    }

    #[test]
    fn a_crowd_of_cookies_is_not_gone_through() {
        let many = headers(&["bough-session=1; "; 50]);
        assert_eq!(Cookies::new(&many, false).all(SESSION).count(), SAME_NAME_MAX);
    }

    #[test]
    #[should_panic(expected = "BUG: a cookie")]
    fn nothing_can_be_put_behind_a_cookie() {
        let none = HeaderMap::new();
        Cookies::new(&none, false).set(SESSION, "1; Domain=example.org\r\nX-Other: 1", 60);
    }
}
