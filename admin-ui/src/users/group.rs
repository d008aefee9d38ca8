//! One group: its roles and its members.

use std::cell::Cell;
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use bough_core::security::{GROUPS, ROLES, Roles, user_folder};
use bough_core::{Object, Oid, Snapshot as _};
use bough_web::pages::{PageAnswer, PageError, PageForm, PageRequest};

use super::user::delete_account;
use super::{
    Choice, Shell, account, frame, group_set, in_folder, role_choices, role_set, set_if_other, text_value,
};
use crate::frame::Frame;
use crate::people::{self, Account, Walked, Who, roles_typed};
use crate::text::counted;
use crate::{message, page};

/// How many members are listed, and how many users a search offers.
const MEMBERS_MAX: usize = 200;
const FOUND_MAX: usize = 20;

#[derive(Template)]
#[template(path = "users_group.html")]
struct GroupPage {
    frame: Frame,
    shell: Shell,
    url: String,
    list_url: String,
    delete_url: String,
    base: String,
    title: String,
    others: String,
    roles: Vec<Choice>,
    wrong: String,
    members: Vec<Who>,
    count: usize,
    is_cut: bool,
    search: String,
    found: Vec<Who>,
    has_more_found: bool,
}

/// `users/group/NAME`.
pub(super) fn answer(
    request: &PageRequest,
    folder: &Object,
    name: &str,
    rest: &[&str],
) -> Result<PageAnswer, PageError> {
    let (object, account) = account(request, folder, name, true)?;
    match rest {
        [] if request.is_post() => change(request, folder, &object, &account),
        [] => page::show(&shown(request, folder, &object, &account, None)?),
        ["delete"] => {
            let (_, count, is_cut) = members(request, folder, account.oid)?;
            let more = if is_cut { "more than " } else { "" };
            let text = counted(count as u64, "member", "members");
            let facts = vec![format!("Has {more}{text}, who lose the roles that they have through it.")];
            delete_account(request, folder, &account, facts)
        }
        _ => Err(PageError::not_found()),
    }
}

fn shown(
    request: &PageRequest,
    folder: &Object,
    object: &Object,
    account: &Account,
    typed: Option<(&PageForm, &Roles)>,
) -> Result<GroupPage, PageError> {
    let name = account.name.as_str();
    let (members, count, is_cut) = members(request, folder, account.oid)?;
    let search = request.query("who").unwrap_or_default().trim().to_owned();
    let (found, has_more_found) = others(request, folder, account.oid, &search)?;
    let title = typed.map_or_else(|| account.title.clone(), |(form, _)| form.get("title").to_owned());
    Ok(GroupPage {
        frame: frame(request, folder, &format!("Group {name}"))?,
        shell: Shell::new(request, folder, &format!("Group {name}"), "groups")?,
        url: request.page_url(folder.oid(), &["users", "group", name])?,
        list_url: request.page_url(folder.oid(), &["users", "groups"])?,
        delete_url: request.page_url(folder.oid(), &["users", "group", name, "delete"])?,
        base: object.revision().to_string(),
        title,
        others: typed.map(|(form, _)| form.get("others").to_owned()).unwrap_or_default(),
        roles: role_choices(request, folder.oid(), typed.map_or(&account.roles, |(_, roles)| roles))?,
        wrong: String::new(),
        found,
        members,
        count,
        is_cut,
        search,
        has_more_found,
    })
}

/// The users of the folder who are in a group: some of them, how many, and whether there may be more.
fn members(request: &PageRequest, folder: &Object, group: Oid) -> Result<(Vec<Who>, usize, bool), PageError> {
    let (mut members, mut count) = (Vec::new(), 0);
    let Some(users) = user_folder(request.snapshot(), folder.oid())? else { return Ok((members, 0, false)) };
    let walked = people::walk(request, request.snapshot(), users, None, &mut 0, &mut |account| {
        if account.groups.contains(&group) {
            count += 1;
            if members.len() < MEMBERS_MAX {
                members.push(Who::of_account(request, &account)?);
            }
        }
        Ok(true)
    })?;
    Ok((members, count, walked != Walked::All))
}

/// Users of the folder who are not in a group and whose names hold a text. Users of other folders it does not count for.
fn others(
    request: &PageRequest,
    folder: &Object,
    group: Oid,
    text: &str,
) -> Result<(Vec<Who>, bool), PageError> {
    let (wanted, mut found) = (text.to_lowercase(), Vec::new());
    let Some(users) = user_folder(request.snapshot(), folder.oid())?.filter(|_| !text.is_empty()) else {
        return Ok((found, false));
    };
    let walked = people::walk(request, request.snapshot(), users, None, &mut 0, &mut |account| {
        if !account.is_group && !account.groups.contains(&group) && account.fits(&wanted, true) {
            if found.len() == FOUND_MAX {
                return Ok(false);
            }
            found.push(Who::of_account(request, &account)?);
        }
        Ok(true)
    })?;
    Ok((found, walked != Walked::All))
}

fn change(
    request: &PageRequest,
    folder: &Object,
    object: &Arc<Object>,
    account: &Account,
) -> Result<PageAnswer, PageError> {
    let form = request.form()?;
    let (oid, name) = (account.oid, &account.name);
    let place = in_folder(request, folder)?;
    let url = request.page_url(folder.oid(), &["users", "group", name.as_str()])?;
    if let what @ ("join" | "leave") = form.get("do") {
        let joins = what == "join";
        let member: Oid =
            form.get("member").parse().map_err(|_| PageError::refused("Please choose who is meant."))?;
        let who = Who::of(request, member)?.name;
        let sentence = match joins {
            true => format!("Took {who} into group {name}{place}"),
            false => format!("Took {who} out of group {name}{place}"),
        };
        let ((), tid) = request.write(sentence, |draft| {
            let user = draft.object(member)?.ok_or_else(PageError::not_found)?;
            let of = Account::of(&**draft, &user)?.filter(|of| !of.is_group);
            let mut groups = of.ok_or_else(PageError::not_found)?.groups;
            groups.retain(|group| *group != oid);
            if joins {
                groups.push(oid);
            }
            set_if_other(draft, member, GROUPS, group_set(&groups))
        })?;
        return Ok(message::done(&url, tid));
    }
    let roles = match roles_typed(form.all("role"), form.get("others")) {
        Ok(roles) => roles,
        Err(wrong) => {
            let page =
                shown(request, folder, object, account, Some((form, &Roles::named(form.all("role")))))?;
            return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &GroupPage { wrong, ..page });
        }
    };
    let stale = Cell::new(false);
    let sentence = match roles == account.roles {
        true => format!("Changed group {name}{place}"),
        false => format!("Gave group {name}{place} the roles {roles}"),
    };
    let written = request.write(sentence, |draft| {
        let now = draft.object(oid)?.ok_or_else(PageError::not_found)?;
        if now.revision().to_string() != form.get("base") {
            stale.set(true);
            return Err(PageError::refused("stale"));
        }
        set_if_other(draft, oid, "title", text_value(form.get("title")))?;
        if roles != account.roles {
            set_if_other(draft, oid, ROLES, role_set(&roles))?;
        }
        Ok(())
    });
    if stale.get() {
        let wrong =
            "Somebody else changed this group meanwhile. What you typed is still here: look at it once \
             more, then save again."
                .into();
        let page = shown(request, folder, object, account, Some((form, &roles)))?;
        return page::show_as(StatusCode::CONFLICT, &GroupPage { wrong, ..page });
    }
    let ((), tid) = written?;
    Ok(message::done(&url, tid))
}
