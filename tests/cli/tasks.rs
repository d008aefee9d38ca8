//! Tasks: run on demand, by their times, and taken back.

use crate::support::{Site, in_both_ways, wait_until};

/// A page, and a task of ann's that gives it a title.
fn seed(site: &Site) {
    site.ok(&["add", "/p", "--type", "page", "--set", "title=Before"]);
    site.ok(&["user", "add", "ann", "--role", "Manager"]);
    site.ok(&["add", "/t", "--type", "task", "--set", "run=set", "--set", "on:reference=/p"]);
    site.ok(&["set", "/t", r#"arguments={"map": {"title": "After"}}"#]);
}

#[test]
fn a_task_is_run_as_its_owner_and_that_is_taken_back() {
    in_both_ways(|site| {
        seed(site);
        let error = site.fails(1, &["task", "run", "/t"]);
        assert!(error.contains("it is nobody's") && error.contains("owner /t USER"), "{error}");
        assert!(site.ok(&["task", "list"]).contains("nobody's, so it does not run"));
        site.ok(&["owner", "/t", "ann"]);
        let ran = site.ok(&["task", "run", "/t"]);
        assert!(ran.contains("Ran /t (set on /p)") && ran.contains("undo with: "), "{ran}");
        assert_eq!(site.ok(&["cat", "/p", "title"]), "After");
        assert_eq!(site.rows(&["log", "-n", "1"])[0]["principal"], "ann");
        assert!(site.ok(&["task", "run", "/t"]).contains("Nothing changed"));

        let runs = site.rows(&["task", "history", "/t"]);
        assert_eq!(runs.len(), 3);
        assert_eq!((&runs[0]["by"], &runs[2]["tid"]), (&"ana".into(), &serde_json::Value::Null));
        let history = site.ok(&["task", "history", "/t"]);
        for part in ["done, and changed nothing", "failed: it is nobody's", "asked for by ana"] {
            assert!(history.contains(part), "{part} is not in: {history}");
        }
        site.ok(&["undo", runs[1]["tid"].as_str().unwrap()]);
        assert_eq!(site.ok(&["cat", "/p", "title"]), "Before");

        site.ok(&["user", "roles", "ann", "--remove", "Manager"]);
        assert!(site.fails(1, &["task", "run", "/t"]).contains("its owner may not: Edit content at /p"));
        site.ok(&["set", "/t", "when=at half past eight"]);
        assert!(site.ok(&["task", "list"]).contains("is no time for a task: write `at 08:00`"));
        assert!(site.fails(2, &["task", "run", "/p"]).contains("expected a task, found a page"));
        site.fails(3, &["task", "history", "/none"]);
    });
}

/// The one test that waits for a clock: as long as it takes to the next second but one.
#[test]
fn a_server_runs_a_task_when_its_time_comes_and_the_next_one_what_was_missed() {
    let site = Site::new();
    let server = site.serve();
    seed(&site);
    site.ok(&["owner", "/t", "ann"]);
    let once = |secs: i64| {
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(secs);
        site.ok(&["set", "/t", &format!("when=once {}", time.strftime("%Y-%m-%dT%H:%M:%S"))]);
    };
    once(2);
    wait_until("the task ran", || site.ok(&["cat", "/p", "title"]) == "After");
    assert!(site.ok(&["task", "list"]).contains("its time is over"));
    site.ok(&["set", "/p", "title=Before"]);
    once(1);
    assert_eq!(server.stop(), Some(0));
    wait_until("the time went by", || {
        site.ok(&["task", "list"]).contains("next") && {
            let at = site.rows(&["task", "list"])[0]["at"].as_str().unwrap().to_owned();
            at.parse::<jiff::Timestamp>().unwrap() < jiff::Timestamp::now()
        }
    });
    assert_eq!(site.ok(&["cat", "/p", "title"]), "Before", "no command runs what is due");
    let _server = site.serve();
    wait_until("what was missed is done", || site.ok(&["cat", "/p", "title"]) == "After");
}
