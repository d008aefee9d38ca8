//! Versions as people use them in the management pages.

mod common;

use bough_core::merge::plan::Resolution;
use bough_core::security::{Roles, Setting};
use bough_core::{Content, Oid, OrderKey, Snapshot as _, Value};
use bough_store::version::{Management, MergeChoice, VersionConflict, VersionInfo};
use bough_store::{Database, LineStatus, Note};

use common::{Answer, Browser, Failed, TestSite, name, path};

const LIST: &str = "/@@manage/versions";
const ONE: &str = "/@@manage/versions/redesign";
const RECIPE: &str = "Bread\nflour\nwater\nsalt\nMix it.\nBake it.\nWait.\n";

/// A site with some pages.
fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/news", "folder", &[("title", "News")]);
    site.put("/bread", "page", &[("title", "Bread"), ("body", RECIPE)]);
    site.put("/team", "page", &[("title", "Team")]);
    site
}

fn text(database: &Database, at: &str, attribute: &str) -> Option<String> {
    let snapshot = database.snapshot();
    let oid = bough_core::snapshot::find(&snapshot, &path(at)).unwrap()?;
    let object = snapshot.object(oid).unwrap()?;
    let value = bough_core::snapshot::attribute(&snapshot, &object, attribute).unwrap()?;
    value.as_text().map(str::to_owned)
}

fn set(database: &Database, at: &str, attribute: &str, value: &str) {
    TestSite::change_on(database, |draft| {
        let oid = draft.at(&path(at))?;
        draft.set(oid, &name(attribute), Some(value.into()))
    });
}

fn add(database: &Database, at: &str, type_name: &str) -> Oid {
    TestSite::change_on(database, |draft| {
        let (parent, last) = path(at).split_last().map(|(parent, last)| (parent, last.clone())).unwrap();
        let parent = draft.at(&parent)?;
        draft.add(parent, &last, &name(type_name), []).map(drop)
    });
    bough_core::snapshot::find(&database.snapshot(), &path(at)).unwrap().unwrap()
}

/// Makes a version as a person does, and answers it.
async fn make(site: &TestSite, browser: &mut Browser<'_>, name: &str) -> Database {
    let made = browser.submit(LIST, LIST, &[("name", name), ("title", "New look")]).await;
    assert!(made.location().starts_with(&format!("/@v/{name}/@@manage/versions/{name}?did=")));
    site.database.version(name).unwrap()
}

/// What a hidden field of a page holds.
fn field(page: &Answer, name: &str) -> String {
    let page = page.text();
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the page has the field");
    rest.split_once('"').unwrap().0.to_owned()
}

/// Sends the form of a conflict as it is shown, with these choices.
async fn settle(browser: &mut Browser<'_>, url: &str, fields: &[(&str, &str)]) -> Answer {
    let mark = field(&browser.page(url).await, "mark");
    browser.submit(LIST, url, &[&[("mark", mark.as_str())], fields].concat()).await
}

fn conflict_ids(version: &Database) -> Vec<String> {
    version.conflicts().unwrap().into_iter().map(|conflict| conflict.id).collect()
}

fn info(version: &Database) -> VersionInfo {
    version.version_info().unwrap()
}

#[tokio::test]
async fn a_version_goes_its_whole_way_from_its_making_to_the_undo_of_its_merge() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    assert!(admin.page(LIST).await.says("A version is the whole site in private"));
    let made = admin.submit(LIST, LIST, &[("title", "Redesign")]).await;
    let inside = admin.follow(made).await;
    assert!(inside.says("Opened version redesign."), "{}", inside.words());
    assert!(inside.text().contains("You work in the version <strong>redesign</strong>"));
    let version = site.database.version("redesign").unwrap();
    set(
        &version,
        "/bread",
        "body",
        "Bread\nflour\nmore water\nsalt\nMix it.\nBake it at 240 degrees.\nWait.\n",
    );
    set(&version, "/team", "title", "Who we are");
    site.set("/bread", "body", "Bread\nflour\nwarm water\nsalt\nMix it.\nBake it.\nWait.\nLet it cool.\n");

    // The frame says how it stands, wherever one is.
    let inside = admin.page("/@v/redesign/@@manage/versions").await.text();
    assert!(inside.contains(">2 objects changed</a>"));
    assert!(inside.contains(">1 change behind</a>"));
    assert!(inside.contains("1 of them also changed on the public site"));
    let changes = admin.page(ONE).await;
    assert!(
        changes.says("/bread") && changes.says("/team") && changes.says("also changed on the public site")
    );
    assert!(changes.text().contains("Who we are"), "with what it is now");
    assert!(!admin.page(&format!("{ONE}?show=overlap")).await.says("/team"));

    // A conflict leads to the desk; nothing is merged meanwhile.
    let plan = admin.page(&format!("{ONE}/merge")).await;
    assert!(plan.says("1 conflict has to be settled first"));
    let merge = format!("{ONE}/merge");
    let refused = admin.submit(LIST, &merge, &[("mark", "")]).await;
    let desk = admin.follow(refused).await;
    assert!(desk.says("Nothing was merged yet: 1 conflict has to be settled first."), "{}", desk.words());
    assert!(desk.says("0 of 1 settled"));
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Team"));
    let [id] = &conflict_ids(&version)[..] else { panic!("one conflict") };
    let at = format!("{ONE}/conflicts/{id}");
    let conflict = admin.page(&at).await;
    assert!(
        conflict.text().contains("<pre>more water</pre>")
            && conflict.text().contains("<pre>warm water</pre>")
    );
    assert!(!conflict.text().contains("<pre>Let it cool.</pre>"), "what only one changed is no question");

    // Line by line; what was not chosen is asked for again, with what was.
    let wrong = settle(&mut admin, &at, &[("choice", "lines")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.says("Choose for each place"));
    let tried = admin.submit(LIST, &at, &[("action", "try"), ("part0", "turned")]).await;
    assert!(
        tried
            .text()
            .contains("warm water\nmore water\nsalt\nMix it.\nBake it at 240 degrees.\nWait.\nLet it cool.")
    );
    assert_eq!(conflict_ids(&version).len(), 1);
    assert!(version.conflicts().unwrap()[0].resolution.is_none(), "trying keeps nothing");
    let settled = settle(&mut admin, &at, &[("choice", "lines"), ("part0", "turned")]).await;
    let desk = admin.follow(settled).await;
    assert!(desk.says("Settled: /bread.") && desk.says("1 of 1 settled"), "{}", desk.words());
    assert!(admin.page(&at).await.text().contains("warm water\nmore water"), "it is there after a reload");

    let update = format!("{ONE}/update");
    assert!(admin.page(&update).await.says("1 change on the public site would come in"));
    let mark = field(&admin.page(&update).await, "mark");
    let updated = admin.submit(LIST, &update, &[("mark", &mark)]).await;
    assert!(admin.follow(updated).await.says("Updated version redesign."));

    let plan = admin.page(&merge).await;
    assert!(plan.says("changes 2 objects on the public site"), "{}", plan.words());
    let mark = field(&plan, "mark");
    let merged = admin.submit(LIST, &merge, &[("mark", &mark), ("words", "for <spring>")]).await;
    let page = admin.follow(merged).await;
    assert!(
        page.says("Merged version redesign into the public site: for <spring>.")
            || page.text().contains("into the public site: for &#60;spring&#62;."),
        "{}",
        page.words()
    );
    let body = text(&site.database, "/bread", "body").unwrap();
    assert_eq!(
        body,
        "Bread\nflour\nwarm water\nmore water\nsalt\nMix it.\nBake it at 240 degrees.\nWait.\nLet it cool.\n"
    );
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Who we are"));

    // The message has the way back, and the version holds it all again.
    let commit = field(&page, "commit");
    let undone = admin.submit(LIST, "/@@manage/undo", &[("commit", &commit), ("back", ONE)]).await;
    let back = admin.follow(undone).await;
    assert!(back.says("Undid: Merged version redesign"), "{}", back.words());
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Team"));
    assert!(back.says("/bread") && back.says("/team"), "the version holds again what was merged");
}

#[tokio::test]
async fn a_part_is_merged_with_what_it_cannot_do_without_and_the_rest_stays() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    add(&version, "/shop", "folder");
    let bike = add(&version, "/shop/bike", "page").to_string();
    set(&version, "/team", "title", "Later");
    let merge = format!("{ONE}/merge");
    for page in ["merge", "discard"] {
        let none = admin.get(&format!("{ONE}/{page}?part=1")).await;
        assert!(admin.follow(none).await.says("Tick the objects that you mean first."), "nothing is not all");
    }
    let plan = admin.page(&format!("{merge}?part=1&pick={bike}")).await;
    assert!(plan.says("Comes along") && plan.says("/shop: what you ticked stands in it"), "{}", plan.words());
    assert!(!plan.says("/team"));
    let mark = field(&plan, "mark");
    let merged = admin.submit(LIST, &merge, &[("mark", &mark), ("pick", &bike)]).await;
    assert!(admin.follow(merged).await.says("Merged a part of version redesign"));
    assert!(site.find("/shop/bike").is_some());
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Team"));
    let left = admin.page(ONE).await;
    assert!(left.says("/team") && !left.says("/shop/bike"), "{}", left.words());
    // What would be done has to be what was shown.
    let plan = admin.page(&merge).await;
    set(&version, "/news", "title", "Not shown before");
    let late = admin.submit(LIST, &merge, &[("mark", &field(&plan, "mark")), ("words", "typed")]).await;
    assert_eq!(late.status, 409);
    assert!(late.says("Something changed meanwhile") && late.text().contains("value=\"typed\""));
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Team"));
}

#[tokio::test]
async fn some_or_all_of_a_version_is_thrown_away_after_it_was_said_what_goes() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    let shop = add(&version, "/shop", "folder").to_string();
    add(&version, "/shop/bike", "page");
    set(&version, "/team", "title", "Kept");
    let discard = format!("{ONE}/discard");
    let said = admin.page(&format!("{discard}?pick={shop}")).await;
    assert!(said.says("/shop/bike comes along"), "{}", said.words());
    assert_eq!(version.own_changes(0, 0).unwrap().total, 3, "asking changes nothing");
    let done = admin.submit(LIST, &discard, &[("pick", &shop)]).await;
    let done = admin.follow(done).await;
    assert!(done.says("Discarded the changes of /shop in version redesign. Undo"), "{}", done.words());
    assert_eq!(version.own_changes(0, 0).unwrap().total, 1);
    let on_it = admin.submit(LIST, LIST, &[("name", "on-it"), ("from", "redesign")]).await;
    assert_eq!(on_it.status, 303);
    let refused = admin.submit(LIST, &discard, &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.says("On it lie: on-it"));
    let done = admin.submit(LIST, &discard, &[("despite_others", "yes")]).await;
    assert!(admin.follow(done).await.says("Discarded version redesign."));
    assert_eq!(info(&version).status, LineStatus::Discarded);
    assert!(!admin.page(LIST).await.says("New look"), "only open ones are listed");
    assert!(admin.page(&format!("{LIST}?show=closed")).await.says("discarded"));
    let again = admin.submit(LIST, &format!("{ONE}/settings"), &[("action", "reopen")]).await;
    assert!(admin.follow(again).await.says("Opened version redesign again."));
    assert_eq!(version.own_changes(0, 0).unwrap().total, 1, "with all that was in it");
}

#[tokio::test]
async fn what_is_typed_wrong_is_said_beside_the_field_and_nothing_typed_is_lost() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    make(&site, &mut admin, "redesign").await;
    for (name, from, at, said) in [
        ("Big Letters", "", "", "A name has 1 to 40 lower-case letters"),
        ("redesign", "", "", "There is an open version redesign already"),
        ("other", "gone", "", "There is no such version any more"),
        (
            "other",
            "",
            "yesterday",
            "Expected a time as in 2026-11-22 10:30, how long ago as in 2h ago, or a change as in t6",
        ),
        ("other", "", "2999-01-01 00:00", "That time is still to come"),
        ("other", "redesign", "2001-01-01 00:00", "Cannot show"),
    ] {
        let fields = [("name", name), ("title", "typed <b>"), ("from", from), ("at", at)];
        let wrong = admin.submit(LIST, LIST, &fields).await;
        assert_eq!(wrong.status, 422, "{name} {from} {at}: {}", wrong.words());
        assert!(wrong.says(said), "{}", wrong.words());
        assert!(wrong.text().contains("value=\"typed &#60;b&#62;\""), "what was typed is there");
        assert!(wrong.text().contains("autofocus"));
    }
    assert_eq!(site.database.versions().unwrap().len(), 1);
    let settings = format!("{ONE}/settings");
    let wrong = admin.submit(LIST, &settings, &[("action", "owner"), ("owner", "nobody")]).await;
    assert!(wrong.status == 422 && wrong.says("There is no user nobody"));
    let renamed =
        admin.submit(LIST, &settings, &[("action", "name"), ("name", "autumn"), ("title", "Autumn")]).await;
    assert!(renamed.location().starts_with("/@@manage/versions/autumn/settings?did="));
    assert!(admin.follow(renamed).await.says("Renamed version redesign to autumn."));
    let moved = admin.get(&format!("{ONE}/settings")).await;
    assert_eq!(
        moved.location(),
        "/@@manage/versions/autumn/settings",
        "the old address leads to the new one"
    );
}

#[tokio::test]
async fn a_preview_link_is_shown_once_and_shows_nothing_when_it_is_taken_back() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    let links = format!("{ONE}/links");
    for (at, days, said) in [("/nowhere", "7", "There is nothing at /nowhere"), ("/", "0", "from 1 to 366")] {
        let wrong = admin.submit(LIST, &links, &[("path", at), ("days", days), ("label", "for Bo")]).await;
        assert!(wrong.status == 422 && wrong.says(said), "{}", wrong.words());
        assert!(wrong.text().contains("value=\"for Bo\""));
    }
    let made = admin.submit(LIST, &links, &[("path", "/news"), ("days", "3"), ("label", "for Bo")]).await;
    assert!(made.text().contains("http://redesign.v.localhost:8080/@@preview/"));
    let listed = admin.page(&links).await;
    assert!(listed.says("for Bo") && listed.says("/news") && !listed.text().contains("@@preview"));
    let id = bough_web::preview_links(&version).unwrap()[0].id.clone();
    let gone = admin.submit(LIST, &links, &[("revoke", &id)]).await;
    assert!(admin.follow(gone).await.says("The link shows nothing any more."));
    assert!(bough_web::preview_links(&version).unwrap().is_empty());
}

/// Puts the child of `/news` before all others, or behind them.
fn put(line: &Database, child: &str, is_first: bool) {
    let snapshot = line.snapshot();
    let find = |at: &str| bough_core::snapshot::find(&snapshot, &path(at)).unwrap().unwrap();
    let page = bough_core::snapshot::ChildrenPage::first(10);
    let orders = snapshot.children(find("/news"), &page).unwrap();
    let order = match is_first {
        true => OrderKey::between(None, orders.first().map(|child| &child.order)),
        false => OrderKey::between(orders.last().map(|child| &child.order), None),
    };
    let oid = find(child);
    TestSite::change_on(line, |draft| draft.reorder(oid, order.clone()));
}

#[tokio::test]
async fn two_orders_of_a_folder_where_it_matters_are_asked_about_in_words() {
    let site = site();
    for child in ["a", "b", "c"] {
        site.put(&format!("/news/{child}"), "page", &[]);
    }
    let mut admin = site.logged_in("admin").await;
    // The folder's own form declares it.
    let edit = "/news/@@manage/edit";
    let form = admin.page(edit).await;
    assert!(form.says("The order of what is in it matters"), "{}", form.words());
    TestSite::change_on(&site.database, |draft| {
        let news = draft.at(&path("/news"))?;
        draft.set(news, &name(bough_core::order::ORDERED), Some(true.into()))
    });
    let version = make(&site, &mut admin, "redesign").await;
    put(&version, "/news/b", true);
    put(&site.database, "/news/b", false);
    let desk = format!("{ONE}/conflicts");
    let all = admin.page(&desk).await;
    assert!(all.says("both gave it another place in the order"), "{}", all.words());
    let one = format!("{desk}/{}", conflict_ids(&version)[0]);
    let page = admin.page(&one).await;
    for words in ["Second, after a", "First", "Third, after c"] {
        assert!(page.says(words), "{words} is not in {}", page.words());
    }
    settle(&mut admin, &one, &[("choice", "ours")]).await;
    let merged = version.merge(&Default::default(), Note::edit("Merged")).unwrap();
    assert!(merged.tid.is_some());
    let snapshot = site.database.snapshot();
    let first = bough_core::snapshot::find(&snapshot, &path("/news/b")).unwrap().unwrap();
    let rank = bough_core::rank::Rank::of(&snapshot, first).unwrap().unwrap();
    assert_eq!(rank.to_string(), "first");
}

#[tokio::test]
async fn editions_that_cannot_be_brought_to_one_are_told_and_settled() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    set(&version, "/team", "title", "ours");
    TestSite::change_on(&site.database, |draft| {
        let team = draft.at(&path("/team"))?;
        draft.set(team, &name("_edition"), Some(9.into()))
    });
    let form = admin.page("/team/@@manage/edit").await;
    assert!(form.says("made for edition 9 of this type, which this program does not know yet"));
    let one = format!("{ONE}/conflicts/{}", conflict_ids(&version)[0]);
    let page = admin.page(&one).await;
    for words in [
        "in editions of its type that cannot be brought to one",
        "newer than this program knows",
        "Edition 1",
        "Edition 9",
    ] {
        assert!(page.says(words), "{words} is not in {}", page.words());
    }
    settle(&mut admin, &one, &[("choice", "ours")]).await;
    version.merge(&Default::default(), Note::edit("Merged")).unwrap();
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("ours"));
    assert!(!admin.page("/team/@@manage/edit").await.says("edition"));
}

#[tokio::test]
async fn conflicts_of_every_kind_are_settled_one_by_one_or_alike() {
    let site = site();
    let old = site.put("/old", "folder", &[]);
    let kept = site.put("/old/kept", "page", &[]).to_string();
    site.put("/up", "folder", &[]);
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    for (line, title) in [(&version, "ours"), (&site.database, "theirs")] {
        set(line, "/team", "title", title);
        add(line, "/fresh", "page");
    }
    TestSite::change_on(&version, |draft| draft.delete(old));
    site.set("/old/kept", "title", "worked on");
    TestSite::change_on(&version, |draft| {
        let (moved, to) = (draft.at(&path("/up"))?, draft.at(&path("/news"))?);
        draft.move_to(moved, to, &name("up"))
    });
    site.change(|draft| {
        let (moved, to) = (draft.at(&path("/news"))?, draft.at(&path("/up"))?);
        draft.move_to(moved, to, &name("news"))
    });
    let desk = format!("{ONE}/conflicts");
    let all = admin.page(&desk).await;
    assert!(all.says("0 of 4 settled"), "{}", all.words());
    let find = |kind: &str| {
        let all = version.conflicts().unwrap();
        let found = all.into_iter().find(|found| format!("{:?}", found.conflict.key).starts_with(kind));
        format!("{desk}/{}", found.expect("it is there").id)
    };
    // Names: a taken one does not settle it.
    let names = find("Name");
    for (to, status) in [("team", 422), ("two words?/", 422), ("fresh-too", 303)] {
        let fields = [("choice", "names"), ("to", to), ("rename", "ours")];
        let answer = settle(&mut admin, &names, &fields).await;
        assert_eq!(answer.status.as_u16(), status, "{to}: {}", answer.words());
        if status == 422 {
            assert!(answer.text().contains(&format!("value=\"{to}\"")), "what was typed is there");
        }
    }
    assert!(admin.page(&names).await.says("both stay, ours is called fresh-too"));
    // Something deleted: a part of it is kept elsewhere.
    let deleted = find("Deleted");
    assert!(admin.page(&deleted).await.says("/old/kept changed: title"));
    let none = settle(&mut admin, &deleted, &[("choice", "rescue"), ("container", "/news")]).await;
    assert!(none.status == 422 && none.says("Tick what is to be kept."));
    let fields = [("choice", "rescue"), ("rescue", kept.as_str()), ("container", "/")];
    let settled = settle(&mut admin, &deleted, &fields).await;
    assert!(settled.location().contains("?settled="));
    assert!(admin.follow(settled).await.says("2 settled"), "the next one is at hand");
    // The others alike.
    let alike = format!("{desk}/alike");
    let said = admin.page(&format!("{alike}?of=all&action=theirs")).await;
    assert!(said.says("Take theirs for 2 conflicts?"), "{}", said.words());
    assert!(said.says("Nothing stands against a merge then."), "{}", said.words());
    assert_eq!(version.open_conflicts(99, 99).unwrap(), Some(2), "asking settles nothing");
    let mark = field(&said, "mark");
    let fields = [("of", "all"), ("action", "theirs"), ("mark", mark.as_str())];
    let done = admin.submit(LIST, &alike, &fields).await;
    let done = admin.follow(done).await;
    assert!(done.says("2 conflicts settled.") && done.says("4 of 4 settled"), "{}", done.words());
    // A decision is taken back and made anew.
    let cell = find("Cell");
    let back = settle(&mut admin, &cell, &[("action", "forget")]).await;
    assert!(!admin.follow(back).await.text().contains("<span class=\"badge good\">settled</span>"));
    let own = settle(&mut admin, &cell, &[("choice", "text"), ("result", "of\r\nour own")]).await;
    assert_eq!(own.status, 303);
    let merge = format!("{ONE}/merge");
    let plan = admin.page(&merge).await;
    let merged = admin.submit(LIST, &merge, &[("mark", &field(&plan, "mark")), ("close", "yes")]).await;
    assert!(admin.follow(merged).await.says("Merged version redesign"));
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("of\nour own"));
    assert!(site.find("/fresh-too").is_some() && site.find("/kept").is_some() && site.find("/old").is_none());
    assert!(site.find("/up/news").is_some(), "their move");
    assert_eq!(info(&version).status, LineStatus::Closed);
}

#[tokio::test]
async fn many_conflicts_are_settled_alike_by_ticks_or_by_kind_with_few_plans() {
    let site = site();
    let pages: Vec<String> = (0..12).map(|page| format!("/news/p{page:02}")).collect();
    for page in &pages {
        site.put(page, "page", &[("title", "one")]);
    }
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    for page in &pages {
        set(&version, page, "title", "ours");
        site.set(page, "title", "theirs");
    }
    for line in [&version, &site.database] {
        add(line, "/fresh", "page");
    }
    let desk = format!("{ONE}/conflicts");
    let alike = format!("{desk}/alike");
    // How many there are stands on the tab, and above every page in the version.
    let page = admin.page(&desk).await;
    assert!(page.says("Conflicts (13)") && page.says("Changed by both (12)"), "{}", page.words());
    assert!(admin.page("/@v/redesign/@@manage/versions").await.text().contains("13 conflicts to settle"));
    assert!(!admin.page(&format!("{desk}?kind=name")).await.says("/news/p00"));

    let plans = version.plans();
    admin.page(&desk).await;
    admin.page(&format!("{desk}/{}", conflict_ids(&version)[0])).await;
    assert_eq!(version.plans(), plans, "what was found is known as long as nothing changes");
    let none = admin.get(&format!("{alike}?of=ticked&action=ours")).await;
    assert!(admin.follow(none).await.says("Tick the conflicts that you mean first"));

    let all = version.conflicts().unwrap();
    let is_title =
        |at: &str| all.iter().find(|found| found.path.as_ref().is_some_and(|path| path.to_string() == at));
    let ids = ["/news/p03", "/news/p07"].map(|at| is_title(at).unwrap().id.clone());
    let said = admin.page(&format!("{alike}?action=ours&pick={}&pick={}", ids[0], ids[1])).await;
    assert!(said.says("Keep ours for 2 conflicts?") && said.says("/news/p07"), "{}", said.words());
    assert!(said.says("11 conflicts are open then.") && !said.says("/news/p04"), "{}", said.words());
    let mark = field(&said, "mark");
    let fields = [("action", "ours"), ("pick", ids[0].as_str()), ("pick", &ids[1]), ("mark", &mark)];
    let done = admin.submit(LIST, &alike, &fields).await;
    assert!(admin.follow(done).await.says("2 of 13 settled"));

    let said = admin.page(&format!("{alike}?of=all&kind=cell&action=theirs")).await;
    let mark = field(&said, "mark");
    let fields = [("of", "all"), ("kind", "cell"), ("action", "theirs"), ("mark", mark.as_str())];
    site.set("/news/p00", "title", "theirs again");
    let late = admin.submit(LIST, &alike, &fields).await;
    assert!(late.status == 409 && late.says("Something changed meanwhile"), "{}", late.words());
    assert_eq!(version.open_conflicts(99, 99).unwrap(), Some(11), "nothing was settled");
    let mark = field(&late, "mark");
    let plans = version.plans();
    let fields = [("of", "all"), ("kind", "cell"), ("action", "theirs"), ("mark", mark.as_str())];
    let done = admin.submit(LIST, &alike, &fields).await;
    let done = admin.follow(done).await;
    assert!(done.says("10 conflicts settled.") && done.says("12 of 13 settled"), "{}", done.words());
    assert!(version.plans() - plans <= 2, "one to look, one to keep, however many");

    let said = admin.page(&format!("{alike}?of=all&action=forget&kind=cell")).await;
    let mark = field(&said, "mark");
    let fields = [("of", "all"), ("kind", "cell"), ("action", "forget"), ("mark", mark.as_str())];
    let back = admin.submit(LIST, &alike, &fields).await;
    assert!(admin.follow(back).await.says("12 decisions are taken back."));
    assert_eq!(version.open_conflicts(99, 99).unwrap(), Some(13));
}

#[tokio::test]
async fn a_conflict_about_a_value_of_any_kind_is_settled_by_one_of_ones_own() {
    let site = site();
    let today = site.put("/news/today", "page", &[]);
    let value_of = |database: &Database, attribute: &str| {
        let snapshot = database.snapshot();
        let oid = bough_core::snapshot::find(&snapshot, &path("/team")).unwrap().unwrap();
        let team = snapshot.object(oid).unwrap().unwrap();
        bough_core::snapshot::attribute(&snapshot, &team, attribute).unwrap()
    };
    let put = |database: &Database, value: fn(i64) -> [(&'static str, Value); 5], side: i64| {
        TestSite::change_on(database, |draft| {
            let team = draft.at(&path("/team"))?;
            value(side).into_iter().try_for_each(|(key, value)| draft.set(team, &name(key), Some(value)))
        });
    };
    let values: fn(i64) -> [(&'static str, Value); 5] = |side| {
        [
            ("seats", Value::Int(side)),
            ("share", Value::Float(side as f64)),
            ("since", Value::Time(side * 86_400_000_000)),
            ("see", Value::Reference(Oid::from_u128(side as u128))),
            ("tags", Value::List(vec![Value::text(format!("tag {side}"))])),
        ]
    };
    put(&site.database, values, 1);
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    put(&version, values, 2);
    put(&site.database, values, 3);
    let all = version.conflicts().unwrap();
    assert_eq!(all.len(), 5);
    let url = |attribute: &str| {
        let is_it = |found: &&VersionConflict| {
            format!("{:?}", found.conflict.key).contains(&format!("\"{attribute}\""))
        };
        format!("{ONE}/conflicts/{}", all.iter().find(is_it).expect("it is a conflict").id)
    };
    let day = 86_400_000_000;
    for (attribute, shown, wrong, typed, expected) in [
        ("seats", "value=\"2\"", "two", "7", Value::Int(7)),
        ("share", "value=\"2\"", "half", "2.5", Value::Float(2.5)),
        ("since", "value=\"1970-01-03T00:00:00\"", "once", "1970-01-10T00:00:00", Value::Time(9 * day)),
        ("see", "data-reference", "/nowhere", "/news/today", Value::Reference(today)),
        ("tags", "tag 2</textarea>", "", "own tag", Value::List(vec![Value::text("own tag")])),
    ] {
        let url = url(attribute);
        let page = admin.page(&url).await;
        assert!(
            page.says("A value of your own") && page.text().contains(shown),
            "{attribute}: {}",
            page.text()
        );
        if !wrong.is_empty() {
            let refused = settle(&mut admin, &url, &[("choice", "value"), ("v.0", wrong)]).await;
            assert_eq!(refused.status, 422, "{attribute}");
            assert!(refused.text().contains(&format!("value=\"{wrong}\"")), "what was typed is there");
        }
        let settled = settle(&mut admin, &url, &[("choice", "value"), ("v.0", typed)]).await;
        assert_eq!(settled.status, 303, "{attribute}: {}", settled.words());
        let page = admin.page(&url).await;
        assert!(page.says("settled") && page.says("a value of your own"), "{}", page.words());
        version.update_preview(None).unwrap();
        let kept = version.conflicts().unwrap().into_iter().find(|found| url.ends_with(&found.id)).unwrap();
        assert_eq!(kept.resolution, Some(Resolution::Value(Some(Content::Value(expected)))), "{attribute}");
    }
    let empty = settle(&mut admin, &url("seats"), &[("choice", "value"), ("v.0", "")]).await;
    assert_eq!(empty.status, 303, "an empty field is to have none");
    version.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap();
    assert_eq!(value_of(&site.database, "seats"), None);
    assert_eq!(value_of(&site.database, "share"), Some(Value::Float(2.5)));
}

#[tokio::test]
async fn ticks_go_along_from_page_to_page_and_a_folder_is_ticked_with_all_that_changed_in_it() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    TestSite::change_on(&version, |draft| {
        let news = draft.at(&path("/news"))?;
        (0..70).try_for_each(|nth| draft.add(news, &name(&format!("p{nth:02}")), &name("page"), []).map(drop))
    });
    set(&version, "/team", "title", "Later");
    set(&version, "/bread", "title", "Toast");
    let bread = site.oid("/bread").to_string();
    let page = admin.page(ONE).await;
    assert!(page.says("All below /news (70 changes)"), "{}", page.words());
    assert!(page.says("/bread") && !page.says("/team"), "that is on the next page");
    let next = field(&page, "from");
    let page = admin.page(&format!("{ONE}?part=1&pick={bread}&from={next}")).await;
    assert!(page.says("/team") && page.says("1 object is ticked on other pages"), "{}", page.words());
    assert!(page.text().contains(&format!("<input type=\"hidden\" name=\"pick\" value=\"{bread}\">")));
    let back = field(&page, "from");
    let page = admin.page(&format!("{ONE}?part=1&pick={bread}&from={back}")).await;
    assert!(page.text().contains(&format!("value=\"{bread}\" checked")), "it is ticked where it stands");

    let news = site.oid("/news").to_string();
    let merge = format!("{ONE}/merge");
    let plan = admin.page(&format!("{merge}?part=1&below={news}&pick={bread}")).await;
    assert!(plan.says("changes 71 objects on the public site"), "{}", plan.words());
    let fields = [("mark", &field(&plan, "mark")), ("below", &news), ("pick", &bread)];
    let merged = admin.submit(LIST, &merge, &fields.map(|(key, value)| (key, value.as_str()))).await;
    assert!(admin.follow(merged).await.says("Merged a part of version redesign"));
    assert!(site.find("/news/p69").is_some());
    assert_eq!(text(&site.database, "/bread", "title").as_deref(), Some("Toast"));
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Team"), "that was not ticked");

    set(&version, "/news/p01", "title", "to go");
    set(&version, "/news/p02", "title", "to go");
    let discard = format!("{ONE}/discard");
    assert!(admin.page(&format!("{discard}?part=1&below={news}")).await.says("/news/p02"));
    let done = admin.submit(LIST, &discard, &[("below", &news)]).await;
    assert!(admin.follow(done).await.says("Discarded all changes below /news in version redesign."));
    assert_eq!(text(&version, "/news/p01", "title"), None);
    assert_eq!(text(&version, "/team", "title").as_deref(), Some("Later"));
}

#[tokio::test]
async fn only_those_who_may_use_versions_see_them_and_nobody_more_than_he_may() {
    let site = site();
    site.put("/board", "folder", &[]);
    site.put("/board/salaries", "page", &[("title", "secret plan")]);
    site.add_user("ed", &["Editor"]);
    site.add_user("reader", &["Clerk"]);
    let only = |roles: &[&str]| Some(Setting { roles: Roles::named(roles.iter().copied()), acquire: false });
    site.change(|draft| {
        let board = draft.at(&path("/board"))?;
        draft.set_permission(board, &name("View"), only(&["Manager"]))?;
        draft.set_permission(
            Oid::ROOT,
            &name("View management screens"),
            only(&["Manager", "Editor", "Clerk"]),
        )?;
        let team = draft.at(&path("/team"))?;
        draft.set_permission(team, &name("Edit content"), only(&["Manager"]))
    });
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    set(&version, "/board/salaries", "title", "secret raise");
    set(&version, "/team", "title", "ours");
    let note = Note::edit("Set title of /board/salaries");
    let cut = site.database.write(note, |draft| -> Result<(), Failed> {
        let salaries = draft.at(&path("/board/salaries"))?;
        Ok(draft.set(salaries, &name("title"), Some("secret cut".into()))?)
    });
    cut.unwrap();

    let mut reader = site.logged_in("reader").await;
    for url in [LIST, ONE, &format!("{ONE}/merge")] {
        let refused = reader.get(url).await;
        assert_eq!(refused.status, 403, "{url}");
        assert!(!refused.text().contains("redesign\""), "{url}");
    }
    let mut ed = site.logged_in("ed").await;
    for page in ["", "/update", "/merge", "/conflicts", "/links", "/settings"] {
        let page = ed.page(&format!("{ONE}{page}")).await.text();
        assert!(!page.contains("salaries") && !page.contains("secret"), "{page}");
    }
    let [id] = &conflict_ids(&version)[..] else { panic!("one conflict") };
    let conflict = ed.page(&format!("{ONE}/conflicts/{id}")).await.text();
    assert!(!conflict.contains("salaries") && !conflict.contains("secret"), "{conflict}");
    assert!(ed.page(ONE).await.says("It also changed 1 that you may not see"));
    // A merge is judged by what he may on the public site.
    let plan = ed.page(&format!("{ONE}/merge")).await;
    assert!(plan.says("You may not make all of these changes") && plan.says("“Edit content” at /team"));
    version.resolve(id, Some(Resolution::Version), "test").unwrap();
    let merge = format!("{ONE}/merge");
    let refused = ed.submit(LIST, &merge, &[("mark", "")]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(text(&site.database, "/team", "title").as_deref(), Some("Team"));
    let without = ed.post(&merge, &[("mark", "")]).await;
    assert_ne!(without.status, 303, "no form counts without its code");
}

#[tokio::test]
async fn nothing_that_anybody_wrote_runs_on_any_page() {
    const HOSTILE: &str = "</textarea></title>\"'><script>alert(1)</script><img src=x onerror=alert(2)>";
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let hostile = [("name", "redesign"), ("title", HOSTILE)];
    assert_eq!(admin.submit(LIST, LIST, &hostile).await.status, 303);
    let version = site.database.version("redesign").unwrap();
    set(&version, "/bread", "body", &format!("{HOSTILE}\n{RECIPE}"));
    site.set("/bread", "body", format!("theirs {HOSTILE}\n{RECIPE}"));
    set(&version, "/team", "title", HOSTILE);
    let odd = "<img src=x onerror=alert(3)>";
    for line in [&version, &site.database] {
        TestSite::change_on(line, |draft| draft.add(Oid::ROOT, &name(odd), &name("page"), []).map(drop));
    }
    let mut pages = vec![LIST.to_owned(), "/@v/redesign/@@manage/versions".into()];
    for behind in ["", "/update", "/merge", "/conflicts", "/links", "/settings", "/discard"] {
        pages.push(format!("{ONE}{behind}"));
    }
    pages.extend(conflict_ids(&version).iter().map(|id| format!("{ONE}/conflicts/{id}")));
    assert_eq!(pages.len(), 11, "two conflicts");
    for url in &pages {
        let page = admin.page(url).await.text();
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{url}");
        assert!(!page.contains("style=\""), "{url}: no style in the page itself");
    }
    let links = format!("{ONE}/links");
    let fields = [("path", HOSTILE), ("days", "1"), ("label", HOSTILE)];
    let label = admin.submit(LIST, &links, &fields).await.text();
    assert!(label.contains("&#60;script&#62;") && !label.contains("<script>alert"));
}

#[tokio::test]
async fn nobody_decides_a_conflict_about_what_he_may_not_see() {
    let site = site();
    site.put("/board", "page", &[]);
    site.add_user("ed", &["Editor"]);
    site.change(|draft| {
        let board = draft.at(&path("/board"))?;
        let only = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(board, &name("View"), Some(only))
    });
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    for at in ["/board", "/team"] {
        set(&version, at, "title", "ours");
        set(&site.database, at, "title", "theirs");
    }
    let open = || -> Vec<Option<Oid>> {
        let all = version.conflicts().unwrap().into_iter().filter(|found| found.resolution.is_none());
        all.map(|found| match found.conflict.key {
            bough_core::merge::plan::ConflictKey::Cell(oid, _) => Some(oid),
            _ => None,
        })
        .collect()
    };
    let board = Some(site.oid("/board"));
    let hidden = version.conflicts().unwrap().into_iter().find(|found| {
        matches!(found.conflict.key, bough_core::merge::plan::ConflictKey::Cell(oid, _) if Some(oid) == board)
    });
    let hidden = hidden.unwrap().id;
    let mut ed = site.logged_in("ed").await;
    let desk = format!("{ONE}/conflicts");
    let one = format!("{desk}/{hidden}");
    let page = ed.page(&desk).await;
    assert!(page.says("0 of 2 settled") && !page.text().contains(&format!("value=\"{hidden}\"")));
    let refused = ed.submit(LIST, &one, &[("choice", "theirs")]).await;
    assert_eq!(refused.status, 403, "{}", refused.words());
    let alike = format!("{desk}/alike");
    let picked = ed.get(&format!("{alike}?pick={hidden}&action=theirs")).await;
    assert!(ed.follow(picked).await.says("0 of 2 settled"));
    let picked = ed.submit(LIST, &alike, &[("pick", &hidden), ("action", "theirs"), ("mark", "")]).await;
    assert!(!picked.text().contains("/board"), "{}", picked.words());
    assert_eq!(open().len(), 2);
    let said = ed.page(&format!("{alike}?of=all&action=theirs")).await;
    assert!(said.says("Take theirs for 1 conflict?") && !said.says("/board"), "{}", said.words());
    let mark = field(&said, "mark");
    let fields = [("of", "all"), ("action", "theirs"), ("mark", mark.as_str())];
    let done = ed.submit(LIST, &alike, &fields).await;
    let done = ed.follow(done).await;
    assert!(done.says("1 conflict settled.") && done.says("1 of 2 settled"), "{}", done.words());
    assert_eq!(open(), [board]);
    let settled = settle(&mut admin, &one, &[("choice", "ours")]).await;
    assert_eq!(settled.status, 303);
    let said = ed.page(&format!("{alike}?of=all&action=forget")).await;
    let mark = field(&said, "mark");
    ed.submit(LIST, &alike, &[("of", "all"), ("action", "forget"), ("mark", mark.as_str())]).await;
    assert_eq!(open(), [Some(site.oid("/team"))], "nor takes back what another decided");
}

#[tokio::test]
async fn pages_far_behind_the_last_one_are_empty() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    set(&version, "/team", "title", "ours");
    set(&site.database, "/team", "title", "theirs");
    for page in ["", "/conflicts"] {
        let far = admin.page(&format!("{ONE}{page}?skip={0}&from={0}", usize::MAX)).await;
        assert!(!far.says("/team"), "{page}: {}", far.words());
    }
}

#[tokio::test]
async fn only_its_owner_or_who_manages_the_site_settles_what_becomes_of_a_version() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    site.add_user("bo", &["Editor"]);
    let mut admin = site.logged_in("admin").await;
    let mut ed = site.logged_in("ed").await;
    let version = make(&site, &mut ed, "redesign").await;
    let (settings, discard) = (format!("{ONE}/settings"), format!("{ONE}/discard"));
    let before = info(&version);
    let mut bo = site.logged_in("bo").await;
    let page = bo.page(&settings).await;
    assert!(page.says("Only its owner, ed, or who manages the site"), "{}", page.words());
    assert!(!page.text().contains("<form method=\"post\" action=\"/@@manage/versions"), "{}", page.words());
    for (url, fields) in [
        (&settings, vec![("action", "name"), ("name", "his"), ("title", "")]),
        (&settings, vec![("action", "owner"), ("owner", "bo")]),
        (&settings, vec![("action", "close")]),
        (&discard, vec![("despite_others", "yes")]),
    ] {
        let refused = bo.submit(LIST, url, &fields).await;
        assert_eq!(refused.status, 403, "{fields:?}: {}", refused.words());
        assert!(refused.text().contains("nly its owner"), "{}", refused.words());
    }
    assert_eq!(info(&version), before);
    assert_eq!(bo.get(&discard).await.status, 403);
    // Working in it is for all who may use versions.
    set(&version, "/team", "title", "ours");
    let merge = format!("{ONE}/merge");
    assert!(!bo.page(&merge).await.says("Close this version afterwards"));
    assert!(ed.page(&merge).await.says("Close this version afterwards"));
    assert_eq!(bo.submit(LIST, &merge, &[("close", "yes")]).await.status, 403);
    let part = bo.submit(LIST, &discard, &[("pick", &site.oid("/team").to_string())]).await;
    assert_eq!(part.status, 303, "{}", part.words());
    for (browser, action) in [(&mut ed, "close"), (&mut admin, "reopen")] {
        assert_eq!(browser.submit(LIST, &settings, &[("action", action)]).await.status, 303, "{action}");
    }
}

#[tokio::test]
async fn an_update_does_what_was_shown_or_nothing() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    set(&version, "/team", "title", "mine");
    site.set("/team", "title", "theirs");
    let one = format!("{ONE}/conflicts/{}", conflict_ids(&version)[0]);
    settle(&mut admin, &one, &[("choice", "ours")]).await;
    let update = format!("{ONE}/update");
    let mark = field(&admin.page(&update).await, "mark");
    // Somebody decides the other way while the page is looked at.
    settle(&mut admin, &one, &[("choice", "theirs")]).await;
    let late = admin.submit(LIST, &update, &[("mark", &mark)]).await;
    assert_eq!(late.status, 409);
    assert!(late.says("Nothing was updated: look again."), "{}", late.words());
    assert_eq!(text(&version, "/team", "title").as_deref(), Some("mine"));
    let again = admin.submit(LIST, &update, &[("mark", &field(&late, "mark"))]).await;
    assert_eq!(again.status, 303, "{}", again.words());
    assert_eq!(text(&version, "/team", "title").as_deref(), Some("theirs"));
}

#[tokio::test]
async fn what_another_decided_meanwhile_is_told_before_it_is_decided_anew() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    let mut admin = site.logged_in("admin").await;
    let mut ed = site.logged_in("ed").await;
    let version = make(&site, &mut admin, "redesign").await;
    set(&version, "/team", "title", "mine");
    site.set("/team", "title", "theirs");
    let one = format!("{ONE}/conflicts/{}", conflict_ids(&version)[0]);
    let stale = field(&ed.page(&one).await, "mark");
    settle(&mut admin, &one, &[("choice", "theirs")]).await;
    let fields = [("mark", stale.as_str()), ("choice", "text"), ("result", "of our own")];
    let late = ed.submit(LIST, &one, &fields).await;
    assert_eq!(late.status, 409, "{}", late.words());
    assert!(late.says("This was settled meanwhile") && late.says("as it is on the public site"));
    assert!(late.text().contains("of our own</textarea>"), "what was typed is there");
    assert_eq!(
        version.conflicts().unwrap()[0].resolution,
        Some(Resolution::Parent),
        "nothing is overwritten"
    );
    let fields = [("mark", field(&late, "mark")), ("choice", "text".into()), ("result", "of our own".into())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    assert_eq!(ed.submit(LIST, &one, &fields).await.status, 303);
    assert_ne!(version.conflicts().unwrap()[0].resolution, Some(Resolution::Parent));
    // Nor are many decided over what another decided about one of them.
    let alike = format!("{ONE}/conflicts/alike");
    let id = one.rsplit('/').next().unwrap();
    let said = ed.page(&format!("{alike}?action=ours&pick={id}")).await;
    settle(&mut admin, &one, &[("choice", "theirs")]).await;
    let mark = field(&said, "mark");
    let late = ed.submit(LIST, &alike, &[("action", "ours"), ("pick", id), ("mark", &mark)]).await;
    assert!(late.status == 409 && late.says("Something changed meanwhile"), "{}", late.words());
}

#[tokio::test]
async fn a_link_into_a_version_leads_whoever_is_logged_out_to_the_log_in_and_then_there() {
    let site = site();
    site.add_user("guest", &[]);
    let mut admin = site.logged_in("admin").await;
    make(&site, &mut admin, "redesign").await;
    let link = "/@v/redesign/team/@@manage/edit";
    let mut stranger = site.browser();
    let asked = stranger.get(link).await;
    assert!(asked.location().contains("/@@login?next="), "{}", asked.location());
    assert!(stranger.follow(asked).await.text().contains("name=\"password\""));
    // It tells nobody which versions there are, nor does logging in.
    let with = |name: &str| link.replace("redesign", name);
    let (there, not) = (stranger.get(link).await, stranger.get(&with("unheardof")).await);
    assert_eq!(there.location().replace("redesign", "unheardof"), not.location());
    let mut guest = site.logged_in("guest").await;
    for name in ["redesign", "unheardof"] {
        assert_eq!(guest.get(&with(name)).await.status, 404, "{name}");
        assert!(stranger.get(&format!("/@v/{name}/team")).await.location().contains("/@@login?next="));
    }
    let fields = [("name", "admin"), ("password", common::PASSWORD), ("next", link)];
    let login = asked_for(link);
    let back = stranger.submit(&login, &login, &fields).await;
    assert_eq!(back.location(), link);
}

/// Where somebody logs in who is to come to a page.
fn asked_for(page: &str) -> String {
    let encoded: String = page.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/@@login?next={encoded}")
}

/// The fields of the edit form of a page as it is shown.
fn edit_fields<'p>(page: &'p Answer, held: &'p mut Vec<String>) -> Vec<(&'static str, &'p str)> {
    const NAMES: [&str; 3] = ["oid", "base", "revision"];
    held.extend(NAMES.map(|name| field(page, name)));
    NAMES.into_iter().zip(held.iter().map(String::as_str)).collect()
}

#[tokio::test]
async fn what_is_typed_in_a_version_is_not_lost_when_it_is_renamed_or_thrown_away_or_the_session_ends() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    let edit = "/@v/redesign/team/@@manage/edit";
    let form = admin.page(edit).await;
    let mut held = Vec::new();
    let mut fields = edit_fields(&form, &mut held);
    fields.extend([("has", "title"), ("v.0", "typed with care")]);

    // The session ended: it leads back here, where the browser kept it.
    let mut stranger = site.browser();
    let asked = stranger.post(edit, &fields).await;
    assert!(asked.location().contains("@@login?next="), "{}", asked.location());

    let rename = |name: &str| Management { name: Some(name.into()), ..Management::default() };
    version.manage_version(&rename("autumn"), Note::edit("renamed")).unwrap();
    let now = "/@v/autumn/team/@@manage/edit";
    assert_eq!(admin.get(&format!("{edit}?from=x")).await.location(), format!("{now}?from=x"));
    assert_eq!(admin.get("/@v/redesign/team").await.location(), "/@v/autumn/team");
    let asked = site.browser().get("/@v/redesign/team").await;
    assert!(asked.location().contains("@@login"), "nobody else learns of it");
    let saved = admin.submit(LIST, edit, &fields).await;
    assert!(saved.location().starts_with(&format!("{now}?did=")), "{}", saved.location());
    assert_eq!(text(&version, "/team", "title").as_deref(), Some("typed with care"));

    let form = admin.page(now).await;
    let mut held = Vec::new();
    let mut fields = edit_fields(&form, &mut held);
    fields.extend([("has", "title"), ("v.0", "typed once more")]);
    let discard = Management { status: Some(LineStatus::Discarded), ..Management::default() };
    version.manage_version(&discard, Note::edit("thrown away")).unwrap();
    let refused = admin.submit(LIST, now, &fields).await;
    assert_eq!(refused.status, 409, "{}", refused.words());
    assert!(refused.text().contains("value=\"typed once more\""), "what was typed is there");
    assert!(refused.says("discarded") && refused.text().contains("/versions/autumn/settings"));
    let gone = admin.get("/@v/autumn/team/@@manage").await;
    let gone = admin.follow(gone).await;
    assert!(gone.says("Version autumn was thrown away") && gone.says("Open it again"), "{}", gone.words());
    admin.submit(LIST, "/@@manage/versions/autumn/settings", &[("action", "reopen")]).await;
    assert_eq!(admin.submit(LIST, now, &fields).await.status, 303);
    assert_eq!(text(&version, "/team", "title").as_deref(), Some("typed once more"));
}

#[tokio::test]
async fn a_version_is_named_by_its_title_in_any_language_and_begins_at_any_time() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    for (title, at, name) in [
        ("Ünïcödé Größe", "", "unicode-grosse"),
        ("日本語", "", "version"),
        ("日本語", "0s ago", "version-2"),
    ] {
        let made = admin.submit(LIST, LIST, &[("title", title), ("at", at)]).await;
        let inside = format!("/@v/{name}/@@manage/versions/{name}?");
        assert!(made.location().starts_with(&inside), "{}", made.location());
    }
}

#[tokio::test]
async fn the_page_of_a_merge_counts_what_is_in_conflict_and_names_links_into_versions() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    set(&version, "/team", "title", "mine");
    site.set("/team", "title", "theirs");
    let merge = format!("{ONE}/merge");
    let page = admin.page(&merge).await;
    assert!(
        page.says("changes 0 objects on the public site, and 1 object as you settle it"),
        "{}",
        page.words()
    );
    let long = "x".repeat(100_000);
    for (at, body) in [
        ("/bread", "<a href=\"/@v/redesign/team\">us</a>".to_owned()),
        ("/team", format!("{long}<img src=\"http://redesign.v.localhost:8080/x.png\">")),
        ("/news", "<a href=\"/team\">us</a>".to_owned()),
    ] {
        set(&version, at, "body", &body);
    }
    let page = admin.page(&merge).await;
    assert!(page.says("Links into a version, which visitors cannot follow"), "{}", page.words());
    assert!(page.says("/bread: its text leads to /@v/redesign"), "{}", page.words());
    assert!(page.says("/team: its text leads to redesign.v.localhost:8080"), "{}", page.words());
    assert!(!page.says("/news: its"));
}

#[tokio::test]
async fn who_lies_on_a_version_is_said_before_it_is_closed() {
    let site = site();
    let mut admin = site.logged_in("admin").await;
    let version = make(&site, &mut admin, "redesign").await;
    let settings = format!("{ONE}/settings");
    assert!(!admin.page(&settings).await.says("lies on this one"));
    admin.submit(LIST, LIST, &[("name", "on-it"), ("from", "redesign")]).await;
    assert!(admin.page(&settings).await.says("Another version lies on this one: on-it . It stays"));
    set(&version, "/team", "title", "mine");
    let page = admin.page(&settings).await;
    assert!(
        page.says("What is not merged would be gone from there: merge this one first"),
        "{}",
        page.words()
    );
}

#[tokio::test]
async fn versions_of_which_nothing_is_left_are_listed_and_shown_nowhere() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    let mut ed = site.logged_in("ed").await;
    let version = make(&site, &mut ed, "redesign").await;
    set(&version, "/team", "title", "ours");
    version.discard(false, Note::edit("Discarded")).unwrap();
    set(&site.database, "/team", "title", "later");
    site.database.pack(site.database.head(), false, &mut bough_store::unwatched).unwrap();
    let list = ed.page(&format!("{LIST}?show=closed")).await;
    assert!(list.says("redesign"), "{}", list.words());
    let gone = ed.get(ONE).await;
    assert!(gone.words().contains("what it held is packed away"), "{}", gone.words());
    assert_eq!(ed.get("/@v/redesign/team").await.status, 410);
}
