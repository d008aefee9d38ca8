//! Undo and history as people use them: taking changes back from messages and by the page of all of them, looking at
//! what was, restoring it, and finding out who wrote what.

mod common;

use axum::http::StatusCode;
use bough_core::security::{Roles, Setting};
use bough_core::{Oid, Snapshot as _, Tid, Value};
use bough_store::Note;
use bough_store::version::NewVersion;
use common::{Answer, Browser, Failed, TestSite, name, path};

fn text(site: &TestSite, at: &str, attribute: &str) -> Option<String> {
    let object = site.database.snapshot().object(site.oid(at)).unwrap().unwrap();
    object.text(attribute).map(str::to_owned)
}

/// Sets an attribute with a sentence and by somebody.
fn said(site: &TestSite, (sentence, who): (&str, &str), at: &str, attribute: &str, value: &str) -> Tid {
    let written = site.database.write(Note::edit(sentence).by(who), |draft| {
        let oid = draft.at(&path(at))?;
        draft.set(oid, &name(attribute), Some(Value::text(value))).map_err(Failed::from)
    });
    written.unwrap().1.unwrap()
}

/// Sends what a form of the page would send that takes back these commits.
async fn undo(browser: &mut Browser<'_>, of: &[Tid], more: &[(&str, &str)]) -> Answer {
    let of: Vec<String> = of.iter().map(Tid::to_string).collect();
    let mut fields: Vec<(&str, &str)> = of.iter().map(|tid| ("commit", tid.as_str())).collect();
    fields.extend(more);
    let preview = format!("/@@manage/undo/preview?commit={}", of[0]);
    browser.submit(&preview, "/@@manage/undo", &fields).await
}

/// The link on a page whose text is this.
fn link(page: &Answer, text: &str) -> String {
    let page = page.text();
    let (before, _) =
        page.split_once(&format!(">{text}</a>")).unwrap_or_else(|| panic!("no link {text}: {page}"));
    let (_, from) = before.rsplit_once("href=\"").unwrap();
    from.split_once('"').unwrap().0.replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn the_button_of_a_message_undoes_and_the_next_one_does_it_again() {
    let site = TestSite::new();
    site.put("/a", "page", &[("title", "Old")]);
    let tid = said(&site, ("Called it New", "admin"), "/a", "title", "New");
    let mut admin = site.logged_in("admin").await;
    let page = admin.page(&format!("/a/@@manage/history?did={tid}")).await;
    assert!(page.says("Called it New. Undo"), "{}", page.words());
    assert!(page.says("Title: Old → New"), "what is short is told in the list: {}", page.words());

    let answer = undo(&mut admin, &[tid], &[("back", "/a/@@manage/history")]).await;
    assert!(answer.location().starts_with("/a/@@manage/history?did=t"), "{}", answer.location());
    assert_eq!(text(&site, "/a", "title").as_deref(), Some("Old"));
    let undone = answer.location().rsplit_once("did=").unwrap().1.parse().unwrap();
    let page = admin.follow(answer).await;
    assert!(page.says("Undid: Called it New. Redo"), "{}", page.words());

    let answer = undo(&mut admin, &[undone], &[("back", "/a/@@manage/history")]).await;
    assert_eq!(text(&site, "/a", "title").as_deref(), Some("New"));
    assert!(admin.follow(answer).await.says("Redid: Called it New. Undo"));
}

#[tokio::test]
async fn one_comes_back_to_where_the_object_is_then_and_never_to_another_site() {
    let site = TestSite::new();
    let made = site.put("/a", "folder", &[]);
    let added = site.database.commits_of(made, None, 1).unwrap()[0].tid;
    let renamed = site.change(|draft| draft.move_to(made, Oid::ROOT, &name("b")));
    let mut admin = site.logged_in("admin").await;
    let answer = undo(&mut admin, &[renamed], &[("back", "/b/@@manage/history?below=1")]).await;
    assert!(answer.location().starts_with("/a/@@manage/history?below=1&did="), "{}", answer.location());
    let answer = undo(&mut admin, &[added], &[("back", "/a/@@manage/history")]).await;
    assert!(answer.location().starts_with("/@@manage?did="), "{}", answer.location());
    for hostile in ["//example.com/", "https://example.com/", "/\\example.com", "javascript:alert(1)"] {
        let tid = said(&site, ("x", ""), "/", "title", hostile);
        let answer = undo(&mut admin, &[tid], &[("back", hostile)]).await;
        assert!(answer.location().starts_with("/@@manage/undo?did="), "{hostile}: {}", answer.location());
    }
}

#[tokio::test]
async fn what_stands_against_an_undo_is_shown_with_its_ways_out() {
    let site = TestSite::new();
    site.put("/a", "page", &[("title", "First"), ("body", "Text")]);
    let first = site.change(|draft| {
        let oid = draft.at(&path("/a"))?;
        draft.set(oid, &name("title"), Some(Value::text("Second")))?;
        draft.set(oid, &name("body"), Some(Value::text("Other text")))
    });
    let later = said(&site, ("Gave it a third title", "ben"), "/a", "title", "Third");
    let mut admin = site.logged_in("admin").await;

    let answer = undo(&mut admin, &[first], &[("back", "/a/@@manage/history")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    for says in ["Changed again later: Title", "By ben", "Gave it a third title", "Third", "First"] {
        assert!(answer.says(says), "{says}: {}", answer.words());
    }
    assert_eq!(text(&site, "/a", "body").as_deref(), Some("Other text"));

    let kept = admin.page(&link(&answer, "Keep this as it is now")).await;
    assert!(kept.says("Title of /a") && kept.says("Other text"), "{}", kept.words());
    let too = admin.page(&link(&answer, "Undo that change, too")).await;
    assert!(too.says("Undo 2 changes?") && !too.says("What stands against it"), "{}", too.words());

    // Of two that are taken back together, what is there now and what was before both of them is shown.
    let made = site.database.commits_of(site.oid("/a"), None, 9).unwrap().pop().unwrap().tid;
    let both = admin.page(&format!("/@@manage/undo/preview?commit={first}&commit={made}")).await;
    assert!(both.says("− Third") && !both.says("− First"), "{}", both.words());

    let keep = format!("{} title", site.oid("/a"));
    assert_eq!(undo(&mut admin, &[first], &[("keep", &keep)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(text(&site, "/a", "title").as_deref(), Some("Third"));
    assert_eq!(text(&site, "/a", "body").as_deref(), Some("Text"));
    // What of it was not kept is left, once the later one goes, too.
    assert_eq!(undo(&mut admin, &[first, later], &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(text(&site, "/a", "title").as_deref(), Some("First"));
    let list = admin.page("/@@manage/undo").await;
    assert!(list.says("Gave it a third title undone since"), "{}", list.words());
}

#[tokio::test]
async fn who_may_not_undo_is_refused_and_who_may_not_see_learns_nothing() {
    let site = TestSite::new();
    site.add_user("ed", &["Editor"]);
    site.put("/secret", "folder", &[]);
    site.put("/secret/plan", "page", &[("title", "Hidden title")]);
    let tid = said(&site, ("Wrote of the hidden plan", "admin"), "/secret/plan", "title", "Hidden new title");
    let public = said(&site, ("Named the site", "admin"), "/", "title", "A site");
    site.change(|draft| {
        let secret = draft.at(&path("/secret"))?;
        let nobody = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(secret, &name("View"), Some(nobody))?;
        for permission in ["View history", "View management screens"] {
            let roles = Setting { roles: Roles::named(["Editor"]), acquire: true };
            draft.set_permission(Oid::ROOT, &name(permission), Some(roles))?;
        }
        let undo = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(Oid::ROOT, &name("Undo changes"), Some(undo))
    });
    let mut ed = site.logged_in("ed").await;
    let list = ed.page("/@@manage/undo").await;
    assert!(list.says("Named the site") && list.says("something that you may not see"), "{}", list.words());
    assert!(!list.says("hidden plan"), "{}", list.words());
    for search in ["words=hidden", "path=/secret", "path=/secret/plan"] {
        let found = ed.page(&format!("/@@manage/undo?{search}")).await;
        assert!(!found.says("hidden plan"), "{search}: {}", found.words());
    }
    assert_eq!(ed.get(&format!("/@@manage/undo/{tid}")).await.status, StatusCode::NOT_FOUND);
    let history = format!("/@@manage/history?oid={}", site.oid("/secret/plan"));
    assert_eq!(ed.get(&history).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        ed.get(&format!("/@@manage/undo/preview?commit={public}")).await.status,
        StatusCode::FORBIDDEN
    );
    let code = ed.code(&format!("/@@manage/history/restore?from={tid}")).await;
    let answer = ed.post("/@@manage/undo", &[("code", &code), ("commit", &public.to_string())]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(text(&site, "/", "title").as_deref(), Some("A site"));
}

#[tokio::test]
async fn what_of_an_undo_is_not_theirs_to_change_is_named() {
    let site = TestSite::new();
    site.add_user("ed", &["Editor"]);
    let page = site.put("/a", "page", &[("title", "t")]);
    let tid = site.change(|draft| {
        let setting = Setting { roles: Roles::named(["Manager", "Editor"]), acquire: true };
        draft.set_permission(page, &name("View history"), Some(setting))?;
        draft.set(page, &name("title"), Some(Value::text("u")))
    });
    let mut ed = site.logged_in("ed").await;
    let preview = ed.page(&format!("/@@manage/undo/preview?commit={tid}")).await;
    let says = "Who has “View history” of /a: this takes the permission “Change permissions”";
    assert!(preview.says(says), "{}", preview.words());
    assert!(!preview.says("Undo this change Cancel"), "{}", preview.words());
    assert_eq!(undo(&mut ed, &[tid], &[]).await.status, StatusCode::FORBIDDEN);
    let keep = format!("{page} (permission View history)");
    assert_eq!(undo(&mut ed, &[tid], &[("keep", &keep)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(text(&site, "/a", "title").as_deref(), Some("t"));
}

#[tokio::test]
async fn a_version_shows_what_was_done_in_it_and_before_it_and_undoes_its_own() {
    let site = TestSite::new();
    let page = site.put("/a", "page", &[("title", "One")]);
    let public = said(&site, ("Done in public", "ben"), "/a", "title", "Two");
    let line = site.database.open_version(&NewVersion::named("look"), Note::edit("Opened look")).unwrap();
    let own = TestSite::change_on(&line, |draft| draft.set(page, &name("title"), Some(Value::text("Three"))));
    let mut admin = site.logged_in("admin").await;
    let history = admin.page("/@v/look/a/@@manage/history").await;
    for says in ["test 1 object look Title", "Done in public 1 object public site Title"] {
        assert!(history.says(says), "{says}: {}", history.words());
    }
    let compared = admin.page(&format!("/@v/look/a/@@manage/history/compare?to={public}")).await;
    assert!(compared.says("− One") && compared.says("+ Two"), "{}", compared.words());
    let both = admin.page(&format!("/@v/look/a/@@manage/history/compare?from={public}&to={own}")).await;
    assert!(both.says("− Two") && both.says("+ Three"), "{}", both.words());
    assert_eq!(admin.get(&link(&both, "open the page as it was")).await.status, StatusCode::OK);
    let commit = admin.page(&format!("/@v/look/a/@@manage/undo/{public}")).await;
    assert!(commit.says("− One") && !commit.says("Undo this…"), "{}", commit.words());

    let list = "/@v/look/@@manage/undo";
    let preview = format!("{list}/preview?commit={own}");
    let back = "/@v/look/a/@@manage/history";
    let answer = admin.submit(&preview, list, &[("commit", &own.to_string()), ("back", back)]).await;
    assert!(answer.location().starts_with(&format!("{back}?did=")), "{}", answer.location());
    assert!(admin.follow(answer).await.says("Undid: test. Redo"));
    let title = line.snapshot().object(page).unwrap().unwrap().text("title").map(str::to_owned);
    assert_eq!(title.as_deref(), Some("Two"));
}

#[tokio::test]
async fn changes_are_found_by_words_user_place_kind_and_day() {
    let site = TestSite::new();
    site.put("/news", "folder", &[]);
    site.put("/news/a", "page", &[]);
    site.put("/b", "page", &[]);
    said(&site, ("Wrote about Autumn", "ben"), "/news/a", "title", "x");
    let other = said(&site, ("Wrote about spring", "eva"), "/b", "title", "x");
    site.delete("/news");
    let mut admin = site.logged_in("admin").await;
    undo(&mut admin, &[other], &[]).await;
    for (search, finds, misses) in [
        ("words=AUTUMN+wrote", "Wrote about Autumn", "spring"),
        ("user=ev", "Wrote about spring", "Autumn"),
        // It is deleted by now, and still the place to look at.
        ("path=/news", "Wrote about Autumn", "spring"),
        ("path=news/a", "Wrote about Autumn", "spring"),
        ("path=/b&words=wrote", "Wrote about spring", "Autumn"),
        ("kind=undo", "Undid: Wrote about spring", "Autumn"),
        ("since=2000-01-01&words=spring", "Wrote about spring", "Autumn"),
        ("until=2000-01-01", "Nothing like that was done", "Autumn"),
        ("path=/never", "Nothing is or was at /never", "Autumn"),
        ("since=soon", "“soon” is no day", "Autumn"),
    ] {
        let page = admin.page(&format!("/@@manage/undo?{search}")).await;
        assert!(page.says(finds) && !page.says(misses), "{search}: {}", page.words());
    }
}

#[tokio::test]
async fn nothing_ticked_leaves_one_on_the_list() {
    let site = TestSite::new();
    site.put("/a", "page", &[("title", "Spring")]);
    let tid = said(&site, ("Wrote about autumn", "admin"), "/a", "title", "Autumn");
    let mut admin = site.logged_in("admin").await;
    let again = admin.get("/@@manage/undo/preview?words=autumn&back=%2F%40%40manage%2Fundo").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.says("Nothing was ticked. Tick what you want to undo."), "{}", again.words());
    assert!(again.says("Wrote about autumn"), "{}", again.words());
    let older = admin.get(&format!("/@@manage/undo/preview?at={tid}")).await;
    assert!(!older.says("Wrote about autumn"), "{}", older.words());
}

#[tokio::test]
async fn pages_of_changes_follow_each_other_and_what_was_ticked_goes_along() {
    let site = TestSite::new();
    site.put("/a", "page", &[]);
    let tids: Vec<Tid> = (0..120)
        .map(|n| said(&site, (&format!("Change <{n}>"), "ben"), "/a", "title", &n.to_string()))
        .collect();
    let mut admin = site.logged_in("admin").await;
    let first = admin.page(&format!("/@@manage/undo?commit={}", tids[119])).await;
    assert!(
        first.says("Change &lt;119&gt;") || first.text().contains("Change &#60;119&#62;"),
        "{}",
        first.words()
    );
    let (_, next) = first
        .text()
        .split_once("name=\"before\" value=\"")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let next = next.split_once('"').unwrap().0.to_owned();
    let second = admin.page(&format!("/@@manage/undo?commit={}&before={next}", tids[119])).await;
    assert!(second.says("1 selected on other pages"), "{}", second.words());
    assert!(second.text().contains("Change &#60;60&#62;") && !second.text().contains("Change &#60;119&#62;"));
}

/// How many commits a search looks at is bounded; it says so, and goes on from there.
#[tokio::test]
async fn a_search_ends_at_its_bound_and_goes_on_when_asked() {
    let site = TestSite::new();
    site.put("/a", "page", &[]);
    said(&site, ("The needle", "ben"), "/a", "title", "needle");
    for n in 0..20_600 {
        said(&site, ("Hay", "ben"), "/a", "title", &n.to_string());
    }
    let mut admin = site.logged_in("admin").await;
    let page = admin.page("/@@manage/undo?words=needle").await;
    assert!(page.says("changes were looked at") && page.says("None found so far"), "{}", page.words());
    let mut found = false;
    let mut page = page;
    for _ in 0..20 {
        let text = page.text();
        let Some((_, rest)) = text.split_once("name=\"before\" value=\"") else { break };
        let before = rest.split_once('"').unwrap().0.to_owned();
        page = admin.page(&format!("/@@manage/undo?words=needle&before={before}")).await;
        found |= page.says("The needle");
    }
    assert!(found, "{}", page.words());
}

#[tokio::test]
async fn one_attribute_of_a_revision_is_restored_and_the_others_stay() {
    let site = TestSite::new();
    site.put("/a", "page", &[("title", "First"), ("body", "One\nTwo\n")]);
    let then = site.database.head();
    said(&site, ("Changed the title", "ben"), "/a", "title", "Second");
    let long = "Line\n".repeat(3_000);
    said(&site, ("Wrote a long text", "eva"), "/a", "body", &long);
    let mut admin = site.logged_in("admin").await;
    let confirm = format!("/a/@@manage/history/restore?from={then}&cell=title");
    let page = admin.page(&confirm).await;
    assert!(
        page.text().contains("value=\"title\" checked") && !page.text().contains("value=\"body\" checked")
    );
    let from = then.to_string();
    let answer =
        admin.submit(&confirm, "/a/@@manage/history/restore", &[("from", &from), ("cell", "title")]).await;
    assert!(answer.location().starts_with("/a/@@manage/history?did="));
    assert_eq!(text(&site, "/a", "title").as_deref(), Some("First"));
    assert_eq!(site.database.commits(None, 1).unwrap()[0].kind.word(), "restore");
    let long_now =
        site.database.attribute(&site.database.snapshot().object(site.oid("/a")).unwrap().unwrap(), "body");
    assert_eq!(long_now.unwrap(), Some(Value::text(long.as_str())));
    assert!(admin.follow(answer).await.says("Restored Title of /a as of"));

    // A text that is kept aside comes back as well as a short one.
    let from = site.database.head().to_string();
    said(&site, ("Cut it", "eva"), "/a", "body", "short");
    admin.submit(&confirm, "/a/@@manage/history/restore", &[("from", &from), ("cell", "body")]).await;
    let back =
        site.database.attribute(&site.database.snapshot().object(site.oid("/a")).unwrap().unwrap(), "body");
    assert_eq!(back.unwrap(), Some(Value::text(long.as_str())));
    let nothing = admin.submit(&confirm, "/a/@@manage/history/restore", &[("from", &from)]).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn something_deleted_has_its_history_and_comes_back_with_all_in_it() {
    let site = TestSite::new();
    site.put("/news", "folder", &[("title", "News")]);
    let page = site.put("/news/a", "page", &[("title", "Piece")]);
    let news = site.oid("/news");
    let deleted = site.delete("/news");
    let mut admin = site.logged_in("admin").await;
    let commit = admin.page(&format!("/@@manage/undo/{deleted}")).await;
    assert!(commit.text().contains(&format!("?oid={news}")), "{}", commit.text());
    assert!(commit.says("Deleted from /news, with everything in it."), "{}", commit.words());
    for oid in [news, page] {
        let history = admin.page(&format!("/@@manage/history?oid={oid}")).await;
        assert!(history.says("was deleted by") && history.says("Put it back…"), "{}", history.words());
    }
    let url = format!("/@@manage/history/restore?oid={news}");
    let offer = admin.page(&url).await;
    assert!(offer.says("/news comes back with everything that was in it: 2 objects"), "{}", offer.words());

    site.put("/news", "page", &[("title", "Another")]);
    let oid = news.to_string();
    let taken = admin.submit(&url, "/@@manage/history/restore", &[("oid", &oid), ("to", "/news")]).await;
    assert!(taken.status.is_client_error() && taken.text().contains("value=\"/news\""), "{}", taken.text());
    let nowhere = admin.submit(&url, "/@@manage/history/restore", &[("oid", &oid), ("to", "/x/y")]).await;
    assert_eq!(nowhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = admin.submit(&url, "/@@manage/history/restore", &[("oid", &oid), ("to", "/old-news")]).await;
    assert!(answer.location().starts_with("/old-news/@@manage/history?did="), "{}", answer.location());
    assert_eq!((site.oid("/old-news"), site.oid("/old-news/a")), (news, page));
    assert!(admin.follow(answer).await.says("Restored /news as of"));
}

#[tokio::test]
async fn who_changed_a_sentence_and_what_was_there_before_is_two_clicks_away() {
    let site = TestSite::new();
    site.put("/a", "page", &[("body", "Opens on Saturday.\nEntry is free.\n")]);
    said(&site, ("Moved the day", "ben"), "/a", "body", "Opens on Sunday.\nEntry is free.\n");
    said(&site, ("Raised the price", "eva"), "/a", "body", "Opens on Sunday.\nEntry costs 3 euros.\n");
    let mut admin = site.logged_in("admin").await;
    let parts = admin.page("/a/@@manage/history/blame").await;
    assert!(parts.says("Raised the price"), "{}", parts.words());
    let lines = admin.page(&link(&parts, "line by line")).await;
    assert!(lines.says("Moved the day 1 Opens on Sunday."), "{}", lines.words());
    assert!(lines.says("Raised the price 2 Entry costs 3 euros."), "{}", lines.words());
    let before = admin.page(link(&lines, "Moved the day").split('#').next().unwrap()).await;
    assert!(before.says("Opens on Saturday ."), "{}", before.words());
    assert!(!before.says("3 euros"), "{}", before.words());
}

#[tokio::test]
async fn any_two_revisions_are_compared_moves_and_rights_as_sentences() {
    let site = TestSite::new();
    let oid = site.put("/a", "page", &[("title", "One")]);
    let from = site.database.head();
    site.put("/f", "folder", &[]);
    let folder = site.oid("/f");
    site.change(|draft| {
        draft.move_to(oid, folder, &name("b"))?;
        let setting = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(oid, &name("View"), Some(setting))
    });
    let to = said(&site, ("Two", ""), "/f/b", "title", "Two");
    let mut admin = site.logged_in("admin").await;
    for (from, to) in [(from, to), (to, from)] {
        let page = admin.page(&format!("/f/b/@@manage/history/compare?from={from}&to={to}")).await;
        for says in
            ["Moved from /a to /f/b.", "only Manager; before: as in the containers.", "− One", "+ Two"]
        {
            assert!(page.says(says), "{says}: {}", page.words());
        }
    }
    let history = admin.page("/f/b/@@manage/history").await;
    let at = link(&history, "As it was");
    assert_eq!(admin.get(&at).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_that_anybody_wrote_is_taken_for_markup() {
    let site = TestSite::new();
    let probe = "\"><script>alert(1)</script><img src=x onerror=alert(2)>";
    site.put("/a", "page", &[("title", "t"), ("body", "b")]);
    let first = said(&site, (probe, probe), "/a", "body", probe);
    let second = said(&site, (probe, "ben"), "/a", "title", probe);
    said(&site, ("later", probe), "/a", "body", &format!("{probe}\n'{probe}"));
    let odd = site.put("/a<b>", "page", &[("title", probe)]);
    site.delete("/a<b>");
    let mut admin = site.logged_in("admin").await;
    let encoded = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for url in [
        "/@@manage/undo".to_owned(),
        format!(
            "/@@manage/undo?words={encoded}&user={encoded}&path={encoded}&since={encoded}&kind={encoded}"
        ),
        format!("/@@manage/undo/{first}"),
        format!("/@@manage/undo/{second}?show=inline"),
        format!("/@@manage/undo/preview?commit={first}&back=/{encoded}"),
        format!("/a/@@manage/history?did={second}"),
        format!("/a/@@manage/history/compare?from={first}&show={encoded}"),
        "/a/@@manage/history/blame".to_owned(),
        "/a/@@manage/history/blame?attribute=body".to_owned(),
        format!("/a/@@manage/history/restore?from={first}&cell={encoded}"),
        format!("/@@manage/history?oid={odd}"),
        format!("/@@manage/history/restore?oid={odd}"),
    ] {
        let page = admin.page(&url).await.text();
        for markup in ["<script>", "<img src=x", "<b>"] {
            assert!(!page.contains(markup), "{url}: {markup} in {page}");
        }
    }
}

#[tokio::test]
async fn what_may_not_be_read_now_is_not_read_in_the_past() {
    use bough_core::security::permission::VIEW;
    use bough_core::security::{Roles, Setting};

    let site = TestSite::new();
    site.add_user("ed", &["Editor"]);
    site.put("/news", "folder", &[]);
    site.put("/news/spring", "page", &[("_token", "TOKEN ONE")]);
    let token = site.set("/news/spring", "_token", "TOKEN TWO");
    site.put("/layout.html", "template", &[("source", "SOURCE ONE\nand two")]);
    let source = site.set("/layout.html", "source", "SOURCE ONE\nand three");
    site.put("/hidden", "folder", &[]);
    let hidden = site.oid("/hidden");
    site.change(|draft| {
        let managers = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(hidden, &name(VIEW), Some(managers))
    });
    site.put("/hidden/draft", "page", &[("title", "PRIVATE TITLE")]);
    let private = site.set("/hidden/draft", "title", "PRIVATE AGAIN");
    let public = site.set("/hidden/draft", "title", "Public");
    site.change(|draft| {
        let (oid, news) = (draft.at(&path("/hidden/draft"))?, draft.at(&path("/news"))?);
        draft.move_to(oid, news, &name("draft"))
    });
    let zed = site.add_user("zed", &[]);
    let mail = site.change(|draft| draft.set(zed, &name("email"), Some(Value::text("zed@example.org"))));
    let pages = [
        "/news/spring/@@manage/history/blame".to_owned(),
        format!("/news/spring/@@manage/history/compare?to={token}"),
        format!("/@@manage/undo/{token}"),
        format!("/@@manage/undo/preview?commit={token}"),
        "/layout.html/@@manage/history/blame".into(),
        "/layout.html/@@manage/history/blame?attribute=source".into(),
        format!("/@@manage/undo/{source}"),
        "/news/draft/@@manage/history".into(),
        format!("/news/draft/@@manage/history/compare?from={private}"),
        format!("/news/draft/@@manage/history/compare?from={public}"),
        format!("/@@manage/undo/{private}"),
        format!("/@@manage/undo/{mail}"),
        format!("/@@manage/undo/preview?commit={mail}"),
        "/@@manage/undo?path=/hidden/draft".into(),
        "/@@manage/undo".into(),
    ];
    let mut admin = site.logged_in("admin").await;
    let mut ed = site.logged_in("ed").await;
    let mut seen = 0;
    for url in &pages {
        for secret in ["TOKEN", "SOURCE", "PRIVATE", "/hidden/", "zed@"] {
            // What was searched for is in the form again.
            let told = ed
                .get(url)
                .await
                .text()
                .replace("/hidden/draft", if url.contains("path=") { "" } else { "/hidden/draft" });
            assert!(!told.contains(secret), "{url} tells {secret}");
            seen += usize::from(admin.get(url).await.text().contains(secret));
        }
    }
    assert!(seen >= 8, "the administrator reads what is there: {seen}");
}

#[tokio::test]
async fn a_page_of_differences_has_an_end_however_much_was_changed() {
    let site = TestSite::new();
    let text = |mark: &str| (0..1_500).map(|line| format!("{mark} line {line}\n")).collect::<String>();
    let mut all: Vec<(String, String)> = Vec::new();
    for number in 0..60 {
        all.push((format!("text{number}"), text("old")));
    }
    let attributes: Vec<(&str, &str)> = all.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    let oid = site.put("/much", "page", &attributes);
    let tid = site.change(|draft| {
        for (key, _) in &all {
            draft.set(oid, &name(key), Some(Value::text(text("new"))))?;
        }
        Ok(())
    });
    let mut admin = site.logged_in("admin").await;
    for url in [
        format!("/@@manage/undo/{tid}"),
        format!("/@@manage/undo/preview?commit={tid}"),
        format!("/much/@@manage/history/compare?to={tid}"),
    ] {
        let page = admin.page(&url).await;
        assert!(page.body.len() < 4_000_000, "{url}: {} bytes", page.body.len());
        assert!(page.says("old line 3") && page.says("text59"), "{url}");
        assert!(page.says("The history of the object shows it."), "{url}");
    }
}
