//! Messages: what was just done, with the button that takes it back.
//!
//! A form that did something sends the browser to a page whose address names the commit (`?did=TID`), so the message is
//! there again after a reload and in no session. It is shown to whoever made the commit.

use bough_core::Tid;
use bough_web::pages::{PageAnswer, PageRequest};

use crate::past::{Rows, can_be_undone, takes_back};

/// What a page says on top.
pub(crate) struct Message {
    /// `good`, `warn` or `bad`.
    pub(crate) mood: &'static str,
    pub(crate) text: String,
    /// The commit that can be taken back, and what the button says.
    pub(crate) undo: Option<(String, &'static str)>,
}

impl Message {
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { mood: "good", text: text.into(), undo: None }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { mood: "bad", text: text.into(), undo: None }
    }

    /// What the address says was done.
    pub(super) fn of_request(request: &PageRequest) -> Option<Self> {
        if request.query("nothing").is_some() {
            return Some(Self {
                mood: "warn",
                text: "Nothing was changed: it was like that already.".into(),
                undo: None,
            });
        }
        let tid: Tid = request.query("did")?.parse().ok()?;
        let record = request.database().commit_record(tid).ok()?;
        // Two people may have one name, in different folders.
        let rows = Rows::new(request).ok()?;
        let may_know = rows.may_know(&record, &rows.touched(tid)).unwrap_or(false);
        if record.principal != request.actor().name() || !may_know {
            return None;
        }
        let is_undo = takes_back(request.database(), &record);
        let can_be_undone = can_be_undone(request.database(), &record.kind);
        let undo = can_be_undone.then(|| (tid.to_string(), if is_undo { "Redo" } else { "Undo" }));
        Some(Self { undo, ..Self::good(format!("{}.", record.sentence.trim_end_matches('.'))) })
    }
}

/// "Look there", at a page that says what the commit did; none stands for a form that changed nothing.
pub(crate) fn done(url: &str, tid: Option<Tid>) -> PageAnswer {
    let between = if url.contains('?') { '&' } else { '?' };
    PageAnswer::SeeOther(match tid {
        Some(tid) => format!("{url}{between}did={tid}"),
        None => format!("{url}{between}nothing=1"),
    })
}
