//! Rights over HTTP, as somebody who logged in: what is said, why, and what may be written.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, TypeSchema};
use bough_core::security::{Roles, Setting, Subject};
use bough_core::{Name, Oid, Snapshot as _, Value};
use bough_web::auth::{Accounts, NewToken, PasswordCost};
use bough_web::{Config, built_in_types};
use serde_json::{Value as Json, json};

use crate::site::{Answer, TestSite, name, path};

/// Hashing that takes no time to speak of.
const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

/// A site with a manager and an editor at the root, and a user without roles in `/club`.
pub(crate) struct Club {
    pub(crate) site: TestSite,
    pub(crate) manager: String,
    pub(crate) editor: String,
    pub(crate) member: String,
}

pub(crate) fn add_user(site: &TestSite, folder: &str, who: &str, roles: &[&str]) -> Oid {
    let mut oid = Oid::ROOT;
    site.change(|draft| {
        let folder = draft.at(&path(folder))?;
        let users = match draft.child(folder, "_users")? {
            Some(users) => users,
            None => draft.add(folder, &name("_users"), &name("users"), [])?,
        };
        let roles = Value::Set(roles.iter().map(|role| (*role).into()).collect());
        oid = draft.add(users, &name(who), &name("user"), [(name("roles"), roles)])?;
        Ok(())
    });
    oid
}

pub(crate) fn token(site: &TestSite, user: Oid) -> String {
    let accounts = Accounts::new(&site.database, CHEAP);
    let new = NewToken { name: "test".into(), subtree: None, permissions: None, expires_micros: None };
    format!("Bearer {}", accounts.make_token(user, new).unwrap().1)
}

fn hide(site: &TestSite, at: &str, roles: &[&str]) {
    site.change(|draft| {
        let oid = draft.at(&path(at))?;
        let setting = Setting { roles: Roles::named(roles.iter().copied()), acquire: false };
        draft.set_permission(oid, &name("View"), Some(setting))
    });
}

impl Club {
    pub(crate) fn new() -> Self {
        Self::of(TestSite::new())
    }

    fn of(site: TestSite) -> Self {
        site.put("/club", "folder", &[("title", "Club")]);
        site.put("/club/minutes", "page", &[("body", "in private")]);
        site.put("/open", "page", &[("body", "for all")]);
        hide(&site, "/club", &["Manager", "Member"]);
        let (manager, editor) =
            (add_user(&site, "/", "mia", &["Manager"]), add_user(&site, "/", "ed", &["Editor"]));
        let member = add_user(&site, "/club", "kim", &["Member"]);
        let [manager, editor, member] = [manager, editor, member].map(|user| token(&site, user));
        Self { site, manager, editor, member }
    }

    /// From now on only managers may list what is at the top.
    fn forbid_listing(&self) {
        self.site.change(|draft| {
            let only = Setting { roles: Roles::named(["Manager"]), acquire: false };
            draft.set_permission(Oid::ROOT, &name("Access contents information"), Some(only))
        });
    }

    pub(crate) async fn ask(&self, who: &str, method: &str, url: &str, body: Option<Json>) -> Answer {
        let mut request = Request::builder().method(method).uri(url).header("accept", "application/json");
        if !who.is_empty() {
            request = request.header("authorization", who);
        }
        let body = match body {
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.site.send_request(request.body(body).unwrap()).await
    }
}

#[tokio::test]
async fn what_is_hidden_looks_missing_to_some_and_asks_others_to_log_in() {
    let club = Club::new();
    // Everybody may list the root, so that it is no secret that there is a club; what is in it is one.
    for (who, url, status) in [
        ("", "/club/", 401),
        (&*club.editor, "/club/", 403),
        (&club.member, "/club/", 200),
        (&club.manager, "/club/", 200),
        ("", "/club/minutes", 401),
        ("", "/club/nothing", 401),
        (&club.editor, "/club/minutes", 403),
        (&club.editor, "/club/nothing", 403),
        (&club.member, "/club/minutes", 200),
        (&club.member, "/club/nothing", 404),
        (&club.editor, "/open", 200),
        ("", "/nothing", 404),
        ("", "/_users/", 404),
        ("", "/_users/ed", 404),
        (&club.editor, "/_users/ed", 404),
        (&club.editor, "/_users/nobody", 404),
    ] {
        assert_eq!(club.ask(who, "GET", url, None).await.status, status, "{who} {url}");
    }
    club.forbid_listing();
    for who in ["", &club.editor] {
        for url in ["/club", "/club/", "/club/minutes", "/club/nothing", "/nothing"] {
            assert_eq!(club.ask(who, "GET", url, None).await.status, 404, "{who} {url}");
        }
    }
}

#[tokio::test]
async fn the_same_answer_stands_for_what_is_hidden_and_what_is_missing() {
    let club = Club::new();
    let json = |answer: Answer| {
        let mut json = answer.json();
        json["id"] = Json::Null;
        (answer.status, json)
    };
    let page = |answer: Answer| {
        let text = answer.text();
        let id = text.rsplit("&middot; ").next().unwrap_or_default().chars().take(12).collect::<String>();
        (answer.status, answer.header("location").replace("minutes", "nothing"), text.replace(&id, "ID"))
    };
    for may_list in [true, false] {
        if !may_list {
            club.forbid_listing();
        }
        for who in ["", &club.editor] {
            let hidden = json(club.ask(who, "GET", "/club/minutes", None).await);
            assert_eq!(hidden, json(club.ask(who, "GET", "/club/nothing", None).await), "{who}");
        }
        let headers = [("accept", "text/html")];
        let hidden = page(club.site.get_with("/club/minutes", &headers).await);
        assert_eq!(hidden, page(club.site.get_with("/club/nothing", &headers).await));
    }
    assert_eq!(club.site.get("/club/minutes").await.status, 404);
}

#[tokio::test]
async fn a_write_needs_the_permission_for_each_cell_and_says_which() {
    let club = Club::new();
    let title = Some(json!({"attributes": {"title": "New"}}));
    assert_eq!(club.ask("", "PATCH", "/open", title.clone()).await.status, 401);
    assert_eq!(club.ask(&club.member, "PATCH", "/open", title.clone()).await.status, 403);
    let changed = club.ask(&club.editor, "PATCH", "/open", title.clone()).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let (record, owner) = {
        let record = club.site.database.commit_record(club.site.database.head()).unwrap();
        let head = club.site.database.snapshot();
        (record, head.object(club.site.oid("/open")).unwrap().unwrap().owner())
    };
    assert_eq!((record.principal.as_str(), owner), ("ed", None));
    for attribute in ["_content_policy", "_acquire_steps"] {
        let body = Some(json!({"attributes": {attribute: "trusted"}}));
        let refused = club.ask(&club.editor, "PATCH", "/open", body).await;
        assert_eq!(refused.problem(), (403, "denied".into()), "{attribute}");
    }
    let made = club.ask(&club.editor, "POST", "/", Some(json!({"type": "page", "name": "mine"}))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let owner = club.site.database.snapshot().object(club.site.oid("/mine")).unwrap().unwrap().owner();
    assert_eq!(owner, Some(club.site.oid("/_users/ed")));
    let template = json!({"type": "template", "name": "t", "attributes": {"source": "x"}});
    assert_eq!(club.ask(&club.editor, "POST", "/", Some(template)).await.problem(), (403, "denied".into()));
    assert_eq!(club.ask(&club.editor, "DELETE", "/mine", None).await.status, 200);
}

#[tokio::test]
async fn who_may_what_is_said_and_explained_to_those_who_may_change_it() {
    let club = Club::new();
    assert_eq!(club.ask(&club.editor, "GET", "/open/@@rights", None).await.status, 403);
    let setting = Some(json!({"roles": ["Manager", "Reader"], "acquire": false}));
    let set = "/open/@@rights/permissions/View";
    assert_eq!(club.ask(&club.editor, "PUT", set, setting.clone()).await.status, 403);
    let done = club.ask(&club.manager, "PUT", set, setting).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(club.ask(&club.editor, "GET", "/open", None).await.status, 403);
    let why = club.ask(&club.editor, "GET", "/@@why?permission=Manage%20site", None).await.json();
    assert_eq!(
        (why["allowed"].as_bool(), why["because"][0]["cell"].as_str()),
        (Some(false), Some("(permission Manage site)"))
    );
    let why = club.ask(&club.manager, "GET", "/open/@@why?permission=View&user=ed", None).await.json();
    assert_eq!(why["allowed"], false);
    assert_eq!(why["because"][0]["at"]["path"], "/open");
    assert_eq!(why["because"][0]["principal"], "mia");
    let why = club.ask(&club.editor, "GET", "/club/@@why?permission=View&user=mia", None).await;
    assert_eq!(why.status, 403, "what others may is not for everybody");

    let given =
        club.ask(&club.manager, "PUT", "/open/@@rights/roles/ed", Some(json!({"roles": ["Reader"]}))).await;
    assert_eq!(given.status, 200, "{}", given.text());
    assert_eq!(club.ask(&club.editor, "GET", "/open", None).await.status, 200);
    let rights = club.ask(&club.manager, "GET", "/open/@@rights", None).await.json();
    assert_eq!(rights["local_roles"][0]["roles"], json!(["Reader"]));
    assert_eq!(rights["settings"][0]["permission"], "View");
    assert_eq!(club.ask(&club.manager, "DELETE", "/open/@@rights/roles/ed", None).await.status, 200);
    assert_eq!(club.ask(&club.editor, "GET", "/open", None).await.status, 403);
    assert_eq!(club.ask(&club.manager, "DELETE", set, None).await.status, 200);
    assert_eq!(club.ask("", "GET", "/open", None).await.status, 200);
}

#[tokio::test]
async fn users_are_objects_for_those_who_manage_them_and_nothing_for_others() {
    let club = Club::new();
    for (who, status) in [("", 404), (&*club.editor, 404), (&club.member, 404), (&club.manager, 200)] {
        for url in ["/_users/", "/_users/ed", "/_users/@@children"] {
            assert_eq!(club.ask(who, "GET", url, None).await.status, status, "{who} {url}");
        }
    }
    let new = json!({"type": "user", "name": "zoe", "attributes": {"full_name": "Zoe"}});
    let made = club.ask(&club.manager, "POST", "/_users", Some(new.clone())).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_ne!(club.ask(&club.editor, "POST", "/_users", Some(new)).await.status.as_u16() / 100, 2);
}

#[tokio::test]
async fn passwords_sessions_and_tokens_are_for_those_who_manage_the_user() {
    let club = Club::new();
    for (who, status) in [("", 404), (&*club.editor, 404), (&club.member, 404), (&club.manager, 200)] {
        assert_eq!(club.ask(who, "GET", "/_users/ed/@@credentials", None).await.status, status, "{who}");
    }
    let wanted = Some(json!({"password": "a few words"}));
    assert_eq!(
        club.ask(&club.editor, "PUT", "/_users/mia/@@credentials/password", wanted.clone()).await.status,
        404
    );
    assert_eq!(
        club.ask(&club.manager, "PUT", "/_users/ed/@@credentials/password", wanted.clone()).await.status,
        200
    );
    assert_eq!(club.ask(&club.manager, "PUT", "/open/@@credentials/password", wanted).await.status, 422);
    let short = Some(json!({"password": "short"}));
    assert_eq!(club.ask(&club.manager, "PUT", "/_users/ed/@@credentials/password", short).await.status, 422);
    let basic = base64::engine::general_purpose::STANDARD.encode("ed:a few words");
    assert_eq!(club.ask(&format!("Basic {basic}"), "GET", "/@@history", None).await.status, 200);
    let held = club.ask(&club.manager, "GET", "/_users/ed/@@credentials", None).await.json();
    assert_eq!(
        (held["has_password"].as_bool(), held["tokens"].as_array().map(Vec::len)),
        (Some(true), Some(1))
    );
    let url = format!("/_users/ed/@@credentials/tokens/{}", held["tokens"][0]["id"].as_str().unwrap());
    assert_eq!(club.ask(&club.manager, "DELETE", &url, None).await.status, 200);
    assert_eq!(
        club.ask(&club.editor, "GET", "/@@history", None).await.status,
        401,
        "the token is nobody's now"
    );
    assert_eq!(club.ask(&club.manager, "DELETE", &url, None).await.status, 404);
    let events = club.ask(&club.manager, "GET", "/@@audit", None).await.json();
    assert_eq!(events["items"][0]["event"], "token-revoked");
    assert_eq!(club.ask(&club.member, "GET", "/@@audit", None).await.status, 403);
}

#[tokio::test]
async fn a_restriction_is_not_undone_by_those_whom_it_restricts() {
    let club = Club::new();
    let tid = club.site.change(|draft| {
        let oid = draft.at(&path("/open"))?;
        let only = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(oid, &name("Edit content"), Some(only))
    });
    let undo = Some(json!({"commits": [tid.to_string()]}));
    assert_eq!(
        club.ask(&club.editor, "POST", "/@@undo", undo.clone()).await.problem(),
        (403, "denied".into())
    );
    let preview = Some(json!({"commits": [tid.to_string()], "preview": true}));
    assert_eq!(club.ask(&club.editor, "POST", "/@@undo", preview).await.problem(), (403, "denied".into()));
    assert_eq!(club.ask(&club.manager, "POST", "/@@undo", undo).await.status, 200);
}

#[tokio::test]
async fn a_version_in_which_one_widened_ones_rights_is_not_merged_by_oneself() {
    let club = Club::new();
    assert_eq!(
        club.ask(&club.editor, "POST", "/@@versions", Some(json!({"name": "mine"}))).await.status,
        201
    );
    let widen = Some(json!({"roles": ["Editor"], "acquire": true}));
    let url = "/@v/mine/open/@@rights/permissions/Change%20permissions";
    assert_eq!(club.ask(&club.editor, "PUT", url, widen).await.status, 403, "nor even there");
    club.site
        .database
        .version("mine")
        .unwrap()
        .write(bough_store::Note::edit("by the machine's owner"), |draft| {
            let oid = draft.at(&path("/open"))?;
            draft.set_local_roles(oid, Subject::Name(name("ed")), Roles::named(["Manager"]))?;
            Ok::<_, crate::site::Failed>(())
        })
        .unwrap();
    let roles = Some(json!({"roles": ["Manager"]}));
    assert_eq!(club.ask(&club.editor, "PUT", "/@v/mine/open/@@rights/roles/kim", roles).await.status, 403);
    let merged = club.ask(&club.editor, "POST", "/@@versions/mine/merge", None).await;
    assert_eq!(merged.problem(), (403, "denied".into()), "{}", merged.text());
    assert_eq!(club.ask(&club.manager, "POST", "/@@versions/mine/merge", None).await.status, 200);
}

#[tokio::test]
async fn a_token_is_good_for_its_subtree_and_permissions_only() {
    let club = Club::new();
    let accounts = Accounts::new(&club.site.database, CHEAP);
    let mia = club.site.oid("/_users/mia");
    let only = ["View", "Access contents information"].map(String::from).into_iter().collect();
    let new = NewToken {
        name: "club".into(),
        subtree: Some(club.site.oid("/club")),
        permissions: Some(only),
        expires_micros: None,
    };
    let (made, text) = accounts.make_token(mia, new).unwrap();
    let token = format!("Bearer {text}");
    hide(&club.site, "/open", &["Manager"]);
    for (url, status) in
        [("/club/minutes", 200), ("/open", 403), ("/club/minutes/@@history", 403), ("/_users/ed", 404)]
    {
        let got = club.ask(&token, "GET", url, None).await.status.as_u16();
        assert!(got == status || (status == 404 && got == 403), "{url}: {got}");
    }
    let title = Some(json!({"attributes": {"title": "x"}}));
    assert_eq!(club.ask(&token, "PATCH", "/club/minutes", title).await.status, 403);
    let accounts = Accounts::new(&club.site.database, CHEAP);
    assert!(accounts.tokens(mia).unwrap().iter().any(|token| token.id == made.id));
}

/// A guest book: signs itself by POST.
struct Book(TypeSchema);

impl ObjectType for Book {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        let words = call.text("words")?.to_owned();
        let (object, who) = (call.object, call.actor.name().to_owned());
        let transaction = call.transaction(method)?;
        transaction.set(object, &name("last"), Some(Value::text(format!("{words} ({who})"))))?;
        Ok(Reply::GoTo(object))
    }
}

#[tokio::test]
async fn a_method_that_writes_is_called_by_post_in_a_transaction_of_whoever_asks() {
    let mut types = built_in_types();
    let methods = vec![MethodSpec { name: name("sign"), effect: Effect::Writes, permission: "View" }];
    types.register(Book(TypeSchema { methods, ..TypeSchema::new("book", "Book").unwrap() }));
    let club = Club::of(TestSite::with(types, Config::default()));
    club.site.put("/book", "book", &[]);
    let sign = |who: &str| {
        let mut request =
            Request::post("/book/sign").header("content-type", "application/x-www-form-urlencoded");
        if !who.is_empty() {
            request = request.header("authorization", who);
        }
        request.body(Body::from("words=hello+there")).unwrap()
    };
    assert_eq!(club.site.get("/book/sign?words=x").await.outcome(), (405, ""));
    assert_eq!(
        club.site.send_request(sign("")).await.status,
        401,
        "everybody may call it, but it writes for whoever asks"
    );
    assert_eq!(club.site.send_request(sign(&club.editor)).await.outcome(), (303, "/book"));
    let book = club.site.database.snapshot().object(club.site.oid("/book")).unwrap().unwrap();
    assert_eq!(book.text("last"), Some("hello there (ed)"));
    let undone = Some(json!({"commits": [club.site.database.head().to_string()]}));
    assert_eq!(club.ask(&club.manager, "POST", "/@@undo", undone).await.status, 200);
}

#[tokio::test]
async fn long_uploads_are_for_those_who_said_who_they_are() {
    let limits = bough_web::Limits { body_bytes_max: 1 << 20, ..bough_web::Limits::default() };
    let club = Club::of(TestSite::with_config(Config { limits, ..Config::default() }));
    let upload = |who: &str| {
        let mut request = Request::put("/long.bin").header("content-type", "application/octet-stream");
        if !who.is_empty() {
            request = request.header("authorization", who);
        }
        request.body(Body::from(vec![7; 3 << 20])).unwrap()
    };
    for who in ["", "Bearer bough_0000000000000000_00", "Basic YTpi"] {
        assert_eq!(club.site.send_request(upload(who)).await.status, 413, "{who}");
    }
    assert_eq!(club.site.send_request(upload(&club.editor)).await.status, 201);
}

/// What Zope answers to requests with a name and a password, and that ours answers the same.
#[tokio::test]
async fn every_recorded_log_in_is_ours() {
    let recorded = include_str!("../../../core/tests/fixtures/auth_publish.json");
    let recorded: Json = serde_json::from_str(recorded).unwrap();
    let mut asked = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let mut types = built_in_types();
        types.register(Whoami(TypeSchema {
            methods: vec![MethodSpec { name: name("show"), effect: Effect::Reads, permission: "View" }],
            ..TypeSchema::new("document", "Document").unwrap()
        }));
        for (permission, roles) in recorded["meta"]["root_default_roles"].as_object().unwrap() {
            let roles = roles.as_array().unwrap().iter().map(|role| role.as_str().unwrap());
            types.permissions_mut().declare(permission, "", roles);
        }
        let config = Config { password_cost: CHEAP, ..Config::default() };
        let site = TestSite::with(types, config);
        let accounts = Accounts::new(&site.database, CHEAP);
        plant(&site, &accounts, "/", &case["tree"]);
        for request in case["requests"].as_array().unwrap() {
            let says = format!("{}: {request}", case["id"]);
            let url = request["url"].as_str().unwrap();
            let mut ask = Request::get(format!("{url}?")).header("accept", "*/*");
            if let (Some(who), Some(password)) =
                (request["login"]["name"].as_str(), request["login"]["password"].as_str())
            {
                let text = base64::engine::general_purpose::STANDARD.encode(format!("{who}:{password}"));
                ask = ask.header("authorization", format!("Basic {text}"));
            }
            // Steps that only acquisition finds are no URLs of ours.
            let found = bough_core::snapshot::find(&site.database.snapshot(), &path(url)).unwrap();
            if found.is_none() && request["outcome"] != "notfound" {
                continue;
            }
            let answer = site.send_request(ask.body(Body::empty()).unwrap()).await;
            let got = match answer.status.as_u16() {
                200 => "ok",
                401 | 403 => "unauthorized",
                404 => "notfound",
                other => panic!("{says}: {other}"),
            };
            assert_eq!(got, request["outcome"].as_str().unwrap(), "{says}: {}", answer.text());
            if got == "ok" {
                let wanted = match request["user"].is_null() {
                    true => "nobody".to_owned(),
                    false => format!(
                        "{} of {}",
                        request["user"]["name"].as_str().unwrap(),
                        request["user"]["folder"].as_str().unwrap()
                    ),
                };
                assert_eq!(answer.text(), wanted, "{says}");
            }
            asked += 1;
        }
    }
    assert!(asked > 50, "only {asked} requests");
}

/// Says who asks.
struct Whoami(TypeSchema);

impl ObjectType for Whoami {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn call(&self, _: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        let folder = |user: &Arc<bough_core::security::User>| {
            let path = bough_core::snapshot::path_of(call.snapshot(), user.folder).unwrap().unwrap();
            format!("{} of {path}", user.name)
        };
        Ok(Reply::Value(Value::text(call.actor.user().map_or("nobody".to_owned(), folder))))
    }

    fn default_method(&self) -> Option<&Name> {
        self.0.methods.first().map(|method| &method.name)
    }
}

fn plant(site: &TestSite, accounts: &Accounts, at: &str, node: &Json) {
    let roles =
        |list: &Json| Roles::named(list.as_array().unwrap().iter().map(|role| role.as_str().unwrap()));
    let oid = site.oid(at);
    for (permission, setting) in node["permissions"].as_object().unwrap() {
        let setting =
            Setting { roles: roles(&setting["roles"]), acquire: setting["acquire"].as_bool().unwrap() };
        site.change(|draft| draft.set_permission(oid, &name(permission), Some(setting.clone())));
    }
    for (user, given) in node["local_roles"].as_object().unwrap() {
        site.change(|draft| draft.set_local_roles(oid, Subject::Name(name(user)), roles(given)));
    }
    for user in node["users"].as_array().unwrap() {
        let own: Vec<&str> =
            user["roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect();
        let oid = add_user(site, at, user["name"].as_str().unwrap(), &own);
        // Shorter than what people may choose: brought along.
        accounts.import_password(oid, &sha(user["password"].as_str().unwrap())).unwrap();
    }
    for child in node["children"].as_array().unwrap() {
        let child_at = format!("{}/{}", at.trim_end_matches('/'), child["id"].as_str().unwrap());
        site.put(&child_at, child["kind"].as_str().unwrap(), &[]);
        plant(site, accounts, &child_at, child);
    }
}

/// A password as Zope keeps it.
fn sha(password: &str) -> String {
    use sha1::Digest as _;
    let digest = sha1::Sha1::digest(password.as_bytes());
    format!("{{SHA}}{}", base64::engine::general_purpose::STANDARD.encode(digest))
}
