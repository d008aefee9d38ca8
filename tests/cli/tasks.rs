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
        let refused = site.fails(2, &["set", "/t", "when=at half past eight"]);
        assert!(refused.contains("is no time for a task: write `at 08:00`"), "{refused}");
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

#[test]
fn a_task_that_cannot_run_is_refused_or_told_of_when_it_is_written() {
    in_both_ways(|site| {
        seed(site);
        for (set, why) in [
            ("when=every 5x", "is no time for a task"),
            ("zone=Nowhere/City", "there is no time zone `Nowhere/City`"),
            ("when=cron 99 * * * *", "minute 0-59, hour 0-23"),
        ] {
            let refused = site.fails(2, &["set", "/t", set]);
            assert!(refused.contains(why), "{set}: {refused}");
            let refused = site.fails(2, &["add", "/t2", "--type", "task", "--set", set]);
            assert!(refused.contains(why), "{set}: {refused}");
        }
        assert!(!site.ls("/").contains("t2"), "nothing was made");
        let told = site.run(&["set", "/t", "run=nope"]).err;
        assert!(told.contains("/t will not run as it is: /p has no method `nope`"), "{told}");
        assert!(
            told.contains("/t will not run until somebody owns it") && told.contains("owner /t USER"),
            "{told}"
        );
        site.ok(&["owner", "/t", "ann"]);
        assert_eq!(site.run(&["set", "/t", "run=set", "when=at 20:00"]).err, "");
    });
}

#[test]
fn the_times_of_a_task_are_told_in_its_zone() {
    let site = Site::new();
    seed(&site);
    site.ok(&["owner", "/t", "ann"]);
    site.ok(&["set", "/t", "when=at 20:00", "zone=Asia/Tokyo"]);
    site.ok(&["task", "run", "/t"]);
    let list = site.ok(&["task", "list"]);
    assert!(list.contains(" 20:00:00+09:00"), "{list}");
    let history = site.ok(&["task", "history", "/t"]);
    assert!(history.contains("+09:00  done"), "{history}");
}
