//! The edit page: what is typed is saved, comes together with what others did, and is never lost.

mod common;

use axum::http::StatusCode;
use bough_core::{Object, Oid, Snapshot as _, Value};
use std::sync::Arc;

use common::{Answer, Browser, TestSite, name};

const BODY: &str = "one\ntwo\nthree\nfour\nfive\n";

fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/news", "folder", &[("title", "News")]);
    site.put("/news/today", "page", &[("title", "Today"), ("body", BODY), ("format", "markdown")]);
    site
}

impl TestSite {
    fn object(&self, at: &str) -> Arc<Object> {
        self.database.snapshot().object(self.oid(at)).unwrap().unwrap()
    }

    fn text(&self, at: &str, attribute: &str) -> Option<String> {
        self.object(at).text(attribute).map(str::to_owned)
    }

    fn value(&self, at: &str, attribute: &str) -> Option<Value> {
        bough_core::snapshot::attribute(&self.database.snapshot(), &self.object(at), attribute).unwrap()
    }

    fn set_all(&self, at: &str, values: &[(&str, Value)]) {
        self.change(|draft| {
            let oid = draft.at(&common::path(at))?;
            values
                .iter()
                .try_for_each(|(attribute, value)| draft.set(oid, &name(attribute), Some(value.clone())))
        });
    }
}

/// A form as a browser holds it: the page may be long out of date when it is sent.
struct Form {
    page: String,
    url: String,
}

impl Form {
    async fn open(browser: &mut Browser<'_>, at: &str) -> Self {
        let url = format!("{at}/@@manage/edit");
        Self { page: browser.page(&url).await.text(), url }
    }

    fn of(answer: &Answer, url: &str) -> Self {
        Self { page: answer.text(), url: url.to_owned() }
    }

    fn hidden(&self, field: &str) -> String {
        let start = format!("name=\"{field}\" value=\"");
        let (_, rest) = self.page.split_once(&start).unwrap_or_else(|| panic!("no {field} in {}", self.page));
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// The attributes that it asks for.
    fn asked(&self) -> Vec<String> {
        let parts = self.page.split("name=\"has\" value=\"").skip(1);
        parts.map(|part| part.split('"').next().unwrap().replace("&#34;", "\"")).collect()
    }

    /// The name of a field of an attribute: `field("v", "title")`.
    fn field(&self, letter: &str, attribute: &str) -> String {
        let at = self.asked().iter().position(|asked| asked == attribute);
        format!(
            "{letter}.{}",
            at.unwrap_or_else(|| panic!("{attribute} is not asked for: {:?}", self.asked()))
        )
    }

    fn fields(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields: Vec<(String, String)> = ["code", "base", "revision", "oid", "line"]
            .iter()
            .map(|field| ((*field).to_owned(), self.hidden(field)))
            .collect();
        fields.extend(self.asked().into_iter().map(|asked| ("has".to_owned(), asked)));
        for (of, value) in changes {
            let field = match of.split_once(':') {
                Some((letter, attribute)) => self.field(letter, attribute),
                None => (*of).to_owned(),
            };
            fields.push((field, (*value).to_owned()));
        }
        fields
    }

    /// Sends it with these changes: `v:title` is the value of the title, anything without a colon a field of that name.
    async fn send(&self, browser: &mut Browser<'_>, changes: &[(&str, &str)]) -> Answer {
        let fields = self.fields(changes);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(field, value)| (&**field, &**value)).collect();
        browser.post(&self.url, &fields).await
    }
}

async fn saved(browser: &mut Browser<'_>, at: &str, changes: &[(&str, &str)]) -> Answer {
    let form = Form::open(browser, at).await;
    let answer = form.send(browser, changes).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    browser.follow(answer).await
}

#[tokio::test]
async fn only_what_was_changed_is_written_and_can_be_taken_back() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let page = saved(
        &mut browser,
        "/news/today",
        &[("v:title", "Tomorrow"), ("v:body", &BODY.replace('\n', "\r\n"))],
    )
    .await;
    assert!(page.says("Changed title of /news/today.") && page.says("Undo"), "{}", page.words());
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Tomorrow"));
    assert_eq!(
        site.text("/news/today", "body").as_deref(),
        Some(BODY),
        "line ends of browsers change nothing"
    );
    let page = saved(&mut browser, "/news/today", &[("v:title", "Tomorrow")]).await;
    assert!(page.says("Nothing was changed"), "{}", page.words());
    saved(&mut browser, "/news/today", &[("v:title", "")]).await;
    assert_eq!(site.value("/news/today", "title"), None);
    let page = browser.page("/news/today/@@manage/edit").await.text();
    assert!(page.contains("placeholder=\"News\""), "the title of the folder is seen where none is set");
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_kept() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    site.set("/news/today", "title", "Theirs");
    site.set("/news/today", "body", BODY.replace("one", "their one"));
    let answer = form.send(&mut browser, &[("v:body", &BODY.replace("five", "my five"))]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Theirs"));
    let both = BODY.replace("one", "their one").replace("five", "my five");
    assert_eq!(site.text("/news/today", "body"), Some(both));
}

#[tokio::test]
async fn the_same_line_is_shown_side_by_side_and_saved_as_chosen() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    site.set("/news/today", "body", BODY.replace("three", "their three").replace("one", "their one"));
    let mine = BODY.replace("three", "my three");
    let changes = [("v:body", mine.as_str()), ("v:title", "Mine"), ("name", "now")];
    let clash = form.send(&mut browser, &changes).await;
    assert_eq!(clash.status, StatusCode::CONFLICT, "{}", clash.words());
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Today"), "nothing is saved");
    for part in ["their three", "my three", "Before", "Theirs", "Yours", "Nothing is saved yet"] {
        assert!(clash.says(part), "{part} in {}", clash.words());
    }
    let page = clash.text();
    assert!(page.contains("value=\"Mine\"") && page.contains("value=\"now\""), "what was typed is there");
    let result = BODY.replace("three", "my three").replace("one", "their one");
    assert!(
        page.contains(&format!("\n{result}</textarea>")),
        "with what of theirs does not stand against it"
    );

    let again = Form::of(&clash, &form.url);
    let answer = again.send(&mut browser, &[("v:body", &result), ("v:title", "Mine"), ("name", "now")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.text("/news/now", "body").as_deref(), Some(result.as_str()));
    assert_eq!(site.text("/news/now", "title").as_deref(), Some("Mine"));

    let form = Form::open(&mut browser, "/news/now").await;
    site.set("/news/now", "title", "Theirs");
    let clash = form.send(&mut browser, &[("v:title", "Mine again")]).await;
    let again = Form::of(&clash, &form.url);
    let answer = again.send(&mut browser, &[("v:title", "Mine again"), ("take:title", "theirs")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.text("/news/now", "title").as_deref(), Some("Theirs"));
}

#[tokio::test]
async fn a_form_finds_its_object_where_it_was_moved_and_keeps_what_was_typed_where_it_was_deleted() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    site.change(|draft| {
        let oid = draft.at(&common::path("/news/today"))?;
        draft.move_to(oid, Oid::ROOT, &name("moved"))
    });
    let answer = form.send(&mut browser, &[("v:title", "Mine")]).await;
    assert_eq!(answer.location().split('?').next(), Some("/moved/@@manage/edit"));
    assert_eq!(site.text("/moved", "title").as_deref(), Some("Mine"));

    let form = Form::open(&mut browser, "/moved").await;
    site.delete("/moved");
    site.put("/moved", "page", &[("title", "Another")]);
    let answer = form.send(&mut browser, &[("v:title", "Typed with care")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.words());
    assert!(answer.says("this was deleted meanwhile"), "{}", answer.words());
    assert!(answer.text().contains("value=\"Typed with care\""), "what was typed is there");
    assert_eq!(
        site.text("/moved", "title").as_deref(),
        Some("Another"),
        "another in its place is left alone"
    );
    site.delete("/moved");
    let answer = form.send(&mut browser, &[("v:title", "Typed with care")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.words());
    assert!(answer.text().contains("value=\"Typed with care\""), "where nothing is in its place, too");
}

#[tokio::test]
async fn what_cannot_be_used_is_marked_and_stays_as_it_was_typed() {
    let site = site();
    site.set_all("/news/today", &[("count", Value::Int(1)), ("see", Value::Reference(site.oid("/news")))]);
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    for (changes, error, kept) in [
        ([("v:count", "many"), ("v:title", "T")], "Expected a whole number", "value=\"many\""),
        ([("v:see", "/nowhere"), ("v:title", "T")], "There is nothing at /nowhere", "value=\"/nowhere\""),
        ([("name", "a/b"), ("v:title", "T")], "A name has no “/” in it", "value=\"a/b\""),
        ([("new.name", "title"), ("new.value", "x")], "There is a title already", "value=\"title\""),
        ([("new.name", "size"), ("new.kind", "int")], "It has no value", "value=\"size\""),
        ([("name", ""), ("v:title", "T")], "This is needed", "value=\"T\""),
    ] {
        let answer = form.send(&mut browser, &changes).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{changes:?} {}", answer.words());
        assert!(answer.says(error) && answer.text().contains(kept), "{changes:?} {}", answer.words());
    }
    site.put("/news/taken", "page", &[]);
    let answer = form.send(&mut browser, &[("name", "taken"), ("v:title", "Kept")]).await;
    assert!(
        answer.status.is_client_error() && answer.text().contains("value=\"Kept\""),
        "{}",
        answer.words()
    );
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Today"));
}

#[tokio::test]
async fn properties_of_every_kind_are_added_changed_and_taken_away() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let list = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
    for (kind, typed, value) in [
        ("line", "a \"b\"", Value::from("a \"b\"")),
        ("int", "-4", Value::Int(-4)),
        ("float", "2.5", Value::Float(2.5)),
        ("bool", "yes", Value::Bool(true)),
        ("time", "1970-01-01 00:00", Value::Time(0)),
        ("reference", "/news", Value::Reference(site.oid("/news"))),
        ("list", "b\na", Value::List(list(&["b", "a"]))),
        ("set", "b\na", Value::Set(list(&["a", "b"]).into_iter().collect())),
        ("map", "a = 1", Value::Map([("a".into(), "1".into())].into())),
        ("counter", "3", Value::Counter(3)),
        ("block", "", Value::Block),
    ] {
        let property = format!("new_{kind}");
        let new = [("new.name", property.as_str()), ("new.kind", kind), ("new.value", typed)];
        saved(&mut browser, "/news/today", &new).await;
        assert_eq!(site.value("/news/today", &property), Some(value), "{kind}");
    }
    let form = Form::open(&mut browser, "/news/today").await;
    let rows = [
        ("v:new_list", "c"),
        ("v:new_list", ""),
        ("v:new_list", "a"),
        ("drop:new_block", "on"),
        ("k:new_map", "b"),
        ("v:new_map", "2"),
    ];
    let answer = form.send(&mut browser, &rows).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.value("/news/today", "new_list"), Some(Value::List(list(&["c", "a"]))));
    assert_eq!(site.value("/news/today", "new_map"), Some(Value::Map([("b".into(), "2".into())].into())));
    assert_eq!(site.value("/news/today", "new_block"), None);
}

#[tokio::test]
async fn a_user_is_put_into_a_group_by_its_path() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    site.put("/_users/writers", "group", &[("title", "Writers")]);
    let mut browser = site.logged_in("admin").await;
    saved(&mut browser, "/_users/ed", &[("v:groups", "/_users/writers")]).await;
    let writers = Value::Reference(site.oid("/_users/writers"));
    assert_eq!(site.value("/_users/ed", "groups"), Some(Value::Set([writers].into())));
}

#[tokio::test]
async fn a_property_that_others_took_away_keeps_its_kind_where_it_is_wanted_again() {
    let site = site();
    site.set_all("/news/today", &[("count", Value::Int(1))]);
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    site.change(|draft| {
        let oid = draft.at(&common::path("/news/today"))?;
        draft.set(oid, &name("count"), None)
    });
    let clash = form.send(&mut browser, &[("v:count", "5")]).await;
    assert_eq!(clash.status, StatusCode::CONFLICT, "{}", clash.words());
    assert!(clash.says("Not set") && clash.text().contains("value=\"5\""), "{}", clash.words());
    let again = Form::of(&clash, &form.url);
    let kind = format!("name=\"{}\" value=\"int\"", again.field("as", "count"));
    assert!(again.page.contains(&kind), "{}", again.page);
    let answer = again.send(&mut browser, &[("v:count", "5"), ("as:count", "int")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.value("/news/today", "count"), Some(Value::Int(5)));
}

#[tokio::test]
async fn a_file_is_replaced_and_its_media_type_said_where_the_name_does_not() {
    let site = site();
    site.change(|draft| {
        let data = draft.bytes(&[7; 5_000]).unwrap();
        draft.add(Oid::ROOT, &name("photo.png"), &name("image"), [(name("data"), data)]).map(drop)
    });
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/photo.png").await;
    assert!(form.page.contains("5.0 KB, image/png") && form.page.contains("src=\"/photo.png\""));
    let fields = form.fields(&[]);
    let fields: Vec<(&str, &str)> = fields[1..].iter().map(|(field, value)| (&**field, &**value)).collect();
    let field = form.field("f", "data");
    let files = [(field.as_str(), "other.webp", "image/webp", &b"new"[..])];
    let answer = browser.upload(&form.url, &form.url, &fields, &files).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.value("/photo.png", "data"), Some(Value::Bytes(b"new".as_slice().into())));
    assert_eq!(site.text("/photo.png", "content_type").as_deref(), Some("image/webp"));
    let got = browser.page("/photo.png/@@manage/edit/file?name=data").await;
    assert_eq!(got.body, b"new");
    assert!(got.header("content-disposition").starts_with("attachment"), "never shown as it is");
}

#[tokio::test]
async fn it_can_be_saved_in_a_new_version_and_the_public_page_stays() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    let nameless = form.send(&mut browser, &[("v:title", "Spring"), ("act", "version")]).await;
    assert_eq!(nameless.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nameless.text().contains("value=\"Spring\""), "what was typed is there");
    let there = [("v:title", "Spring"), ("act", "version"), ("version", "spring-look")];
    let answer = form.send(&mut browser, &there).await;
    assert!(
        answer.location().starts_with("/@v/spring-look/news/today/@@manage/edit?did="),
        "{}",
        answer.location()
    );
    let page = browser.follow(answer).await;
    assert!(
        page.text().contains("value=\"Spring\"") && page.says("Changed title of /news/today."),
        "{}",
        page.words()
    );
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Today"));
    let entered = form.send(&mut browser, &[("v:title", "Summer"), ("version", "summer-look")]).await;
    assert!(
        entered.location().starts_with("/@v/summer-look/"),
        "Enter in the name saves there, not publicly"
    );
    let again = form.send(&mut browser, &there).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "the name is taken");
    assert!(again.text().contains("value=\"Spring\""), "what was typed is there");
}

#[tokio::test]
async fn nobody_sees_or_sets_what_he_may_not() {
    let site = site();
    site.put("/plain.html", "template", &[("source", "secret {{ title }}")]);
    site.set_all("/news/today", &[("_setting", "hidden".into()), ("note", "open".into())]);
    site.add_user("ed", &["Editor"]);
    let mut ed = site.logged_in("ed").await;
    let form = Form::open(&mut ed, "/news/today").await;
    assert!(
        form.asked().contains(&"note".to_owned()) && !form.page.contains("_setting"),
        "{:?}",
        form.asked()
    );
    for changes in [
        [("new.name", "_content_policy"), ("new.value", "trusted")],
        [("new.name", "_x"), ("new.value", "y")],
    ] {
        let answer = form.send(&mut ed, &changes).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{changes:?}");
    }
    let mut fields = form.fields(&[]);
    fields.extend([
        ("has".to_owned(), "_setting".to_owned()),
        (format!("v.{}", form.asked().len()), "mine".to_owned()),
    ]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(field, value)| (&**field, &**value)).collect();
    ed.post(&form.url, &fields).await;
    assert_eq!(site.text("/news/today", "_setting").as_deref(), Some("hidden"));
    let answer = ed.get("/plain.html/@@manage/edit").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text().contains("secret"));
    let mut stranger = site.browser();
    let sent = stranger.get("/news/today/@@manage/edit").await;
    assert!(sent.location().contains("/@@login?next=%2Fnews%2Ftoday"), "{}", sent.location());
    let form = Form::open(&mut ed, "/news/today").await;
    let ended = form.send(&mut stranger, &[("v:title", "Mine")]).await;
    assert_eq!(ended.location(), "/@@login?next=%2Fnews%2Ftoday%2F%40%40manage%2Fedit");
}

#[tokio::test]
async fn what_people_wrote_is_text_wherever_it_is_shown() {
    const PROBE: &str = "\"'></textarea><script>alert(1)</script><img src=x onerror=alert(1)>{{ 1 }}";
    let site = site();
    let probe = || Value::from(PROBE);
    let odd = PROBE.replace('/', "");
    let reference = Value::Reference(Oid::from_u128(99));
    site.set_all(
        "/news/today",
        &[
            ("title", probe()),
            ("body", probe()),
            ("format", probe()),
            ("list", Value::List(vec![probe()])),
            ("map", Value::Map([(PROBE.into(), probe())].into())),
            ("nested", Value::List(vec![Value::List(vec![probe()])])),
            ("dangling", reference),
            (odd.as_str(), probe()),
        ],
    );
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    site.set("/news/today", "title", format!("theirs {PROBE}"));
    let clash = form.send(&mut browser, &[("v:title", &format!("mine {PROBE}"))]).await;
    assert_eq!(clash.status, StatusCode::CONFLICT);
    let wrong =
        form.send(&mut browser, &[("new.name", PROBE), ("new.value", PROBE), ("version", PROBE)]).await;
    let preview = browser
        .post(
            "/news/today/@@manage/edit/preview",
            &{
                let mut fields = vec![("code", form.hidden("code")), ("preview", "body".to_owned())];
                fields.extend(form.asked().into_iter().map(|asked| ("has", asked)));
                fields.iter().map(|(field, value)| (*field, value.clone())).collect::<Vec<_>>()
            }
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
            .collect::<Vec<_>>(),
        )
        .await;
    assert!(preview.says("Preview"), "{}", preview.words());
    for page in [form.page, clash.text(), wrong.text(), preview.text()] {
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    }
}

#[tokio::test]
async fn a_preview_shows_markdown_without_what_acts() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    let text = "# Hello\n\n<script>alert(1)</script>\n\n![](pic.png)";
    let fields = form.fields(&[("v:body", text), ("preview", "body")]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(field, value)| (&**field, &**value)).collect();
    let answer = browser.post("/news/today/@@manage/edit/preview?live=1", &fields).await;
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let page = json["page"].as_str().unwrap();
    assert!(page.contains("<h1>Hello</h1>") && page.contains("src=\"/news/pic.png\""), "{page}");
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(site.text("/news/today", "body").as_deref(), Some(BODY), "nothing is saved");
}

#[tokio::test]
async fn a_state_that_is_packed_away_is_compared_with_now() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    let now = site.set("/news/today", "title", "Theirs");
    site.database.pack(now, false, &mut bough_store::unwatched).unwrap();
    let clash = form.send(&mut browser, &[("v:title", "Mine")]).await;
    assert_eq!(clash.status, StatusCode::CONFLICT, "{}", clash.words());
    assert!(clash.says("packed away") && clash.text().contains("value=\"Mine\""), "{}", clash.words());
    let answer = Form::of(&clash, &form.url).send(&mut browser, &[("v:title", "Mine")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.words());
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Mine"));
}

#[tokio::test]
async fn a_form_of_one_version_is_not_saved_into_another_that_has_its_name_now() {
    use bough_store::Note;
    use bough_store::version::{Management, NewVersion};
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let old = site.database.open_version(&NewVersion::named("draft"), Note::edit("Opened")).unwrap();
    let form = Form::open(&mut browser, "/@v/draft/news/today").await;
    let other_name = Management { name: Some("older".into()), ..Management::default() };
    old.manage_version(&other_name, Note::edit("Renamed")).unwrap();
    let new = site.database.open_version(&NewVersion::named("draft"), Note::edit("Opened")).unwrap();
    let title = || {
        let object = new.snapshot().object(site.oid("/news/today")).unwrap().unwrap();
        object.text("title").map(str::to_owned)
    };
    let again = form.send(&mut browser, &[("v:title", "Mine")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.words());
    assert!(again.says("another version"), "{}", again.words());
    assert!(again.text().contains("value=\"Mine\""), "what was typed is there");
    assert_eq!(title().as_deref(), Some("Today"));
    let form = Form::of(&again, &form.url);
    assert_eq!(form.send(&mut browser, &[("v:title", "Mine")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(title().as_deref(), Some("Mine"), "whoever saves once more means this one");
}

#[tokio::test]
async fn what_may_not_be_set_any_more_is_shown_again_and_not_dropped() {
    use bough_core::security::permission::{MANAGE, PROPERTIES};
    use bough_core::security::{Roles, Setting};
    let site = site();
    site.add_user("ed", &["Editor"]);
    site.set("/news/today", "_robots", "index");
    let only = |roles: &[&str]| Some(Setting { roles: Roles::named(roles.iter().copied()), acquire: false });
    let allow = |roles: &[&str]| {
        site.change(|draft| {
            draft.set_permission(Oid::ROOT, &name(MANAGE), only(&["Manager", "Editor"]))?;
            draft.set_permission(Oid::ROOT, &name(PROPERTIES), only(roles))
        })
    };
    allow(&["Manager", "Editor"]);
    let mut ed = site.logged_in("ed").await;
    let form = Form::open(&mut ed, "/news/today").await;
    allow(&["Manager"]);
    let changes = [("v:title", "Mine"), ("v:_robots", "what ed typed")];
    let refused = form.send(&mut ed, &changes).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.words());
    let page = refused.text();
    assert!(page.contains("what ed typed") && page.contains("value=\"Mine\""), "{}", refused.words());
    assert!(refused.says("You may not change this any more"), "{}", refused.words());
    assert!(!refused.says("index"), "he may not see it any more, either");
    assert_eq!(site.text("/news/today", "title").as_deref(), Some("Today"), "nothing is saved");
    // The form that is shown again does not ask for it: saving once more keeps the rest.
    let form = Form::of(&refused, &form.url);
    assert!(!form.asked().contains(&"_robots".to_owned()));
    let saved = form.send(&mut ed, &[("v:title", "Mine")]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.words());
    assert_eq!(site.text("/news/today", "_robots").as_deref(), Some("index"));
}

#[tokio::test]
async fn a_form_of_too_many_fields_is_refused_and_none_of_it_left_out() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = Form::open(&mut browser, "/news/today").await;
    for (number, status) in [(2_000, StatusCode::SEE_OTHER), (5_001, StatusCode::BAD_REQUEST)] {
        let title = format!("behind {number}");
        let mut fields = vec![("more", "x"); number];
        fields.push(("v:title", &title));
        let answer = form.send(&mut browser, &fields).await;
        assert_eq!(answer.status, status, "{}", answer.words());
        if status.is_client_error() {
            assert!(answer.text().contains("more than 5,000 fields"), "{}", answer.words());
        }
        assert_eq!(site.text("/news/today", "title").as_deref(), Some("behind 2000"));
    }
}
