use super::*;
use crate::object::{Cell, CellKey};
use crate::object_type::{AttributeSpec, Effect, MethodSpec, PlainType, TypeSchema};
use crate::snapshot::path_of;
use crate::testing::{MemoryTree, name, oid_at};
use crate::{OrderKey, Place};
use serde_json::Value as Json;

/// A page has a method `show`, the default `skin=plain`, and a default `stop` that blocks.
fn types() -> TypeRegistry {
    let mut page = TypeSchema::new("page", "Page").unwrap();
    page.attributes.push(AttributeSpec::new("skin", "text").unwrap().with_default("plain"));
    page.attributes.push(AttributeSpec::new("stop", "text").unwrap().with_default(Value::Block));
    page.methods.push(MethodSpec { name: name("show"), effect: Effect::Reads, permission: "View" });
    let mut types = TypeRegistry::default();
    types.register(PlainType(page));
    types
}

/// As in `title=A at /news`, `method show at /news`, `child /print`.
fn printed(snapshot: &dyn Snapshot, acquired: &Acquired, asked: &str) -> String {
    let path = |oid| path_of(snapshot, oid).unwrap().map_or_else(|| oid.to_string(), |path| path.to_string());
    let at = path(acquired.at);
    match &acquired.found {
        Found::Attribute { content: Content::Value(Value::Text(text)), .. } => {
            format!("{asked}={text} at {at}")
        }
        Found::Attribute { content, .. } => format!("{asked}={content:?} at {at}"),
        Found::Default(value) => format!("default {} at {at}", value.as_text().unwrap_or("?")),
        Found::Method(method) => format!("method {method} at {at}"),
        Found::Child(oid) => format!("child {}", path(*oid)),
    }
}

#[test]
fn a_lookup_asks_attribute_then_type_then_child_at_each_place_up_to_the_root() {
    let tree = MemoryTree::seeded(
        "/ motto=far _owner=root shut=over
         /news motto=near skin=dark
         /news/today :page title=A
         /news/today/note
         /news/today/note/deep
         /news/today/show
         /news/lone :page skin=own show=field
         /news/lone/skin
         /safe _explicit=true tone=loud
         /safe/in
         /safe/in/_own
         /shut shut=!block
         /shut/in tone=!block
         /shut/in/in shut=open
         /title",
    );
    for (path, asked, by_itself, when_asked) in [
        ("/news/today", "title", "title=A at /news/today", "title=A at /news/today"),
        ("/news/today", "motto", "motto=near at /news", "motto=near at /news"),
        ("/title", "motto", "motto=far at /", "motto=far at /"),
        ("/news/today/note/deep", "title", "title=A at /news/today", "title=A at /news/today"),
        // The nearest place wins, whatever kind of thing it has there.
        ("/news", "title", "child /title", "child /title"),
        ("/news/today/note", "note", "child /news/today/note", "child /news/today/note"),
        ("/news/today/note", "news", "child /news", "child /news"),
        // A method or default of the type comes after an attribute and before a child.
        ("/news/today", "skin", "default plain at /news/today", "default plain at /news/today"),
        ("/news/today/note", "skin", "default plain at /news/today", "default plain at /news/today"),
        ("/news/today", "show", "method show at /news/today", "method show at /news/today"),
        ("/news/lone", "skin", "skin=own at /news/lone", "skin=own at /news/lone"),
        ("/news/lone", "show", "show=field at /news/lone", "show=field at /news/lone"),
        // A private name is acquired only on purpose, but an object has its own.
        ("/news/today", "_owner", "", "_owner=root at /"),
        ("/", "_owner", "_owner=root at /", "_owner=root at /"),
        ("/safe/in", "_own", "child /safe/in/_own", "child /safe/in/_own"),
        // An explicit object acquires only on purpose; what is in it acquires through it and from it.
        ("/safe", "motto", "", "motto=far at /"),
        ("/safe", "tone", "tone=loud at /safe", "tone=loud at /safe"),
        ("/safe", "in", "child /safe/in", "child /safe/in"),
        ("/safe/in", "motto", "motto=far at /", "motto=far at /"),
        ("/safe/in", "tone", "tone=loud at /safe", "tone=loud at /safe"),
        // A block ends the search, also at the object itself, and also for who asks on purpose.
        ("/shut/in", "shut", "", ""),
        ("/shut", "shut", "", ""),
        ("/shut/in/in", "shut", "shut=open at /shut/in/in", "shut=open at /shut/in/in"),
        ("/shut/in/in", "tone", "", ""),
        ("/news/today", "stop", "", ""),
        ("/news/today", "nothing", "", ""),
        ("/", "nothing", "", ""),
    ] {
        let (oid, types) = (oid_at(&tree, path), types());
        let shown =
            |found: Option<Acquired>| found.map_or(String::new(), |found| printed(&tree, &found, asked));
        let context = format!("`{asked}` from {path}");
        assert_eq!(shown(get(&tree, &types, oid, asked).unwrap()), by_itself, "got {context}");
        assert_eq!(shown(acquire(&tree, &types, oid, asked).unwrap()), when_asked, "acquired {context}");
        assert_eq!(
            shown(explain(&tree, &types, oid, asked).unwrap().answer),
            when_asked,
            "explained {context}"
        );
    }
}

#[test]
fn an_explanation_lists_what_the_answer_hides_and_where_a_block_ends_the_search() {
    let tree = MemoryTree::seeded(
        "/ a=1x b=1x c=1x _d=1x
         /f a=2x b=!block
         /f/g a=3x b=3x c=!block _explicit=true
         /f/g/h a=4x
         /f/g/h/c",
    );
    for (path, asked, answer, hidden, blocked_at, only_when_asked) in [
        ("/f/g/h", "a", "a=4x at /f/g/h", "a=3x at /f/g, a=2x at /f, a=1x at /", "", false),
        ("/f/g/h", "b", "b=3x at /f/g", "", "/f", false),
        ("/f/g/h", "c", "child /f/g/h/c", "", "/f/g", false),
        ("/f/g", "a", "a=3x at /f/g", "a=2x at /f, a=1x at /", "", true),
        ("/f", "b", "", "", "/f", false),
        ("/f", "_d", "_d=1x at /", "", "", true),
        ("/", "a", "a=1x at /", "", "", false),
        ("/f", "none", "", "", "", false),
    ] {
        let explained = explain(&tree, &TypeRegistry::default(), oid_at(&tree, path), asked).unwrap();
        let shown = |found: &Acquired| printed(&tree, found, asked);
        let context = format!("`{asked}` from {path}");
        assert_eq!(explained.answer.as_ref().map(shown).unwrap_or_default(), answer, "{context}");
        assert_eq!(explained.hidden.iter().map(shown).collect::<Vec<_>>().join(", "), hidden, "{context}");
        let blocked = explained.blocked_at.map(|oid| path_of(&tree, oid).unwrap().unwrap().to_string());
        assert_eq!(blocked.unwrap_or_default(), blocked_at, "{context}");
        assert_eq!(explained.only_when_asked, only_when_asked, "{context}");
    }
}

#[test]
fn an_answer_tells_how_far_up_it_was_found_and_which_commit_set_it() {
    let tree = MemoryTree::seeded("/ motto=far\n/a/b");
    let types = TypeRegistry::default();
    let acquired = acquire(&tree, &types, oid_at(&tree, "/a/b"), "motto").unwrap().unwrap();
    assert_eq!((acquired.steps, acquired.at), (2, Oid::ROOT));
    assert!(matches!(acquired.found, Found::Attribute { tid, .. } if tid == Tid::from_micros(1)));
}

/// `o2` is deleted with `o3` in it; `o4` stands in nothing; `o5` and `o6` contain each other.
#[test]
fn a_deleted_object_acquires_as_far_as_its_containers_go_and_a_lost_one_has_only_itself() {
    let object = |number: u128, parent: Option<u128>| {
        let cell = |content| Cell { tid: Tid::ZERO, content };
        let place = parent.map(|parent| Place {
            parent: Oid::from_u128(parent),
            name: name("x"),
            order: OrderKey::default(),
        });
        let own = CellKey::Attribute(name(&format!("of{number}")));
        let mut cells = vec![(own, cell(Content::Value("own".into())))];
        cells.extend(place.map(|place| (CellKey::Place, cell(Content::Place(place)))));
        Object::new(Oid::from_u128(number), Tid::ZERO, cells)
    };
    let tree = MemoryTree::holding([
        object(0, None),
        object(1, Some(0)),
        object(2, None),
        object(3, Some(2)),
        object(4, Some(99)),
        object(5, Some(6)),
        object(6, Some(5)),
    ]);
    for (from, found) in
        [(1, vec![0, 1]), (2, vec![2]), (3, vec![2, 3]), (4, vec![4]), (5, vec![5]), (98, vec![])]
    {
        let sees = |of: &u128| {
            let asked = format!("of{of}");
            acquire(&tree, &TypeRegistry::default(), Oid::from_u128(from), &asked).unwrap().is_some()
        };
        assert_eq!((0..7).filter(sees).collect::<Vec<u128>>(), found, "from o{from}");
    }
}

/// What the Acquisition package of Zope answered, for attribute access along the containers.
#[test]
fn lookups_by_containment_answer_as_recorded() {
    let recorded: Json = serde_json::from_str(include_str!("../../tests/fixtures/acquisition.json")).unwrap();
    let mut looked_up = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let mut text = String::new();
        write_tree(&case["tree"], "", &mut text);
        let tree = MemoryTree::seeded(&text);
        for lookup in case["lookups"].as_array().unwrap() {
            if matches!(lookup["kind"].as_str(), Some("get" | "acquire" | "own"))
                && lookup["off_rule"].is_null()
            {
                check_recorded(&tree, lookup, &format!("{}: {lookup}", case["id"]));
                looked_up += 1;
            }
        }
    }
    assert!(looked_up > 350, "only {looked_up} look-ups were found in the recording");
}

fn write_tree(node: &Json, path: &str, text: &mut String) {
    text.push_str(if path.is_empty() { "/" } else { path });
    if node["kind"] == "explicit" {
        text.push_str(" _explicit=true");
    }
    for (attribute, value) in node["attrs"].as_object().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!(" {attribute}={value}"));
    }
    text.push('\n');
    for child in node["children"].as_array().unwrap() {
        write_tree(child, &format!("{path}/{}", child["id"].as_str().unwrap()), text);
    }
}

fn check_recorded(tree: &MemoryTree, lookup: &Json, context: &str) {
    let types = TypeRegistry::default();
    let (oid, asked) = (oid_at(tree, lookup["path"].as_str().unwrap()), lookup["name"].as_str().unwrap());
    let found = match lookup["kind"].as_str().unwrap() {
        "get" => get(tree, &types, oid, asked).unwrap(),
        "acquire" => acquire(tree, &types, oid, asked).unwrap(),
        _ => {
            let object = tree.object(oid).unwrap().unwrap();
            own(tree, &types, &object, asked).unwrap().map(|found| Acquired { found, at: oid, steps: 0 })
        }
    };
    let result = &lookup["result"];
    match (result["type"].as_str().unwrap(), found) {
        ("missing", found) => assert_eq!(found, None, "{context}"),
        ("object", Some(Acquired { found: Found::Child(child), .. })) => {
            assert_eq!(child, oid_at(tree, result["path"].as_str().unwrap()), "{context}");
        }
        (
            "value",
            Some(Acquired { found: Found::Attribute { content: Content::Value(value), .. }, at, .. }),
        ) => {
            let expected = &result["value"];
            let expected = expected.as_str().map_or_else(|| expected.as_i64().unwrap().into(), Value::from);
            assert_eq!(value, expected, "{context}");
            assert_eq!(at, oid_at(tree, result["origin"].as_str().unwrap()), "{context}");
        }
        (_, found) => panic!("found {found:?} in {context}"),
    }
}
