use super::*;
use crate::merge::structure::Checker;
use crate::object_type::{PlainType, TypeSchema};
use crate::snapshot::ChildOrder;
use crate::testing::{CountingIds, MemoryTree, name, oid_at, show};

/// A page contains nothing, an album only photos; what has no schema contains all.
pub(super) fn types() -> Arc<TypeRegistry> {
    let mut album = TypeSchema::new("album", "Album").unwrap();
    album.container = true;
    album.children = Some(vec![name("photo")]);
    let mut types = TypeRegistry::default();
    types.register(PlainType(album));
    types.register(PlainType(TypeSchema::new("page", "Page").unwrap()));
    Arc::new(types)
}

/// A moment in 2026.
const NOW_MICROS: u64 = 1_795_000_000_000_000;

pub(super) fn begin(tree: &MemoryTree, ids: &Arc<CountingIds>) -> Transaction {
    let ids = Arc::clone(ids) as Arc<dyn IdSource>;
    Transaction::new(Arc::new(tree.clone()), types(), ids, NOW_MICROS + tree.tid().as_micros())
}

fn seeded(text: &str) -> (MemoryTree, Transaction) {
    let tree = MemoryTree::seeded(text);
    let transaction = begin(&tree, &Arc::new(CountingIds::after(0xfff)));
    (tree, transaction)
}

/// An oid by its path now, or before the transaction where it begins with `~`, or as `o1f`.
fn oid_of(transaction: &Transaction, word: &str) -> Result<Oid, TransactionError> {
    if let Ok(oid) = word.parse() {
        return Ok(oid);
    }
    match word.strip_prefix('~') {
        Some(path) => Ok(oid_at(&**transaction.base(), path)),
        None => transaction.at(&ObjectPath::parse(word).unwrap()),
    }
}

/// Does what a line says: `add PATH [:TYPE]`, `set PATH ATTRIBUTE [VALUE]`, `type PATH TYPE`, `move FROM TO`,
/// `first PATH`, `delete PATH`, `restore WAS TO`, `copy FROM TO`.
fn perform(transaction: &mut Transaction, line: &str) -> Result<(), TransactionError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let to = |transaction: &Transaction, word: &str| {
        let (above, last) = word.rsplit_once('/').unwrap();
        let above = if above.is_empty() { "/" } else { above };
        Ok::<_, TransactionError>((oid_of(transaction, above)?, Name::new(last)?))
    };
    let t = transaction;
    match words[..] {
        ["add", path] => to(t, path).and_then(|(parent, name)| t.add(parent, &name, &folder(), [])).map(drop),
        ["add", path, of] => {
            let (parent, name) = to(t, path)?;
            t.add(parent, &name, &Name::new(&of[1..])?, []).map(drop)
        }
        ["set", path, attribute] => t.set(oid_of(t, path)?, &Name::new(attribute)?, None),
        ["set", path, attribute, value] => {
            t.set(oid_of(t, path)?, &Name::new(attribute)?, Some(value.into()))
        }
        ["type", path, of] => t.set_type(oid_of(t, path)?, &Name::new(of)?),
        ["move", from, path] => {
            let (parent, name) = to(t, path)?;
            t.move_to(oid_of(t, from)?, parent, &name)
        }
        ["first", path] => {
            let oid = oid_of(t, path)?;
            let parent = t.object(oid)?.and_then(|object| object.place().map(|place| place.parent));
            let first = t.children(parent.unwrap_or(oid), &ChildrenPage::first(1))?;
            t.reorder(oid, OrderKey::between(None, first.first().map(|child| &child.order)))
        }
        ["delete", path] => t.delete(oid_of(t, path)?),
        ["restore", was, path] => {
            let (parent, name) = to(t, path)?;
            let was = t.base().object(oid_of(t, was)?)?.unwrap();
            t.restore(&was, parent, &name)
        }
        ["copy", from, path] => {
            let (parent, name) = to(t, path)?;
            t.copy(oid_of(t, from)?, parent, &name).map(drop)
        }
        _ => panic!("`{line}` says nothing"),
    }
}

fn folder() -> Name {
    name(crate::testing::FOLDER)
}

fn perform_all(transaction: &mut Transaction, lines: &str) {
    for line in lines.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        perform(transaction, line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    }
}

/// The tree as listed, after looking whether each path in it leads to something.
fn seen(transaction: &Transaction) -> String {
    let shown = show(transaction).unwrap();
    for path in shown.lines().filter_map(|line| line.split_whitespace().next()) {
        oid_at(transaction, path);
    }
    shown
}

/// The tree that comes of committing what `transaction` did, after looking whether it is sound.
pub(super) fn committed(tree: &MemoryTree, transaction: Transaction) -> MemoryTree {
    let changes = transaction.finish().unwrap();
    let mut tree = tree.clone();
    tree.apply(&changes, Tid::from_micros(tree.tid().as_micros() + 1));
    let mut checker = Checker::default();
    for change in &changes.objects {
        assert_eq!(checker.check(&tree, change.oid).unwrap(), None, "{change:?} breaks the tree");
    }
    tree
}

fn lines(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

/// After these steps the transaction, and the site once they are committed, show the expected tree.
fn check(before: &str, steps: &str, expected: &str) {
    let (tree, mut transaction) = seeded(before);
    perform_all(&mut transaction, steps);
    assert_eq!(show(&transaction).unwrap(), lines(expected), "after {steps}");
    let after = committed(&tree, transaction);
    assert_eq!(show(&after).unwrap(), lines(expected), "after the commit of {steps}");
}

#[test]
fn each_change_shows_at_once_and_after_the_commit() {
    for (before, steps, expected) in [
        ("", "add /a", "/a"),
        ("/a", "add /b; add /a/x :page; add /c", "/a\n/a/x :page\n/b\n/c"),
        ("/a t=1x", "set /a t 2x; set /a u 3x", "/a t=2x u=3x"),
        ("/a t=1x", "set /a t; set /a none", "/a"),
        ("/a", "set / t 1x", "/ t=1x\n/a"),
        ("/a t=1x", "type /a page", "/a :page t=1x"),
        // A renamed child keeps its standing, one from elsewhere becomes the last.
        ("/a\n/b\n/c", "move /a /z", "/z\n/b\n/c"),
        ("/a\n/b/x\n/c", "move /a /b/a", "/b\n/b/x\n/b/a\n/c"),
        ("/a\n/b", "move /a /a", "/a\n/b"),
        ("/a/x\n/b", "move /a /b/c", "/b\n/b/c\n/b/c/x"),
        ("/a/x\n/b", "move /a/x /b/x; move /b /a/b", "/a\n/a/b\n/a/b/x"),
        ("/a\n/b", "move /a /c; move /b /a; move /c /b", "/b\n/a"),
        ("/a\n/b\n/c", "first /c", "/c\n/a\n/b"),
        ("/a\n/b\n/c", "first /c; first /b; add /d", "/b\n/c\n/a\n/d"),
        ("/a/x\n/b", "delete /a", "/b"),
        ("/a/x t=1x\n/b", "delete /a; add /a; add /a/y", "/b\n/a\n/a/y"),
        ("/a\n/b", "delete /a; move /b /a", "/a"),
    ] {
        check(before, steps, expected);
    }
}

#[test]
fn what_is_restored_is_the_same_object_with_what_lay_in_it() {
    for (before, steps, expected) in [
        // To its old place: with its old standing.
        ("/a t=1x\n/a/x\n/b", "delete /a; restore ~/a /a", "/a t=1x\n/a/x\n/b"),
        ("/a\n/b", "delete /a; restore ~/a /new", "/new\n/b"),
        ("/a/x\n/b/y\n/c", "delete /a/x; restore ~/a/x /b/x", "/a\n/b\n/b/y\n/b/x\n/c"),
        // Out of a container that stays deleted, and into one that was made since.
        ("/a/x t=1x\n/b", "delete /a; restore ~/a/x /b/x", "/b\n/b/x t=1x"),
        ("/a/x/y\n/b", "delete /a; add /n; restore ~/a/x /n/x", "/b\n/n\n/n/x\n/n/x/y"),
        // As it was, also where it is not deleted but changed.
        ("/a t=1x u=1x\n/b", "set /a t 2x; set /a u; set /a v 3x; restore ~/a /a", "/a t=1x u=1x\n/b"),
        ("/a :page", "type /a photo; delete /a; restore ~/a /a", "/a :page"),
        ("/a\n/b", "move /a /b/z; restore ~/a /a", "/a\n/b"),
        // What was moved out meanwhile stays where it is.
        ("/a/x\n/b", "move /a/x /b/x; delete /a; restore ~/a /a", "/a\n/b\n/b/x"),
    ] {
        check(before, steps, expected);
        let (_, mut transaction) = seeded(before);
        perform_all(&mut transaction, steps);
        let (_, place) = steps.rsplit_once("restore ~").unwrap();
        let (was, to) = place.split_once(' ').unwrap();
        assert_eq!(oid_at(&transaction, to), oid_at(&**transaction.base(), was), "{steps}");
    }
}

#[test]
fn a_copy_has_all_that_lies_in_it_and_is_not_copied_into_itself() {
    for (before, steps, expected, count) in [
        ("/a :page t=1x", "copy /a /b", "/a :page t=1x\n/b :page t=1x", 1),
        (
            "/a/x t=1x\n/a/x/y\n/a/z",
            "first /a/z; copy /a /b",
            "/a\n/a/z\n/a/x t=1x\n/a/x/y\n/b\n/b/z\n/b/x t=1x\n/b/x/y",
            4,
        ),
        ("/a/x", "copy /a /a/b", "/a\n/a/x\n/a/b\n/a/b/x", 2),
        ("/a/x/y", "copy /a /a/x/b", "/a\n/a/x\n/a/x/y\n/a/x/b\n/a/x/b/x\n/a/x/b/x/y", 3),
        ("/a\n/b", "copy / /all", "/a\n/b\n/all\n/all/a\n/all/b", 3),
        ("/a/x\n/b", "move /b /a/b; delete /a/x; set /a t 1x; copy /a /c", "/a t=1x\n/a/b\n/c t=1x\n/c/b", 2),
    ] {
        check(before, steps, expected);
        let (_, mut transaction) = seeded(before);
        let (earlier, copy) = steps.rsplit_once("copy ").unwrap();
        perform_all(&mut transaction, earlier);
        let (from, to) = copy.split_once(' ').unwrap();
        let (parent, last) =
            ObjectPath::parse(to).unwrap().split_last().map(|(a, b)| (a, b.clone())).unwrap();
        let parent = transaction.at(&parent).unwrap();
        let (oid, copied) = transaction.copy(oid_at(&transaction, from), parent, &last).unwrap();
        assert_eq!((oid, copied), (oid_at(&transaction, to), count), "{steps}");
    }
}

#[test]
fn a_folder_with_more_children_than_are_read_at_a_time_is_copied_whole_and_in_order() {
    let (_, mut transaction) = seeded("/a");
    let children: String = (0..2 * CHILDREN_BATCH + 1).map(|nth| format!("add /a/c{nth};")).collect();
    perform_all(&mut transaction, &children);
    let (copy, count) = transaction.copy(oid_at(&transaction, "/a"), Oid::ROOT, &name("b")).unwrap();
    assert_eq!(count as usize, 2 * CHILDREN_BATCH + 2);
    let names = |of| {
        let all = transaction.children(of, &ChildrenPage::first(usize::MAX)).unwrap();
        all.into_iter().map(|child| child.name).collect::<Vec<_>>()
    };
    assert_eq!(names(copy), names(oid_at(&transaction, "/a")));
}

#[test]
fn a_refused_change_says_why_and_changes_nothing() {
    let before = "/a/b/c t=1x\n/page :page\n/album :album\n/album/one :photo\n/gone/in";
    for (steps, refused, why) in [
        ("", "add /page/x", "`/page` is a page and cannot contain a folder"),
        ("", "add /album/x :page", "`/album` is a album and cannot contain a page"),
        ("", "add /a/b", "`/a` already has a child `b`"),
        ("add /n", "add /n", "`/` already has a child `n`"),
        ("", "add /none/x", "there is nothing at `/none`"),
        ("", "add /a/..", "`..` is not a name: it means a place in a path"),
        ("delete /gone", "add ~/gone/x", "there is no object o7"),
        ("delete /gone", "add ~/gone/in/x", "there is no object o8"),
        ("", "add o77/x", "there is no object o77"),
        ("", "set /none t 1", "there is nothing at `/none`"),
        ("", "set o77 t 1", "there is no object o77"),
        ("delete /gone", "set ~/gone t 1", "there is no object o7"),
        ("delete /gone", "set ~/gone/in t 1", "there is no object o8"),
        ("delete /gone", "type ~/gone/in page", "there is no object o8"),
        ("delete /gone", "move ~/gone/in /in", "there is no object o8"),
        ("delete /gone", "move /page ~/gone/x", "there is no object o7"),
        ("", "move /page /a/b", "`/a` already has a child `b`"),
        ("", "move /page /album/page", "`/album` is a album and cannot contain a page"),
        ("", "move /a /a/b/a", "`/a` cannot be moved into itself"),
        ("", "move /a/b /a/b/b", "`/a/b` cannot be moved into itself"),
        ("move /page /a/b/p; type /a/b/p folder", "move /a /a/b/p/a", "`/a` cannot be moved into itself"),
        ("", "type /a page", "`/a` is a page and cannot contain a folder"),
        (
            "add /album/two :photo; type /album folder; add /album/x",
            "type /album album",
            "`/album` is a album and cannot contain a folder",
        ),
        ("", "type /album/one folder", "`/album` is a album and cannot contain a folder"),
        ("", "type / page", "`/` is a page and cannot contain a folder"),
        ("", "move / /a/root", "the root cannot be moved, renamed or deleted"),
        ("", "delete /", "the root cannot be moved, renamed or deleted"),
        ("", "first /", "the root cannot be moved, renamed or deleted"),
        ("", "delete /none", "there is nothing at `/none`"),
        ("delete /gone", "delete ~/gone", "there is no object o7"),
        ("delete /gone", "delete ~/gone/in", "there is no object o8"),
        ("delete /gone", "first ~/gone", "there is no object o7"),
        ("", "restore ~/ /root", "the root cannot be moved, renamed or deleted"),
        ("delete /gone; add /gone", "restore ~/gone /gone", "`/` already has a child `gone`"),
        ("delete /gone", "restore ~/gone /page/gone", "`/page` is a page and cannot contain a folder"),
        ("delete /gone", "restore ~/gone/in ~/gone/in", "there is no object o7"),
        ("delete /gone", "restore ~/gone ~/gone/in/gone", "there is no object o8"),
        ("", "restore ~/a /a/b/a", "`/a` cannot be moved into itself"),
        ("", "copy /none /x", "there is nothing at `/none`"),
        ("delete /gone", "copy ~/gone /x", "there is no object o7"),
        ("", "copy /a /page/x", "`/page` is a page and cannot contain a folder"),
        ("", "copy /a /album", "`/` already has a child `album`"),
    ] {
        let (_, mut transaction) = seeded(before);
        perform_all(&mut transaction, steps);
        let then = (seen(&transaction), transaction.net_changes().unwrap().len());
        let error = perform(&mut transaction, refused).expect_err(refused);
        assert_eq!(error.to_string(), why, "`{refused}` after `{steps}`");
        let now = (seen(&transaction), transaction.net_changes().unwrap().len());
        assert_eq!(now, then, "`{refused}` after `{steps}`");
    }
}

#[test]
fn values_and_numbers_of_cells_are_bounded() {
    let (_, mut transaction) = seeded("/a");
    let a = oid_at(&transaction, "/a");
    let deep = (0..100).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let refused = transaction.set(a, &name("t"), Some(deep.clone())).unwrap_err();
    assert_eq!(refused.to_string(), "cannot set `t`: the value is nested deeper than 32 levels");
    assert!(transaction.add(a, &name("x"), &folder(), [(name("t"), deep)]).is_err());

    // An object made with the most cells has room for no more, but each may be changed and cleared.
    let attributes = |count: usize| (0..count).map(|nth| (name(&format!("a{nth}")), Value::Int(1)));
    assert!(transaction.add(a, &name("full"), &folder(), attributes(CELLS_MAX - 1)).is_err());
    assert!(transaction.is_unchanged());
    let full = transaction.add(a, &name("full"), &folder(), attributes(CELLS_MAX - 2)).unwrap();
    assert_eq!(transaction.object(full).unwrap().unwrap().cells().len(), CELLS_MAX);
    assert!(matches!(
        transaction.set(full, &name("more"), Some(1.into())),
        Err(TransactionError::TooManyCells)
    ));
    transaction.set(full, &name("a1"), Some(2.into())).unwrap();
    transaction.set(full, &name("more"), None).unwrap();
    transaction.set(full, &name("a1"), None).unwrap();
    transaction.set(full, &name("more"), Some(1.into())).unwrap();
}

#[test]
fn nothing_is_put_or_copied_deeper_than_the_bound_and_a_copy_that_fails_leaves_nothing() {
    let deep = |depth: usize| "/a".repeat(depth);
    let (_, mut transaction) = seeded(&format!("{}\n/b/b/b", deep(DEPTH_MAX - 2)));
    let low = oid_at(&transaction, &deep(DEPTH_MAX - 2));
    let b = oid_at(&transaction, "/b");
    let before = show(&transaction).unwrap();

    let refused = transaction.copy(b, low, &name("b")).unwrap_err();
    assert!(matches!(&refused, TransactionError::TooDeep(at) if at.names().len() == DEPTH_MAX), "{refused}");
    assert!(transaction.is_unchanged());
    assert_eq!(show(&transaction).unwrap(), before);

    let first = transaction.add(low, &name("x"), &folder(), []).unwrap();
    let last = transaction.add(first, &name("x"), &folder(), []).unwrap();
    for result in [
        transaction.add(last, &name("x"), &folder(), []).map(drop),
        transaction.move_to(b, last, &name("b")),
        transaction.copy(b, last, &name("b")).map(drop),
    ] {
        assert!(matches!(result, Err(TransactionError::TooDeep(_))), "{result:?}");
    }
    assert!(transaction.copy(oid_at(&transaction, "/b/b"), low, &name("b")).is_ok());
}

/// As in `o1 title=B; o2 place=o0/b`, where `-` is a cell that is gone.
fn printed(changes: &[ObjectChange]) -> String {
    let cell = |(key, content): &CellChange| match content {
        None => format!("{key}=-"),
        Some(Content::Value(value)) => format!("{key}={}", value.as_text().unwrap_or("?")),
        Some(Content::Place(place)) => format!("place={}/{}", place.parent, place.name),
        Some(Content::Type(of)) => format!("type={of}"),
        Some(other) => unreachable!("{other:?} is not written here"),
    };
    let object = |change: &ObjectChange| {
        let cells: Vec<String> = change.cells.iter().map(cell).collect();
        format!("{} {}", change.oid, cells.join(" "))
    };
    changes.iter().map(object).collect::<Vec<_>>().join("; ")
}

/// `/f` is o1, `/f/x` o2, `/f/x/y` o3, `/g` o4, `/g/z` o5; what is made counts from o1000.
#[test]
fn only_the_net_effect_is_in_the_change_set() {
    for (steps, expected) in [
        ("", ""),
        ("set /f t 2x", "o1 t=2x"),
        ("set /f t 2x; set /f t 1x", ""),
        ("set /f new 1x; set /f new", ""),
        ("set /f t; set /f t 1x", ""),
        ("set /f t 2x; set /f t 3x; set / t 1x", "o0 t=1x; o1 t=3x"),
        ("type /f shelf; type /f folder", ""),
        ("first /g; delete /f; restore ~/f /f; restore ~/g /g", ""),
        ("add /n", "o1000 type=folder place=o0/n"),
        ("add /n; delete /n", ""),
        ("add /n; add /n/m; set /n/m t 1x; delete /n", ""),
        ("move /f /g/f; move /g/f /f", ""),
        ("move /f /z; move /z /f", ""),
        ("move /f /z; move /g /f; move /f /g; move /z /f", ""),
        ("copy /f /n; delete /n", ""),
        ("delete /f", "o1 place=-"),
        ("set /f t 2x; delete /f", "o1 place=- t=2x"),
        ("delete /f; restore ~/f /f", ""),
        ("delete /f; restore ~/f/x /x", "o1 place=-; o2 place=o0/x"),
        // What lies in a deleted container is as it was, and comes back so with the container.
        ("set /f/x t 2x; set /f/x/y t 2x; delete /f", "o1 place=-"),
        ("move /f/x /f/z; delete /f", "o1 place=-"),
        ("move /f/x/y /f/y; delete /f", "o1 place=-"),
        ("delete /f/x; delete /f", "o1 place=-; o2 place=-"),
        ("add /f/n; add /f/x/n; delete /f", "o1 place=-"),
        ("move /f/x /x; delete /f", "o1 place=-; o2 place=o0/x"),
        // What was moved there from elsewhere is deleted itself.
        ("move /g/z /f/z; delete /f", "o1 place=-; o5 place=-"),
        ("move /g/z /f/z; set /f/z t 1x; delete /f", "o1 place=-; o5 place=- t=1x"),
        ("move /g /f/g; delete /f", "o1 place=-; o4 place=-"),
        ("move /g /f/g; move /f/x /f/g/x; delete /f", "o1 place=-; o4 place=-"),
        ("move /g/z /f/z; delete /g; delete /f", "o1 place=-; o4 place=-"),
        ("add /n; move /f /n/f; delete /n", "o1 place=-"),
        ("add /n; add /n/m; move /f /n/m/f; set /n/m/f t 2x; delete /n", "o1 place=- t=2x"),
        ("add /n; move /f /n/f; delete /n; restore ~/f /f", ""),
        ("add /n; move /f /n/f; add /n/f/m; move /g /n/f/m/g; delete /n", "o1 place=-; o4 place=-"),
    ] {
        let (tree, mut transaction) = seeded("/f t=1x\n/f/x\n/f/x/y\n/g\n/g/z");
        perform_all(&mut transaction, steps);
        assert_eq!(transaction.is_unchanged(), expected.is_empty(), "{steps}");
        let shown = show(&transaction).unwrap();
        let mut changes = transaction.net_changes().unwrap();
        changes.sort_by_key(|change| change.oid);
        assert_eq!(printed(&changes), expected, "{steps}");
        assert_eq!(show(&committed(&tree, transaction)).unwrap(), shown, "{steps}");
    }
}

#[test]
fn the_change_set_names_its_base_and_what_must_not_change_meanwhile() {
    let (tree, mut transaction) = seeded("/a");
    let a = oid_at(&transaction, "/a");
    transaction.require_unchanged(a, CellKey::Place);
    let point = transaction.savepoint();
    transaction.require_unchanged(a, CellKey::Type);
    transaction.roll_back(point);
    let changes = transaction.finish().unwrap();
    assert_eq!(
        changes,
        ChangeSet { base: tree.tid(), objects: Vec::new(), unchanged: vec![(a, CellKey::Place)] }
    );
}

#[test]
fn savepoints_nest_and_a_roll_back_takes_back_everything_since() {
    let (_, mut transaction) = seeded("/a/x t=1x\n/b\n/c");
    let steps = [
        "set /a/x t 2x; set /b t 1x",
        "move /a /b/a; first /c; add /n",
        "delete /c; set /b/a/x t 3x; move /n /b/n; type /b shelf",
        "restore ~/c /d; copy /b /e",
    ];
    let mut points = Vec::new();
    for step in steps {
        points.push((transaction.savepoint(), seen(&transaction)));
        perform_all(&mut transaction, step);
    }
    for (point, shown) in points.into_iter().rev() {
        perform_all(&mut transaction, "add /more; delete /more");
        transaction.roll_back(point);
        assert_eq!(seen(&transaction), shown);
        transaction.roll_back(point);
        assert_eq!(seen(&transaction), shown, "a point stays good after it was used");
    }
    assert!(transaction.is_unchanged());
}

/// A savepoint behind the one that was fallen back to once cut the next call in half: the object was moved, but its
/// old name still led to it.
#[test]
fn a_savepoint_that_is_gone_falls_back_to_the_one_that_took_it() {
    for later in 1..12 {
        let (_, mut transaction) = seeded("/a/x\n/b");
        perform_all(&mut transaction, "set /b t 1x");
        let (early, shown) = (transaction.savepoint(), show(&transaction).unwrap());
        (0..later).for_each(|_| perform_all(&mut transaction, "set /b u 1x; set /b u"));
        let gone = transaction.savepoint();
        transaction.roll_back(early);
        perform_all(
            &mut transaction,
            "move /a/x /b/x; move /b/x /a/y; delete /a; add /a; add /a/b; move /a /c",
        );
        transaction.roll_back(gone);
        assert_eq!(show(&transaction).unwrap(), shown, "{later}");
    }
}

#[test]
fn own_changes_are_listed_among_the_children_in_either_order_on_pages_of_any_size() {
    let before: String = (0..20).map(|nth| format!("/f/c{:02}\n", nth * 7 % 20)).collect();
    for steps in [
        "set /f t 1x",
        "add /f/new; add /f/c99; add /f/a",
        "delete /f/c00; delete /f/c07; delete /f/c19; delete /f/c13",
        "first /f/c19; first /f/c05; first /f/c11",
        "move /f/c00 /f/z; move /f/c14 /f/b; move /f/c01 /c01; delete /f/c02; add /f/c02",
        "move /f/c00 /f/tmp; move /f/c07 /f/c00; move /f/tmp /f/c07",
        "add /f/n; delete /f/n; delete /f/c01; restore ~/f/c01 /f/c01; restore ~/f/c02 /f/other",
        "delete /f; add /f; add /f/only",
    ] {
        let (tree, mut transaction) = seeded(&before);
        perform_all(&mut transaction, steps);
        let f = oid_at(&transaction, "/f");
        let listings = |snapshot: &dyn Snapshot| list_in_all_ways(snapshot, f);
        let own = listings(&transaction);
        let expected = listings(&committed(&tree, transaction));
        assert_eq!(own, expected, "after {steps}");
        assert!(
            own.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1),
            "pages agree: {steps}"
        );
    }
}

/// All children in both orders, by pages of 1 to 30.
fn list_in_all_ways(snapshot: &dyn Snapshot, of: Oid) -> Vec<(&'static str, Vec<(Oid, Name)>)> {
    let orders = [("by place", ChildOrder::Place), ("by name", ChildOrder::Name)];
    let list = |(word, by)| (1..30).map(move |limit| (word, list_by_pages(snapshot, of, by, limit)));
    orders.into_iter().flat_map(list).collect()
}

pub(super) fn list_by_pages(
    snapshot: &(impl Snapshot + ?Sized),
    of: Oid,
    by: ChildOrder,
    limit: usize,
) -> Vec<(Oid, Name)> {
    let mut listed = Vec::new();
    let mut page = ChildrenPage { by, after: None, limit };
    loop {
        let children = snapshot.children(of, &page).unwrap();
        assert!(children.len() <= limit);
        assert!(listed.len() < 1_000, "the pages have no end");
        listed.extend(children.iter().map(|child| (child.oid, child.name.clone())));
        match children.last() {
            Some(last) if children.len() == limit => page = page.following(last),
            _ => return listed,
        }
    }
}

#[test]
fn a_page_may_begin_after_a_child_that_is_gone_and_may_be_empty() {
    let (_, mut transaction) = seeded("/a\n/b\n/c");
    let first = transaction.children(Oid::ROOT, &ChildrenPage::first(1)).unwrap();
    perform_all(&mut transaction, "delete /a; first /c");
    let names = |page: &ChildrenPage| {
        let children = transaction.children(Oid::ROOT, page).unwrap();
        children.iter().map(|child| child.name.to_string()).collect::<String>()
    };
    assert_eq!(names(&ChildrenPage::first(9)), "cb");
    assert_eq!(names(&ChildrenPage::first(9).following(&first[0])), "b");
    let by_name = ChildrenPage { by: ChildOrder::Name, after: None, limit: 9 };
    assert_eq!(names(&by_name.following(&first[0])), "bc");
    assert_eq!(names(&ChildrenPage::first(0)), "");
}

#[test]
fn who_stood_under_a_name_before_is_asked_with_own_changes_in_mind() {
    let (tree, mut transaction) = seeded("/a\n/b\n/c");
    perform_all(&mut transaction, "move /a /z; delete /b; move /c /a; add /n; delete /n");
    let former = |snapshot: &dyn Snapshot| {
        ["a", "b", "c", "z", "n"].map(|name| snapshot.former_child(Oid::ROOT, name).unwrap())
    };
    let [a, b, c] = ["/a", "/b", "/c"].map(|path| Some(oid_at(&tree, path)));
    assert_eq!(former(&transaction), [a, b, c, None, None]);
    assert_eq!(former(&committed(&tree, transaction)), [a, b, c, None, None]);
}

/// Fails at the `left`-th read of an object.
struct FailingTree {
    tree: MemoryTree,
    left: std::sync::atomic::AtomicUsize,
}

impl FailingTree {
    fn read(&self) -> Result<(), ReadError> {
        use std::sync::atomic::Ordering::Relaxed;
        match self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => Err(ReadError::new("the tree", std::io::Error::other("the disk is gone"))),
        }
    }
}

impl Snapshot for FailingTree {
    fn tid(&self) -> Tid {
        self.tree.tid()
    }
    fn object(&self, oid: Oid) -> Result<Option<Arc<Object>>, ReadError> {
        self.read().and_then(|()| self.tree.object(oid))
    }
    fn child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.read().and_then(|()| self.tree.child(parent, name))
    }
    fn children(&self, parent: Oid, page: &ChildrenPage) -> Result<Vec<Child>, ReadError> {
        self.read().and_then(|()| self.tree.children(parent, page))
    }
    fn former_child(&self, parent: Oid, name: &str) -> Result<Option<Oid>, ReadError> {
        self.read().and_then(|()| self.tree.former_child(parent, name))
    }
    fn large(&self, large: &Large) -> Result<Value, ReadError> {
        self.read().and_then(|()| self.tree.large(large))
    }
}

/// Lets reading fail after 0, 1, 2 ... reads until the call gets through, and looks each time.
#[test]
fn a_call_is_whole_or_absent_wherever_reading_fails() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    for call in [
        "add o1/n",
        "set o2 t 2x",
        "move o2 o5/x",
        "delete o1",
        "restore o2 o5/z",
        "copy o1 o5/f",
        "first o5",
        "type o3 page",
    ] {
        for reads in 0.. {
            let tree = Arc::new(FailingTree {
                tree: MemoryTree::seeded("/f/x/y t=1x\n/f/z\n/g"),
                left: AtomicUsize::new(usize::MAX),
            });
            let ids = Arc::new(CountingIds::after(0xfff));
            let base: SharedSnapshot = Arc::clone(&tree) as SharedSnapshot;
            let mut transaction = Transaction::new(base, types(), ids, NOW_MICROS);
            let before = seen(&transaction);
            tree.left.store(reads, Ordering::Relaxed);
            let outcome = perform(&mut transaction, call);
            tree.left.store(usize::MAX, Ordering::Relaxed);
            if outcome.is_ok() {
                assert!(reads > 1, "`{call}` never failed");
                break;
            }
            assert_eq!(seen(&transaction), before, "`{call}` after {reads} reads");
            assert!(transaction.is_unchanged(), "`{call}` after {reads} reads");
        }
    }
}
