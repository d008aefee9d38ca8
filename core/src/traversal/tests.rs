use super::*;
use crate::object_type::{Effect, MethodSpec, PlainType, TypeSchema};
use crate::snapshot::path_of;
use crate::testing::{CountingIds, MemoryTree, name, oid_at};
use crate::transaction::Transaction;
use crate::{ObjectPath, Tid};

/// A page has the methods `edit` and `_raw`; a template is applicable.
fn types() -> TypeRegistry {
    let mut page = TypeSchema::new("page", "Page").unwrap();
    page.methods = ["edit", "_raw"]
        .map(|method| MethodSpec { name: name(method), effect: Effect::Reads, permission: "View" })
        .into();
    page.container = true;
    let mut template = TypeSchema::new("template", "Template").unwrap();
    template.applicable = true;
    let mut types = TypeRegistry::default();
    types.register(PlainType(page));
    types.register(PlainType(template));
    types
}

fn split(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(str::to_owned).collect()
}

/// As in `object /a`, `method edit of /a`, `view edit of /a`, `/print applied to /a`, `moved to /b`, `no x in /a`.
fn resolved(snapshot: &dyn Snapshot, path: &str) -> String {
    let root = snapshot.object(Oid::ROOT).unwrap().unwrap();
    let steps = if path == "/" { Vec::new() } else { split(path) };
    let path_of = |oid| path_of(snapshot, oid).unwrap().unwrap().to_string();
    let at = |object: &Object| path_of(object.oid());
    match resolve(snapshot, &types(), &root, &steps).unwrap() {
        Target::Object(object) => format!("object {}", at(&object)),
        Target::Method { object, method } => format!("method {method} of {}", at(&object)),
        Target::View { object, view } => format!("view {view} of {}", at(&object)),
        Target::Applied { object, template } => format!("{} applied to {}", at(&template), at(&object)),
        Target::Moved(oid) => format!("moved to {}", path_of(oid)),
        Target::Missing { reached, step } => format!("no {} in {}", step.escape_debug(), at(&reached)),
    }
}

fn check(snapshot: &dyn Snapshot, table: &[(&str, &str)]) {
    for (path, expected) in table {
        assert_eq!(resolved(snapshot, path), *expected, "{}", path.escape_debug());
    }
}

const SITE: &str = "
    /print :template
    /_hidden :template
    /style
    /news :page
    /news/today :page
    /news/today/edit
    /open _acquire_steps=true
    /open/doc :page
    /open/doc/style :template
    /open/doc/below :page
    /open/doc/own print=mine
    /open/shy _explicit=true
    /open/shut _acquire_steps=false
    /files _files=true
    /files/_static :page
    /files/_static/_deep
    /files/closed _files=false
    /files/closed/_x
    /plain/_x";

#[test]
fn a_step_is_a_view_a_child_a_method_or_an_applied_template_in_this_order() {
    check(
        &MemoryTree::seeded(SITE),
        &[
            ("/", "object /"),
            ("/news/today", "object /news/today"),
            ("/news/tomorrow", "no tomorrow in /news"),
            ("/news/none/deeper", "no none in /news"),
            // Views, only as the last step.
            ("/@@edit", "view edit of /"),
            ("/news/@@edit", "view edit of /news"),
            ("/news/@@edit/today", "no @@edit in /news"),
            ("/none/@@edit", "no none in /"),
            // Methods of the type, hidden by a child, only as the last step.
            ("/news/edit", "method edit of /news"),
            ("/news/today/edit", "object /news/today/edit"),
            ("/news/edit/more", "no edit in /news"),
            ("/style/edit", "no edit in /style"),
            // Content is not found by acquisition.
            ("/news/style", "no style in /news"),
            ("/open/doc/news", "no news in /open/doc"),
            // Templates are, where the place allows it.
            ("/open/doc/print", "/print applied to /open/doc"),
            ("/open/print", "/print applied to /open"),
            ("/print", "object /print"),
            ("/news/print", "no print in /news"),
            ("/open/shut/print", "no print in /open/shut"),
            ("/open/doc/print/more", "no print in /open/doc"),
            // The nearest of that name counts, whatever it is.
            ("/open/doc/below/style", "/open/doc/style applied to /open/doc/below"),
            ("/open/style", "no style in /open"),
            ("/open/doc/own/print", "no print in /open/doc/own"),
            // An explicit object gets no method from above.
            ("/open/shy/print", "no print in /open/shy"),
        ],
    );
}

#[test]
fn a_private_name_is_found_only_where_files_are_imported() {
    check(
        &MemoryTree::seeded(SITE),
        &[
            ("/_hidden", "no _hidden in /"),
            ("/plain/_x", "no _x in /plain"),
            ("/files/_static", "object /files/_static"),
            ("/files/_static/_deep", "object /files/_static/_deep"),
            ("/files/_static/_raw", "method _raw of /files/_static"),
            ("/files/closed/_x", "no _x in /files/closed"),
            ("/news/_raw", "no _raw in /news"),
            ("/open/_hidden", "no _hidden in /open"),
            ("/files/_acquire_steps", "no _acquire_steps in /files"),
            ("/_", "no _ in /"),
        ],
    );
    // Not even where both marks are set is a private template applied.
    check(
        &MemoryTree::seeded("/ _files=true _acquire_steps=true\n/_hidden :template\n/print :template\n/a"),
        &[("/a/print", "/print applied to /a"), ("/a/_hidden", "no _hidden in /a")],
    );
}

#[test]
fn hostile_steps_lead_nowhere() {
    let long = "x".repeat(100_000);
    let tree = MemoryTree::seeded(SITE);
    for step in [
        "",
        ".",
        "..",
        "a/b",
        "news/today",
        "\0",
        "a\nb",
        "@v",
        "@at",
        "@",
        "@@",
        "@@@",
        "@@a/b",
        "@@..",
        "@@\0",
        "\u{202e}txt",
        &long,
    ] {
        let steps = ["news".to_owned(), step.to_owned()];
        for start in [&steps[..1], &steps[..0]] {
            let root = tree.object(Oid::ROOT).unwrap().unwrap();
            for rest in [&[][..], &["today".to_owned()]] {
                let steps = [start, &steps[1..], rest].concat();
                let target = resolve(&tree, &types(), &root, &steps).unwrap();
                let reached = tree
                    .object(oid_at(&tree, if start.is_empty() { "/" } else { "/news" }))
                    .unwrap()
                    .unwrap();
                assert_eq!(
                    target,
                    Target::Missing { reached, step: step.into() },
                    "{:.40}",
                    step.escape_debug()
                );
            }
        }
    }
}

#[test]
fn a_mark_counts_only_as_an_attribute_that_is_true() {
    for marks in
        ["/a _acquire_steps=yes _files=yes", "/a _acquire_steps=1 _files=1", "/a/_acquire_steps\n/a/_files"]
    {
        let tree = MemoryTree::seeded(&format!("/print :template\n{marks}\n/a/_x"));
        check(&tree, &[("/a/print", "no print in /a"), ("/a/_x", "no _x in /a")]);
    }
}

/// Each step moves, renames or deletes, in a commit of its own; `-` is where deleted things go.
fn after(tree: MemoryTree, moves: &str) -> MemoryTree {
    moves.lines().map(str::trim).filter(|line| !line.is_empty()).fold(tree, |mut tree, line| {
        let (from, to) = line.split_once(" -> ").unwrap();
        let tid = Tid::from_micros(tree.tid().as_micros() + 1);
        let ids = Arc::new(CountingIds::after(1_000));
        let mut change = Transaction::new(Arc::new(tree.clone()), Arc::new(TypeRegistry::default()), ids, 9);
        let moved = oid_at(&tree, from);
        if to == "-" {
            change.delete(moved).unwrap();
        } else {
            let to = ObjectPath::parse(to).unwrap();
            let (parent, name) = to.split_last().unwrap();
            change.move_to(moved, change.at(&parent).unwrap(), name).unwrap();
        }
        tree.apply(&change.finish().unwrap(), tid);
        tree
    })
}

#[test]
fn a_former_path_leads_to_where_its_object_lives_now() {
    let tree = after(
        MemoryTree::seeded(
            "/a/b/c/d\n/e/f\n/g/h :page\n/gone/x\n/new\n/_p/q\n/open _acquire_steps=true\n/open/print\n/print :template",
        ),
        "/a/b/c/d -> /a/b/c/dd
         /a/b -> /bb
         /a -> /aa
         /e/f -> /new/f
         /e -> -
         /gone -> -
         /_p/q -> /q
         /open/print -> /new/print",
    );
    check(
        &tree,
        &[
            ("/aa", "object /aa"),
            ("/a", "moved to /aa"),
            ("/a/b", "moved to /bb"),
            ("/a/b/c", "moved to /bb/c"),
            ("/a/b/c/d", "moved to /bb/c/dd"),
            ("/a/b/c/dd", "moved to /bb/c/dd"),
            ("/bb/c/d", "moved to /bb/c/dd"),
            ("/aa/b/c/d", "moved to /bb/c/dd"),
            ("/aa/b/none", "no b in /aa"),
            ("/a/none", "no a in /"),
            // What is deleted leads nowhere, but what was moved out of it before is found.
            ("/e", "no e in /"),
            ("/e/f", "moved to /new/f"),
            ("/gone/x", "no gone in /"),
            // Only content has former places, no views and methods; private names have none.
            ("/a/@@edit", "no a in /"),
            ("/a/b/edit", "no a in /"),
            ("/_p/q", "no _p in /"),
            // A method that is found now comes before what stood there once.
            ("/open/print", "/print applied to /open"),
        ],
    );
}

#[test]
fn a_former_path_is_forgotten_where_something_else_stands_now() {
    let site = || MemoryTree::seeded("/a/x\n/b");
    check(
        &after(site(), "/a -> /c\n/b -> /a"),
        &[("/a", "object /a"), ("/b", "moved to /a"), ("/a/x", "no x in /a")],
    );
    check(&after(site(), "/a -> /c\n/c -> /a"), &[("/a/x", "object /a/x"), ("/c/x", "moved to /a/x")]);
    // The last that stood there, not the first; and as of a past moment, what had stood there by then.
    let tree = after(site(), "/a -> /c\n/b -> /a\n/a -> /d");
    check(&tree, &[("/a", "moved to /d"), ("/a/x", "no a in /"), ("/b", "moved to /d")]);
    check(
        &tree.at(Tid::from_micros(2)),
        &[("/a", "moved to /c"), ("/a/x", "moved to /c/x"), ("/b", "object /b")],
    );
}

#[test]
fn an_address_splits_off_version_and_moment_in_this_order() {
    for (path, version, moment, rest) in [
        ("/a/b", None, None, "/a/b"),
        ("/@v/next/a", Some("next"), None, "/a"),
        ("/@at/t1/a", None, Some("t1"), "/a"),
        ("/@v/next/@at/t1/a/b", Some("next"), Some("t1"), "/a/b"),
        ("/@v/next", Some("next"), None, ""),
        ("/@at/t1", None, Some("t1"), ""),
        ("/@at/t1/@v/next", None, Some("t1"), "/@v/next"),
        ("/@v/a/@v/b", Some("a"), None, "/@v/b"),
        ("/@v/@at/x", Some("@at"), None, "/x"),
        ("/@v", None, None, "/@v"),
        ("/@at", None, None, "/@at"),
        ("/a/@v/next", None, None, "/a/@v/next"),
        ("/@V/next", None, None, "/@V/next"),
    ] {
        let steps = split(path);
        let expected = Address { version, moment, steps: &split(rest) };
        assert_eq!(Address::of(&steps), expected, "{path}");
    }
    assert_eq!(Address::of(&[]), Address::default());
}
