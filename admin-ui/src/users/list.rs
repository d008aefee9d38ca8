//! The users or groups of a folder.

use askama::Template;
use bough_core::security::user_folder;
use bough_core::{Name, Object};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::{Shell, frame, name_of};
use crate::frame::Frame;
use crate::page;
use crate::people::{self, Walked};
use crate::security::encoded;
use crate::text;

/// How many are on a page.
const ROWS_MAX: usize = 100;
/// How many groups of a user are named in a row.
const GROUPS_NAMED_MAX: usize = 5;

struct Row {
    name: String,
    title: String,
    email: String,
    roles: String,
    groups: String,
    is_disabled: bool,
    has_no_password: bool,
    is_oneself: bool,
    url: String,
}

#[derive(Template)]
#[template(path = "users_list.html")]
struct ListPage {
    frame: Frame,
    shell: Shell,
    is_groups: bool,
    url: String,
    add_url: String,
    search: String,
    rows: Vec<Row>,
    first_url: Option<String>,
    next_url: Option<String>,
    /// Whether the search ended before it came to the end.
    is_cut: bool,
}

/// `users` and `users/groups`.
pub(super) fn answer(
    request: &PageRequest,
    folder: &Object,
    is_groups: bool,
) -> Result<PageAnswer, PageError> {
    let search = text::shortened(request.query("q").unwrap_or_default().trim(), 100);
    let wanted = search.to_lowercase();
    let after = request.query("after").and_then(|text| Name::new(text).ok());
    let oneself = request.actor().user().map(|user| user.oid);
    let mut rows: Vec<Row> = Vec::new();
    let (mut last, mut looked_at, mut has_more, mut is_cut) = (None::<Name>, 0, false, false);
    if let Some(users) = user_folder(request.snapshot(), folder.oid())? {
        let kind = if is_groups { "group" } else { "user" };
        let walked = people::walk(
            request,
            request.snapshot(),
            users,
            after.as_ref(),
            &mut looked_at,
            &mut |account| {
                let fits = account.is_group == is_groups && account.fits(&wanted, true);
                if fits && rows.len() == ROWS_MAX {
                    has_more = true;
                    return Ok(false);
                }
                last = Some(account.name.clone());
                if !fits {
                    return Ok(true);
                }
                let mut groups = Vec::new();
                for group in account.groups.iter().take(GROUPS_NAMED_MAX) {
                    groups.extend(name_of(request, *group)?);
                }
                if account.groups.len() > GROUPS_NAMED_MAX {
                    groups.push("…".into());
                }
                rows.push(Row {
                    url: request.page_url(folder.oid(), &["users", kind, account.name.as_str()])?,
                    title: text::shortened(&account.title, 100),
                    email: text::shortened(&account.email, 100),
                    roles: if account.roles.is_empty() { String::new() } else { account.roles.to_string() },
                    groups: groups.join(", "),
                    is_disabled: account.is_disabled,
                    has_no_password: !is_groups && !request.accounts().has_password(account.oid)?,
                    is_oneself: Some(account.oid) == oneself,
                    name: account.name.to_string(),
                });
                Ok(true)
            },
        )?;
        is_cut = walked == Walked::Cut;
        has_more |= is_cut;
    }
    let place = if is_groups { "groups" } else { "users" };
    let steps: &[&str] = if is_groups { &["users", "groups"] } else { &["users"] };
    let url = request.page_url(folder.oid(), steps)?;
    let add: &[&str] = if is_groups { &["users", "groups", "add"] } else { &["users", "add"] };
    let with = |after: Option<&Name>| {
        let after = after.map(|name| format!("&after={}", encoded(name.as_str()))).unwrap_or_default();
        format!("{url}?q={}{after}", encoded(&search))
    };
    let heading = if is_groups { "Groups" } else { "Users" };
    page::show(&ListPage {
        frame: frame(request, folder, heading)?,
        shell: Shell::new(request, folder, heading, place)?,
        is_groups,
        add_url: request.page_url(folder.oid(), add)?,
        rows,
        first_url: after.is_some().then(|| with(None)),
        next_url: last.filter(|_| has_more).map(|last| with(Some(&last))),
        is_cut,
        search,
        url,
    })
}
