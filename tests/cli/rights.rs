//! Users, groups, permissions and roles.

use crate::support::{Site, in_both_ways};

/// `/docs` with a page and a private folder; ann edits everywhere, ben has no role.
fn seed(site: &Site) {
    site.ok(&["mkdir", "/docs"]);
    site.ok(&["add", "/docs/open", "--type", "page"]);
    site.ok(&["mkdir", "/docs/staff"]);
    site.ok(&["add", "/docs/staff/plan", "--type", "page"]);
    site.ok(&["user", "add", "ann", "--role", "Editor", "--full-name", "Ann Example"]);
    site.ok(&["user", "add", "ben"]);
    site.ok(&["permission", "set", "/docs/staff", "view", "--roles", "Manager"]);
}

fn first_line(site: &Site, arguments: &[&str]) -> String {
    site.ok(arguments).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn why_names_the_setting_and_the_command_that_changes_the_answer() {
    in_both_ways(|site| {
        seed(site);
        let set = site.rows(&["log", "/docs/staff", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
        let why = &site.rows(&["why", "ann", "View", "/docs/staff/plan"])[0];
        assert_eq!(why["allowed"], false);
        assert_eq!(why["settings"][0]["said"]["commit"]["tid"], set);
        assert_eq!(why["settings"][0]["said"]["path"], "/docs/staff");
        assert_eq!(why["next"][0]["command"], "role grant /docs/staff/plan ann Manager");

        let granted = site.tid(&["role", "grant", "/docs/staff/plan", "ann", "Manager"]);
        assert_eq!(
            first_line(site, &["why", "ann", "View", "/docs/staff/plan"]),
            "Allowed: ann has `View` at /docs/staff/plan, because ann has the role Manager (given at /docs/staff/plan)"
        );
        site.ok(&["undo", &granted]);
        assert_eq!(
            first_line(site, &["why", "ann", "View", "/docs/staff/plan"]),
            "Denied: ann does not have `View` at /docs/staff/plan, because only Manager may, and ann has no such role there"
        );
        assert!(
            first_line(site, &["why", "anonymous", "View", "/docs/open"]).starts_with("Allowed: anonymous")
        );
    });
}

#[test]
fn the_past_and_a_version_are_told_with_what_the_public_site_says_now() {
    let site = Site::new();
    seed(&site);
    let open = site.rows(&["log", "-n", "1"])[0]["tid"].as_str().unwrap().to_owned();
    site.ok(&["version", "create", "try"]);
    site.ok(&["permission", "set", "/docs/open", "View", "--roles", "Manager"]);
    for more in [["--at", open.as_str()], ["--version", "try"]] {
        let line = first_line(&site, &[&["why", "ben", "View", "/docs/open"], &more[..]].concat());
        assert!(line.starts_with("Denied: ben") && line.contains("public site now"), "{line}");
    }
    site.ok(&["permission", "clear", "/docs/staff", "View", "--version", "try"]);
    assert_eq!(
        site.ok(&["version", "diff", "try"]),
        "changed /docs/staff\n    permission View: only Manager -> (none)\n"
    );
}

#[test]
fn groups_give_roles_to_their_members() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["group", "add", "staff", "--title", "The staff"]);
        site.ok(&["group", "members", "staff", "--add", "ann,ben"]);
        site.ok(&["role", "grant", "/docs/staff", "staff", "Manager"]);
        let who: Vec<String> = site
            .rows(&["who", "View", "/docs/staff/plan"])
            .iter()
            .filter_map(|row| Some(row["account"]["name"].as_str()?.to_owned()))
            .collect();
        assert_eq!(who, ["ann", "ben", "staff"]);
        site.ok(&["group", "members", "staff", "--remove", "ben"]);
        assert!(first_line(site, &["why", "ben", "View", "/docs/staff"]).starts_with("Denied"));
        let members = site.rows(&["group", "members", "staff"]);
        assert_eq!((members.len(), members[0]["member"]["name"].as_str()), (1, Some("ann")));
        site.ok(&["group", "rm", "staff"]);
        assert!(first_line(site, &["why", "ann", "View", "/docs/staff"]).starts_with("Denied"));
    });
}

#[test]
fn what_somebody_can_is_listed_where_it_changes() {
    let site = Site::new();
    seed(&site);
    let rows = site.rows(&["can", "ann"]);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[1]["scope"]["path"], "/docs/staff");
    assert_eq!(rows[1]["scope"]["lost"], serde_json::json!(["View"]));
    let cut = site.ok(&["can", "ann", "-n", "0"]);
    assert!(cut.trim_end().ends_with("can ann / --skip 0"), "{cut}");
}

#[test]
fn a_user_who_is_gone_is_named_and_can_be_cleared_away() {
    let site = Site::new();
    seed(&site);
    site.ok(&["role", "grant", "/docs/staff", "ben", "Manager"]);
    site.ok(&["owner", "/docs/open", "ben"]);
    let gone = site.tid(&["user", "rm", "ben"]);
    assert_eq!(site.rows(&["role", "list", "/docs/staff"])[0]["who"], "ben (deleted)");
    assert_eq!(site.rows(&["owner", "/docs/open"])[0]["owner"]["owner"], "ben (deleted)");
    assert!(site.ok(&["blame", "/docs/staff"]).contains("(roles of ben (deleted)) Manager"));
    site.ok(&["role", "revoke", "/docs/staff", "ben", "Manager"]);
    assert_eq!(site.run(&["role", "list", "/docs/staff"]).out, "");
    site.ok(&["undo", &gone]);
    assert_eq!(site.rows(&["owner", "/docs/open"])[0]["owner"]["owner"], "ben");
}

#[test]
fn slips_are_refused_with_what_was_meant() {
    let site = Site::new();
    seed(&site);
    for (code, arguments, said) in [
        (2, &["why", "ann", "delete", "/docs"][..], "there is `Delete objects`"),
        (2, &["user", "roles", "ann", "--add", "manager"], "`Manager` is written so"),
        (3, &["why", "eve", "View", "/docs"], "user list --all"),
        (3, &["user", "show", "eve"], "there is no user `eve` in /"),
        (3, &["permission", "clear", "/docs", "View"], "itself says nothing"),
        (3, &["role", "revoke", "/docs", "ann", "Editor"], "was not given the role `Editor`"),
        (1, &["proxy", "/docs", "--roles", "Manager"], "only templates run"),
        (1, &["add", "/docs/people", "--type", "users"], "users count only in a folder called `_users`"),
        (2, &["--version", "x", "user", "list"], "goes with a command that reads or writes objects"),
    ] {
        let err = site.fails(code, arguments);
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    let answer = site.run(&["permission", "set", "/docs", "View", "--roles", "Editor"]);
    assert!(answer.err.contains("Managers have it there no more"), "{answer:?}");
}

#[test]
fn an_undo_that_is_blocked_by_roles_can_skip_them() {
    let site = Site::new();
    seed(&site);
    let first = site.tid(&["role", "grant", "/docs/staff", "ann", "Manager"]);
    site.ok(&["role", "grant", "/docs/staff", "ann", "Reviewer"]);
    let err = site.fails(4, &["undo", &first]);
    assert!(err.contains("`roles of ann` was changed again later"), "{err}");
    assert!(err.contains("--skip '/docs/staff:(roles of ann)'"), "{err}");
    let shown = site.ok(&["show", &first]);
    assert!(shown.contains("roles of ann: (none) -> Manager"), "{shown}");
    site.ok(&["undo", &first, "--skip", "/docs/staff:(roles of ann)"]);
    assert!(site.ok(&["role", "list", "/docs/staff"]).contains("Manager, Reviewer"));
}

#[test]
fn a_conflict_about_rights_is_told_in_words() {
    let site = Site::new();
    seed(&site);
    site.ok(&["version", "create", "try"]);
    site.ok(&["permission", "set", "/docs/staff", "View", "--roles", "Editor,Manager", "--version", "try"]);
    site.ok(&["permission", "set", "/docs/staff", "View", "--nobody"]);
    site.ok(&["role", "grant", "/docs", "ann", "Manager", "--version", "try"]);
    site.ok(&["role", "grant", "/docs", "ann", "Reviewer"]);
    let told = site.ok(&["version", "conflicts", "try"]);
    for said in [
        "both changed `permission View`",
        "before: only Manager",
        "version try: only Editor, Manager",
        "the public site: nobody",
        "both changed `roles of ann`",
    ] {
        assert!(told.contains(said), "{said} in {told}");
    }
}

#[test]
fn passwords_let_people_in_and_are_no_part_of_the_site() {
    let site = Site::new();
    seed(&site);
    let server = site.serve();
    let ask = |url: &str| {
        // ann:correct horse
        let said = ("Authorization", "Basic YW5uOmNvcnJlY3QgaG9yc2U=");
        server.ask(url, &[("Host", &server.address), said]).0
    };
    site.ok(&["role", "grant", "/docs/staff", "ann", "Manager"]);
    assert_eq!(ask("/docs/staff/plan"), 401);
    let set = site.run_with(&["user", "password", "ann", "--password-stdin"], b"correct horse\n");
    assert_eq!((set.code, set.out.as_str()), (0, "Set the password of ann\n"), "{set:?}");
    assert_eq!(ask("/docs/staff/plan"), 200);
    site.ok(&["user", "disable", "ann"]);
    assert_eq!(ask("/docs/staff/plan"), 401);
    site.ok(&["user", "enable", "ann"]);
    assert_eq!(ask("/docs/staff/plan"), 200);
    site.ok(&["user", "password", "ann", "--remove"]);
    assert_eq!(ask("/docs/staff/plan"), 401);

    let short = site.run_with(&["user", "add", "cay", "--password-stdin"], b"short\n");
    assert!(short.code == 1 && short.err.contains("too short"), "{short:?}");
    site.fails(3, &["user", "show", "cay"]);
    let invited = site.rows(&["user", "password", "ann", "--invite"]);
    let path = invited[0]["invite"]["path"].as_str().unwrap();
    assert_eq!(server.get(path).0, 200, "{path}");
    let events: Vec<String> =
        site.rows(&["audit", "ann"]).iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["invite_made", "password_removed", "password_set"]);
    assert!(site.run(&["user", "sessions", "ann"]).err.contains("logged in nowhere"));
    assert!(site.run(&["user", "tokens", "ann"]).err.contains("no tokens"));
}

#[test]
fn the_emergency_user_needs_a_password_that_is_no_argument() {
    let site = Site::new();
    seed(&site);
    let mut command = site.command(&["serve", "--listen", "127.0.0.1:0", "--emergency-user", "rescue"]);
    let answer = command.env_remove("BOUGH_EMERGENCY_PASSWORD").output().unwrap();
    let err = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(answer.status.code() == Some(2) && err.contains("BOUGH_EMERGENCY_PASSWORD"), "{err}");

    let file = site.write("password", "correct horse\n");
    let server =
        site.serve_with(&["--emergency-user", "rescue", "--emergency-password-file", file.to_str().unwrap()]);
    let ask = |authorization: &str| {
        server.ask("/docs/staff/plan", &[("Host", &server.address), ("Authorization", authorization)]).0
    };
    // rescue:correct horse, then rescue:correct
    assert_eq!(ask("Basic cmVzY3VlOmNvcnJlY3QgaG9yc2U="), 200);
    assert_eq!(ask("Basic cmVzY3VlOmNvcnJlY3Q="), 401);
}

#[test]
fn rights_and_users_are_exported_and_imported_and_passwords_are_not() {
    in_both_ways(|site| {
        seed(site);
        site.ok(&["user", "add", "cay", "--in", "/docs", "--role", "Manager"]);
        site.ok(&["group", "add", "crew", "--in", "/docs", "--role", "Editor"]);
        site.ok(&["group", "members", "crew", "--in", "/docs", "--add", "cay"]);
        site.ok(&["role", "grant", "/docs/staff", "/docs/_users/cay", "Reviewer"]);
        site.ok(&["role", "grant", "/docs/staff", "ann", "Reviewer", "--any-user"]);
        site.ok(&["owner", "/docs/open", "ann"]);
        let folder = site.beside("out");
        site.ok(&["export", "/docs", folder.to_str().unwrap()]);
        site.ok(&["import", folder.to_str().unwrap(), "/copy"]);
        let roles = site.rows(&["role", "list", "/copy/staff"]);
        let who: Vec<&str> = roles.iter().map(|row| row["who"].as_str().unwrap()).collect();
        assert_eq!(who, ["/copy/_users/cay", "any user ann"]);
        assert_eq!(site.rows(&["owner", "/copy/open"])[0]["owner"]["owner"], "ann");
        assert!(first_line(site, &["why", "ben", "View", "/copy/staff/plan"]).starts_with("Denied"));
        let users = site.rows(&["user", "list", "--in", "/copy"]);
        assert_eq!(users[0]["groups"], serde_json::json!(["/copy/_users/crew"]));

        site.ok(&["permission", "set", "/copy/open", "View", "--nobody"]);
        let again = site.rows(&["import", folder.to_str().unwrap(), "/copy"]);
        let summary = &again.last().unwrap()["summary"];
        assert!(!summary["tid"].is_null(), "what is described is so again: {summary}");
        let third = site.rows(&["import", folder.to_str().unwrap(), "/copy"]);
        assert!(third.last().unwrap()["summary"]["tid"].is_null(), "{third:?}");
    });
}
