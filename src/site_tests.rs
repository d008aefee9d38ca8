//! What an application may count on.

use std::collections::BTreeMap;

use bough_core::object_type::{Call, Effect, MethodError, MethodSpec, ObjectType, Reply, TypeSchema};
use bough_core::{Name, Tid, Value};

use crate::{Error, Moment, Site, Tx};

fn site() -> Site {
    let site = Site::in_memory().unwrap();
    site.write("Seed", |tx| {
        tx.set("/", "colour", "green")?;
        tx.add("/docs", "folder")?;
        tx.add_with("/docs/a", "page", [("title", "A".into()), ("views", Value::Int(3))])?;
        tx.file("/docs/pic.png", vec![7; 10_000])
    })
    .unwrap();
    site
}

#[test]
fn a_handle_tells_everything_about_its_object() {
    let site = site();
    let page = site.get("/docs/a").unwrap();
    assert_eq!((page.path().to_string(), page.name(), page.type_name()), ("/docs/a".into(), "a", "page"));
    assert_eq!((page.title().unwrap(), page.text("title").unwrap()), ("A".to_owned(), "A".to_owned()));
    assert_eq!(page.value("views").unwrap(), Some(Value::Int(3)));
    assert_eq!(page.text("format").unwrap(), "html", "the type's default");
    assert_eq!(page.acquire("colour").unwrap(), Some("green".into()));
    let children: Vec<String> =
        site.get("/docs").unwrap().children().map(|child| child.unwrap().name().to_owned()).collect();
    assert_eq!(children, ["a", "pic.png"]);
    let picture = site.get("/docs/pic.png").unwrap();
    assert_eq!((picture.type_name(), picture.content_bytes()), ("image", Some(10_000)));
    assert_eq!(picture.bytes("data").unwrap().len(), 10_000);
}

#[test]
fn children_are_read_however_many_there_are() {
    let site = Site::in_memory().unwrap();
    site.write("Many", |tx| (0..600).try_for_each(|nth| tx.add(&format!("/{nth}"), "folder").map(|_| ())))
        .unwrap();
    let names: Vec<String> =
        site.get("/").unwrap().children().map(|child| child.unwrap().name().to_owned()).collect();
    assert_eq!(names, (0..600).map(|nth| nth.to_string()).collect::<Vec<_>>());
}

#[test]
fn errors_name_the_path_what_was_expected_and_what_was_found() {
    let site = site();
    let handle = site.get("/docs/a").unwrap();
    let write =
        |work: &dyn Fn(&mut Tx<'_>) -> Result<(), Error>| site.write("Try", |tx| work(tx)).unwrap_err();
    for (error, expected) in [
        (site.get("/docs/x/y").err().unwrap(), "there is nothing at `/docs/x/y`: `/docs` has no child `x`"),
        (site.get("docs").err().unwrap(), "`docs` is not a path: expected it to begin with `/`"),
        (handle.text("views").unwrap_err(), "attribute `views` of `/docs/a`: expected text, found int"),
        (handle.text("nix").unwrap_err(), "`/docs/a` has no attribute `nix`"),
        (write(&|tx| tx.add("/docs/a", "page").map(|_| ())), "`/docs` already has a child `a`"),
        (
            write(&|tx| tx.file("/docs/a", b"x").map(|_| ())),
            "`/docs/a`: expected an object of type `file`, found one of type `page`",
        ),
        (write(&|tx| tx.delete("/")), "the root cannot be moved, renamed or deleted"),
        (write(&|_| Err(Error::Other("not today".into()))), "not today"),
    ] {
        assert_eq!(error.to_string(), expected);
    }
    assert!(
        write(&|tx| tx.add("/p", "pgae").map(|_| ()))
            .to_string()
            .contains("no type `pgae`: expected one of `file`")
    );
}

#[test]
fn work_that_fails_writes_nothing() {
    let site = site();
    let before = site.database().head();
    let failed = site.write("Half", |tx| {
        tx.set("/docs/a", "title", "B")?;
        tx.delete("/nowhere")
    });
    assert!(matches!(failed, Err(Error::NothingAt { .. })));
    assert_eq!((site.database().head(), site.get("/docs/a").unwrap().title().unwrap()), (before, "A".into()));
    assert_eq!(site.write("Nothing", |_| Ok(())).unwrap().tid, None);
}

#[test]
fn a_view_of_the_past_shows_the_past_and_undo_brings_it_back() {
    let site = site();
    let then = site.database().head();
    let old = site.get("/docs/a").unwrap();
    let renamed = site.write("Rename", |tx| tx.set("/docs/a", "title", "B")).unwrap();
    site.write("Move", |tx| tx.move_to("/docs/a", "/b")).unwrap();
    assert_eq!(old.title().unwrap(), "A", "a handle never changes");
    assert_eq!(site.at(then).unwrap().get("/docs/a").unwrap().title().unwrap(), "A");
    assert_eq!(site.at(Moment::Micros(u64::MAX)).unwrap().tid(), site.database().head());
    assert!(site.at(Tid::MAX).is_err(), "the future cannot be read");

    assert_eq!(site.undo_preview(renamed.tid).unwrap().objects, 1);
    site.undo(renamed.tid).unwrap();
    assert_eq!(site.get("/b").unwrap().title().unwrap(), "A");
    let sentences: Vec<String> =
        site.history_of("/b", 2).unwrap().into_iter().map(|commit| commit.sentence).collect();
    assert!(sentences[0].starts_with("Undid") && sentences[1] == "Move", "{sentences:?}");
    assert_eq!(site.undo(None).unwrap(), None);
}

/// Counts its calls in an attribute.
struct Counting(TypeSchema);

impl Counting {
    fn new() -> Self {
        let method =
            |name: &str, effect| MethodSpec { name: Name::new(name).unwrap(), effect, permission: "View" };
        let methods = vec![
            method("peek", Effect::Reads),
            method("count", Effect::Writes),
            method("cheat", Effect::Reads),
        ];
        Self(TypeSchema { methods, ..TypeSchema::new("counting", "Counting").unwrap() })
    }
}

impl ObjectType for Counting {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        let object = call.snapshot().object(call.object)?;
        let Some(Value::Int(count)) = object.and_then(|object| object.value("count").cloned()) else {
            return Err(MethodError::Refused("it has no count".into()));
        };
        if method != "peek" {
            let oid = call.object;
            call.transaction(method)?.set(oid, &Name::new("count").unwrap(), Some(Value::Int(count + 1)))?;
        }
        Ok(Reply::Value(Value::Int(count)))
    }
}

#[test]
fn a_type_of_ones_own_is_mounted_once_and_called() {
    let site = Site::builder().register(Counting::new()).in_memory().unwrap();
    let mounted = site.mount("/apps/c", "counting", [("count", Value::Int(5))]).unwrap();
    site.call("/apps/c", "count", []).unwrap();
    let again = site.mount("/apps/c", "counting", [("count", Value::Int(0))]).unwrap();
    assert_eq!((again.tid, again.value.oid()), (None, mounted.value.oid()), "it stays as it is");
    let peeked = site.call("/apps/c", "peek", []).unwrap();
    assert_eq!((peeked.reply, peeked.tid), (Reply::Value(Value::Int(6)), None));

    let error = site.call("/apps/c", "cheat", []).unwrap_err();
    assert!(matches!(error, Error::Method { source: MethodError::ReadOnly(_), .. }), "{error:?}");
    assert!(matches!(
        site.call("/apps/c", "nix", []),
        Err(Error::Method { source: MethodError::NoSuchMethod { .. }, .. })
    ));
    assert!(matches!(site.mount("/apps", "counting", BTreeMap::new()), Err(Error::OtherType { .. })));
}

#[test]
fn a_site_on_the_disk_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path()).unwrap();
    site.write("Make", |tx| tx.add("/a", "folder")).unwrap();
    assert!(matches!(Site::open(folder.path()), Err(Error::Open(_))), "one process at a time");
    site.close().unwrap();
    drop(site);
    assert!(Site::open(folder.path()).unwrap().get("/a").is_ok());
}
