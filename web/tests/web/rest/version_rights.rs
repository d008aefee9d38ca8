//! Versions for several people: whose they are, and what others are told of them.

use bough_core::security::{Roles, Setting};
use serde_json::json;

use crate::rights::{Club, add_user, token};
use crate::site::{Answer, name, path};

/// The club's site with a version of its manager, in which a public page and a hidden one are changed.
async fn club() -> Club {
    let club = Club::new();
    let made = club.ask(&club.manager, "POST", "/@@versions", Some(json!({ "name": "redesign" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let title = Some(json!({ "attributes": { "title": "new" } }));
    for page in ["/open", "/club/minutes"] {
        let url = format!("/@v/redesign{page}");
        let written = club.ask(&club.manager, "PATCH", &url, title.clone()).await;
        assert_eq!(written.status, 200, "{}", written.text());
    }
    club
}

fn count(answer: &Answer, member: &str) -> usize {
    answer.json()[member].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn only_its_owner_and_who_manages_the_site_settle_what_becomes_of_a_version() {
    let club = club().await;
    let calls = [
        ("PATCH", "", Some(json!({ "name": "mine" }))),
        ("PATCH", "", Some(json!({ "owner": "ed" }))),
        ("PATCH", "", Some(json!({ "title": "Mine" }))),
        ("POST", "/close", None),
        ("POST", "/reopen", None),
        ("POST", "/discard", None),
        ("POST", "/discard", Some(json!({ "preview": true }))),
        ("POST", "/merge", Some(json!({ "close": true }))),
    ];
    let before = club.ask(&club.manager, "GET", "/@@versions/redesign", None).await.text();
    for (method, step, body) in calls {
        let url = format!("/@@versions/redesign{step}");
        let refused = club.ask(&club.editor, method, &url, body).await;
        assert_eq!(refused.problem(), (403, "denied".into()), "{method} {url}: {}", refused.text());
        let why = "Only its owner, mia, or who manages the site may rename this version, give it away, close or discard it.";
        assert_eq!(refused.json()["detail"], why);
    }
    assert_eq!(club.ask(&club.manager, "GET", "/@@versions/redesign", None).await.text(), before);

    club.ask(&club.editor, "POST", "/@@versions", Some(json!({ "name": "mine" }))).await;
    for (method, step, body) in [
        ("PATCH", "", Some(json!({ "title": "By its owner" }))),
        ("POST", "/close", None),
        ("POST", "/reopen", None),
        ("POST", "/discard", None),
    ] {
        let url = format!("/@@versions/mine{step}");
        let done = club.ask(&club.editor, method, &url, body).await;
        assert_eq!(done.status, 200, "{method} {url}: {}", done.text());
    }
    assert_eq!(club.ask(&club.manager, "POST", "/@@versions/redesign/discard", None).await.status, 200);
}

#[tokio::test]
async fn nobody_throws_away_in_a_version_what_he_may_not_change_there() {
    let club = club().await;
    let open = club.site.oid("/open").to_string();
    let hidden = club.site.oid("/club/minutes").to_string();
    // Who does no more than look at versions.
    club.site.change(|draft| {
        let roles = Roles::named(["Manager", "Editor", "Looker"]);
        let setting = Setting { roles, acquire: false };
        draft.set_permission(bough_core::Oid::ROOT, &name("Use versions"), Some(setting))
    });
    let looker = add_user(&club.site, "/", "lou", &["Looker"]);
    let looker = token(&club.site, looker);
    let url = "/@@versions/redesign/discard";
    let only = |oid: &str| Some(json!({ "only": [{ "oid": oid }] }));
    let refused = club.ask(&looker, "POST", url, only(&open)).await;
    assert_eq!(refused.problem(), (403, "denied".into()), "{}", refused.text());
    let refused = club.ask(&looker, "POST", url, only(&hidden)).await;
    assert_eq!(refused.problem(), (404, "not-found".into()), "{}", refused.text());
    for path in ["/club/minutes", "/club/none"] {
        let body = Some(json!({ "only": [{ "path": path }] }));
        let refused = club.ask(&club.editor, "POST", url, body).await;
        let told = format!("there is nothing at `{path}`");
        assert_eq!((refused.status.as_u16(), &refused.json()["detail"]), (404, &json!(told)));
    }
    let left = club.ask(&club.manager, "GET", "/@@versions/redesign", None).await.json();
    assert_eq!(left["objects"], 2, "nothing went");
    let gone = club.ask(&club.editor, "POST", url, only(&open)).await;
    assert_eq!(gone.status, 200, "an editor may change it back: {}", gone.text());
}

#[tokio::test]
async fn plans_tell_nobody_of_what_he_may_not_see() {
    let club = club().await;
    let rename = Some(json!({ "name": "layoffs" }));
    let moved = club.ask(&club.manager, "POST", "/@v/redesign/club/minutes/@@move", rename).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    let preview = Some(json!({ "preview": true }));
    for step in ["merge", "update"] {
        let url = format!("/@@versions/redesign/{step}");
        let told = club.ask(&club.editor, "POST", &url, preview.clone()).await;
        assert_eq!(told.status, 200, "{}", told.text());
        for word in ["club", "minutes", "layoffs"] {
            assert!(!told.text().contains(word), "{step} tells `{word}`: {}", told.text());
        }
        assert!(told.text().contains("/open"), "{}", told.text());
        let told = club.ask(&club.manager, "POST", &url, preview.clone()).await;
        assert!(told.text().contains("/club/layoffs"), "{}", told.text());
    }
    // A conflict about it has a sentence on each side.
    let title = Some(json!({ "attributes": { "title": "other" } }));
    club.ask(&club.manager, "PATCH", "/club/minutes", title).await;
    let told = club.ask(&club.editor, "GET", "/@@versions/redesign/conflicts", None).await;
    assert_eq!(count(&told, "items"), 1);
    for word in ["club", "minutes", "layoffs"] {
        assert!(!told.text().contains(word), "conflicts tell `{word}`: {}", told.text());
    }
}

#[tokio::test]
async fn a_plan_to_undo_tells_nobody_of_what_he_may_not_see() {
    let club = club().await;
    let rename = Some(json!({ "name": "layoffs" }));
    let moved = club.ask(&club.manager, "POST", "/club/minutes/@@move", rename).await;
    let undo = moved.json()["undo"]["body"]["commits"].clone();
    let body = json!({ "commits": undo, "preview": true });
    let told = club.ask(&club.manager, "POST", "/@@undo", Some(body.clone())).await;
    assert!(told.text().contains("/club/minutes"), "{}", told.text());
    club.site.change(|draft| {
        let undoers = Setting { roles: Roles::named(["Manager", "Editor"]), acquire: false };
        draft.set_permission(bough_core::Oid::ROOT, &name("Undo changes"), Some(undoers))
    });
    let told = club.ask(&club.editor, "POST", "/@@undo", Some(body)).await;
    for word in ["minutes", "layoffs"] {
        assert!(!told.text().contains(word), "it tells `{word}`: {}", told.text());
    }
}

#[tokio::test]
async fn a_preview_says_that_the_merge_will_be_refused_and_why() {
    let club = club().await;
    club.site
        .database
        .version("redesign")
        .unwrap()
        .write(bough_store::Note::edit("by the machine's owner"), |draft| {
            for page in ["/open", "/club/minutes"] {
                let oid = draft.at(&path(page))?;
                let only = Setting { roles: Roles::named(["Manager"]), acquire: false };
                draft.set_permission(oid, &name("Delete objects"), Some(only))?;
            }
            Ok::<_, crate::site::Failed>(())
        })
        .unwrap();
    let url = "/@@versions/redesign/merge";
    let preview = Some(json!({ "preview": true }));
    let told = club.ask(&club.editor, "POST", url, preview.clone()).await.json();
    assert_eq!(told["denied"][0]["path"], "/open");
    assert_eq!(told["denied"][0]["cell"], "(permission Delete objects)");
    assert_eq!(told["denied"][0]["permission"], "Change permissions");
    assert_eq!(told["denied_unseen"], 1, "the hidden page: {told}");
    assert_eq!(club.ask(&club.editor, "POST", url, None).await.status, 403);
    let told = club.ask(&club.manager, "POST", url, preview).await.json();
    assert_eq!((&told["denied"], &told["denied_unseen"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_version_is_given_to_somebody_who_is_there() {
    let club = club().await;
    let url = "/@@versions/redesign";
    for (owner, why) in [
        ("nobodyhere", "There is no user nobodyhere of the whole site."),
        ("", "Say who is answerable for the version from now on."),
        ("kim", "There is no user kim of the whole site."),
    ] {
        let refused = club.ask(&club.manager, "PATCH", url, Some(json!({ "owner": owner }))).await;
        assert_eq!(refused.problem(), (422, "value".into()), "{owner}: {}", refused.text());
        assert_eq!(refused.json()["detail"], why);
        if !owner.is_empty() {
            let body = Some(json!({ "name": "other", "owner": owner }));
            let refused = club.ask(&club.manager, "POST", "/@@versions", body).await;
            assert_eq!(refused.json()["detail"], why);
        }
    }
    let given = club.ask(&club.manager, "PATCH", url, Some(json!({ "owner": "ed" }))).await;
    assert_eq!(given.json()["sentence"], "Gave version redesign to ed", "{}", given.text());
}
