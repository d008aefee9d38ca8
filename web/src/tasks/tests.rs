//! Tasks over time: the clock is moved by hand, and what is due is run on the spot.

use bough_core::ObjectPath;
use bough_core::Tid;
use bough_core::clock::Clock;
use bough_core::object_type::{Call, MethodError, ObjectType, Reply};
use bough_core::security::{ROLES, USER, USERS, USERS_NAME};
use bough_core::snapshot::{Snapshot as _, find};
use bough_core::transaction::TransactionError;
use bough_store::version::{MergeChoice, NewVersion};
use bough_store::{Draft, Kind, Note, Options, UndoChoices};

use super::run::Cause;
use super::runs::{Begun, remember, standing};
use super::scheduler::{LOOK_EVERY, Planner};
use super::*;
use crate::auth::testing::{Time, time};
use crate::types::built_in_types;

const MINUTE: u64 = 60_000_000;

/// Counts how often it was called, unless it is broken.
struct Counter(TypeSchema);

impl ObjectType for Counter {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        let (oid, by) = (call.object, call.arguments.get("by").cloned());
        let object = call.snapshot().object(oid)?.unwrap();
        match object.text("state") {
            Some("broken") => return Err(MethodError::Refused("the counter is broken".into())),
            Some("mad") => panic!("the counter is mad"),
            _ => {}
        }
        let count = match (object.value("count"), by) {
            (Some(Value::Int(count)), Some(Value::Int(by))) => count + by,
            (Some(Value::Int(count)), _) => count + 1,
            _ => 1,
        };
        call.transaction(method)?.set(oid, &name("count"), Some(Value::Int(count)))?;
        Ok(Reply::Value(Value::Int(count)))
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[derive(Debug)]
struct Failed;

impl From<bough_store::CommitError> for Failed {
    fn from(error: bough_store::CommitError) -> Self {
        panic!("{error}")
    }
}

/// A site at 08:00 with the user ann, who may everything, the user ben, who may nothing, and the counter `/c`.
struct Site {
    database: Database,
    time: Time,
    tasks: Tasks,
    planner: Planner,
}

/// A clock that panics when one of these threads asks it the next time, once for each name.
struct Faulty {
    time: Time,
    threads: Mutex<Vec<&'static str>>,
}

impl Clock for Faulty {
    fn now_micros(&self) -> u64 {
        let asks = std::thread::current().name().unwrap_or_default().to_owned();
        let mut threads = self.threads.lock();
        if let Some(nth) = threads.iter().position(|thread| *thread == asks) {
            threads.remove(nth);
            drop(threads);
            panic!("the clock stands still");
        }
        self.time.now_micros()
    }
}

impl Site {
    fn new() -> Self {
        let time = time();
        Self::with_clock(time.clone(), Arc::new(time))
    }

    fn with_clock(time: Time, clock: Arc<dyn Clock>) -> Self {
        let method = |name: &str, effect| MethodSpec {
            name: Name::new(name).unwrap(),
            effect,
            permission: "Edit content",
        };
        let schema = TypeSchema {
            methods: vec![method("count", Effect::Writes), method("look", Effect::Reads)],
            ..TypeSchema::new("counter", "Counter").unwrap()
        };
        let mut types = built_in_types();
        types.register(Counter(schema));
        let options = Options { clock, ..Options::new(types) };
        let database = Database::in_memory(options).unwrap();
        let tasks = Tasks::new(&database);
        let site = Self { database, time, tasks, planner: Planner::default() };
        site.change(|draft| {
            let users = draft.add(Oid::ROOT, &name(USERS_NAME), &name(USERS), [])?;
            let roles = Value::Set([Value::from("Manager")].into());
            draft.add(users, &name("ann"), &name(USER), [(name(ROLES), roles)])?;
            draft.add(users, &name("ben"), &name(USER), [])?;
            draft.add(Oid::ROOT, &name("c"), &name("counter"), []).map(drop)
        });
        site
    }

    /// The same site in another run of the server.
    fn restarted(&mut self) {
        self.tasks = Tasks::new(&self.database);
        self.planner = Planner::default();
    }

    fn change(&self, work: impl Fn(&mut Draft) -> Result<(), TransactionError>) -> Tid {
        self.change_on(&self.database, work)
    }

    fn change_on(&self, line: &Database, work: impl Fn(&mut Draft) -> Result<(), TransactionError>) -> Tid {
        let written = line.write::<_, Failed>(Note::edit("test"), |draft| {
            work(draft).unwrap();
            Ok(())
        });
        written.unwrap().1.unwrap()
    }

    fn oid(&self, path: &str) -> Oid {
        find(&self.database.snapshot(), &ObjectPath::parse(path).unwrap()).unwrap().expect(path)
    }

    fn set(&self, path: &str, attribute: &str, value: impl Into<Value>) -> Tid {
        let (oid, value) = (self.oid(path), value.into());
        self.change(|draft| draft.set(oid, &name(attribute), Some(value.clone())))
    }

    /// Adds the task `/t`, which is ann's and counts with `/c`.
    fn task(&self, when: &str) -> Oid {
        self.task_on(&self.database, "t", "ann", when)
    }

    fn task_on(&self, line: &Database, at: &str, owner: &str, when: &str) -> Oid {
        let (owner, on) = (self.oid(&format!("/_users/{owner}")), self.oid("/c"));
        self.change_on(line, |draft| {
            draft.set_maker(Some(owner));
            let says = [("run", "count".into()), ("on", Value::Reference(on)), ("when", when.into())];
            let says = says.into_iter().map(|(key, value)| (name(key), value));
            draft.add(Oid::ROOT, &name(at), &name(TASK), says).map(drop)
        });
        find(&line.snapshot(), &ObjectPath::parse(&format!("/{at}")).unwrap()).unwrap().unwrap()
    }

    /// Runs what is due after so many minutes, and says how often that was.
    fn after(&mut self, minutes: u64) -> usize {
        self.time.pass(minutes * MINUTE);
        let due = self.planner.due(&self.tasks).unwrap();
        for (oid, due) in &due {
            self.tasks.run(*oid, &Cause::Due(*due)).unwrap();
            self.planner.plan(&self.tasks, *oid).unwrap();
        }
        due.len()
    }

    fn count(&self) -> i64 {
        let counter = self.database.snapshot().object(self.oid("/c")).unwrap().unwrap();
        if let Some(Value::Int(count)) = counter.value("count") { *count } else { 0 }
    }

    fn status(&self) -> TaskStatus {
        self.tasks.status(self.oid("/t")).unwrap().unwrap()
    }

    /// Why the last run failed.
    fn why(&self) -> String {
        match self.status().runs.into_iter().next().map(|run| run.outcome) {
            Some(Outcome::Failed { why, .. }) => why,
            other => panic!("it did not fail: {other:?}"),
        }
    }

    /// When it runs next, in minutes from now.
    fn next(&self) -> (&'static str, u64) {
        let in_minutes = |at: u64| (at.saturating_sub(self.database.now_micros())) / MINUTE;
        match self.status().next {
            Next::At(at) => ("at", in_minutes(at)),
            Next::Again(at) => ("again", in_minutes(at)),
            Next::Running(_) => ("running", 0),
            Next::OnDemand => ("on demand", 0),
            Next::Paused => ("paused", 0),
            Next::Over => ("over", 0),
            Next::Unclear(_) => ("unclear", 0),
        }
    }
}

#[test]
fn each_due_time_makes_one_commit_of_its_owner_that_can_be_undone() {
    let mut site = Site::new();
    site.task("every 10m");
    assert_eq!((site.after(0), site.next()), (0, ("at", 10)));
    assert_eq!((site.after(9), site.after(1), site.after(0), site.after(1)), (0, 1, 0, 0));
    assert_eq!((site.count(), site.next()), (1, ("at", 9)));
    let record = site.database.commits(None, 1).unwrap().remove(0);
    assert_eq!((record.principal.as_str(), record.sentence.as_str()), ("ann", "Ran /t (count on /c)"));
    let run = site.status().runs.remove(0);
    assert_eq!((run.tid(), run.by.as_str(), run.due_micros.is_some()), (Some(record.tid), "", true));
    site.database.undo(&[record.tid], &UndoChoices::default(), Note::edit("Undid")).unwrap();
    assert_eq!((site.count(), site.after(0)), (0, 0), "what is undone is not due again");
    assert_eq!((site.after(9), site.count()), (1, 1));
}

#[test]
fn times_that_went_by_while_no_server_ran_are_made_up_for_by_one_run() {
    for (when, next) in
        [("every 10m", 5), ("at 09:00", 24 * 60 - 125), ("cron 30 * * * *", 25), ("once 2027-01-15T08:01", 0)]
    {
        let mut site = Site::new();
        site.task(when);
        site.after(0);
        site.restarted();
        assert_eq!((site.after(185), site.count(), site.after(0)), (1, 1, 0), "{when}");
        assert_eq!(site.next().1, next, "{when}");
    }
}

/// Case 33 of the required outcomes, as far as it is about tasks.
#[test]
fn case_33_a_task_does_not_run_from_a_version_and_runs_after_the_merge() {
    let mut site = Site::new();
    site.task("every 10m");
    let version = site.database.open_version(&NewVersion::named("v"), Note::edit("Opened")).unwrap();
    site.task_on(&version, "other", "ann", "every 1m");
    let t = site.oid("/t");
    site.change_on(&version, |draft| draft.set(t, &name("when"), Some("every 20s".into())));
    let of_version = Tasks::new(&version);
    assert_eq!((site.after(9), site.count()), (0, 0), "neither what it adds nor what it changes");
    assert_eq!(of_version.all().unwrap(), [t], "a handle on a version knows the tasks of the public site");

    version.merge(&MergeChoice::default(), Note::edit("Merged")).unwrap();
    assert_eq!(site.after(0), 0, "its times begin with the merge");
    assert_eq!((site.after(1), site.count()), (2, 2));
}

#[test]
fn a_task_runs_with_the_rights_that_its_owner_has_then() {
    let mut site = Site::new();
    let task = site.task_on(&site.database, "t", "ben", "every 10m");
    site.after(10);
    assert!(site.why().contains("its owner may not: Edit content at /c"), "{}", site.why());
    let (ben, ann) = (site.oid("/_users/ben"), site.oid("/_users/ann"));
    site.set("/_users/ben", ROLES, Value::Set([Value::from("Manager")].into()));
    assert_eq!((site.after(10), site.count()), (1, 1));
    site.change(|draft| draft.delete(ben));
    site.after(10);
    assert!(site.why().contains("no user any more"), "{}", site.why());
    site.change(|draft| draft.set_owner(task, None));
    site.after(10);
    assert!(site.why().contains("it is nobody's"), "{}", site.why());
    site.change(|draft| draft.set_owner(task, Some(ann)));
    assert_eq!((site.after(10), site.count()), (1, 2));
    // What it writes is judged, too, and not only what it calls.
    site.set("/t", "run", "set");
    site.set("/t", "arguments", Value::Map([("title".into(), "T".into())].into()));
    site.set("/_users/ann", "disabled", true);
    site.after(10);
    assert!(site.why().contains("may not log in"), "{}", site.why());
}

#[test]
fn what_failed_is_tried_again_three_times_and_then_left_until_it_is_due_next() {
    let mut site = Site::new();
    site.task("at 09:00");
    site.set("/c", "state", "broken");
    for (minutes, runs, next) in [
        (59, 0, ("at", 1)),
        (1, 1, ("again", 1)),
        (0, 0, ("again", 1)),
        (1, 1, ("again", 5)),
        (5, 1, ("again", 30)),
        (29, 0, ("again", 1)),
        (1, 1, ("at", 24 * 60 - 36)),
        (60, 0, ("at", 23 * 60 - 36)),
    ] {
        assert_eq!((site.after(minutes), site.next()), (runs, next), "after {minutes} more minutes");
    }
    let runs = site.status().runs;
    let again: Vec<bool> =
        runs.iter().map(|run| matches!(run.outcome, Outcome::Failed { again: true, .. })).collect();
    assert_eq!(again, [false, true, true, true]);
    assert_eq!(site.why(), "the counter is broken");

    let mut site = Site::new();
    site.task("at 09:00");
    site.set("/c", "state", "mad");
    site.after(60);
    assert!(site.why().contains("the counter is mad"), "a panic ends only its run: {}", site.why());
    site.set("/c", "state", "sane");
    assert_eq!((site.after(1), site.count()), (1, 1), "the next try gets through");
    assert_eq!((site.after(0), site.next()), (0, ("at", 24 * 60 - 1)));
}

#[test]
fn what_cannot_get_better_by_itself_is_not_tried_again() {
    let mut site = Site::new();
    site.task("every 10m");
    for (attribute, value, why) in [
        ("run", Value::from("look"), "`look` only reads"),
        ("run", Value::from("fly"), "/c has no method `fly`"),
        ("run", Value::from(""), "/c has no method ``"),
        ("run", Value::from("set"), "`set` needs arguments"),
        ("on", Value::Reference(Oid::from_u128(77)), "is not there"),
        ("run", Value::from("delete"), "is not there"),
        ("on", Value::Null, "`delete` needs to be told on which object"),
    ] {
        site.set("/t", attribute, value);
        assert_eq!((site.after(10), site.next().0), (1, "at"), "{why}");
        assert!(site.why().contains(why), "{why}: {}", site.why());
    }
    site.set("/t", "when", "now and then");
    assert_eq!((site.after(10), site.next().0), (0, "unclear"));
}

#[test]
fn every_object_knows_how_to_be_changed_and_deleted() {
    let mut site = Site::new();
    site.task("every 10m");
    site.set("/t", "arguments", Value::Map([("by".into(), Value::Int(5))].into()));
    assert_eq!((site.after(10), site.after(10), site.count()), (1, 1, 6), "arguments reach the method");
    site.set("/t", "run", "set");
    site.set(
        "/t",
        "arguments",
        Value::Map([("count".into(), Value::Int(40)), ("state".into(), Value::Null)].into()),
    );
    assert_eq!((site.after(10), site.count()), (1, 40));
    site.after(10);
    assert_eq!(site.status().runs[0].tid(), None, "nothing was to be changed, so there is no commit");
    site.set("/t", "run", "delete");
    site.after(10);
    assert_eq!(site.status().on, None);
}

#[test]
fn a_run_that_the_server_had_begun_is_done_once_whenever_it_stopped() {
    for was_committed in [false, true] {
        let mut site = Site::new();
        let task = site.task("every 10m");
        site.after(0);
        let head = site.database.head().as_micros();
        site.time.pass(10 * MINUTE);
        let due = site.database.now_micros();
        let mut stood = standing(&site.database, task).unwrap();
        stood.begun = Some(Begun { due, started: due, head });
        remember(&site.database, task, Some(&stood), None).unwrap();
        if was_committed {
            let note = Note { request: format!("task {task} {due}"), ..Note::edit("Ran /t") };
            let counter = site.oid("/c");
            let set = |draft: &mut Draft| {
                draft.set(counter, &name("count"), Some(Value::Int(1))).unwrap();
                Ok::<_, Failed>(())
            };
            site.database.write(note, set).unwrap();
        }
        for _ in 0..300 {
            site.set("/c", "state", "");
            site.set("/c", "state", "x");
        }
        site.restarted();
        assert_eq!(site.after(0), usize::from(!was_committed));
        assert_eq!((site.count(), site.status().runs.len()), (1, 1), "committed: {was_committed}");
        assert_eq!((site.after(0), site.after(10)), (0, 1));
    }
}

#[test]
fn a_task_is_run_once_at_a_time_and_once_for_each_time() {
    let mut site = Site::new();
    let task = site.task("every 10m");
    site.after(10);
    let due = site.status().runs[0].due_micros.unwrap();
    assert!(matches!(site.tasks.run(task, &Cause::Due(due)), Err(TaskError::NotDue)));
    site.tasks.inner.running.lock().insert(task, 1);
    assert!(matches!(site.tasks.clone().run_now(task, "mia"), Err(TaskError::Running)));
    assert_eq!(site.next().0, "running");
    site.tasks.inner.running.lock().clear();
    let run = site.tasks.run_now(task, "mia").unwrap();
    assert_eq!((run.by.as_str(), run.due_micros, site.count()), ("mia", None, 2));
    assert!(matches!(site.tasks.run_now(site.oid("/c"), "mia"), Err(TaskError::NoTask)));
    for _ in 0..30 {
        site.time.pass(1_000);
        site.tasks.run_now(task, "mia").unwrap();
    }
    let runs = site.status().runs;
    assert_eq!((runs.len(), runs[0].tid()), (20, Some(site.database.head())), "the newest are kept");
}

#[test]
fn a_time_that_comes_while_somebody_runs_the_task_is_run_afterwards() {
    let mut site = Site::new();
    let task = site.task("every 10m");
    site.after(0);
    site.tasks.inner.running.lock().insert(task, 1);
    site.time.pass(10 * MINUTE);
    assert_eq!(site.planner.due(&site.tasks).unwrap(), [], "nobody tries what cannot be");
    site.tasks.inner.running.lock().clear();
    assert_eq!((site.after(0), site.count()), (1, 1));
}

#[test]
fn a_paused_task_waits_and_makes_up_for_nothing() {
    let mut site = Site::new();
    site.task("every 10m");
    site.set("/t", "paused", true);
    assert_eq!((site.after(60), site.next().0), (0, "paused"));
    site.set("/t", "paused", false);
    assert_eq!((site.after(5), site.after(5), site.count()), (0, 1, 1));
    site.set("/t", "title", "Count");
    assert_eq!((site.after(10), site.count()), (1, 2), "what else is said of it changes no time");
    site.set("/t", "when", "");
    assert_eq!((site.after(60), site.next().0), (0, "on demand"));
    site.set("/t", "when", "once 2020-01-01T08:00");
    assert_eq!((site.after(60), site.next().0), (0, "over"), "a time that was over when it was set");
}

/// Nobody need know that there are two ways to say that it does not wait.
#[test]
fn what_paused_a_task_may_be_cleared_and_it_makes_up_for_nothing() {
    for is_restarted in [false, true] {
        let mut site = Site::new();
        let task = site.task("every 10m");
        site.set("/t", "paused", true);
        assert_eq!(site.after(60), 0);
        site.set("/t", "title", "Paused");
        site.change(|draft| draft.set(task, &name("paused"), None));
        site.set("/t", "title", "Count");
        if is_restarted {
            site.restarted();
        }
        assert_eq!((site.after(5), site.next()), (0, ("at", 5)), "restarted: {is_restarted}");
        assert_eq!((site.after(5), site.count()), (1, 1), "restarted: {is_restarted}");
        assert_eq!((site.after(10), site.count()), (1, 2), "restarted: {is_restarted}");
    }
}

/// What was followed, commit by commit, is what a walk over the site finds.
#[test]
fn the_list_of_tasks_follows_whatever_is_done_to_them_and_to_their_folders() {
    let mut site = Site::new();
    site.change(|draft| draft.add(Oid::ROOT, &name("a"), &name("folder"), []).map(drop));
    site.tasks.all().unwrap();
    let (a, moved) = (site.oid("/a"), site.task("every 10m"));
    let mut undo = Vec::new();
    let steps: [&dyn Fn(&Site) -> Tid; 7] = [
        &|site| site.change(|draft| draft.move_to(moved, a, &name("t"))),
        &|site| site.change(|draft| draft.delete(a)),
        &|site| {
            site.database
                .undo(&[site.database.head()], &UndoChoices::default(), Note::edit("Undid"))
                .unwrap()
                .unwrap()
        },
        &|site| site.change(|draft| draft.set_type(moved, &name("page"))),
        &|site| site.change(|draft| draft.set_type(moved, &name(TASK))),
        &|site| site.change(|draft| draft.copy(a, Oid::ROOT, &name("b")).map(drop)),
        &|site| site.change(|draft| draft.delete(moved)),
    ];
    let expected = [1, 0, 1, 0, 1, 2, 1];
    for (nth, (step, expected)) in steps.iter().zip(expected).enumerate() {
        undo.push(step(&site));
        let mut followed = site.tasks.all().unwrap();
        let mut walked = Tasks::new(&site.database).all().unwrap();
        followed.sort_unstable();
        walked.sort_unstable();
        assert_eq!((followed.len(), &followed), (expected, &walked), "step {nth}");
    }
    // The server comes up while the folder is deleted, and then that is undone: a commit that names no task.
    site.database.undo(&[undo[6]], &UndoChoices::default(), Note::edit("Undid")).unwrap();
    let deleted = site.change(|draft| draft.delete(a));
    site.restarted();
    assert_eq!(site.tasks.all().unwrap().len(), 1);
    site.database.undo(&[deleted], &UndoChoices::default(), Note::edit("Undid")).unwrap();
    assert_eq!(site.tasks.all().unwrap().len(), 2);
    assert_eq!((site.after(10), site.count()), (2, 1), "both are due, and the copy is nobody's");
    let kind = |tid| site.database.commit_record(tid).unwrap().kind;
    assert!(matches!(kind(undo[2]), Kind::Undo { .. }));
}

/// The thread itself: it finds what is committed while it runs, and ends.
#[test]
fn the_scheduler_runs_what_is_due_until_it_is_stopped() {
    let site = Site::new();
    let scheduler = site.tasks.start().unwrap();
    site.task("every 10m");
    site.time.pass(10 * MINUTE);
    let began = std::time::Instant::now();
    while site.count() == 0 {
        assert!(began.elapsed().as_secs() < 60, "the task never ran");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    scheduler.stop();
    site.time.pass(10 * MINUTE);
    assert_eq!((site.count(), site.status().runs.len()), (1, 1));
}

#[test]
fn a_fault_ends_neither_the_scheduler_nor_a_task_for_good_and_is_not_met_again_at_once() {
    let time = time();
    let clock = Arc::new(Faulty { time: time.clone(), threads: Mutex::default() });
    let site = Site::with_clock(time, clock.clone());
    site.task("every 10m");
    site.time.pass(10 * MINUTE);
    clock.threads.lock().extend(["tasks", "task", "task"]);
    let began = std::time::Instant::now();
    let scheduler = site.tasks.start().unwrap();
    while site.count() == 0 {
        assert!(began.elapsed().as_secs() < 60, "the task never ran");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(began.elapsed() >= LOOK_EVERY, "it was tried again without a pause");
    assert!(clock.threads.lock().is_empty());
    scheduler.stop();
}
