//! What objects show: by their type, in folders, and where no code knows them.

use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, TypeSchema};
use bough_core::{Name, Oid, Value};
use bough_web::{Config, built_in_types};

use crate::site::{TestSite, name, path};

#[tokio::test]
async fn a_folder_shows_its_default_document_at_its_own_url() {
    let site = TestSite::new();
    site.put("/f", "folder", &[]);
    site.put("/f/other", "page", &[("body", "other")]);
    assert!(site.get("/f/").await.text().contains("other</a>"), "without one it is listed");
    site.put("/f/index", "page", &[("body", "page index")]);
    assert!(site.get("/f/").await.text().contains("page index"));
    site.put("/f/index.html", "page", &[("body", "html index")]);
    assert!(site.get("/f/").await.text().contains("html index"));
    site.set("/f", "default", "other");
    for uri in ["/f/", "/f/other"] {
        let answer = site.get(uri).await;
        assert!(answer.text().contains("other"), "{uri}");
        assert_eq!(answer.header("link"), "</f/>; rel=\"canonical\"", "{uri}");
    }
    assert_eq!(site.get("/f/index").await.header("link"), "", "it is not the default any more");
    site.set("/f", "default", "gone");
    assert!(site.get("/f/").await.text().contains("html index"), "a name that is not there is passed over");
}

#[tokio::test]
async fn a_default_document_may_be_of_any_type_but_a_folder() {
    let site = TestSite::new();
    site.put("/f", "folder", &[]);
    site.put("/f/index", "folder", &[]);
    assert!(site.get("/f/").await.text().contains("href=\"/f/index/\""));
    site.put("/f/index.html", "template", &[("source", "made for {{ here.name }}")]);
    assert_eq!(site.get("/f/").await.text(), "made for f");
    assert_eq!(site.get("/f/index.html").await.text(), "made for f");
}

#[tokio::test]
async fn a_listing_is_read_by_pages_in_either_order() {
    let site = TestSite::new();
    site.put("/empty", "folder", &[]);
    assert!(site.get("/empty/").await.text().contains("nothing in this folder yet"));
    site.put("/f", "folder", &[]);
    site.change(|draft| {
        let folder = draft.at(&path("/f"))?;
        for nth in (0..250).rev() {
            let title = [(name("title"), Value::text(format!("T<{nth}>")))];
            draft.add(folder, &name(&format!("c&{nth:03}")), &name("page"), title)?;
        }
        Ok(())
    });
    for (start, first) in [("/f/", "c&249"), ("/f/?by=name", "c&000")] {
        let (mut uri, mut seen) = (start.to_owned(), Vec::new());
        loop {
            let text = site.get(&uri).await.text();
            let names: Vec<String> = text
                .split("<tr><td><a href=\"")
                .skip(1)
                .map(|row| row.split(['>', '<']).nth(1).unwrap().replace("&amp;", "&"))
                .collect();
            assert!(names.len() <= 100);
            assert!(text.contains("T&lt;"), "titles are escaped");
            seen.extend(names);
            let Some(next) = text.split("rel=\"next\"").next().filter(|_| text.contains("rel=\"next\""))
            else {
                break;
            };
            let href = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
            uri = href.replace("&amp;", "&");
        }
        assert_eq!((seen.len(), seen[0].as_str()), (250, first), "{start}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 250, "each of them once");
    }
    for wrong in ["/f/?by=size", "/f/?after=c", "/f/?after=c&order=%21", "/f/?by=name&after="] {
        assert_eq!(site.get(wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_listing_is_made_by_the_acquired_template_of_that_name() {
    let site = TestSite::new();
    site.put("/f", "folder", &[]);
    site.put_file("/f/file.txt", b"0123");
    let source =
        "{% for e in entries %}{{ e.name }} {{ e.type }} {{ e.size }} {{ e.bytes }} {{ e.url }};{% endfor %}";
    site.put("/listing.html", "template", &[("source", source)]);
    assert_eq!(site.get("/f/").await.text(), "file.txt file 4 bytes 4 /f/file.txt;");
}

#[tokio::test]
async fn links_lead_to_paths_addresses_and_objects_wherever_these_are() {
    let site = TestSite::new();
    site.put("/a", "page", &[]);
    site.put("/path", "link", &[("target", "/a?b=c")]);
    site.put("/web", "link", &[("target", "https://example.org/x")]);
    site.put("/script", "link", &[("target", "javascript:alert(1)")]);
    site.put("/unset", "link", &[]);
    site.put("/object", "link", &[]);
    let oid = site.database.begin().at(&path("/a")).unwrap();
    site.set("/object", "target", Value::Reference(oid));
    site.rename("/a", "/moved");
    for (uri, outcome) in [
        ("/path", (302, "/a?b=c")),
        ("/web", (302, "https://example.org/x")),
        ("/script", (404, "")),
        ("/unset", (404, "")),
        ("/object", (302, "/moved")),
    ] {
        assert_eq!(site.get(uri).await.outcome(), outcome, "{uri}");
    }
    site.set("/web", "permanent", true);
    assert_eq!(site.get("/web").await.outcome(), (308, "https://example.org/x"));
    site.delete("/moved");
    assert_eq!(site.get("/object").await.status, 404);
}

#[tokio::test]
async fn a_page_is_html_or_markdown_in_its_layout() {
    let site = TestSite::new();
    site.put("/m", "page", &[("title", "M"), ("body", "# Head\n\n*x*"), ("format", "markdown")]);
    let long = format!("<p>{}</p>", "long ".repeat(3_000));
    site.put("/long", "page", &[("body", &long)]);
    let text = site.get("/m").await.text();
    assert!(text.contains("<h1>Head</h1>") && text.contains("<title>M</title>"), "{text}");
    assert!(site.get("/long").await.text().contains(&long), "long texts are kept aside and still shown");
}

#[tokio::test]
async fn an_object_of_a_type_that_nobody_knows_is_shown_as_what_it_holds() {
    let site = TestSite::new();
    site.put("/odd", "alien", &[("note", "<b>"), ("_private", "hidden")]);
    site.set("/odd", "number", 7);
    let answer = site.get("/odd").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.contains("&lt;b&gt;") && text.contains(">7<") && text.contains("alien"), "{text}");
    assert!(!text.contains("hidden"));
}

struct Own(TypeSchema, Name);

impl Own {
    fn new() -> Self {
        let method = |text| MethodSpec { name: name(text), effect: Effect::Reads, permission: "View" };
        let methods = ["show", "go", "text", "value", "echo"].map(method).to_vec();
        Self(TypeSchema { methods, ..TypeSchema::new("own", "Own").unwrap() }, name("show"))
    }
}

impl ObjectType for Own {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn default_method(&self) -> Option<&Name> {
        Some(&self.1)
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        Ok(match method.as_str() {
            "show" => Reply::html("<p>shown</p>"),
            "go" => Reply::GoTo(Oid::ROOT),
            "text" => Reply::Value("plain".into()),
            "echo" => Reply::Value(call.text("x")?.into()),
            _ => Reply::Value(Value::List(vec![Value::Int(1), Value::Null])),
        })
    }
}

#[tokio::test]
async fn a_type_of_the_application_shows_its_default_method_and_publishes_the_others() {
    let mut types = built_in_types();
    types.register(Own::new());
    let site = TestSite::with(types, Config::default());
    site.put("/o", "own", &[]);
    for (uri, status, media_type, body) in [
        ("/o", 200, "text/html; charset=utf-8", "<p>shown</p>"),
        ("/o/text", 200, "text/plain; charset=utf-8", "plain"),
        ("/o/value", 200, "application/json", "[1,null]"),
        ("/o/echo?x=a+b%21", 200, "text/plain; charset=utf-8", "a b!"),
        ("/o/go", 302, "", ""),
    ] {
        let answer = site.get(uri).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (status, media_type), "{uri}");
        assert_eq!(answer.text(), body, "{uri}");
        assert!(!answer.headers.contains_key("etag"), "a method may look at the clock");
    }
    assert_eq!(site.get("/o/go").await.header("location"), "/");
    let then = site.get(&format!("/@at/{}/o", site.database.head())).await;
    assert_eq!((then.status.as_u16(), then.header("cache-control")), (200, "no-cache"));
    assert_eq!(site.get("/o/show/").await.outcome(), (308, "/o/show"));
    let missing = site.get("/o/echo").await;
    assert!(missing.status == 400 && missing.text().contains("`x` is missing"), "{}", missing.text());
}
