//! Other folders that have users.

use askama::Template;
use bough_core::security::permission::USERS;
use bough_core::security::user_folder;
use bough_core::{Object, Oid};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::tree::{Tree, may_contain};
use super::{Shell, frame};
use crate::frame::Frame;
use crate::page;
use crate::people::LOOKED_AT_MAX;

const ROWS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "users_elsewhere.html")]
struct ElsewherePage {
    frame: Frame,
    shell: Shell,
    rows: Vec<(String, String)>,
    url: String,
    typed: String,
    wrong: String,
    next_url: Option<String>,
}

/// `users/elsewhere`.
pub(super) fn answer(request: &PageRequest, folder: &Object) -> Result<PageAnswer, PageError> {
    let typed = request.query("path").unwrap_or_default().trim().to_owned();
    let mut wrong = String::new();
    if !typed.is_empty() {
        match request.find(&typed) {
            Ok(Some(found)) => {
                return Ok(PageAnswer::SeeOther(request.page_url(found.oid(), &["users"])?));
            }
            Ok(None) => wrong = "There is nothing at this path.".into(),
            Err(error) => wrong = error.message(),
        }
    }
    let snapshot = request.snapshot();
    let top = request.top().oid();
    let after = request.query("after").and_then(|text| text.parse::<Oid>().ok());
    let mut tree = match after {
        Some(after) => Tree::after(snapshot, top, after)?,
        None => Tree::below(top),
    };
    let (mut rows, mut looked_at, mut last) = (Vec::new(), 0, None);
    let mut has_more = false;
    while let Some(object) = tree.next(snapshot, request.types())? {
        looked_at += 1;
        last = Some(object.oid());
        if looked_at % 256 == 0 {
            request.check_time()?;
        }
        if object.oid() != folder.oid()
            && may_contain(request.types(), &object)
            && user_folder(snapshot, object.oid())?.is_some()
            && request.access().may_view(&object)?
            && request.access().allows(USERS, &object)?
        {
            let url = request.page_url(object.oid(), &["users"])?;
            rows.push((request.path_text(object.oid())?, url));
        }
        if rows.len() == ROWS_MAX || looked_at == LOOKED_AT_MAX {
            has_more = true;
            break;
        }
    }
    let url = request.page_url(folder.oid(), &["users", "elsewhere"])?;
    page::show(&ElsewherePage {
        frame: frame(request, folder, "Users of other folders")?,
        shell: Shell::new(request, folder, "Users of other folders", "elsewhere")?,
        rows,
        next_url: last.filter(|_| has_more).map(|last| format!("{url}?after={last}")),
        url,
        typed,
        wrong,
    })
}
