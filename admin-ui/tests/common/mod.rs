//! A site in memory with the management pages, and browsers that use it as people do: pages are got, forms are sent with
//! the code that they were shown with. Users have the password [`PASSWORD`].

#![allow(dead_code, unreachable_pub, reason = "each test program uses another part")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use bough_admin_ui::AdminUi;
use bough_core::transaction::TransactionError;
use bough_core::{Name, ObjectPath, Oid, Snapshot as _, Tid, Value};
use bough_store::{CommitError, Database, Draft, Note, Options};
use bough_web::auth::{Accounts, PasswordCost};
use bough_web::{Config, app, built_in_types};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

pub const PASSWORD: &str = "correct horse";
const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

/// Whatever a change of a test site fails with.
#[derive(Debug)]
pub struct Failed(#[allow(dead_code)] String);

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Self {
        Self(error.to_string())
    }
}

impl From<TransactionError> for Failed {
    fn from(error: TransactionError) -> Self {
        Self(error.to_string())
    }
}

pub struct TestSite {
    pub database: Database,
    router: Router,
}

/// What a browser got.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text());
        self.header("location")
    }

    /// Whether the page says so, tags and line ends left out.
    pub fn says(&self, text: &str) -> bool {
        self.words().contains(text)
    }

    /// What the page says, without tags, in one line.
    pub fn words(&self) -> String {
        let page = self.text();
        let page = page.rsplit_once("<main").map_or(page.as_str(), |(_, main)| main);
        let mut words = String::new();
        for part in page.split('<') {
            let text = part.split_once('>').map_or(part, |(_, text)| text);
            words.push_str(text);
            words.push(' ');
        }
        let words = words.replace("&#38;", "&").replace("&#34;", "\"").replace("&#39;", "'");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn path(text: &str) -> ObjectPath {
    ObjectPath::parse(text).unwrap()
}

impl TestSite {
    /// A site with the administrator `admin`.
    pub fn new() -> Self {
        Self::on(Database::in_memory(Options::new(built_in_types())).unwrap())
    }

    /// The same on a database of the test's.
    pub fn on(database: Database) -> Self {
        let site = Self::managed(database, AdminUi::default());
        site.add_user("admin", &["Manager"]);
        site
    }

    /// A site with these pages and nobody in it.
    pub fn with(ui: AdminUi) -> Self {
        Self::opened(ui, Options::new(built_in_types()))
    }

    /// The same, opened in another way.
    pub fn opened(ui: AdminUi, options: Options) -> Self {
        Self::managed(Database::in_memory(options).unwrap(), ui)
    }

    fn managed(database: Database, ui: AdminUi) -> Self {
        let pages: Vec<Arc<dyn bough_web::pages::Pages>> = vec![Arc::new(ui)];
        let router = app(database.clone(), Config { password_cost: CHEAP, pages, ..Config::default() });
        Self { database, router }
    }

    pub fn add_user(&self, user: &str, roles: &[&str]) -> Oid {
        let roles: Vec<Value> = roles.iter().map(|role| Value::text(*role)).collect();
        self.change(|draft| {
            let users = match draft.child(Oid::ROOT, "_users")? {
                Some(users) => users,
                None => draft.add(Oid::ROOT, &name("_users"), &name("users"), [])?,
            };
            let roles = Value::Set(roles.iter().cloned().collect());
            draft.add(users, &name(user), &name("user"), [(name("roles"), roles)]).map(drop)
        });
        let snapshot = self.database.snapshot();
        let user = bough_core::security::users_named(&snapshot, Oid::ROOT, user).unwrap().remove(0);
        Accounts::new(&self.database, CHEAP).set_password(user.oid, PASSWORD).unwrap();
        user.oid
    }

    pub fn change(&self, work: impl FnMut(&mut Draft) -> Result<(), TransactionError>) -> Tid {
        Self::change_on(&self.database, work)
    }

    /// The same on another line.
    pub fn change_on(
        database: &Database,
        mut work: impl FnMut(&mut Draft) -> Result<(), TransactionError>,
    ) -> Tid {
        let written = database.write(Note::edit("test"), |draft| work(draft).map_err(Failed::from));
        written.unwrap().1.expect("the change changes something")
    }

    /// Adds an object of this type; its containers must be there.
    pub fn put(&self, at: &str, type_name: &str, attributes: &[(&str, &str)]) -> Oid {
        self.change(|draft| {
            let (parent, last) = path(at).split_last().map(|(parent, last)| (parent, last.clone())).unwrap();
            let parent = draft.at(&parent)?;
            let attributes = attributes.iter().map(|(key, text)| (name(key), Value::text(*text)));
            draft.add(parent, &last, &name(type_name), attributes).map(drop)
        });
        self.oid(at)
    }

    pub fn set(&self, at: &str, attribute: &str, value: impl Into<Value>) -> Tid {
        let value = value.into();
        self.change(|draft| {
            let oid = draft.at(&path(at))?;
            draft.set(oid, &name(attribute), Some(value.clone()))
        })
    }

    pub fn delete(&self, at: &str) -> Tid {
        self.change(|draft| {
            let oid = draft.at(&path(at))?;
            draft.delete(oid)
        })
    }

    pub fn find(&self, at: &str) -> Option<Oid> {
        bough_core::snapshot::find(&self.database.snapshot(), &path(at)).unwrap()
    }

    pub fn oid(&self, at: &str) -> Oid {
        self.find(at).unwrap_or_else(|| panic!("there is nothing at {at}"))
    }

    /// What is in a folder, in the order of the places.
    pub fn names_in(&self, at: &str) -> Vec<String> {
        use bough_core::snapshot::ChildrenPage;
        let children = self.database.snapshot().children(self.oid(at), &ChildrenPage::first(1_000)).unwrap();
        children.iter().map(|child| child.name.to_string()).filter(|name| name != "_users").collect()
    }

    /// A browser that nobody is logged in with.
    pub fn browser(&self) -> Browser<'_> {
        Browser { site: self, cookies: Vec::new(), address: "192.0.2.1:4000", host: "example.org" }
    }

    pub async fn logged_in(&self, user: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let answer = browser.submit("/@@login", "/@@login", &[("name", user), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        browser
    }
}

pub struct Browser<'a> {
    site: &'a TestSite,
    cookies: Vec<(String, String)>,
    address: &'static str,
    host: &'static str,
}

impl Browser<'_> {
    /// The same at the machine that the site runs on.
    #[must_use]
    pub fn at_the_machine(self) -> Self {
        Self { address: "127.0.0.1:4000", host: "localhost", ..self }
    }

    /// Gets a page from a link on another site.
    pub async fn get_from_elsewhere(&mut self, url: &str) -> Answer {
        self.send_with("GET", url, &[("sec-fetch-site", "cross-site")], Vec::new()).await
    }

    async fn send(&mut self, method: &str, url: &str, media_type: &str, body: Vec<u8>) -> Answer {
        self.send_with(method, url, &[("content-type", media_type)], body).await
    }

    async fn send_with(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("host", self.host)
            .header("origin", format!("http://{}", self.host))
            .header("cookie", cookies.join("; "))
            .header("accept", "text/html,*/*;q=0.8")
            .header("user-agent", "Firefox/140.0 Linux")
            .body(Body::from(body))
            .unwrap();
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(self.address.parse::<SocketAddr>().unwrap()));
        let response = self.site.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(held, _)| held != name);
            if !value.is_empty() {
                self.cookies.push((name.into(), value.into()));
            }
        }
        answer
    }

    pub async fn get(&mut self, url: &str) -> Answer {
        self.send("GET", url, "text/plain", Vec::new()).await
    }

    /// A page that is there.
    pub async fn page(&mut self, url: &str) -> Answer {
        let answer = self.get(url).await;
        assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text());
        answer
    }

    /// Follows redirects to a page.
    pub async fn follow(&mut self, answer: Answer) -> Answer {
        let mut answer = answer;
        while answer.status == StatusCode::SEE_OTHER {
            let url = answer.location().to_owned();
            answer = self.get(&url).await;
        }
        answer
    }

    /// Sends a form just so.
    pub async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let form: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.send("POST", url, "application/x-www-form-urlencoded", form.join("&").into_bytes()).await
    }

    /// The code that forms of a page carry.
    pub async fn code(&mut self, page: &str) -> String {
        let page = self.get(page).await.text();
        let (_, rest) = page.split_once("name=\"code\" value=\"").expect("the page has a form");
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Opens a page and sends these fields with its code.
    pub async fn submit(&mut self, page: &str, url: &str, fields: &[(&str, &str)]) -> Answer {
        let code = self.code(page).await;
        let fields: Vec<_> = [("code", code.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post(url, &fields).await
    }

    /// Sends a form with files: field, name, media type and bytes of each.
    pub async fn upload(
        &mut self,
        page: &str,
        url: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &str, &str, &[u8])],
    ) -> Answer {
        let code = self.code(page).await;
        let mut body = Vec::new();
        for (name, value) in [("code", code.as_str())].iter().chain(fields) {
            body.extend(
                format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        for (field, name, media_type, bytes) in files {
            let head = format!(
                "--XX\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
                 Content-Type: {media_type}\r\n\r\n"
            );
            body.extend(head.bytes());
            body.extend_from_slice(bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--XX--\r\n");
        self.send("POST", url, "multipart/form-data; boundary=XX", body).await
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
