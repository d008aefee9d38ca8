//! What a version changed, by path, with what it was and what it is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use askama::Template;
use bough_core::object::differing_cells;
use bough_core::{CellKey, ObjectPath, Oid, Tid};
use bough_store::ObjectDelta;
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::at::{At, Head};
use super::shown::{self, Pair};
use super::standing::{Standing, is_changed_there};
use crate::diff::CellDiff;
use crate::frame::{Frame, Link};
use crate::message::Message;
use crate::page;
use crate::text::{self, Time};

/// How many objects are put in order at a time.
const LOOKED_AT_MAX: usize = 2_000;
/// How many a page has.
const PAGE: usize = 50;
/// How many cells of one object are shown.
const CELLS_MAX: usize = 20;
/// How many bytes of comparisons a page has.
const SHOWN_BYTES_MAX: usize = 60_000;
/// With so many objects at most, what changed of them is shown at once.
const OPEN_MAX: usize = 8;
/// How many folders are offered to be ticked as a whole.
const FOLDERS_MAX: usize = 40;
/// How many ticks go along from page to page; whoever wants more ticks folders.
const CARRIED_MAX: usize = 150;
/// How many commits of the parent line are counted.
const BEHIND_MAX: usize = 1_000;

#[derive(Template)]
#[template(path = "versions_changes.html")]
struct ChangesPage {
    frame: Frame,
    head: Head,
    owner: String,
    opened: Time,
    changed: Time,
    base: Time,
    standing: Standing,
    overlap: String,
    commits_url: Option<String>,
    shows: Vec<Link>,
    rows: Vec<Row>,
    hidden: usize,
    /// Where the pages before and behind this one begin.
    next: Option<String>,
    previous: Option<String>,
    /// Folders that can be ticked as a whole.
    folders: Vec<Folder>,
    /// What is ticked on other pages.
    carried: Vec<String>,
    carried_text: String,
    only_overlap: bool,
    total: String,
    url: String,
    is_open: bool,
}

/// Something of which several changes lie below.
struct Folder {
    oid: String,
    path: String,
    changes: String,
    is_ticked: bool,
}

struct Row {
    oid: String,
    is_ticked: bool,
    path: String,
    url: Option<String>,
    icon: &'static str,
    deed: &'static str,
    is_changed_there: bool,
    by: String,
    time: Option<Time>,
    cells: Vec<CellDiff>,
    history_url: Option<String>,
    more_cells: usize,
    is_unfolded: bool,
}

struct Found {
    delta: ObjectDelta,
    path: String,
    is_changed_there: bool,
}

/// `@@manage/versions/NAME`.
pub(super) fn answer(at: &At<'_>) -> Result<PageAnswer, PageError> {
    let request = at.request;
    let (skip, after) = request.query("from").map_or((0, None), place);
    let only_overlap = request.query("show") == Some("overlap");
    let part = at.database.own_part(after, LOOKED_AT_MAX)?;
    let (mut found, mut hidden) = (Vec::new(), 0);
    for delta in part.objects {
        match at.path(delta.oid)? {
            Some(path) => {
                let is_changed_there =
                    is_changed_there(&at.parent.snapshot, delta.oid, delta.before.as_deref())?;
                found.push(Found { delta, path, is_changed_there });
            }
            None => hidden += 1,
        }
    }
    request.check_time()?;
    let overlapping = found.iter().filter(|found| found.is_changed_there).count();
    let all = found.len();
    found.retain(|found| found.is_changed_there || !only_overlap);
    found.sort_by(|a, b| by_steps(&a.path, &b.path));
    let shown: Vec<Found> = found.into_iter().collect();
    let total = shown.len();
    let url = at.url(&[]);
    let place_text = |skip: usize, after: Option<Oid>| match after {
        None => skip.to_string(),
        Some(after) => format!("{skip}-{after}"),
    };
    let end = skip.saturating_add(PAGE);
    let next = match (total > end, part.next) {
        (true, _) => Some(place_text(end, after)),
        (false, Some(next)) => Some(place_text(0, Some(next))),
        (false, None) => None,
    };
    let previous = (skip > 0).then(|| place_text(skip.saturating_sub(PAGE), after));
    let ticked = Ticked::of(request);
    let is_part = part.next.is_some() || after.is_some();
    let folders = folders(at, &shown, &ticked.folders, is_part)?;
    let states = ((&at.base, "Before"), (&at.version, "Here"));
    let mut pair = Pair::new(at, states.0, states.1, SHOWN_BYTES_MAX);
    let mut makers = HashMap::new();
    let is_unfolded = total <= OPEN_MAX;
    let mut rows = Vec::new();
    for found in shown.iter().skip(skip).take(PAGE) {
        let is_ticked = ticked.objects.contains(&found.delta.oid);
        rows.push(Row { is_ticked, ..row(at, found, is_unfolded, &mut pair, &mut makers)? });
    }
    let here: HashSet<&str> = rows.iter().map(|row| row.oid.as_str()).collect();
    let carried = ticked.objects.iter().map(ToString::to_string).filter(|oid| !here.contains(oid.as_str()));
    let carried: Vec<String> = carried.take(CARRIED_MAX).collect();
    let link = |text: String, show: &str, is_here| Link { text, url: format!("{url}{show}"), is_here };
    let more = if is_part { "+" } else { "" };
    let shows = vec![
        link(format!("All ({}{more})", text::grouped(all as u64)), "", !only_overlap),
        link(
            format!("Also changed on {} ({}{more})", at.parent_text(), text::grouped(overlapping as u64)),
            "?show=overlap",
            only_overlap,
        ),
    ];
    let standing = Standing::of(&at.database, &at.info, LOOKED_AT_MAX, BEHIND_MAX)?;
    let frame = at.frame("Changes")?;
    let page = ChangesPage {
        frame: match request.query("ticked") {
            Some(_) => frame.saying(Message::bad("Tick the objects that you mean first.")),
            None => frame,
        },
        head: at.head("")?,
        owner: at.info.owner.clone(),
        opened: Time::of_micros(at.info.opened.as_micros()),
        changed: Time::of_micros(at.info.changed.as_micros()),
        base: Time::of_micros(at.info.base.as_micros()),
        overlap: standing.overlap_text(&at.parent_text()),
        standing,
        commits_url: at.commits_url()?,
        shows: if overlapping > 0 || only_overlap { shows } else { Vec::new() },
        total: text::counted(total as u64, "object", "objects"),
        rows,
        hidden,
        next,
        previous,
        folders,
        carried_text: match ticked.objects.len() {
            many if many > CARRIED_MAX => {
                format!("Only {CARRIED_MAX} ticks go along from page to page: tick whole folders for more.")
            }
            _ => text::counted(carried.len() as u64, "object is", "objects are") + " ticked on other pages",
        },
        carried,
        only_overlap,
        url,
        is_open: at.is_open(),
    };
    page::show(&page)
}

/// What the address says is ticked.
struct Ticked {
    objects: BTreeSet<Oid>,
    folders: HashSet<Oid>,
}

impl Ticked {
    fn of(request: &PageRequest) -> Self {
        let all =
            |key: &str| request.query_all(key).iter().filter_map(|oid| oid.parse().ok()).collect::<Vec<_>>();
        Self { objects: all("pick").into_iter().collect(), folders: all("below").into_iter().collect() }
    }
}

/// Where a page begins, as addresses say it: how many to leave out, and behind which object to look.
fn place(text: &str) -> (usize, Option<Oid>) {
    let (skip, after) = text.split_once('-').map_or((text, None), |(skip, after)| (skip, Some(after)));
    (skip.parse().unwrap_or(0), after.and_then(|oid| oid.parse().ok()))
}

/// The folders with the most changes in them, by path; those in which all that is in another one lies say nothing more.
fn folders(
    at: &At<'_>,
    shown: &[Found],
    ticked: &HashSet<Oid>,
    is_part: bool,
) -> Result<Vec<Folder>, PageError> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for found in shown {
        let above =
            found.path.match_indices('/').map(|(at, _)| &found.path[..at]).filter(|path| !path.is_empty());
        for path in above.chain([found.path.as_str()]).filter(|path| *path != "/") {
            *counts.entry(path).or_default() += 1;
        }
    }
    let mut many: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    many.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    many.truncate(FOLDERS_MAX);
    many.sort_unstable();
    let mut folders = Vec::new();
    for (path, count) in many {
        let Some(oid) = ObjectPath::parse(path).ok().map(|path| at.find(&path)).transpose()?.flatten() else {
            continue;
        };
        let more = if is_part { "at least " } else { "" };
        folders.push(Folder {
            oid: oid.to_string(),
            path: path.to_owned(),
            changes: format!("{more}{}", text::counted(count as u64, "change", "changes")),
            is_ticked: ticked.contains(&oid),
        });
    }
    Ok(folders)
}

/// Containers before what is in them.
fn by_steps(a: &str, b: &str) -> std::cmp::Ordering {
    a.split('/').cmp(b.split('/'))
}

fn row(
    at: &At<'_>,
    found: &Found,
    is_unfolded: bool,
    pair: &mut Pair<'_>,
    makers: &mut HashMap<Tid, Option<(String, Time)>>,
) -> Result<Row, PageError> {
    let delta = &found.delta;
    let (before, after) = (delta.before.as_deref(), delta.after.as_deref());
    let deed = shown::deed(before, after);
    let differing = differing_cells(before, after);
    let is_told = |key: &CellKey| match deed {
        "deleted" | "gone" => false,
        "added" => !matches!(key, CellKey::Place | CellKey::Owner | CellKey::Type),
        _ => true,
    };
    let told: Vec<_> = differing.into_iter().filter(|(key, ..)| is_told(key)).collect();
    let mut cells = Vec::new();
    for (key, before, after) in told.iter().take(CELLS_MAX) {
        cells.push(pair.cell(delta.oid, (*key, *before, *after))?);
    }
    let made = after.map(|object| object.revision()).map(|tid| {
        let maker = || {
            let record = at.database.commit_record(tid).ok()?;
            Some((record.principal, Time::of_micros(record.time_micros)))
        };
        let (by, time) = makers.entry(tid).or_insert_with(maker).as_ref()?;
        Some((by.clone(), Time { iso: time.iso.clone(), utc: time.utc.clone() }))
    });
    let (by, time) = made.flatten().map_or((String::new(), None), |(by, time)| (by, Some(time)));
    let object = delta.after.as_ref().or(delta.before.as_ref());
    Ok(Row {
        oid: delta.oid.to_string(),
        is_ticked: false,
        path: found.path.clone(),
        url: at.object_url(delta.oid)?,
        history_url: at.history_url(delta.oid)?,
        icon: text::icon(object.and_then(|object| object.type_name()).map(|name| name.as_str())),
        deed,
        is_changed_there: found.is_changed_there,
        by,
        time,
        more_cells: told.len().saturating_sub(CELLS_MAX),
        cells,
        is_unfolded,
    })
}
