//! Who wrote what an object holds now: each part of it and, of a text, each line.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use askama::Template;
use bough_core::snapshot::attribute;
use bough_core::{CellKey, Oid, Snapshot as _, Tid, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::subject::Subject;
use crate::diff::{Layout, Room, State, Teller, lines};
use crate::frame::Frame;
use crate::past::{Rows, before, cell_text, database_of, snapshot_at};
use crate::text::Time;
use crate::{page, sight, text};

/// How many revisions of a text are looked at.
const REVISIONS_MAX: usize = 500;
/// Texts are looked at up to this length in bytes.
const BYTES_MAX: usize = 512 << 10;
/// How many lines are shown.
const LINES_MAX: usize = 3_000;
const PATIENCE: Duration = Duration::from_secs(2);

/// Who wrote something: the commit in short.
#[derive(Clone)]
struct By {
    who: String,
    sentence: String,
    time: (String, String),
    /// What that commit changed in the object.
    url: String,
    /// Whether older revisions were not looked at, so that it may be by an older one.
    is_oldest_known: bool,
}

struct Part {
    label: String,
    value: String,
    by: By,
    lines_url: Option<String>,
}

#[derive(Template)]
#[template(path = "history_blame.html")]
struct BlamePage {
    frame: Frame,
    parts: Vec<Part>,
    history_url: String,
}

struct Block {
    by: By,
    lines: Vec<(usize, String)>,
    /// How many more lines are in it than are shown.
    more: usize,
}

#[derive(Template)]
#[template(path = "history_lines.html")]
struct LinesPage {
    frame: Frame,
    label: String,
    blocks: Vec<Block>,
    note: Option<String>,
    blame_url: String,
}

/// `history/blame`, of one text where `attribute` names it.
pub(super) fn page(request: &PageRequest, subject: &Subject) -> Result<PageAnswer, PageError> {
    if subject.gone.is_some() {
        return Err(PageError::not_found());
    }
    match request.query("attribute") {
        Some(name) => lines_page(request, subject, name),
        None => parts_page(request, subject),
    }
}

fn parts_page(request: &PageRequest, subject: &Subject) -> Result<PageAnswer, PageError> {
    let now = request.snapshot();
    let state = |label| State::new(request, now, label);
    let teller =
        Teller { request, before: state(""), after: state(""), layout: Layout::Sides, room: Room::default() };
    let rows = Rows::new(request)?;
    let mut known = HashMap::new();
    let mut parts = Vec::new();
    for (key, cell) in subject.object.cells() {
        let whole = teller.shown(subject.oid, key, &cell.content)?;
        let is_text = matches!(key, CellKey::Attribute(_)) && whole.trim().contains('\n');
        parts.push(Part {
            label: teller.label(&subject.object, key),
            value: text::shortened(&whole, 160),
            by: by(request, subject, &rows, &mut known, (cell.tid, key, false))?,
            lines_url: is_text.then(|| subject.url("blame", &[("attribute", &cell_text(key))])),
        });
    }
    page::show(&BlamePage {
        frame: subject.frame(request, "Who wrote what")?,
        parts,
        history_url: subject.url("", &[]),
    })
}

/// The commit that wrote something, in short.
fn by(
    request: &PageRequest,
    subject: &Subject,
    rows: &Rows<'_>,
    known: &mut HashMap<Tid, (String, String, (String, String))>,
    (tid, key, is_oldest_known): (Tid, &CellKey, bool),
) -> Result<By, PageError> {
    let (who, sentence, time) = match known.get(&tid) {
        Some(known) => known.clone(),
        None => {
            let said = match database_of(request, tid).commit_record(tid) {
                Ok(record) => {
                    let row = rows.row(&record)?;
                    (row.who, row.sentence, (row.time.iso, row.time.utc))
                }
                // The record is packed away.
                Err(_) => {
                    let time = Time::of_micros(tid.as_micros());
                    ("unknown".into(), "a change that is packed away".into(), (time.iso, time.utc))
                }
            };
            known.insert(tid, said.clone());
            said
        }
    };
    let url = format!("{}#cell-{}", subject.url("compare", &[("to", &tid.to_string())]), cell_text(key));
    Ok(By { who, sentence, time, url, is_oldest_known })
}

fn lines_page(request: &PageRequest, subject: &Subject, name: &str) -> Result<PageAnswer, PageError> {
    let key = CellKey::Attribute(bough_core::Name::new(name).map_err(|_| PageError::not_found())?);
    let cell = subject.object.cell(&key).ok_or_else(PageError::not_found)?;
    if !sight::may_read(request.access(), &subject.object, name)? {
        return Err(PageError::forbidden(request.types().guards(subject.object.type_name()).edit));
    }
    let now = text_of(request, subject.oid, name, request.snapshot())?;
    let label = crate::diff::label(request, &subject.object, &key);
    let blame_url = subject.url("blame", &[]);
    let Some((_, now)) = now else {
        // Only of texts it is known who wrote which line; of the others, who wrote the whole.
        return Ok(PageAnswer::SeeOther(blame_url));
    };
    if now.len() > BYTES_MAX {
        return Err(PageError::refused("the text is too long to say of each line who wrote it"));
    }
    let blamed = blame((cell.tid, now.clone()), &mut |tid| match snapshot_at(request, before(tid)) {
        Ok(then) => Ok(match text_of(request, subject.oid, name, &then)? {
            Some(was) => Before::Was(was),
            None => Before::Nothing,
        }),
        Err(error) if error.is_internal() => Err(error),
        Err(_) => Ok(Before::Unknown),
    })?;
    let rows = Rows::new(request)?;
    let mut known = HashMap::new();
    let mut blocks: Vec<(Tid, bool, Block)> = Vec::new();
    let mut shown = 0;
    for (nth, (line, origin)) in lines(&now).iter().zip(&blamed.lines).enumerate() {
        let (tid, is_oldest_known) = origin.map_or((blamed.oldest, true), |tid| (tid, false));
        let is_same =
            blocks.last().is_some_and(|(last, oldest, _)| (*last, *oldest) == (tid, is_oldest_known));
        if !is_same {
            let by = by(request, subject, &rows, &mut known, (tid, &key, is_oldest_known))?;
            blocks.push((tid, is_oldest_known, Block { by, lines: Vec::new(), more: 0 }));
        }
        let Some((.., block)) = blocks.last_mut() else { continue };
        if shown < LINES_MAX {
            block.lines.push((nth + 1, line.trim_end_matches('\r').replace('\r', "␍")));
            shown += 1;
        } else {
            block.more += 1;
        }
    }
    let blocks: Vec<Block> =
        blocks.into_iter().map(|(.., block)| block).filter(|block| !block.lines.is_empty()).collect();
    let note = (!blamed.is_whole).then(|| {
        format!(
            "Only the last {} were looked at.",
            text::counted(blamed.looked_at as u64, "revision", "revisions")
        )
    });
    page::show(&LinesPage {
        frame: subject.frame(request, &format!("Who wrote {label}"))?,
        label,
        blocks,
        note,
        blame_url,
    })
}

/// A text attribute in a state, and the commit that wrote it there; none where there is no text.
fn text_of(
    request: &PageRequest,
    oid: Oid,
    name: &str,
    then: &bough_store::Snapshot,
) -> Result<Option<(Tid, String)>, PageError> {
    let Some(object) = then.object(oid)? else { return Ok(None) };
    if !request.access_to(then).may_view(&object)? && bough_core::snapshot::is_live(then, oid)? {
        return Ok(None);
    }
    let Some(cell) = object.attribute(name) else { return Ok(None) };
    let value = attribute(then, &object, name)?;
    let text = match &value {
        Some(Value::Text(text)) => text.to_string(),
        Some(value @ (Value::Bytes(_) | Value::Blob(_))) => {
            let is_short = if let Value::Blob(blob) = value { blob.bytes <= BYTES_MAX as u64 } else { true };
            let body = if is_short { Some(then.bytes(value)?) } else { None };
            match body {
                Some(bough_store::Body::Bytes(bytes)) => match String::from_utf8(bytes.to_vec()) {
                    Ok(text) if !text.contains('\0') => text,
                    _ => return Ok(None),
                },
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some((cell.tid, text)))
}

/// What a text was before a commit.
enum Before {
    Was((Tid, String)),
    Nothing,
    /// It is packed away, or not to be had.
    Unknown,
}

/// Which commit wrote which line.
struct Blamed {
    /// Of each line; none where it is older than what was looked at.
    lines: Vec<Option<Tid>>,
    /// The oldest revision that was looked at.
    oldest: Tid,
    looked_at: usize,
    is_whole: bool,
}

/// Follows each line of a text back to the commit that wrote it so.
fn blame<E>(now: (Tid, String), was_before: &mut dyn FnMut(Tid) -> Result<Before, E>) -> Result<Blamed, E> {
    let begun = Instant::now();
    let (mut tid, mut text) = now;
    let count = lines(&text).len();
    let mut origins: Vec<Option<Tid>> = vec![None; count];
    // Where each line that is not found yet stands in the text at hand.
    let mut standing: Vec<(usize, usize)> = (0..count).map(|nth| (nth, nth)).collect();
    let mut looked_at = 1;
    let mut is_whole = true;
    while !standing.is_empty() {
        if looked_at >= REVISIONS_MAX || begun.elapsed() > PATIENCE {
            is_whole = false;
            break;
        }
        let (older_tid, older) = match was_before(tid)? {
            Before::Was(was) => was,
            Before::Nothing => {
                for (line, _) in standing.drain(..) {
                    origins[line] = Some(tid);
                }
                break;
            }
            Before::Unknown => {
                is_whole = false;
                break;
            }
        };
        looked_at += 1;
        let came_from = same_lines(&older, &text);
        standing.retain_mut(|(line, at)| match came_from.get(at) {
            Some(older) => {
                *at = *older;
                true
            }
            None => {
                origins[*line] = Some(tid);
                false
            }
        });
        (tid, text) = (older_tid, older);
    }
    Ok(Blamed { lines: origins, oldest: tid, looked_at, is_whole })
}

/// The lines of the newer text that the older has, too: their numbers in the one and in the other.
fn same_lines(older: &str, newer: &str) -> HashMap<usize, usize> {
    let deadline = Some(Instant::now() + Duration::from_millis(100));
    let trimmed = |text| -> Vec<&str> {
        lines(text).into_iter().map(|line: &str| line.trim_end_matches('\r')).collect()
    };
    let (old, new) = (trimmed(older), trimmed(newer));
    let mut same = HashMap::new();
    for op in capture_diff_slices_deadline(Algorithm::Myers, &old, &new, deadline) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            same.extend((0..len).map(|nth| (new_index + nth, old_index + nth)));
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Who wrote each line of the last of these texts; `packed` says how many of the oldest are not known any more.
    fn written(texts: &[&str], packed: usize) -> Vec<Option<u64>> {
        let revision = |nth: usize| (Tid::from_micros(nth as u64), texts[nth].to_owned());
        let blamed = blame::<Infallible>(revision(texts.len() - 1), &mut |tid| {
            Ok(match tid.as_micros() as usize {
                0 => Before::Nothing,
                nth if nth <= packed => Before::Unknown,
                nth => Before::Was(revision(nth - 1)),
            })
        });
        blamed.unwrap().lines.iter().map(|tid| tid.map(Tid::as_micros)).collect()
    }

    #[test]
    fn each_line_is_followed_back_to_the_revision_that_wrote_it() {
        let texts = ["a\nb\nc\n", "a\nB\nc\n", "new\na\nB\nc\n", "new\na\nB\nc\r\nend\n"];
        assert_eq!(written(&texts, 0), [Some(2), Some(0), Some(1), Some(0), Some(3)]);
        // What the second of them was made from is not known.
        assert_eq!(written(&texts, 1), [Some(2), None, None, None, Some(3)]);
        assert_eq!(written(&["only"], 0), [Some(0)]);
        assert_eq!(written(&["", "x"], 0), [Some(1)]);
    }

    #[test]
    fn the_search_for_who_wrote_a_line_ends_at_its_bound() {
        let mut asked = 0;
        let blamed = blame::<Infallible>((Tid::from_micros(9_999), "same".into()), &mut |tid| {
            asked += 1;
            Ok(Before::Was((before(tid), "same".into())))
        });
        let blamed = blamed.unwrap();
        assert!(!blamed.is_whole && asked < REVISIONS_MAX, "{asked}");
        assert_eq!(blamed.lines, [None]);
    }
}
