use std::collections::BTreeMap;

use super::*;

/// A site with `/a` and nothing else.
struct OneObject;

const A: u128 = 7;

impl Names for OneObject {
    fn path(&self, oid: Oid) -> String {
        if oid == Oid::from_u128(A) { "/a".into() } else { oid.to_string() }
    }

    fn find(&self, text: &str, base: Option<Oid>) -> Result<Oid, String> {
        match text {
            "/a" => Ok(Oid::from_u128(A)),
            _ => base.filter(|oid| oid.to_string() == text).ok_or_else(|| "nothing is there".into()),
        }
    }
}

fn typed(text: &str) -> Typed {
    Typed::one(text)
}

fn rows(texts: &[&str]) -> Typed {
    Typed { texts: texts.iter().map(|text| (*text).to_owned()).collect(), keys: Vec::new() }
}

fn map(entries: &[(&str, &str)]) -> Typed {
    let (keys, texts) = entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).unzip();
    Typed { texts, keys }
}

fn reference(oid: u128) -> Value {
    Value::Reference(Oid::from_u128(oid))
}

#[test]
fn what_is_typed_becomes_a_value_of_the_kind() {
    let list = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::from(*text)).collect());
    let set = |texts: &[&str]| Value::Set(texts.iter().map(|text| Value::from(*text)).collect());
    let text = |text: &str| Ok(Some(Value::from(text)));
    let none: Result<Option<Value>, ()> = Ok(None);
    let wrong = Err(());
    let long = Shape::Markup("format");
    let choice = Shape::Choice(&[("html", "HTML")]);
    let list_of = |of| Shape::Rows(Rows::List, of);
    let mapped = |entries: &[(&str, i64)]| {
        let entries = entries.iter().map(|(key, number)| ((*key).into(), Value::Int(*number)));
        Value::Map(entries.collect::<BTreeMap<_, _>>())
    };
    for (shape, typed, base, expected) in [
        (Shape::Line, typed(" A b "), None, text(" A b ")),
        (Shape::Line, typed(""), Some("A".into()), none.clone()),
        (long, typed("a\nb"), None, text("a\nb")),
        (long, typed("a\nb"), Some("x\r\ny".into()), text("a\r\nb")),
        (long, typed(""), None, none.clone()),
        (long, typed(""), Some("gone".into()), text("")),
        (Shape::Code("jinja"), typed("{{ a }}"), None, text("{{ a }}")),
        (choice, typed("html"), None, text("html")),
        (choice, typed(""), Some("html".into()), none.clone()),
        (Shape::Bool, typed("true"), None, Ok(Some(Value::Bool(true)))),
        (Shape::Bool, typed("false"), None, Ok(Some(Value::Bool(false)))),
        (Shape::Bool, typed(""), Some(Value::Bool(true)), none.clone()),
        (Shape::Bool, typed("perhaps"), None, wrong.clone()),
        (Shape::Int, typed(" -12 "), None, Ok(Some(Value::Int(-12)))),
        (Shape::Int, typed("9223372036854775808"), None, wrong.clone()),
        (Shape::Int, typed("1.5"), None, wrong.clone()),
        (Shape::Counter, typed("3"), None, Ok(Some(Value::Counter(3)))),
        (Shape::Float, typed("2.5"), None, Ok(Some(Value::Float(2.5)))),
        (Shape::Float, typed("NaN"), None, wrong.clone()),
        (Shape::Time, typed("1970-01-01T00:01"), None, Ok(Some(Value::Time(60_000_000)))),
        (Shape::Time, typed("1970-01-01T01:00:00+01:00"), None, Ok(Some(Value::Time(0)))),
        (
            Shape::Time,
            typed("1970-01-01T00:00:00.001"),
            Some(Value::Time(1_234)),
            Ok(Some(Value::Time(1_234))),
        ),
        (Shape::Time, typed("tomorrow"), None, wrong.clone()),
        (Shape::Reference, typed("/a"), None, Ok(Some(reference(A)))),
        (Shape::Reference, typed("/b"), None, wrong.clone()),
        (Shape::Reference, typed("o9"), Some(reference(9)), Ok(Some(reference(9)))),
        (list_of(Simple::Text), rows(&["b", "", "a", ""]), None, Ok(Some(list(&["b", "a"])))),
        (list_of(Simple::Text), rows(&["", ""]), Some(list(&["a"])), Ok(Some(list(&[])))),
        (list_of(Simple::Int), rows(&["1", "x"]), None, wrong.clone()),
        (
            list_of(Simple::Reference),
            rows(&["o9", "/a"]),
            Some(Value::List(vec![reference(9)])),
            Ok(Some(Value::List(vec![reference(9), reference(A)]))),
        ),
        (Shape::Rows(Rows::Set, Simple::Text), rows(&["b", "a", "b"]), None, Ok(Some(set(&["a", "b"])))),
        (
            Shape::Rows(Rows::Map, Simple::Int),
            map(&[("a", "1"), ("", ""), ("b", "2")]),
            None,
            Ok(Some(mapped(&[("a", 1), ("b", 2)]))),
        ),
        (Shape::Rows(Rows::Map, Simple::Int), map(&[("a", "1"), ("a", "2")]), None, wrong.clone()),
        (Shape::Rows(Rows::Map, Simple::Int), map(&[("", "1")]), None, wrong.clone()),
    ] {
        let parsed = shape.parse(&typed, base.as_ref(), &OneObject).map_err(drop);
        assert_eq!(parsed, expected, "{shape:?} {typed:?} {base:?}");
    }
}

#[test]
fn a_value_gets_the_shape_that_carries_it_else_it_is_only_shown() {
    let text = |name: &str, input| AttributeSpec::new(name, "text").unwrap().asked(input);
    let line = text("title", Input::ByKind);
    let markup = text("body", Input::Markup { format: "format" });
    let number = AttributeSpec::new("n", "int").unwrap();
    let file = AttributeSpec::new("data", "blob").unwrap();
    let list = |items: &[Value]| Value::List(items.to_vec());
    for (spec, value, expected) in [
        (Some(&line), None, Shape::Line),
        (Some(&line), Some("a".into()), Shape::Line),
        (Some(&line), Some("a\nb".into()), Shape::Lines),
        (Some(&markup), Some("a\nb".into()), Shape::Markup("format")),
        (Some(&markup), Some("a\0b".into()), Shape::Fixed),
        (Some(&number), None, Shape::Int),
        (Some(&number), Some("12".into()), Shape::Line),
        (Some(&file), Some("plain".into()), Shape::File),
        (None, Some(Value::Bytes([1].as_slice().into())), Shape::File),
        (None, Some(Value::Null), Shape::Fixed),
        (None, Some(Value::Block), Shape::Fixed),
        (None, Some(Value::Float(f64::INFINITY)), Shape::Fixed),
        (None, Some(Value::Float(0.1)), Shape::Float),
        (None, Some(Value::Time(i64::MAX)), Shape::Fixed),
        (None, Some(Value::Time(1_234)), Shape::Time),
        (None, Some(reference(9)), Shape::Reference),
        (None, Some(list(&[])), Shape::Rows(Rows::List, Simple::Text)),
        (None, Some(list(&["a\nb".into()])), Shape::Rows(Rows::List, Simple::Text)),
        (None, Some(list(&["a".into(), "".into()])), Shape::Fixed),
        (None, Some(list(&["a".into(), Value::Int(1)])), Shape::Fixed),
        (None, Some(list(&[list(&[])])), Shape::Fixed),
        (None, Some(list(&[Value::Time(1_234)])), Shape::Rows(Rows::List, Simple::Time)),
        (None, Some(list(&vec![Value::Int(1); ROWS_MAX + 1])), Shape::Fixed),
    ] {
        assert_eq!(Shape::of(spec, value.as_ref(), &OneObject), expected, "{spec:?} {value:?}");
    }
}

#[test]
fn what_nobody_touched_is_the_same_however_a_browser_writes_it() {
    let shown = Shape::Time.typed(Some(&Value::Time(60_000_123)), &OneObject);
    assert_eq!(shown, typed("1970-01-01T00:01:00"));
    assert!(Shape::Time.is_same(&shown, &typed("1970-01-01T00:01")), "seconds that are none are left out");
    assert!(!Shape::Time.is_same(&shown, &typed("")));
    let list = Shape::Rows(Rows::List, Simple::Text);
    assert!(list.is_same(&rows(&["a"]), &rows(&["a", "", ""])), "empty rows wait for more");
    assert!(!list.is_same(&rows(&["a", "b"]), &rows(&["b", "a"])));
    assert_eq!(Shape::Lines.typed(Some(&"a\r\nb".into()), &OneObject), typed("a\nb"));
}
