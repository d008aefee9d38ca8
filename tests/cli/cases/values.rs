//! Rights, files, and what caches are told.

use serde_json::json;

use super::fork::Fork;

#[test]
fn case_15_one_permission_set_on_both_sides_is_asked_about_and_never_united() {
    let fork = Fork::of(&["/a One", "/b Two"]);
    fork.cli("permission set /a View --roles Manager --version v");
    fork.cli("permission set /b View --roles Manager --version v");
    fork.rest("PUT /a/@@rights/permissions/View", &json!({ "roles": ["Editor"], "acquire": false }));
    let conflict = fork.conflict("v");
    assert_eq!(conflict.json["path"], "/a");
    for part in ["permission View", "Manager", "Editor", "--version | --parent"] {
        assert!(conflict.text.contains(part), "{part} is not in: {}", conflict.text);
    }
    fork.settle_over_http(&conflict, &json!({ "choice": "parent" }));
    // As long as a site has no users, whoever sits at its machine sees everything.
    fork.add_user("mia", "Manager");
    fork.add_user("ann", "Editor");
    assert_eq!(fork.found("/b"), "Two");
    fork.cli("version merge v");
    let sees = |who, url: &str| fork.tell(Some(who), "GET", url, &json!(null)).0 == 200;
    assert!(sees("ann", "/a") && !sees("ann", "/b"), "as it was set on the public site, and in the version");
    assert!(!sees("mia", "/a") && sees("mia", "/b"), "nobody has both");
    assert_ne!(fork.found("/b"), "Two");
}

#[test]
fn case_20_a_file_replaced_on_both_sides_is_asked_about_unless_it_is_the_same() {
    for (theirs, is_asked) in [("theirs", true), ("mine", false)] {
        let fork = Fork::unforked(&[]);
        let file = fork.site.write("mine.txt", "mine");
        fork.site.run_with(&["put", "/f.txt"], b"one");
        fork.cli("version create v");
        fork.site.ok(&["put", "/f.txt", file.to_str().unwrap(), "--version", "v"]);
        let headers = [("Host", fork.server.address.as_str()), ("Content-Type", "text/plain")];
        assert_eq!(fork.server.send("PUT", "/f.txt", &headers, theirs).0, 200);
        fork.shows(&[("/f.txt", theirs)], &[("/f.txt", "mine")]);
        if is_asked {
            let conflict = fork.conflict("v");
            assert!(conflict.text.contains("/f.txt: both changed"), "{}", conflict.text);
            for (url, shown) in [("/f.txt", "theirs"), ("/@v/v/f.txt", "mine")] {
                assert_eq!(fork.found(url), shown, "both can be looked at until then");
            }
            fork.settle(&conflict, "--version");
        }
        fork.rest("POST /@@versions/v/merge", &json!({}));
        fork.shows(&[("/f.txt", "mine")], &[("/f.txt", "mine")]);
    }
}

#[test]
fn case_37_what_a_version_shows_is_kept_by_nobody_and_no_cookie_chooses_it() {
    let fork = Fork::of(&["/a One"]);
    fork.cli("set /a title=Mine --version v");
    let host = ("Host", fork.server.address.as_str());
    let ask = |url: &str, more: (&str, &str)| {
        let (_, head, body) = fork.server.ask(url, &[host, more]);
        let title = if body.contains("Mine") { "Mine" } else { "One" };
        let is_kept = !head.contains("no-store");
        let varies = head.contains("vary: bough-version");
        (title, is_kept, varies)
    };
    for (url, header, answer) in [
        ("/a", ("Accept", "*/*"), ("One", true, true)),
        ("/a", ("Cookie", "version=v; bough-version=v; bough_version=v"), ("One", true, true)),
        ("/a", ("Bough-Version", "v"), ("Mine", false, true)),
        ("/@v/v/a", ("Accept", "*/*"), ("Mine", false, true)),
    ] {
        assert_eq!(ask(url, header), answer, "{url} with {header:?}");
    }
    fork.merge_over_http();
    assert_eq!(ask("/a", ("Accept", "*/*")), ("Mine", true, true));
}
