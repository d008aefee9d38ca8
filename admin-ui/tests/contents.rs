//! What is in a folder: the flows of its pages as a person goes through them.

mod common;

use axum::http::StatusCode;
use bough_core::{Oid, Snapshot as _};

use common::{Answer, Browser, TestSite, name};

fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/docs", "folder", &[("title", "Documents")]);
    for (at, title) in [("/docs/b", "Alpha"), ("/docs/a", "Beta"), ("/docs/c", "Gamma")] {
        site.put(at, "page", &[("title", title), ("body", "text")]);
    }
    site
}

/// Ticks objects in the listing of a folder and presses a button there.
async fn press(browser: &mut Browser<'_>, folder: &str, button: &str, of: &[Oid]) -> Answer {
    press_with(browser, folder, button, of, &[]).await
}

async fn press_with(
    browser: &mut Browser<'_>,
    folder: &str,
    button: &str,
    of: &[Oid],
    more: &[(&str, &str)],
) -> Answer {
    let page = format!("{folder}/@@manage/contents");
    let of: Vec<String> = of.iter().map(Oid::to_string).collect();
    let mut fields: Vec<(&str, &str)> = of.iter().map(|oid| ("of", oid.as_str())).collect();
    fields.extend([("do", button)].iter().chain(more));
    browser.submit(&page, &page, &fields).await
}

/// The names of the rows, in their order.
fn rows(answer: &Answer) -> Vec<String> {
    let page = answer.text();
    let rows = page.split("data-name=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

/// Sends the form on a page with the code of that page and these fields.
async fn send(browser: &mut Browser<'_>, page: &str, url: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = browser.submit(page, url, fields).await;
    browser.follow(answer).await
}

#[tokio::test]
async fn the_listing_shows_sorts_and_filters_what_is_there() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let page = browser.page("/docs/@@manage").await;
    assert_eq!(rows(&page), ["b", "a", "c"]);
    assert!(page.says("3 objects") && page.says("Alpha") && page.says("4 bytes"), "{}", page.words());
    for (query, expected) in [
        ("sort=name", vec!["a", "b", "c"]),
        ("sort=name&down=1", vec!["c", "b", "a"]),
        ("sort=title", vec!["b", "a", "c"]),
        ("sort=title&down=1", vec!["c", "a", "b"]),
        ("sort=changed&down=1", vec!["c", "a", "b"]),
        ("q=ALPH", vec!["b"]),
        ("q=c", vec!["c"]),
        ("type=folder", vec![]),
    ] {
        let page = browser.page(&format!("/docs/@@manage/contents?{query}")).await;
        assert_eq!(rows(&page), expected, "{query}");
    }
    let none = browser.page("/docs/@@manage/contents?q=nowhere").await;
    assert!(none.says("Nothing here has that name"), "{}", none.words());
}

#[tokio::test]
async fn objects_of_types_that_nobody_registered_and_private_ones_are_shown_and_can_be_renamed() {
    let site = site();
    site.put("/docs/odd", "gallery", &[("title", "<script>")]);
    site.put("/docs/_draft", "page", &[]);
    let mut browser = site.logged_in("admin").await;
    let page = browser.page("/docs/@@manage").await;
    assert!(page.says("gallery (unknown type)") && page.says("private"), "{}", page.words());
    assert!(page.text().contains("&#60;script&#62;") && !page.text().contains("<script>"));
    assert!(!page.text().contains("/_draft/@@manage"), "it has no address");
    let draft = site.oid("/docs/_draft");
    let form = press(&mut browser, "/docs", "rename", &[draft]).await.location().to_owned();
    let (oid, field) = (draft.to_string(), format!("name-{draft}"));
    send(&mut browser, &form, "/docs/@@manage/rename", &[("of", &oid), (&field, "draft")]).await;
    assert_eq!(site.oid("/docs/draft"), draft);
}

#[tokio::test]
async fn what_cannot_be_read_is_one_marked_row() {
    use bough_store::disk::{FaultyDisk, read_whole};
    let disk = FaultyDisk::new();
    let options =
        bough_store::Options { cache_bytes: 0, ..bough_store::Options::new(bough_web::built_in_types()) };
    let (database, _) = bough_store::Database::on_disk(std::sync::Arc::new(disk.clone()), options).unwrap();
    let site = TestSite::on(database);
    site.put("/docs", "folder", &[]);
    for (at, title) in [("/docs/a", "First"), ("/docs/b", "Broken needle"), ("/docs/c", "Third")] {
        site.put(at, "page", &[("title", title)]);
    }
    let mut browser = site.logged_in("admin").await;
    let log = "log/00000001.seg";
    let bytes = read_whole(&disk, log).unwrap().unwrap();
    let at = bytes.windows(6).position(|bytes| bytes == b"needle").expect("the title is in the log");
    disk.damage(log, at as u64, 0xff);
    for query in ["", "?sort=title", "?sort=name&down=1"] {
        let page = browser.page(&format!("/docs/@@manage/contents{query}")).await;
        assert!(page.says("b cannot be shown"), "{query}: {}", page.words());
        assert!(page.says("First") && page.says("Third"), "{query}: {}", page.words());
    }
}

#[tokio::test]
async fn a_long_listing_goes_on_behind_each_page_and_leaves_nothing_out() {
    let site = site();
    site.change(|draft| {
        let docs = draft.at(&common::path("/docs"))?;
        for n in 0..247 {
            draft.add(docs, &name(&format!("n{n:03}")), &name("page"), [])?;
        }
        Ok(())
    });
    let mut browser = site.logged_in("admin").await;
    for query in ["", "?sort=name", "?sort=title", "?q=n&sort=name"] {
        let mut url = format!("/docs/@@manage/contents{query}");
        let mut seen = Vec::new();
        loop {
            let page = browser.page(&url).await;
            seen.extend(rows(&page));
            let text = page.text();
            let Some(next) =
                text.split("<a class=\"button\" href=\"").find(|part| part.contains("rel=\"next\""))
            else {
                break;
            };
            url = next.split('"').next().unwrap().replace("&#38;", "&");
        }
        let expected = if query.contains("q=") { 247 } else { 250 };
        assert_eq!(seen.len(), expected, "{query}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), expected, "{query}: none twice");
    }
}

#[tokio::test]
async fn nothing_shows_of_what_may_not_be_seen_nor_to_those_who_may_not_list() {
    let site = site();
    site.add_user("ed", &["Editor"]);
    site.change(|draft| {
        use bough_core::security::{Roles, Setting, permission::VIEW};
        let a = draft.at(&common::path("/docs/a"))?;
        let only = Setting { roles: Roles::named(["Manager"]), acquire: false };
        draft.set_permission(a, &name(VIEW), Some(only))
    });
    let mut browser = site.logged_in("ed").await;
    let page = browser.page("/docs/@@manage").await;
    assert_eq!(rows(&page), ["b", "c"]);
    assert!(!page.text().contains("Beta"));
    let found = browser.page("/docs/@@manage/contents?q=beta").await;
    assert!(rows(&found).is_empty());
    let stranger = site.browser().get("/docs/@@manage").await;
    assert!(stranger.location().contains("@@login?next="), "{}", stranger.location());
}

#[tokio::test]
async fn something_is_added_under_a_name_made_from_its_title() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let menu = browser.page("/docs/@@manage/add").await;
    assert!(menu.says("Page") && menu.says("Folder") && !menu.says("Users and groups"), "{}", menu.words());
    let form = "/docs/@@manage/add?type=page";
    let answer = browser.submit(form, form, &[("title", "Our <b>team</b>"), ("name", "")]).await;
    let to = answer.location().to_owned();
    assert!(to.starts_with("/docs/our-b-team-b/@@manage?did="), "{to}");
    assert_eq!(site.names_in("/docs"), ["b", "a", "c", "our-b-team-b"]);
    // A name that somebody typed is not changed in silence, and what was typed is not lost.
    let taken = browser.submit(form, form, &[("title", "Kept <i>"), ("name", "a")]).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(
        taken.says("something called “a” here already") && taken.says("“a-2” is free"),
        "{}",
        taken.words()
    );
    assert!(taken.text().contains("value=\"Kept &#60;i&#62;\"") && taken.text().contains("aria-invalid"));
    let wrong = browser.submit(form, form, &[("title", ""), ("name", "a/b")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    // A suggested one steps aside.
    browser.submit(form, form, &[("title", "A"), ("name", "")]).await.location();
    assert!(site.find("/docs/a-2").is_some());
    let in_list = browser.page("/docs/@@manage").await.text();
    assert!(in_list.contains("Our &#60;b&#62;team") && !in_list.contains("<b>team"), "titles are no markup");
}

#[tokio::test]
async fn a_new_folder_is_opened_with_the_way_back_in_its_message() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let form = "/docs/@@manage/add?type=folder";
    let page = send(&mut browser, form, form, &[("title", "News"), ("name", "")]).await;
    assert!(
        page.says("Added folder /docs/news.") && page.says("Undo") && page.says("Nothing is in here yet")
    );
}

#[tokio::test]
async fn uploads_keep_both_or_replace_as_people_say() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let page = "/docs/@@manage/upload";
    let files: &[(&str, &str, &str, &[u8])] = &[
        ("files", "x.png", "image/png", b"one"),
        ("files", "x.png", "image/png", b"two"),
        ("files", "y.txt", "text/plain", b"three"),
    ];
    let answer = browser.upload(page, page, &[("clash", "both")], files).await;
    let done = browser.follow(answer).await;
    assert!(done.says("Uploaded 3 files to /docs: x.png, x-2.png, y.txt."), "{}", done.words());
    let snapshot = site.database.snapshot();
    let image = snapshot.object(site.oid("/docs/x.png")).unwrap().unwrap();
    let file = snapshot.object(site.oid("/docs/y.txt")).unwrap().unwrap();
    assert!(image.is_a("image") && file.is_a("file"));
    let before = site.oid("/docs/y.txt");
    let answer = browser
        .upload(page, page, &[("clash", "replace")], &[("files", "y.txt", "text/plain", b"four!")])
        .await;
    assert!(browser.follow(answer).await.says("Replaced /docs/y.txt by a file."));
    assert_eq!(site.oid("/docs/y.txt"), before);
    assert_eq!(browser.get("/docs/y.txt").await.body, b"four!");
    // A page is no file, and is not overwritten.
    let refused =
        browser.upload(page, page, &[("clash", "replace")], &[("files", "a", "text/plain", b"no")]).await;
    assert!(
        refused.status.is_client_error() && refused.says("“a” is there and no file"),
        "{}",
        refused.words()
    );
    let none = browser.upload(page, page, &[("clash", "both")], &[]).await;
    assert!(none.says("no file was chosen"));
}

#[tokio::test]
async fn several_are_renamed_at_once_even_into_each_others_names() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let (a, b) = (site.oid("/docs/a"), site.oid("/docs/b"));
    let page = press(&mut browser, "/docs", "rename", &[a, b]).await.location().to_owned();
    assert!(browser.page(&page).await.says("Beta"));
    let (a_text, b_text) = (a.to_string(), b.to_string());
    let (name_a, name_b) = (format!("name-{a}"), format!("name-{b}"));
    let of = [("of", a_text.as_str()), ("of", b_text.as_str())];
    let url = "/docs/@@manage/rename";
    let taken = [of[0], of[1], (name_a.as_str(), "c"), (name_b.as_str(), "x/y")];
    let taken = browser.submit(&page, url, &taken).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(taken.says("something called “c” here already") && taken.text().contains("value=\"x/y\""));
    let fields = [of[0], of[1], (name_a.as_str(), "b"), (name_b.as_str(), "a")];
    let done = send(&mut browser, &page, url, &fields).await;
    assert!(done.says("Renamed in /docs: a to b, b to a."), "{}", done.words());
    assert_eq!((site.oid("/docs/a"), site.oid("/docs/b")), (b, a));
}

#[tokio::test]
async fn the_order_changes_by_buttons() {
    let site = site();
    let mut browser = site.logged_in("admin").await;
    let oid = |at| site.oid(at);
    for (button, of, more, expected) in [
        ("up", vec![oid("/docs/c")], "", ["b", "c", "a"]),
        ("down", vec![oid("/docs/b"), oid("/docs/c")], "", ["a", "b", "c"]),
        ("last", vec![oid("/docs/a")], "", ["b", "c", "a"]),
        ("first", vec![oid("/docs/c"), oid("/docs/a")], "", ["c", "a", "b"]),
        ("after", vec![oid("/docs/c")], "a", ["a", "c", "b"]),
    ] {
        let answer = press_with(&mut browser, "/docs", button, &of, &[("after", more)]).await;
        assert!(answer.location().contains("did="), "{button}");
        assert_eq!(site.names_in("/docs"), expected, "{button}");
    }
    let wrong = press_with(&mut browser, "/docs", "after", &[oid("/docs/c")], &[("after", "nowhere")]).await;
    assert!(
        wrong.status.is_client_error() && wrong.says("there is no “nowhere” in here"),
        "{}",
        wrong.words()
    );
    let none = press(&mut browser, "/docs", "up", &[]).await;
    assert!(none.says("Nothing was chosen"));
}

#[tokio::test]
async fn things_are_moved_and_copied_and_a_taken_name_is_asked_about() {
    let site = site();
    site.put("/old", "folder", &[]);
    site.put("/old/a", "page", &[("title", "Older")]);
    let mut browser = site.logged_in("admin").await;
    let a = site.oid("/docs/a").to_string();
    let page = press(&mut browser, "/docs", "move", &[site.oid("/docs/a")]).await.location().to_owned();
    let url = "/docs/@@manage/move";
    let nowhere = browser.submit(&page, url, &[("of", &a), ("to", "/nowhere")]).await;
    assert!(nowhere.says("There is nothing at “/nowhere”"), "{}", nowhere.words());
    let leaf = browser.submit(&page, url, &[("of", &a), ("to", "/docs/b")]).await;
    assert!(leaf.says("is a Page: nothing can be put into it"), "{}", leaf.words());
    let taken = browser.submit(&page, url, &[("of", &a), ("to", "/old")]).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.says("In /old there is already something called a."));
    let done = send(&mut browser, &page, url, &[("of", &a), ("to", "/old"), ("numbers", "1")]).await;
    assert!(done.says("Moved /docs/a to /old/a-2."), "{}", done.words());
    assert_eq!(site.names_in("/old"), ["a", "a-2"]);
    // A copy beside the original has a name of its own; a folder does not go into itself.
    let docs = site.oid("/docs").to_string();
    let page = format!("/@@manage/copy?of={docs}");
    let done = send(&mut browser, &page, "/@@manage/copy", &[("of", &docs), ("to", "/")]).await;
    assert!(done.says("Copied /docs to /docs-2."), "{}", done.words());
    assert_eq!(site.names_in("/docs-2"), ["b", "c"]);
    let into = browser.submit(&page, "/@@manage/move", &[("of", &docs), ("to", "/docs")]).await;
    assert!(into.status.is_client_error() && into.says("into itself"), "{}", into.words());
}

#[tokio::test]
async fn what_was_copied_on_the_public_line_is_pasted_in_a_version() {
    let site = site();
    site.put("/old", "folder", &[]);
    let new = bough_store::version::NewVersion { name: "v".into(), ..Default::default() };
    let version = site.database.open_version(&new, bough_store::Note::edit("Opened")).unwrap();
    site.put("/docs/later", "page", &[]);
    let mut browser = site.logged_in("admin").await;
    let a = site.oid("/docs/a").to_string();
    let page = "/@v/v/old/@@manage";
    let done = send(&mut browser, page, "/@v/v/old/@@manage/paste", &[("mode", "move"), ("of", &a)]).await;
    assert!(done.says("Moved /docs/a to /old/a."), "{}", done.words());
    assert!(site.find("/docs/a").is_some(), "the public line is as it was");
    let snapshot = version.snapshot();
    let old = bough_core::snapshot::find(&snapshot, &common::path("/old")).unwrap().unwrap();
    assert_eq!(snapshot.child(old, "a").unwrap().map(|oid| oid.to_string()), Some(a));
    assert!(browser.page(page).await.says("changed"), "the row is marked");
    // What the version does not have cannot be pasted there.
    let later = site.oid("/docs/later").to_string();
    let gone =
        send(&mut browser, page, "/@v/v/old/@@manage/paste", &[("mode", "copy"), ("of", &later)]).await;
    assert!(gone.says("What you chose is not there in the version v."), "{}", gone.words());
}

#[tokio::test]
async fn deleting_says_how_much_goes_and_who_refers_to_it() {
    let site = site();
    site.put("/docs/sub", "folder", &[]);
    site.put("/docs/sub/x", "page", &[]);
    site.put("/docs/sub/y", "page", &[]);
    site.put("/links", "page", &[("body", "<a href=\"/docs/sub/x\">x</a>")]);
    site.put("/innocent", "page", &[("body", "/docs/subway and /docs/b")]);
    site.set("/docs/c", "related", bough_core::Value::Reference(site.oid("/docs/sub/y")));
    let mut browser = site.logged_in("admin").await;
    let sub = site.oid("/docs/sub");
    let page = press(&mut browser, "/docs", "delete", &[sub]).await.location().to_owned();
    let asked = browser.page(&page).await;
    assert!(asked.says("Delete “sub” with 2 objects inside?"), "{}", asked.words());
    assert!(
        asked.says("2 objects refer to it") && asked.says("/links") && asked.says("/docs/c"),
        "{}",
        asked.words()
    );
    assert!(!asked.says("/innocent"));
    let before = site.database.head();
    browser.page(&page).await;
    assert_eq!(site.database.head(), before, "looking changes nothing");
    let sub = sub.to_string();
    let done = send(&mut browser, &page, "/docs/@@manage/delete", &[("of", &sub)]).await;
    assert!(done.says("Deleted /docs/sub.") && done.says("Undo"), "{}", done.words());
    assert!(site.find("/docs/sub").is_none());
    let users = browser.page(&format!("/@@manage/delete?of={}", site.oid("/_users"))).await;
    assert!(users.says("cannot log in any more, and that may be you"), "{}", users.words());
    let again = browser.submit("/docs/@@manage", "/docs/@@manage/delete", &[("of", &sub)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_was_deleted_is_found_where_it_was_and_restored() {
    let site = site();
    site.put("/docs/sub", "folder", &[("title", "Below")]);
    site.put("/docs/sub/x", "page", &[]);
    let sub = site.oid("/docs/sub");
    site.delete("/docs/sub");
    site.delete("/docs/a");
    site.put("/docs/a", "page", &[("title", "Another")]);
    let mut browser = site.logged_in("admin").await;
    let page = "/docs/@@manage/deleted";
    let list = browser.page(page).await;
    assert!(list.says("Below") && list.says("Beta") && list.says("name is taken"), "{}", list.words());
    let done = send(&mut browser, "/docs/@@manage", page, &[("of", &sub.to_string())]).await;
    assert!(done.says("Restored /docs/sub."), "{}", done.words());
    assert_eq!((site.oid("/docs/sub"), site.names_in("/docs/sub")), (sub, vec!["x".to_string()]));
    assert!(!browser.page(page).await.says("Below"));
    // Its name is taken: another one, and another place.
    let text = browser.page(page).await.text();
    let old = text.split("?of=").nth(1).unwrap().split('#').next().unwrap().to_owned();
    let taken = browser.submit("/docs/@@manage", page, &[("of", &old)]).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.says("There is something at /docs/a by now") && taken.text().contains("value=\"a-2\""));
    let fields = [("of", old.as_str()), ("name", "b-old"), ("to", "/docs/sub")];
    let done = send(&mut browser, "/docs/@@manage", page, &fields).await;
    assert!(done.says("Restored /docs/a as /docs/sub/b-old."), "{}", done.words());
    assert_eq!(site.oid("/docs/sub/b-old").to_string(), old);
}

#[tokio::test]
async fn nothing_is_done_for_those_who_may_not_nor_without_the_code() {
    let site = site();
    site.add_user("reader", &[]);
    site.change(|draft| {
        use bough_core::security::{Roles, Setting, permission::MANAGE};
        let all = Setting { roles: Roles::named(["Authenticated"]), acquire: true };
        draft.set_permission(Oid::ROOT, &name(MANAGE), Some(all))
    });
    let head = site.database.head();
    let a = site.oid("/docs/a").to_string();
    let mut reader = site.logged_in("reader").await;
    let page = reader.page("/docs/@@manage").await;
    assert!(
        !page.text().contains("type=\"checkbox\"") && !page.says("Add") && !page.says("Delete"),
        "{}",
        page.words()
    );
    let delete = format!("/docs/@@manage/delete?of={a}");
    let refused = reader.submit(&delete, "/docs/@@manage/delete", &[("of", &a)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(reader.get("/docs/@@manage/upload").await.status, StatusCode::FORBIDDEN);
    let mut admin = site.logged_in("admin").await;
    let url = "/docs/@@manage/delete";
    assert_eq!(admin.post(url, &[("of", &a)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        admin.post(url, &[("of", &a), ("code", &"0".repeat(128))]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(site.database.head(), head);
}

#[tokio::test]
async fn deleting_tells_of_those_who_refer_to_it_behind_many_that_go_along() {
    let site = site();
    let sub = site.put("/docs/sub", "folder", &[]);
    let related = || [(name("related"), bough_core::Value::Reference(sub))];
    site.change(|draft| {
        for n in 0..30 {
            draft.add(sub, &name(&format!("n{n}")), &name("page"), related())?;
        }
        Ok(())
    });
    site.put("/gone", "page", &[]);
    site.set("/gone", "related", bough_core::Value::Reference(sub));
    site.delete("/gone");
    site.put("/outside", "page", &[]);
    site.set("/outside", "related", bough_core::Value::Reference(sub));
    let mut browser = site.logged_in("admin").await;
    let asked = browser.page(&format!("/docs/@@manage/delete?of={sub}")).await;
    assert!(asked.says("1 object refers to it") && asked.says("/outside"), "{}", asked.words());
    assert!(!asked.says("At least"), "all of them were looked at");
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_counted() {
    use bough_core::security::{Roles, Setting, permission::VIEW};
    let site = site();
    site.add_user("ed", &["Editor"]);
    let (docs, closed) = (site.put("/many", "folder", &[]), site.put("/closed", "folder", &[]));
    site.change(|draft| {
        let only = || Some(Setting { roles: Roles::named(["Manager"]), acquire: false });
        for n in 0..157 {
            let page = draft.add(docs, &name(&format!("n{n}")), &name("page"), [])?;
            if n < 30 {
                draft.set_permission(page, &name(VIEW), only())?;
            }
        }
        let page = draft.add(closed, &name("secret"), &name("page"), [])?;
        draft.set_permission(page, &name(VIEW), only())
    });
    let mut admin = site.logged_in("admin").await;
    let mut ed = site.logged_in("ed").await;
    assert!(admin.page("/many/@@manage").await.says("157 objects"));
    let listed = ed.page("/many/@@manage").await;
    assert!(listed.says("127 objects") && !listed.says("157"), "{}", listed.words());
    for (folder, to_admin, to_ed) in [
        (docs, "Delete “many” with 157 objects inside?", "with 127 objects and what you may not see inside?"),
        (
            closed,
            "Delete “closed” with 1 object inside?",
            "Delete “closed” with what you may not see inside?",
        ),
    ] {
        let url = format!("/@@manage/delete?of={folder}");
        for (browser, said) in [(&mut admin, to_admin), (&mut ed, to_ed)] {
            let asked = browser.page(&url).await;
            assert!(asked.says(said), "{}", asked.words());
        }
    }
}
