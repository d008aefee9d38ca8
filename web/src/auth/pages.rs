//! The pages of accounts: logging in and out, one's own account, one-time links.
//!
//! Plain HTML that works without scripts, and whose only style is one sheet, so that the strictest content policy fits.
//!
//! Not here: what the forms do (`publisher::accounts`).

use std::sync::LazyLock;

use askama::Template;
use bough_core::Oid;

use super::PASSWORD_CHARS_MIN;
use super::session::Session;
use super::token::Token;

/// The style sheet of these pages.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");
/// The view that serves it.
pub(crate) const STYLE_VIEW: &str = "style.css";

/// Changes with the sheet, so that a browser may keep it for ever.
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| blake3::hash(STYLE.as_bytes()).to_hex().chars().take(16).collect());

/// What a page says on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Wrong,
    TooMany { secs: u64 },
    Busy,
    FormExpired,
    LoggedOut,
    PasswordSet,
    PasswordWrong,
    PasswordShort,
    PasswordLong,
    PasswordsDiffer,
    NameTaken,
    NameWrong,
    SessionsEnded,
    TokenRevoked,
    TokenName,
    TooManyTokens,
    NoSuchPlace,
}

impl Notice {
    /// What happened before the page was opened, as its address says.
    pub(crate) fn of_query(text: &str) -> Option<Self> {
        Some(match text {
            "logged-out" => Self::LoggedOut,
            "password" => Self::PasswordSet,
            "sessions" => Self::SessionsEnded,
            "token-revoked" => Self::TokenRevoked,
            _ => return None,
        })
    }

    fn is_good(self) -> bool {
        matches!(self, Self::LoggedOut | Self::PasswordSet | Self::SessionsEnded | Self::TokenRevoked)
    }

    fn kind(self) -> &'static str {
        if self.is_good() { "good" } else { "bad" }
    }

    fn role(self) -> &'static str {
        if self.is_good() { "status" } else { "alert" }
    }

    fn text(self) -> String {
        match self {
            Self::Wrong => "Nobody with this name and this password may see this page.".into(),
            Self::TooMany { secs } => {
                format!("There were too many tries. Please wait {}, then try again.", duration(secs))
            }
            Self::Busy => {
                "Many people are logging in at the moment. Please try again in a few seconds.".into()
            }
            Self::FormExpired => {
                "This form was shown too long ago, or your browser takes no cookies. Please try again.".into()
            }
            Self::LoggedOut => "You are logged out.".into(),
            Self::PasswordSet => "Your password is changed.".into(),
            Self::PasswordWrong => "That is not your password now. Nothing was changed.".into(),
            Self::PasswordShort => {
                format!("The new password is too short: it needs at least {PASSWORD_CHARS_MIN} characters.")
            }
            Self::PasswordLong => "The new password is too long.".into(),
            Self::PasswordsDiffer => "The two new passwords differ. Nothing was changed.".into(),
            Self::NameTaken => "Somebody has this name already. Please choose another one.".into(),
            Self::NameWrong => "This cannot be a name. Letters, digits, dots and hyphens can.".into(),
            Self::SessionsEnded => "Done: you are logged out there.".into(),
            Self::TokenRevoked => "The token is revoked.".into(),
            Self::TokenName => "A token needs a name of at most 100 characters.".into(),
            Self::TooManyTokens => "You have as many tokens as you may. Please revoke some first.".into(),
            Self::NoSuchPlace => "There is no such place on this site, so no token was made.".into(),
        }
    }
}

/// What every page has.
pub(crate) struct Frame {
    title: &'static str,
    style_url: String,
    home: String,
    notice: Option<Notice>,
}

impl Frame {
    /// The frame of a page on a host whose paths begin with `prefix`.
    pub(crate) fn new(title: &'static str, prefix: &str, notice: Option<Notice>) -> Self {
        let style_url = format!("{prefix}/@@{STYLE_VIEW}?v={}", *STYLE_HASH);
        Self { title, style_url, home: format!("{prefix}/"), notice }
    }
}

#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LogInPage {
    pub(crate) frame: Frame,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) next: String,
}

#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct LogOutPage {
    pub(crate) frame: Frame,
    pub(crate) code: String,
    pub(crate) name: String,
}

#[derive(Template)]
#[template(path = "welcome.html")]
pub(crate) struct WelcomePage {
    pub(crate) frame: Frame,
    /// None where the link works no more.
    pub(crate) form: Option<WelcomeForm>,
}

pub(crate) struct WelcomeForm {
    pub(crate) code: String,
    pub(crate) key: String,
    /// Whose password is set; none where the first administrator is made.
    pub(crate) user: Option<String>,
    pub(crate) name: String,
    pub(crate) password_min: usize,
}

#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    pub(crate) frame: Frame,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) logout_url: String,
    pub(crate) devices: Vec<DeviceRow>,
    pub(crate) tokens: Vec<TokenRow>,
    pub(crate) made_token: Option<String>,
    pub(crate) password_min: usize,
}

pub(crate) struct DeviceRow {
    id: String,
    browser: String,
    address: String,
    made: String,
    seen: String,
    is_this: bool,
}

impl DeviceRow {
    pub(crate) fn of(session: Session, this: &str) -> Self {
        Self {
            browser: session.browser(),
            address: session.address.map(|address| address.to_string()).unwrap_or_default(),
            made: day(session.made_micros),
            seen: moment(session.seen_micros),
            is_this: session.id == this,
            id: session.id,
        }
    }
}

pub(crate) struct TokenRow {
    id: String,
    name: String,
    made: String,
    used: String,
    expires: String,
    subtree: String,
    is_limited: bool,
}

impl TokenRow {
    /// `path`: where an object is.
    pub(crate) fn of(token: Token, path: impl FnOnce(Oid) -> String) -> Self {
        Self {
            id: token.id,
            name: token.about.name,
            made: day(token.made_micros),
            used: token.used_micros.map_or("never used".into(), |used| format!("last used {}", moment(used))),
            expires: match token.about.expires_micros {
                Some(expires) => format!("until {}", day(expires)),
                None => "until it is revoked".into(),
            },
            is_limited: token.about.permissions.is_some(),
            subtree: token.about.subtree.map(path).unwrap_or_default(),
        }
    }
}

fn moment(micros: u64) -> String {
    written(micros, "%-d %B %Y, %H:%M UTC")
}

fn day(micros: u64) -> String {
    written(micros, "%-d %B %Y")
}

fn written(micros: u64, form: &str) -> String {
    let at = i64::try_from(micros).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    at.map_or_else(String::new, |at| at.strftime(form).to_string())
}

/// A time to wait, as people say it.
fn duration(secs: u64) -> String {
    match secs {
        0..=1 => "a second".into(),
        2..=90 => format!("{secs} seconds"),
        _ => format!("{} minutes", secs.div_ceil(60)),
    }
}

/// What people would call a browser, from what it calls itself. Most call themselves by the names of others, too, so
/// the order counts.
pub(super) fn browser_name(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.into(),
        (None, None) if agent.is_empty() => "A browser without a name".into(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\"><script>alert('x')</script>&";

    fn frame() -> Frame {
        Frame::new("Log in", "/site", Some(Notice::Wrong))
    }

    fn session(agent: &str) -> Session {
        crate::auth::session::tests::session(agent)
    }

    #[test]
    fn what_people_typed_is_text_on_every_page() {
        let hostile = || HOSTILE.to_owned();
        let form = WelcomeForm {
            code: hostile(),
            key: hostile(),
            user: None,
            name: hostile(),
            password_min: PASSWORD_CHARS_MIN,
        };
        let token = TokenRow {
            id: hostile(),
            name: hostile(),
            made: hostile(),
            used: hostile(),
            expires: hostile(),
            subtree: hostile(),
            is_limited: true,
        };
        let pages = [
            LogInPage { frame: frame(), code: hostile(), name: hostile(), next: hostile() }.render(),
            LogOutPage { frame: frame(), code: hostile(), name: hostile() }.render(),
            WelcomePage { frame: frame(), form: Some(form) }.render(),
            AccountPage {
                frame: frame(),
                code: hostile(),
                name: hostile(),
                logout_url: hostile(),
                devices: vec![DeviceRow::of(session(HOSTILE), "")],
                tokens: vec![token],
                made_token: Some(hostile()),
                password_min: PASSWORD_CHARS_MIN,
            }
            .render(),
        ];
        for page in pages {
            let page = page.unwrap();
            assert!(!page.contains("<script") && !page.contains("alert('"), "{page}");
            assert!(page.contains("&#60;script&#62;"), "{page}");
        }
    }

    #[test]
    fn pages_hold_no_script_and_no_style_of_their_own() {
        let page = LogInPage { frame: frame(), code: "c".into(), name: String::new(), next: "/".into() };
        let page = page.render().unwrap();
        assert!(!page.contains("<style") && !page.contains("style=") && !page.contains(" on"), "{page}");
        assert!(page.contains(&format!("href=\"/site/@@style.css?v={}\"", *STYLE_HASH)), "{page}");
        assert!(page.contains("Nobody with this name") && page.contains("role=\"alert\""), "{page}");
        assert!(page.contains("href=\"/site/\""), "{page}");
    }

    #[test]
    fn a_link_that_works_no_more_says_so() {
        let page = WelcomePage { frame: frame(), form: None }.render().unwrap();
        assert!(page.contains("was used already, or has expired") && !page.contains("<form"), "{page}");
    }

    #[test]
    fn browsers_are_called_what_people_call_them() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "curl"),
            ("", "A browser without a name"),
            ("something else", "something else"),
        ] {
            assert_eq!(browser_name(agent), name);
        }
    }

    #[test]
    fn times_are_written_as_people_read_them() {
        assert_eq!(moment(1_800_000_000_000_000), "15 January 2027, 08:00 UTC");
        assert_eq!(day(1_800_000_000_000_000), "15 January 2027");
        assert_eq!(moment(u64::MAX), "");
        assert_eq!([1, 45, 91].map(duration), ["a second", "45 seconds", "2 minutes"]);
    }
}
