//! Forms: what they carry, and the code that says that this site showed them.
//!
//! Each form holds a code made from a secret of the browser: that of its session, or, before anybody logged in, one in
//! a cookie of its own. Another site can have a browser send a form, but does not know the code.

use std::collections::BTreeMap;

use axum::http::HeaderValue;

use super::cookie::{Cookies, FORM};
use super::secret::{Secret, random, to_hex};
use crate::urlencoded;

const PURPOSE: &str = "bough form 1";
/// How long a browser keeps the secret of its forms, in seconds: a day.
const COOKIE_SECS: u64 = 24 * 3_600;

/// What a form carried: of each field the last value.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form as browsers send it; what is not UTF-8 becomes a mark that shows so.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let pairs = urlencoded::pairs(&String::from_utf8_lossy(bytes));
        Self(pairs.into_iter().filter_map(|(key, mut values)| Some((key, values.pop()?))).collect())
    }

    /// The value of a field; empty where there is none.
    pub(crate) fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }
}

/// What the codes of a browser's forms are made from.
pub(crate) struct FormSecret {
    secret: Secret,
    /// The header that has the browser keep it, where it does not yet.
    pub(crate) cookie: Option<HeaderValue>,
}

impl FormSecret {
    /// That of a session, or of the browser, which gets one if it has none.
    pub(crate) fn of(session: Option<&Secret>, cookies: Cookies<'_>) -> Self {
        let kept = session.cloned().or_else(|| cookies.all(FORM).find_map(Secret::parse));
        match kept {
            Some(secret) => Self { secret, cookie: None },
            None => {
                let secret = Secret::random();
                let cookie = cookies.set(FORM, &secret.to_text(), COOKIE_SECS);
                Self { secret, cookie: Some(cookie) }
            }
        }
    }

    /// What a form is to carry as `code`.
    pub(crate) fn code(&self) -> String {
        self.secret.code(PURPOSE, b"").to_hex().to_string()
    }

    /// The same, each time another text: so that nothing can be learnt of it from how well a page compresses that
    /// also shows what somebody else chose.
    pub(crate) fn masked_code(&self) -> String {
        let mask: [u8; 32] = random();
        let code = self.secret.code(PURPOSE, b"");
        let masked: Vec<u8> = code.as_bytes().iter().zip(mask).map(|(code, mask)| code ^ mask).collect();
        format!("{}{}", to_hex(&mask), to_hex(&masked))
    }

    /// Whether a text is a masked code of this browser.
    pub(crate) fn accepts_masked(&self, text: &str) -> bool {
        let halves = text.is_char_boundary(64).then(|| text.split_at(64));
        let Some((mask, masked)) = halves else { return false };
        let (Ok(mask), Ok(masked)) = (blake3::Hash::from_hex(mask), blake3::Hash::from_hex(masked)) else {
            return false;
        };
        let mut code = *masked.as_bytes();
        code.iter_mut().zip(mask.as_bytes()).for_each(|(code, mask)| *code ^= mask);
        blake3::Hash::from_bytes(code) == self.secret.code(PURPOSE, b"")
    }

    /// Whether this site showed the form to this browser. The comparison takes the same time wherever codes differ.
    pub(crate) fn accepts(&self, form: &Form) -> bool {
        let code = blake3::Hash::from_hex(form.get("code"));
        code.is_ok_and(|code| code == self.secret.code(PURPOSE, b""))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::COOKIE;

    use super::*;

    fn form(code: &str) -> Form {
        Form::parse(format!("code={code}&a=1").as_bytes())
    }

    #[test]
    fn a_form_is_accepted_from_the_browser_that_it_was_shown_to() {
        let none = HeaderMap::new();
        let shown = FormSecret::of(None, Cookies::new(&none, true));
        let cookie = shown.cookie.as_ref().unwrap().to_str().unwrap();
        let mut theirs = HeaderMap::new();
        theirs.insert(COOKIE, HeaderValue::from_str(cookie.split(';').next().unwrap()).unwrap());
        let again = FormSecret::of(None, Cookies::new(&theirs, true));
        assert!(again.accepts(&form(&shown.code())) && again.cookie.is_none());
        assert!(
            !FormSecret::of(None, Cookies::new(&none, true)).accepts(&form(&shown.code())),
            "another browser"
        );
        assert!(!FormSecret::of(None, Cookies::new(&theirs, false)).accepts(&form(&shown.code())));
        for wrong in ["", "0", &shown.code()[1..], &shown.secret.to_text()] {
            assert!(!again.accepts(&form(wrong)), "{wrong}");
        }
    }

    #[test]
    fn a_masked_code_is_another_text_each_time_and_counts_as_long_as_the_secret() {
        let none = HeaderMap::new();
        let (one, two) = (Secret::random(), Secret::random());
        let of = |secret: &Secret| FormSecret::of(Some(secret), Cookies::new(&none, true));
        let (first, second) = (of(&one).masked_code(), of(&one).masked_code());
        assert_ne!(first, second);
        assert!(of(&one).accepts_masked(&first) && of(&one).accepts_masked(&second));
        assert!(!of(&two).accepts_masked(&first), "of another session");
        let mixed = format!("{}{}", &first[..64], &second[64..]);
        for wrong in ["", "0", &first[1..], &first[..64], &of(&one).code(), &mixed, &"é".repeat(64)] {
            assert!(!of(&one).accepts_masked(wrong), "{wrong}");
        }
    }

    #[test]
    fn whoever_is_logged_in_has_codes_of_the_session() {
        let none = HeaderMap::new();
        let (one, two) = (Secret::random(), Secret::random());
        let of = |secret: &Secret| FormSecret::of(Some(secret), Cookies::new(&none, true));
        assert!(of(&one).accepts(&form(&of(&one).code())) && of(&one).cookie.is_none());
        assert!(!of(&two).accepts(&form(&of(&one).code())), "of another session");
        assert_ne!(of(&one).code(), one.to_text(), "a page does not hold the secret");
    }

    #[test]
    fn the_last_value_of_a_field_counts() {
        let form = Form::parse(b"name=a+b&name=%C3%A9%26&empty=&%ff=1");
        assert_eq!((form.get("name"), form.get("empty"), form.get("other")), ("é&", "", ""));
    }
}
