//! Surveys: what a merge makes different is told, and nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bough_core::Value;
use bough_core::snapshot::{ChildOrder, ChildrenPage};
use bough_core::{Oid, Snapshot as _, Tid};
use bough_store::Note;
use bough_store::version::MergeChoice;
use bough_web::survey::{Difference, PageChange, Survey};

use crate::site::{TestSite, name};
use crate::versions::open;

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Every page that merging the version makes different.
fn survey(version: &TestSite) -> Vec<PageChange> {
    let mut survey = Survey::of_merge(&version.database, &MergeChoice::default()).unwrap();
    let surveyed = survey.go_on(usize::MAX, far()).unwrap();
    assert_eq!(surveyed.next, None);
    surveyed.changes
}

/// A line for each page: its URL, how it differs, `!` where the merge changes it itself, and why.
fn told(version: &TestSite) -> Vec<String> {
    let line = |change: &PageChange| {
        let how = match &change.how {
            Difference::Otherwise => "otherwise".to_owned(),
            Difference::New => "new".to_owned(),
            Difference::Gone => "gone".to_owned(),
            Difference::Fails => "fails".to_owned(),
            Difference::Mended => "mended".to_owned(),
            Difference::Moved(to) => format!("moved to {to}"),
        };
        let because: Vec<String> = change.because.iter().map(ToString::to_string).collect();
        let direct = if change.is_direct { "!" } else { "" };
        format!("{}{direct} {how} by {}", change.url, because.join(" "))
    };
    survey(version).iter().map(line).collect()
}

const LAYOUT: &str = "{{ motto }}: {% block content %}{{ content }}{% endblock %}";

fn site() -> TestSite {
    let site = TestSite::new();
    site.put("/layout.html", "template", &[("source", LAYOUT)]);
    site.set("/", "motto", "hello");
    site.put("/a", "page", &[("body", "A")]);
    site.put("/news", "folder", &[("title", "News")]);
    site.put("/news/one", "page", &[("body", "1")]);
    site.put("/news/two", "page", &[("body", "2")]);
    site.put("/plain", "folder", &[]);
    site.put(
        "/plain/layout.html",
        "template",
        &[("source", "{% block content %}{{ content }}{% endblock %}")],
    );
    site.put("/plain/page", "page", &[("body", "P")]);
    site.put_file("/file.txt", b"words");
    site
}

#[test]
fn case_34_a_template_changes_every_page_that_it_makes_and_no_other() {
    let site = site();
    let draft = open(&site, "draft");
    draft.set("/layout.html", "source", "<b>{{ motto }}</b> {% block content %}{{ content }}{% endblock %}");
    let by = "otherwise by /layout.html";
    let urls = ["/", "/a", "/news/", "/news/one", "/news/two"];
    assert_eq!(told(&draft), urls.map(|url| format!("{url} {by}")));
}

/// What is done in a version of the site, and what that makes different.
#[test]
fn case_34_each_change_is_told_where_it_shows() {
    let all = ["/", "/a", "/news/", "/news/one", "/news/two"];
    let everywhere = |how: &str| all.map(|url| format!("{url}{how}"));
    type Work = Box<dyn Fn(&TestSite) -> Tid>;
    let table: Vec<(&str, Work, Vec<String>)> = vec![
        ("nothing", Box::new(|_| Tid::ZERO), vec![]),
        ("what no page reads", Box::new(|draft| draft.set("/", "unread", "x")), vec![]),
        (
            "what comes out the same",
            Box::new(|draft| draft.set("/layout.html", "source", format!("{{# #}}{LAYOUT}"))),
            vec![],
        ),
        (
            "a setting that the layout acquires",
            Box::new(|draft| draft.set("/", "motto", "bye")),
            // The root's own page is among them.
            everywhere(" otherwise by /")
                .iter()
                .map(|line| line.replacen("/ otherwise", "/! otherwise", usize::from(line.starts_with("/ "))))
                .collect(),
        ),
        (
            "one that hides it",
            Box::new(|draft| draft.set("/news", "motto", "near")),
            vec![
                "/news/! otherwise by /news".into(),
                "/news/one otherwise by /news".into(),
                "/news/two otherwise by /news".into(),
            ],
        ),
        (
            "a layout that is nearer",
            Box::new(|draft| {
                draft.put("/news/layout.html", "template", &[("source", "near {{ page_title }}")])
            }),
            vec![
                "/news/ otherwise by /news/layout.html".into(),
                "/news/one otherwise by /news/layout.html".into(),
                "/news/two otherwise by /news/layout.html".into(),
                "/news/layout.html! new by /news/layout.html".into(),
            ],
        ),
        (
            "a title that only a listing shows",
            Box::new(|draft| draft.set("/news", "title", "Olds")),
            vec!["/! otherwise by /news".replace('!', ""), "/news/! otherwise by /news".into()],
        ),
        (
            "a page that is added",
            Box::new(|draft| draft.put("/news/three", "page", &[])),
            vec!["/news/ otherwise by /news/three".into(), "/news/three! new by /news/three".into()],
        ),
        (
            "a folder that is moved",
            Box::new(|draft| draft.rename("/news", "/plain/old")),
            vec![
                "/ otherwise by /plain/old".into(),
                "/news/! moved to /plain/old/ by /plain/old".into(),
                "/news/one moved to /plain/old/one by /plain/old".into(),
                "/news/two moved to /plain/old/two by /plain/old".into(),
                "/plain/ otherwise by /plain/old".into(),
                "/plain/old/! new by /plain/old".into(),
                "/plain/old/one new by /plain/old".into(),
                "/plain/old/two new by /plain/old".into(),
            ],
        ),
        (
            "a file",
            Box::new(|draft| draft.set("/file.txt", "data", "others")),
            vec!["/ otherwise by /file.txt".into(), "/file.txt! otherwise by /file.txt".into()],
        ),
        (
            "a layout that is wrong",
            Box::new(|draft| draft.set("/plain/layout.html", "source", "{{ nobody }}")),
            vec![
                "/plain/ fails by /plain/layout.html".into(),
                "/plain/page fails by /plain/layout.html".into(),
            ],
        ),
    ];
    for (what, work, expected) in table {
        let site = site();
        let draft = open(&site, "draft");
        work(&draft);
        assert_eq!(told(&draft), expected, "{what}");
    }
}

#[test]
fn case_34_what_the_public_site_did_meanwhile_is_not_the_merges_doing() {
    let site = site();
    let draft = open(&site, "draft");
    draft.set("/a", "body", "AA");
    site.set("/", "motto", "other");
    site.put("/news/four", "page", &[]);
    assert_eq!(told(&draft), ["/a! otherwise by /a"]);
}

#[test]
fn a_survey_goes_on_where_it_was() {
    let site = site();
    let draft = open(&site, "draft");
    draft.set("/", "motto", "bye");
    draft.put("/news/three", "page", &[]);
    draft.rename("/plain", "/simple");
    let whole = survey(&draft);
    assert!(whole.len() > 6, "{whole:?}");
    let (mut found, mut next, mut answers) = (Vec::new(), None::<String>, 0);
    loop {
        // Each time another one, as if the server had been started anew.
        let mut survey = Survey::of_merge(&draft.database, &MergeChoice::default()).unwrap();
        next.iter().for_each(|next| survey.resume(next).unwrap());
        let surveyed = survey.go_on(1, Instant::now()).unwrap();
        found.extend(surveyed.changes);
        answers += 1;
        next = surveyed.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found, whole);
    assert!(answers >= whole.len(), "one page at a time");
    for wrong in
        ["", "present", "present:a", "coming:x", "coming:99:1", "gone:/", "present:/\u{1}", "coming:::"]
    {
        let mut survey = Survey::of_merge(&draft.database, &MergeChoice::default()).unwrap();
        assert!(survey.resume(wrong).is_err(), "{wrong}");
    }
}

/// A small random number generator, seeded.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

const NAMES: [&str; 5] = ["a", "b", "index.html", "layout.html", "words"];
const SOURCES: [&str; 5] = [
    "{{ words }}|{% block content %}{{ content }}{% endblock %}",
    "{{ here.title }} in {{ container and container.title }}",
    "{% for child in here.children %}{{ child.title }} {{ child.url }} {% endfor %}{{ words }}",
    "{{ here.path }}{% for crumb in here.breadcrumbs %}/{{ crumb.title }}{% endfor %}",
    "{{ site.words }}{{ here.modified }}",
];

/// Changes something, if that can be done.
pub(crate) fn work(site: &TestSite, chance: &mut Chance) {
    let snapshot = site.database.snapshot();
    let mut all = vec![Oid::ROOT];
    let mut at = 0;
    while at < all.len() {
        let page = ChildrenPage { by: ChildOrder::Name, after: None, limit: 100 };
        all.extend(snapshot.children(all[at], &page).unwrap().into_iter().map(|child| child.oid));
        at += 1;
    }
    let (oid, other) = (chance.pick(&all), chance.pick(&all));
    let (what, new, source, number) =
        (chance.below(9), chance.pick(&NAMES), chance.pick(&SOURCES), chance.below(3));
    let of = chance.pick(&["folder", "folder", "page", "template"]);
    // What is refused changes nothing.
    let _ = site.database.write(Note::edit("test"), |tx| -> Result<(), crate::site::Failed> {
        let done = match what {
            0..3 => {
                let attributes = [
                    (name("source"), Value::from(source)),
                    (name("title"), Value::from(format!("{new}{number}"))),
                ];
                tx.add(oid, &name(new), &name(if new == "layout.html" { "template" } else { of }), attributes)
                    .map(drop)
            }
            3 => tx.set(oid, &name("words"), Some(Value::from(format!("w{number}")))),
            4 => tx.set(oid, &name("words"), None),
            5 => tx.set(oid, &name("title"), Some(Value::from(format!("t{number}")))),
            6 => tx.set(oid, &name("source"), Some(Value::from(source))),
            7 => tx.move_to(oid, other, &name(new)),
            _ => tx.delete(oid),
        };
        done.map_err(crate::site::Failed::from)
    });
}

/// The URLs of all objects.
pub(crate) fn urls(site: &TestSite) -> Vec<String> {
    fn walk(snapshot: &bough_store::Snapshot, oid: Oid, url: &str, found: &mut Vec<String>) {
        let page = ChildrenPage { by: ChildOrder::Name, after: None, limit: 100 };
        found.push(url.to_owned());
        for child in snapshot.children(oid, &page).unwrap() {
            let object = snapshot.object(child.oid).unwrap().unwrap();
            let slash = if object.is_a("folder") { "/" } else { "" };
            let below = format!("{}/{}{slash}", url.trim_end_matches('/'), child.name);
            walk(snapshot, child.oid, &below, found);
        }
    }
    let mut found = Vec::new();
    walk(&site.database.snapshot(), Oid::ROOT, "/", &mut found);
    found
}

async fn answers(site: &TestSite, urls: &[String]) -> BTreeMap<String, (u16, String, Vec<u8>)> {
    let mut answers = BTreeMap::new();
    for url in urls {
        let answer = site.ask("GET", url, &[("accept", "text/html")]).await;
        let (status, location) = (answer.status.as_u16(), answer.header("location").to_owned());
        // Error pages show the number of the request.
        let body = if status < 400 { answer.body } else { Vec::new() };
        answers.insert(url.clone(), (status, location, body));
    }
    answers
}

/// The survey against what visitors get before and after the merge is really made.
#[tokio::test]
async fn case_34_a_survey_tells_just_what_visitors_see_differ() {
    let rounds =
        if std::env::var("BOUGH_TEST_SCALE").is_ok_and(|scale| scale == "full") { 2_000 } else { 40 };
    let (mut told, mut untold) = (0, 0);
    for round in 0..rounds {
        let mut chance = Chance(round + 1);
        let site = TestSite::new();
        site.set("/", "words", "w");
        (0..14).for_each(|_| work(&site, &mut chance));
        let draft = open(&site, "draft");
        (0..1 + chance.below(4)).for_each(|_| work(&draft, &mut chance));
        (0..chance.below(3)).for_each(|_| work(&site, &mut chance));
        let mut survey = Survey::of_merge(&draft.database, &MergeChoice::default()).unwrap();
        if !survey.outlook().plan.conflicts.is_empty() {
            continue;
        }
        let changes = survey.go_on(usize::MAX, far()).unwrap().changes;
        let before_urls = urls(&site);
        let before = answers(&site, &before_urls).await;
        draft.database.merge(&MergeChoice::default(), Note::edit("test")).unwrap();
        let after_urls = urls(&site);
        let all: Vec<String> = before_urls.iter().chain(&after_urls).cloned().collect();
        let after = answers(&site, &all).await;
        let was = |url: &String| before.get(url).cloned().unwrap_or((404, String::new(), Vec::new()));
        let kind = |status: u16| (status >= 400, status >= 500);
        let differs = |url: &&String| {
            let (was, is) = (was(url), after[*url].clone());
            if was.0 < 400 { was != is } else { kind(was.0) != kind(is.0) }
        };
        let mut expected: Vec<&String> = all.iter().filter(differs).collect();
        let mut found: Vec<&String> = changes.iter().map(|change| &change.url).collect();
        // Where only the merge makes a page, what the URL led to before is not asked here.
        expected.sort_unstable();
        expected.dedup();
        found.sort_unstable();
        let shown: Vec<String> = changes
            .iter()
            .map(|change| format!("{change:?}: {:?} -> {:?}", was(&change.url), after.get(&change.url)))
            .collect();
        let only_new = |url: &&String| !before.contains_key(*url);
        assert_eq!(
            found.iter().filter(|url| !only_new(url)).collect::<Vec<_>>(),
            expected.iter().filter(|url| !only_new(url)).collect::<Vec<_>>(),
            "round {round}: {shown:#?}"
        );
        assert_eq!(
            found.iter().filter(|url| only_new(url)).collect::<Vec<_>>(),
            expected.iter().filter(|url| only_new(url)).collect::<Vec<_>>(),
            "new ones of round {round}: {shown:#?}"
        );
        told += found.len();
        untold += before.len() - found.len().min(before.len());
    }
    assert!(told > rounds as usize && untold > rounds as usize, "{told} told, {untold} not");
}

#[test]
fn a_version_of_a_version_is_surveyed_in_that_one() {
    let site = site();
    let draft = open(&site, "draft");
    draft.set("/", "motto", "in the draft");
    let inner = open(&draft, "inner");
    inner.set("/news", "motto", "near");
    assert_eq!(
        told(&inner),
        [
            "/@v/draft/news/! otherwise by /news",
            "/@v/draft/news/one otherwise by /news",
            "/@v/draft/news/two otherwise by /news"
        ]
    );
}
