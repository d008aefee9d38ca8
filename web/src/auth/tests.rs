//! The rules that hold between the parts, and attacks on them.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::testing::{Time, store};
use super::*;

const ANA: Oid = Oid::from_u128(1);
const BO: Oid = Oid::from_u128(2);
const PASSWORD: &str = "correct horse";
const HOUR: u64 = 3_600_000_000;

fn accounts() -> (Accounts, Time) {
    let (database, time) = store();
    let accounts = Accounts::new(&database, PasswordCost { memory_kib: 8, passes: 1 });
    accounts.set_password(ANA, PASSWORD).unwrap();
    (accounts, time)
}

/// A browser: what it holds.
#[derive(Clone, Default)]
struct Held(Vec<(String, String)>);

impl Held {
    fn take(&mut self, cookies: &[HeaderValue]) {
        for cookie in cookies {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(held, _)| held != name);
            if !value.is_empty() {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let text: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert(COOKIE, text.join("; ").parse().unwrap());
        headers
    }
}

fn log_in(password: &str, address: &str, candidates: &[Option<Oid>]) -> LogIn {
    LogIn {
        name: "ana".into(),
        password: password.into(),
        browser: Browser { agent: "Fox".into(), address: address.parse().ok() },
        candidates: candidates.to_vec(),
        may: Box::new(|_| Ok(true)),
    }
}

/// Logs in with a browser, which then holds what it was given.
async fn enter(
    accounts: &Accounts,
    held: &mut Held,
    password: &str,
    address: &str,
) -> Result<Oid, LogInError> {
    let headers = held.headers();
    let cookies = Cookies::new(&headers, true);
    let logged_in = accounts.log_in(cookies, log_in(password, address, &[Some(ANA)])).await?;
    held.take(&logged_in.cookies);
    Ok(logged_in.user)
}

fn who(accounts: &Accounts, held: &Held) -> Identity {
    accounts.identify(&held.headers(), true).unwrap()
}

fn is_logged_in(accounts: &Accounts, held: &Held) -> bool {
    matches!(who(accounts, held), Identity::Session(key) if key.user == ANA)
}

fn newest(accounts: &Accounts) -> Event {
    accounts.events(None, 1).unwrap().remove(0).event
}

#[tokio::test]
async fn whoever_knows_the_password_is_logged_in_until_he_logs_out() {
    let (accounts, _) = accounts();
    let mut held = Held::default();
    assert_eq!(who(&accounts, &held), Identity::Nobody);
    let wrong = enter(&accounts, &mut held, "wrong", "192.0.2.1").await;
    assert!(matches!(wrong, Err(LogInError::Wrong)) && held.0.is_empty());
    assert_eq!(newest(&accounts), Event::Failed { name: "ana".into() });
    assert_eq!(enter(&accounts, &mut held, PASSWORD, "192.0.2.1").await.unwrap(), ANA);
    assert!(is_logged_in(&accounts, &held));
    assert_eq!(newest(&accounts), Event::LogIn);
    // Replay: what the browser held stands no more, whoever shows it.
    let stolen = held.clone();
    let headers = held.headers();
    held.take(&accounts.log_out(Cookies::new(&headers, true), None).unwrap());
    assert_eq!(who(&accounts, &held), Identity::Nobody);
    assert_eq!(who(&accounts, &stolen), Identity::Wrong);
    assert_eq!(newest(&accounts), Event::LogOut);
}

#[tokio::test]
async fn a_session_that_was_planted_in_a_browser_is_never_logged_in() {
    let (accounts, _) = accounts();
    let planted = SessionKey { user: ANA, secret: Secret::random() };
    let mut held = Held(vec![("__Host-bough".into(), planted.to_text())]);
    let attacker = held.clone();
    enter(&accounts, &mut held, PASSWORD, "192.0.2.1").await.unwrap();
    assert!(is_logged_in(&accounts, &held));
    assert_eq!(who(&accounts, &attacker), Identity::Wrong);
    // Nor does one that stood stay so.
    let before = held.clone();
    enter(&accounts, &mut held, PASSWORD, "192.0.2.1").await.unwrap();
    assert!(is_logged_in(&accounts, &held));
    assert_eq!(who(&accounts, &before), Identity::Wrong);
}

#[tokio::test]
async fn a_name_that_nobody_has_costs_as_much_as_a_wrong_password() {
    let (accounts, _) = accounts();
    let none = HeaderMap::new();
    for (candidates, hashes) in [
        (&[][..], 1),
        (&[None], 1),
        (&[Some(ANA)], 1),
        (&[Some(BO)], 1),
        (&[None, None], 2),
        (&[Some(BO), Some(ANA)], 2),
        (&[None, Some(ANA)], 2),
    ] {
        let before = accounts.0.credentials.hashes();
        let attempt = log_in("wrong", "192.0.2.1", candidates);
        let refused = accounts.log_in(Cookies::new(&none, true), attempt).await;
        assert!(matches!(refused, Err(LogInError::Wrong)));
        assert_eq!(accounts.0.credentials.hashes() - before, hashes, "{candidates:?}");
    }
}

#[tokio::test]
async fn the_first_user_who_has_the_password_and_may_have_the_object_is_meant() {
    let (accounts, _) = accounts();
    accounts.set_password(BO, PASSWORD).unwrap();
    let none = HeaderMap::new();
    let of = async |candidates: &[Option<Oid>], refused: Option<Oid>| {
        let may: May = Box::new(move |oid| Ok(Some(oid) != refused));
        let attempt = LogIn { may, ..log_in(PASSWORD, "192.0.2.1", candidates) };
        accounts.log_in(Cookies::new(&none, true), attempt).await.ok().map(|logged_in| logged_in.user)
    };
    assert_eq!(of(&[None, Some(BO), Some(ANA)], None).await, Some(BO));
    assert_eq!(of(&[Some(BO), Some(ANA)], Some(BO)).await, Some(ANA));
    assert_eq!(of(&[Some(BO)], Some(BO)).await, None);
}

#[tokio::test]
async fn nobody_can_lock_a_user_out_of_the_browser_or_the_place_that_is_his() {
    let (accounts, _) = accounts();
    let mut his = Held::default();
    enter(&accounts, &mut his, PASSWORD, "192.0.2.1").await.unwrap();
    for nth in 0..60 {
        let mut attacker = Held::default();
        let tried = enter(&accounts, &mut attacker, "guess", &format!("198.51.100.{nth}")).await;
        assert!(matches!(tried, Err(LogInError::Wrong | LogInError::TooMany(_))));
    }
    let mut new = Held::default();
    let elsewhere = enter(&accounts, &mut new, PASSWORD, "203.0.113.9").await;
    let Err(LogInError::TooMany(wait)) = elsewhere else { panic!("{elsewhere:?}") };
    assert!((1..=20).contains(&wait.secs), "{wait:?}");
    let events = accounts.events(None, 100).unwrap().len();
    assert_eq!(events, 12, "a password, a log-in, and ten failures of this minute");
    enter(&accounts, &mut his, PASSWORD, "203.0.113.9").await.unwrap();
    enter(&accounts, &mut Held::default(), PASSWORD, "192.0.2.1").await.unwrap();
}

#[tokio::test]
async fn a_locked_out_try_is_refused_before_it_is_hashed() {
    let (accounts, _) = accounts();
    let mut held = Held::default();
    for _ in 0..10 {
        enter(&accounts, &mut held, "wrong", "192.0.2.1").await.unwrap_err();
    }
    let before = accounts.0.credentials.hashes();
    let refused = enter(&accounts, &mut held, PASSWORD, "192.0.2.1").await;
    assert!(matches!(refused, Err(LogInError::TooMany(_))), "also the right one");
    assert_eq!(accounts.0.credentials.hashes(), before);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_the_one_that_set_it() {
    let (accounts, _) = accounts();
    let (mut here, mut there) = (Held::default(), Held::default());
    enter(&accounts, &mut here, PASSWORD, "192.0.2.1").await.unwrap();
    enter(&accounts, &mut there, PASSWORD, "192.0.2.1").await.unwrap();
    let Identity::Session(key) = who(&accounts, &here) else { panic!() };
    let change = async |old: &str, new: &str| {
        accounts.change_password(&key, "ana", old.into(), new.into(), None).await
    };
    assert!(matches!(change("wrong", "battery staple").await, Err(LogInError::Wrong)));
    let short = change(PASSWORD, "short").await;
    assert!(matches!(short, Err(LogInError::Account(AccountError::PasswordShort))));
    assert!(is_logged_in(&accounts, &there), "nothing was changed");
    change(PASSWORD, "battery staple").await.unwrap();
    assert!(is_logged_in(&accounts, &here) && !is_logged_in(&accounts, &there));
    assert!(enter(&accounts, &mut there, PASSWORD, "192.0.2.1").await.is_err());
    enter(&accounts, &mut there, "battery staple", "192.0.2.1").await.unwrap();
    accounts.remove_password(ANA).unwrap();
    assert!(!is_logged_in(&accounts, &here) && !is_logged_in(&accounts, &there));
}

/// The old password was verified, and before the session was written another one was set.
#[test]
fn a_session_does_not_begin_with_a_password_that_was_replaced() {
    let (accounts, _) = accounts();
    let stamp = accounts.0.credentials.verify(Some(ANA), PASSWORD).unwrap().unwrap();
    accounts.set_password(ANA, "battery staple").unwrap();
    let begun = accounts.0.begin_session(ANA, stamp, &Browser::default(), &[]).unwrap();
    assert!(begun.is_none() && accounts.sessions(ANA).unwrap().is_empty());
}

#[tokio::test]
async fn cookies_hold_nothing_that_a_client_sent() {
    let (accounts, _) = accounts();
    let attempt = LogIn {
        name: "ana\r\nSet-Cookie: evil=1; Domain=example.org".into(),
        browser: Browser { agent: "x\r\nX: 1".into(), address: None },
        ..log_in(PASSWORD, "", &[Some(ANA)])
    };
    let none = HeaderMap::new();
    let logged_in = accounts.log_in(Cookies::new(&none, true), attempt).await.unwrap();
    assert_eq!(logged_in.cookies.len(), 3);
    for cookie in &logged_in.cookies {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-bough") && !cookie.contains("evil"), "{cookie}");
        assert!(
            cookie.contains("; Path=/; ") && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn a_token_counts_before_the_cookie_and_what_is_wrong_is_not_made_up_for() {
    let (accounts, time) = accounts();
    let mut held = Held::default();
    enter(&accounts, &mut held, PASSWORD, "192.0.2.1").await.unwrap();
    let (token, text) =
        accounts.make_token(BO, NewToken { name: "x".into(), ..NewToken::default() }).unwrap();
    let with = |header: &str| {
        let mut headers = held.headers();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        accounts.identify(&headers, true).unwrap()
    };
    let Identity::Token(found) = with(&format!("Bearer {text}")) else { panic!() };
    assert_eq!(found.user, BO);
    assert_eq!(with("Bearer bough_1_2"), Identity::Wrong);
    assert_eq!(with("Negotiate abc"), Identity::Wrong);
    assert!(matches!(with(&format!("Basic {}", STANDARD.encode("ana:x"))), Identity::Basic(_)));
    time.pass(HOUR);
    assert!(accounts.revoke_token(BO, &token.id).unwrap());
    assert_eq!(with(&format!("Bearer {text}")), Identity::Wrong);
    assert_eq!(newest(&accounts), Event::TokenRevoked { name: "x".into() });
}

#[tokio::test]
async fn basic_is_verified_once_a_minute_and_anew_when_the_password_changes() {
    let (accounts, time) = accounts();
    let hashes = || accounts.0.credentials.hashes();
    let ask = async |password: &str, candidates: &[Option<Oid>]| {
        let basic = Basic { name: "ana".into(), password: password.into() };
        let may: May = Box::new(|_| Ok(true));
        accounts.verify_basic(&basic, "192.0.2.1".parse().ok(), candidates.to_vec(), may).await.unwrap()
    };
    let before = hashes();
    for _ in 0..50 {
        assert_eq!(ask(PASSWORD, &[None, Some(ANA)]).await, Some(ANA));
    }
    assert_eq!(hashes() - before, 2, "one for each user folder");
    for wrong in [&[Some(ANA)][..], &[]] {
        let before = hashes();
        for _ in 0..50 {
            assert_eq!(ask("wrong", wrong).await, None, "wrong, and no error");
        }
        assert_eq!(hashes() - before, 1, "whether there is such a user or not");
    }
    time.pass(60_000_000);
    let before = hashes();
    assert_eq!(ask(PASSWORD, &[Some(ANA)]).await, Some(ANA));
    assert_eq!(hashes() - before, 1);
    accounts.set_password(ANA, "battery staple").unwrap();
    assert_eq!(ask(PASSWORD, &[Some(ANA)]).await, None);
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_what_began_with_the_old_one() {
    let (accounts, _) = accounts();
    let mut held = Held::default();
    enter(&accounts, &mut held, PASSWORD, "192.0.2.1").await.unwrap();
    let path = accounts.invite(Invite::SetPassword(ANA)).unwrap();
    let secret = || Secret::parse(path.strip_prefix("/@@welcome?key=").unwrap()).unwrap();
    let redeem = async |password: &str| {
        accounts.redeem(secret(), password.into(), None, || unreachable!("nobody is made")).await
    };
    assert!(matches!(redeem("short").await, Err(AccountError::PasswordShort)));
    assert!(is_logged_in(&accounts, &held), "and the link still works");
    assert_eq!(redeem("battery staple").await.unwrap(), ANA);
    assert!(!is_logged_in(&accounts, &held));
    assert!(matches!(redeem("another one").await, Err(AccountError::InviteGone)));
    enter(&accounts, &mut held, "battery staple", "192.0.2.1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_one_link_at_the_same_time_one_does() {
    let (accounts, _) = accounts();
    let path = accounts.invite(Invite::FirstAdministrator).unwrap();
    let key = path.rsplit('=').next().unwrap().to_owned();
    let tries = (1..=6).map(|nth| {
        let (accounts, secret) = (accounts.clone(), Secret::parse(&key).unwrap());
        tokio::spawn(async move {
            let make = move || Ok(Oid::from_u128(nth));
            accounts.redeem(secret, format!("password {nth}"), None, make).await.is_ok()
        })
    });
    let mut count = 0;
    for tried in tries.collect::<Vec<_>>() {
        count += usize::from(tried.await.unwrap());
    }
    assert_eq!(count, 1);
}
