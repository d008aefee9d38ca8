//! The store as its users see it: what is written is there, then and now.

use std::sync::Arc;

use bough_core::object::CellKey;
use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::{Oid, Snapshot as _, Tid, Value};

use crate::commit::append_and_show;
use crate::disk::MemoryDisk;
use crate::testing::{name, open_on, path, seed, seeded, site_text, small_options};
use crate::weave::{Origin, Overlay};
use crate::{CommitError, Database, HistoryError, Kind, LineId, Note, Snapshot};

const SITE: &str = "\
/about title=About
/news
/news/one body=x title=One
/news/two title=Two
";

#[test]
fn what_was_committed_is_there_also_after_reopening() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    seed(&database, SITE);
    assert_eq!(database.text(), SITE);
    drop(database);
    assert_eq!(open_on(Arc::new(disk.clone())).text(), SITE, "after a crash");
    let database = open_on(Arc::new(disk.clone()));
    database.set("/about", "title", "New");
    database.close().unwrap();
    assert_eq!(open_on(Arc::new(disk)).text(), SITE.replace("title=About", "title=New"), "after closing");
}

/// What a commit of few objects wrote stays in memory; of a commit of many it does not. When both were made durable
/// together, the former must not be taken for the newest.
#[test]
fn of_two_commits_made_durable_together_the_later_counts() {
    let database = seeded("/page title=A");
    let engine = &database.inner.engine;
    let page = database.begin().at(&path("/page")).unwrap();
    let (mut overlay, mut woven, mut stages) =
        (Overlay::new(engine, LineId::TRUNK).unwrap(), Vec::new(), Vec::new());
    for (title, others) in [("B", 0), ("C", 100)] {
        let mut draft = database.begin();
        draft.set(page, &name("title"), Some(title.into())).unwrap();
        for number in 0..others {
            draft.add(Oid::ROOT, &name(&format!("p{number}")), &name("page"), []).unwrap();
        }
        let (mut changes, mut stage) = draft.finish().unwrap();
        changes.base = Tid::from_micros(database.head().as_micros() + woven.len() as u64);
        let tid = Tid::from_micros(changes.base.as_micros() + 1);
        let note = Note::edit("Set");
        let origin = Origin::new(&mut stage, &note, (tid, 0));
        let commit = overlay.weave(&changes, origin).unwrap().unwrap();
        woven.extend(commit);
        stages.push(stage);
    }
    let before = database.snapshot();
    append_and_show(engine, woven, &mut stages).unwrap();

    let title =
        |snapshot: &Snapshot| snapshot.object(page).unwrap().unwrap().text("title").unwrap().to_owned();
    assert_eq!(title(&before), "A");
    assert_eq!(title(&database.snapshot_at(Tid::from_micros(before.tid().as_micros() + 1)).unwrap()), "B");
    assert_eq!(title(&database.snapshot()), "C");
}

#[test]
fn a_snapshot_keeps_answering_the_same() {
    let database = seeded(SITE);
    let before = database.snapshot();
    let head = before.tid();
    database.set("/about", "title", "New");
    database.move_path("/news/one", "/first");
    database.delete("/news");
    database.add_text("/more");
    assert_eq!(site_text(&before), SITE);
    assert_eq!(site_text(&database.snapshot_at(head).unwrap()), SITE);
    assert_eq!(database.text(), "/about title=New\n/first body=x title=One\n/more\n");
}

#[test]
fn children_come_in_the_order_of_their_making_or_by_name_page_by_page() {
    let database = seeded("/b\n/a\n/c\n/d\n");
    database.move_path("/a", "/z");
    let snapshot = database.snapshot();
    for (by, expected) in [(ChildOrder::Place, "bzcd"), (ChildOrder::Name, "bcdz")] {
        for limit in 1..5 {
            let mut listed = String::new();
            let mut page = ChildrenPage { by, after: None, limit };
            loop {
                let children = snapshot.children(Oid::ROOT, &page).unwrap();
                children.iter().for_each(|child| listed.push_str(child.name.as_str()));
                match children.last() {
                    Some(last) => page = page.following(last),
                    None => break,
                }
            }
            assert_eq!(listed, expected, "{by:?} by {limit}");
        }
    }
}

#[test]
fn large_values_come_back_whole_and_are_kept_once() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    let text = "line\n".repeat(10_000);
    database.add_text("/page title=A");
    database.set("/page", "body", text.as_str());
    let bytes = database.status().log_bytes;
    database.set("/page", "other", text.as_str());
    assert!(database.status().log_bytes - bytes < 2_000, "the same text was stored twice");
    drop(database);
    let database = open_on(Arc::new(disk));
    let object = database.snapshot().object(database.oid_at("/page")).unwrap().unwrap();
    assert_eq!(database.attribute(&object, "body").unwrap(), Some(Value::from(text)));
}

#[test]
fn blobs_of_every_size_come_back_as_they_were() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    let sizes = [0usize, 1, 4_096, 4_097, 100_000, 1 << 20, (1 << 20) + 1, 3 << 20, 6 << 20];
    let bytes = |size: usize| (0..size).map(|at| (at * 31 % 251) as u8).collect::<Vec<u8>>();
    let mut draft = database.begin();
    for size in sizes {
        let value = draft.bytes(&bytes(size)).unwrap();
        let attributes = [(name("data"), value)];
        draft.add(Oid::ROOT, &name(&format!("f{size}")), &name("page"), attributes).unwrap();
    }
    database.commit(draft, Note::edit("Files")).unwrap();
    drop(database);
    let database = open_on(Arc::new(disk));
    let snapshot = database.snapshot();
    for size in sizes {
        let object = snapshot.object(database.oid_at(&format!("/f{size}"))).unwrap().unwrap();
        let body = snapshot.bytes(object.value("data").unwrap()).unwrap();
        assert_eq!(body.len(), size as u64);
        let found = match body {
            crate::Body::Bytes(found) => found.to_vec(),
            crate::Body::File(file) => {
                let mut found = vec![0; size];
                file.read_at(&mut found, 0).unwrap();
                found
            }
        };
        assert!(found == bytes(size), "{size} bytes came back differently");
    }
}

/// Two drafts from one head; the second meets what the first did.
fn race(
    site: &str,
    first: impl Fn(&mut crate::Draft),
    second: impl Fn(&mut crate::Draft),
) -> (Database, Result<Option<Tid>, CommitError>) {
    let database = seeded(site);
    let (mut a, mut b) = (database.begin(), database.begin());
    first(&mut a);
    second(&mut b);
    database.commit(a, Note::edit("First")).unwrap();
    let result = database.commit(b, Note::edit("Second"));
    (database, result)
}

#[test]
fn what_two_drafts_change_apart_is_merged_and_what_they_change_alike_is_a_conflict() {
    let set = |at: &'static str, key: &'static str, value: &'static str| {
        move |draft: &mut crate::Draft| {
            let oid = draft.at(&path(at)).unwrap();
            draft.set(oid, &name(key), Some(value.into())).unwrap();
        }
    };
    let (database, result) = race("/p title=A body=x\n", set("/p", "title", "B"), set("/p", "body", "y"));
    result.unwrap();
    assert_eq!(database.text(), "/p body=y title=B\n");
    let (database, result) = race("/p title=A\n", set("/p", "title", "B"), set("/p", "title", "C"));
    let Err(CommitError::Conflict { conflicts, .. }) = result else { panic!("{result:?}") };
    assert_eq!((conflicts.len(), conflicts[0].since), (1, Some(database.head())));
    assert_eq!(database.text(), "/p title=B\n");
    let (_, result) = race("/p title=A\n", set("/p", "title", "B"), set("/p", "title", "B"));
    assert_eq!(result.unwrap(), None, "the same change twice is one");
}

/// Such drafts were answered with an error that something is missing: the new text is in no index before its commit.
#[test]
fn changes_of_one_large_text_by_two_drafts_are_merged_or_conflict() {
    let long = |first: &str, last: &str| format!("{first}\n{}{last}\n", "middle\n".repeat(2_000));
    let set = |text: String| {
        move |draft: &mut crate::Draft| {
            let oid = draft.at(&path("/p")).unwrap();
            draft.set(oid, &name("body"), Some(text.as_str().into())).unwrap();
        }
    };
    let edited = |first: String, second: String| {
        let database = seeded("/p");
        database.set("/p", "body", long("a", "z"));
        let (mut a, mut b) = (database.begin(), database.begin());
        set(first)(&mut a);
        set(second)(&mut b);
        database.commit(a, Note::edit("First")).unwrap();
        let result = database.commit(b, Note::edit("Second"));
        (database, result)
    };
    let (database, result) = edited(long("b", "z"), long("a", "y"));
    result.unwrap();
    let object = database.snapshot().object(database.oid_at("/p")).unwrap().unwrap();
    assert_eq!(database.attribute(&object, "body").unwrap(), Some(long("b", "y").into()));
    assert_eq!(object.value("body"), None, "what was merged is put aside, too");
    let (_, result) = edited(long("b", "z"), long("c", "z"));
    assert!(matches!(result, Err(CommitError::Conflict { .. })), "{result:?}");
}

#[test]
fn structure_is_checked_over_what_others_did_meanwhile() {
    let add = |at: &'static str| {
        move |draft: &mut crate::Draft| {
            let target = path(at);
            let (above, own) = target.split_last().unwrap();
            let parent = draft.at(&above).unwrap();
            draft.add(parent, own, &name("page"), []).unwrap();
        }
    };
    let delete = |at: &'static str| {
        move |draft: &mut crate::Draft| {
            let oid = draft.at(&path(at)).unwrap();
            draft.delete(oid).unwrap();
        }
    };
    let shift = |from: &'static str, to: &'static str| {
        move |draft: &mut crate::Draft| {
            let oid = draft.at(&path(from)).unwrap();
            let target = path(to);
            let (above, own) = target.split_last().unwrap();
            let parent = draft.at(&above).unwrap();
            draft.move_to(oid, parent, own).unwrap();
        }
    };
    let edit = |at: &'static str| {
        move |draft: &mut crate::Draft| {
            let oid = draft.at(&path(at)).unwrap();
            draft.set(oid, &name("title"), Some("T".into())).unwrap();
        }
    };
    let site = "/a\n/a/x\n/a/x/deep\n/b\n/b/y\n";
    let refused =
        |result: Result<Option<Tid>, CommitError>| matches!(result, Err(CommitError::Conflict { .. }));
    for (what, (database, result), refuses) in [
        ("two adds of one name", race(site, add("/a/n"), add("/a/n")), true),
        ("two adds of two names", race(site, add("/a/n"), add("/a/m")), false),
        ("an add below a deletion", race(site, delete("/a"), add("/a/x/n")), true),
        ("an edit below a deletion", race(site, delete("/a"), edit("/a/x/deep")), true),
        ("an edit of what was deleted", race(site, delete("/a"), edit("/a")), true),
        ("a move into a deletion", race(site, delete("/a"), shift("/b/y", "/a/x/y")), true),
        ("a move out of a deletion", race(site, shift("/a/x", "/b/x"), delete("/a")), false),
        ("a deletion over edits below", race(site, edit("/a/x/deep"), delete("/a")), false),
        ("deleting twice", race(site, delete("/a"), delete("/a")), false),
        ("two moves that make a cycle", race(site, shift("/a", "/b/a"), shift("/b", "/a/x/b")), true),
        ("a rename and an edit", race(site, shift("/a/x", "/a/z"), edit("/a/x")), false),
        ("two names for one object", race(site, shift("/a/x", "/a/z"), shift("/a/x", "/a/w")), true),
        ("two containers for one object", race(site, shift("/a/x", "/b/x"), shift("/a/x", "/x")), true),
    ] {
        assert_eq!(refused(result), refuses, "{what}: {}", database.text());
    }
}

#[test]
fn two_objects_can_exchange_their_names_in_one_commit() {
    let disk = MemoryDisk::new();
    let database = open_on(Arc::new(disk.clone()));
    seed(&database, "/a title=A\n/b title=B\n");
    database.doing(|draft| {
        let (a, b) = (draft.at(&path("/a"))?, draft.at(&path("/b"))?);
        draft.move_to(a, Oid::ROOT, &name("c"))?;
        draft.move_to(b, Oid::ROOT, &name("a"))?;
        draft.move_to(a, Oid::ROOT, &name("b"))
    });
    assert_eq!(database.text(), "/a title=B\n/b title=A\n");
    drop(database);
    assert_eq!(open_on(Arc::new(disk)).text(), "/a title=B\n/b title=A\n", "after a replay");
}

#[test]
fn a_cell_that_had_to_stay_is_a_conflict_when_it_did_not() {
    let database = seeded("/stock count=1\n/order\n");
    let mut draft = database.begin();
    let (stock, order) = (draft.at(&path("/stock")).unwrap(), draft.at(&path("/order")).unwrap());
    draft.require_unchanged(stock, CellKey::Attribute(name("count")));
    draft.set(order, &name("of"), Some("stock".into())).unwrap();
    database.set("/stock", "count", "0");
    let result = database.commit(draft, Note::edit("Ordered"));
    assert!(matches!(result, Err(CommitError::Conflict { .. })), "{result:?}");
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let database = seeded("/box\n");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let database = &database;
            scope.spawn(move || {
                for nth in 0..50 {
                    database.add_text(&format!("/box/w{writer}-{nth} n={nth}"));
                }
            });
        }
    });
    let page = ChildrenPage::first(1_000);
    let children = database.snapshot().children(database.oid_at("/box"), &page).unwrap();
    assert_eq!(children.len(), 400);
}

#[test]
fn the_log_of_commits_says_who_did_what_where() {
    let database = seeded(SITE);
    let tid = database.set("/news/one", "title", "1");
    let record = database.commit_record(tid).unwrap();
    assert_eq!((record.principal.as_str(), record.sentence.as_str(), record.objects), ("tess", "Did", 1));
    assert_eq!((record.kind, record.container), (Kind::Edit, database.oid_at("/news")));
    let sentences =
        |records: Vec<crate::CommitRecord>| records.into_iter().map(|r| r.sentence).collect::<Vec<_>>();
    assert_eq!(sentences(database.commits(None, 10).unwrap()), ["Did", "Seeded", "Made the site"]);
    assert_eq!(sentences(database.commits(Some(tid), 1).unwrap()), ["Seeded"]);
    let one = database.oid_at("/news/one");
    assert_eq!(sentences(database.commits_of(one, None, 10).unwrap()), ["Did", "Seeded"]);
    let deltas = database.changes(tid, 0, 10).unwrap();
    let titles = |object: &Option<Arc<bough_core::Object>>| {
        object.as_ref().and_then(|o| o.text("title").map(str::to_owned))
    };
    assert_eq!((titles(&deltas[0].before), titles(&deltas[0].after)), (Some("One".into()), Some("1".into())));
    let mut seen = 0;
    let walked = database.each_change(tid, |delta| {
        seen += usize::from(delta.oid == one);
        Ok::<_, HistoryError>(())
    });
    assert!(walked.is_ok() && seen == 1, "{walked:?}, {seen} times");
    let unknown = database.commit_record(Tid::from_micros(7));
    assert!(matches!(unknown, Err(HistoryError::NoSuchCommit(_))), "{unknown:?}");
}

#[test]
fn a_walk_over_a_commit_of_many_parts_comes_to_each_object_once_and_ends_where_it_is_told_to() {
    let database = seeded("/box\n");
    let text: String = (0..3_000).map(|nth| format!("/box/c{nth} title={}\n", "x".repeat(500))).collect();
    seed(&database, &text);
    let tid = database.head();
    let mut walked = Vec::new();
    database
        .each_change(tid, |delta| {
            walked.push(delta.oid);
            Ok::<_, HistoryError>(())
        })
        .unwrap();
    let paged: Vec<Oid> = (0..=6)
        .flat_map(|page| database.changes(tid, page * 500, 500).unwrap())
        .map(|delta| delta.oid)
        .collect();
    assert_eq!((walked.len(), &walked), (3_000, &paged));
    let mut seen = 0;
    let ended = database.each_change(tid, |_| {
        seen += 1;
        if seen == 2 { Err(HistoryError::NoSuchCommit(tid)) } else { Ok(()) }
    });
    assert!(matches!(ended, Err(HistoryError::NoSuchCommit(_))) && seen == 2, "{ended:?} after {seen}");
}

#[test]
fn a_time_names_the_last_commit_before_it_also_when_the_clock_went_back() {
    let options = small_options();
    let clock = Arc::new(crate::testing::FixedClock::default());
    let database = Database::in_memory(crate::Options { clock: clock.clone(), ..options }).unwrap();
    let second = 1_000_000;
    clock.set(100 * second);
    let first = database.add_text("/a");
    clock.set(200 * second);
    let second_commit = database.add_text("/b");
    clock.set(150 * second);
    let late = database.add_text("/c");
    for (time, expected) in [(100, first), (149, first), (150, late), (199, late), (201, late)] {
        assert_eq!(database.tid_at(time * second).unwrap(), expected, "at {time}");
    }
    assert!(second_commit < late && database.tid_at(50).unwrap() < first);
    let future = database.snapshot_at(Tid::from_micros(u64::MAX - 1));
    assert!(matches!(future, Err(HistoryError::Future { .. })), "{future:?}");
}

#[test]
fn former_names_lead_to_where_the_object_is_now() {
    let database = seeded("/a\n/a/x\n");
    let (a, x) = (database.oid_at("/a"), database.oid_at("/a/x"));
    database.move_path("/a", "/b");
    database.move_path("/b/x", "/b/y");
    let snapshot = database.snapshot();
    assert_eq!(snapshot.former_child(Oid::ROOT, "a").unwrap(), Some(a));
    assert_eq!(snapshot.former_child(a, "x").unwrap(), Some(x));
    assert_eq!(snapshot.former_child(Oid::ROOT, "never").unwrap(), None);
}

/// Two who each add one, looking at the same number, have added two.
#[test]
fn everybody_who_counts_is_counted() {
    let count = |draft: &mut crate::Draft| {
        let page = draft.at(&path("/page")).unwrap();
        draft.set(page, &name("visits"), Some(Value::Counter(1))).unwrap();
    };
    let (database, result) = race("/page", count, count);
    result.unwrap();
    let page = database.snapshot().object(database.oid_at("/page")).unwrap().unwrap();
    assert_eq!(page.value("visits"), Some(&Value::Counter(2)));
}

/// What waited went to the log as one frame, however small the log's largest was.
#[test]
fn many_contents_of_one_draft_fit_the_frames_of_any_log() {
    let mut options = small_options();
    options.log.frame_bytes_max = 64 << 10;
    let database = Database::in_memory(options).unwrap();
    let text = |nth: usize| format!("{nth},").repeat(4_000);
    let mut draft = database.begin();
    for nth in 0..400 {
        let value = draft.bytes(text(nth).as_bytes()).unwrap();
        draft.add(Oid::ROOT, &name(&format!("p{nth}")), &name("page"), [(name("data"), value)]).unwrap();
    }
    database.commit(draft, Note::edit("Added")).unwrap();

    let snapshot = database.snapshot();
    for nth in 0..400 {
        let object = snapshot.object(database.oid_at(&format!("/p{nth}"))).unwrap().unwrap();
        let crate::Body::Bytes(bytes) = snapshot.bytes(object.value("data").unwrap()).unwrap() else {
            panic!()
        };
        assert_eq!(bytes, text(nth).as_bytes());
    }
    assert!(database.check(&mut crate::unwatched).unwrap().is_sound());
}
