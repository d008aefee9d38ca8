//! Why somebody may or may not do something here, what he may do here, and who may do something here.

use std::sync::Arc;

use askama::Template;
use bough_core::security::permission::{ANONYMOUS, AUTHENTICATED, PERMISSIONS, USERS, VIEW};
use bough_core::security::{
    Access, Actor, CellAt, Explanation, Held, HeldBy, Principal, Reason, Roles, Subject, explain, user,
};
use bough_core::{CellKey, Content, Name, Object, Oid, Snapshot as _};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::{At, Source, encoded, permission, permissions, purpose, sources};
use crate::frame::{Frame, Link};
use crate::page;
use crate::people::{self, Account, Walked, Who};
use crate::text::Time;

/// What nobody in particular is called in the address.
const NOBODY: &str = "anonymous";
/// How many people are listed.
const LISTED_MAX: usize = 100;
const FOUND_MAX: usize = 20;

/// Somebody about whom is asked.
struct Asked {
    /// None for nobody in particular.
    account: Option<Account>,
    who: String,
    url: Option<String>,
    actor: Actor,
    query: String,
}

/// The answer to one question.
struct Verdict {
    allowed: bool,
    sentence: String,
    /// What the public site says, where that is why.
    at_head: bool,
    sources: Vec<Source>,
    stopped: Option<At>,
    held: Vec<HeldRow>,
    cells: Vec<CellRow>,
    next: Vec<Step>,
}

/// A role that somebody has.
struct HeldRow {
    role: String,
    by: String,
    url: Option<String>,
    counts: bool,
}

/// A setting that decides, and who said it when.
struct CellRow {
    text: String,
    at: At,
    by: String,
    when: Option<Time>,
    sentence: String,
}

/// What can be done for the other answer.
struct Step {
    text: String,
    url: String,
}

/// One permission that somebody has or has not.
struct Can {
    name: String,
    purpose: &'static str,
    allowed: bool,
    reason: String,
    url: String,
}

/// Who has a permission.
struct WhoCan {
    everybody: bool,
    sources: Vec<Source>,
    stopped: Option<At>,
    /// With their roles, and where it is explained.
    people: Vec<(Who, String, String)>,
    count: usize,
    is_cut: bool,
}

struct Offered {
    name: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "security_why.html")]
struct WhyPage {
    frame: Frame,
    url: String,
    people_url: Option<String>,
    path: String,
    typed: String,
    permissions: Vec<Offered>,
    permission: String,
    purpose: &'static str,
    who: String,
    found: Vec<(Who, String)>,
    is_missing: bool,
    verdict: Option<Verdict>,
    can: Vec<Can>,
    who_can: Option<WhoCan>,
}

pub(super) fn answer(request: &PageRequest, object: &Arc<Object>) -> Result<PageAnswer, PageError> {
    let may_ask = request.access().allows(PERMISSIONS, object)?;
    let typed = request.query("who").unwrap_or_default().trim().to_owned();
    let asked_name = request.query("permission").unwrap_or_default();
    let is_oneself = !typed.is_empty() && typed == request.actor().name();
    if !may_ask && !is_oneself {
        // About oneself anybody may ask.
        request.require(object, PERMISSIONS)?;
    }
    let oid = object.oid();
    let known = permissions(request, object)?;
    let chosen = Name::new(asked_name).ok();
    let (asked, found) = match &typed[..] {
        "" => (None, Vec::new()),
        typed => named(request, object, typed, is_oneself)?,
    };
    let base = request.page_url(oid, &["security", "why"])?;
    let suffix = chosen.as_ref().map_or_else(String::new, |p| format!("&permission={}", encoded(p.as_str())));
    let found_rows: Vec<(Who, String)> = found
        .iter()
        .map(|account| {
            let who = Who::of_account(request, account)?;
            Ok((who, format!("{base}?who={}{suffix}", account.oid)))
        })
        .collect::<Result<_, PageError>>()?;
    let (mut verdict, mut can, mut who_can) = (None, Vec::new(), None);
    match (&asked, &chosen) {
        (Some(asked), Some(permission)) => {
            verdict = Some(self::verdict(request, object, asked, permission)?);
        }
        (Some(asked), None) => can = self::can(request, object, asked, &known, &base)?,
        (None, Some(permission)) if typed.is_empty() && may_ask => {
            who_can = Some(self::who_can(request, object, permission)?);
        }
        _ => {}
    }
    let mut frame = Frame::new(request, object, "Why?")?;
    if may_ask {
        let url = request.page_url(oid, &["security"])?;
        frame.crumbs.push(Link { text: "Security".into(), url, is_here: false });
    }
    let mut offered = known;
    offered.extend(chosen.clone());
    offered.sort_unstable();
    offered.dedup();
    page::show(&WhyPage {
        frame,
        url: base,
        people_url: if may_ask { Some(request.page_url(oid, &["security", "people"])?) } else { None },
        path: request.path_text(oid)?,
        is_missing: !typed.is_empty() && asked.is_none() && found_rows.is_empty(),
        permissions: offered
            .iter()
            .map(|name| Offered { is_chosen: chosen.as_ref() == Some(name), name: name.to_string() })
            .collect(),
        purpose: chosen.as_ref().map_or("", |name| purpose(request, name)),
        permission: chosen.map(|name| name.to_string()).unwrap_or_default(),
        who: asked.as_ref().map(|asked| asked.who.clone()).unwrap_or_default(),
        typed: match &asked {
            // What a link named by its oid is called by its name.
            Some(Asked { account: Some(account), .. }) => account.name.to_string(),
            _ => typed,
        },
        found: found_rows,
        verdict,
        can,
        who_can,
    })
}

/// Whom a text names, or who may be meant.
fn named(
    request: &PageRequest,
    object: &Object,
    typed: &str,
    is_oneself: bool,
) -> Result<(Option<Asked>, Vec<Account>), PageError> {
    if typed == NOBODY {
        let who = "Somebody who is not logged in".to_owned();
        let actor = Actor::anonymous();
        return Ok((Some(Asked { account: None, who, url: None, actor, query: NOBODY.into() }), Vec::new()));
    }
    if is_oneself {
        let actor = request.actor().clone();
        let account = match actor.user() {
            Some(user) => account_of(request, user.oid)?,
            None => None,
        };
        let who = request.actor().name().to_owned();
        return Ok((Some(Asked { account, who, url: None, actor, query: typed.to_owned() }), Vec::new()));
    }
    let head = &**request.access().head();
    let exact = match typed.parse::<Oid>() {
        Ok(oid) => account_of(request, oid)?.filter(|account| !account.is_group),
        Err(_) => {
            let mut all = Vec::new();
            for users in people::user_folders(request, object.oid())? {
                if let Some(oid) = head.child(users, typed)? {
                    all.extend(account_of(request, oid)?.filter(|account| !account.is_group));
                }
            }
            if all.len() > 1 {
                return Ok((None, all));
            }
            all.pop()
        }
    };
    match exact {
        None => Ok((None, people::search(request, object.oid(), typed, false, FOUND_MAX)?.0)),
        Some(account) => {
            let actor = match user(head, account.oid)? {
                Some(user) => Actor::new(Principal::User(Arc::new(user))),
                None => Actor::anonymous(),
            };
            let who = Who::of_account(request, &account)?;
            let query = account.oid.to_string();
            let asked = Asked { who: who.name.clone(), url: who.url, account: Some(account), actor, query };
            Ok((Some(asked), Vec::new()))
        }
    }
}

fn account_of(request: &PageRequest, oid: Oid) -> Result<Option<Account>, PageError> {
    let head = &**request.access().head();
    let object = head.object(oid)?.filter(|object| object.place().is_some());
    Ok(match object {
        Some(object) => Account::of(head, &object)?,
        None => None,
    })
}

fn access_of(request: &PageRequest, actor: Actor) -> Access {
    let access = request.access();
    let head = (!Arc::ptr_eq(access.head(), access.here())).then(|| Arc::clone(access.head()));
    Access::new(actor, Arc::clone(request.types()), Arc::clone(access.here()), head)
}

fn verdict(
    request: &PageRequest,
    object: &Object,
    asked: &Asked,
    permission: &Name,
) -> Result<Verdict, PageError> {
    let told = explain(&access_of(request, asked.actor.clone()), permission.as_str(), object)?;
    let (at_head, decides) = match &told.reason {
        Reason::AtHead(at_head) => (true, &**at_head),
        _ => (false, &told),
    };
    let oid = object.oid();
    let verb = if told.allowed { "may" } else { "may not" };
    let sentence = format!("{} {verb}: {}.", asked.who, because(request, asked, decides)?);
    let counts = |held: &Held| decides.granted.iter().any(|granted| granted.role == held.role);
    let mut held = Vec::new();
    for of in &decides.held {
        let (by, url) = held_by(request, oid, asked, of)?;
        held.push(HeldRow { role: of.role.to_string(), by, url, counts: counts(of) });
    }
    // What counts comes first; the sort keeps the order of the rest.
    held.sort_by_key(|held| !held.counts);
    let mut cells: Vec<&CellAt> = decides.granted.iter().filter_map(|granted| granted.by.as_ref()).collect();
    cells.extend(&decides.stopped_by);
    cells.extend(decides.held.iter().filter(|held| counts(held)).filter_map(|held| match &held.by {
        HeldBy::Local(cell) | HeldBy::Owner(cell) => Some(cell),
        HeldBy::Everybody | HeldBy::User(_) => None,
    }));
    let mut shown: Vec<&CellAt> = Vec::new();
    for cell in cells {
        if !shown.contains(&cell) {
            shown.push(cell);
        }
    }
    let cells =
        shown.into_iter().map(|cell| cell_row(request, oid, cell, at_head)).collect::<Result<_, _>>()?;
    Ok(Verdict {
        allowed: told.allowed,
        sentence,
        at_head,
        sources: sources(request, oid, decides)?,
        stopped: decides.stopped_by.as_ref().map(|cell| At::of(request, oid, cell.oid)).transpose()?,
        held,
        cells,
        next: next(request, object, asked, &told, decides)?,
    })
}

/// The reason, as the second half of a sentence.
fn because(request: &PageRequest, asked: &Asked, told: &Explanation) -> Result<String, PageError> {
    let who = &asked.who;
    let roles = Roles::new(told.granted.iter().map(|granted| granted.role.clone()));
    let only = format!("only {roles} may");
    let is_disabled = asked.account.is_some() && asked.actor.user().is_none();
    Ok(match &told.reason {
        Reason::Everybody => "everybody may, also without logging in".into(),
        Reason::Omnipotent => format!("{who} needs no right"),
        Reason::Role => {
            let held = told.held.iter().find(|held| roles.contains(held.role.as_str()));
            match held {
                Some(held) if held.role == AUTHENTICATED => "everybody who is logged in may".into(),
                Some(held) => {
                    format!("{who} has the role {}, which may", held.role)
                }
                None => format!("{who} has one of the roles {roles}"),
            }
        }
        Reason::Private => "nobody may: what is said here names no role at all".into(),
        _ if is_disabled => format!("{who} may not log in, and {only}"),
        Reason::NotLoggedIn => format!("{only}, and who is not logged in has no role"),
        Reason::Outside { folder } => {
            let visible = request.access().allows_at(VIEW, *folder)?;
            let folder = if visible { request.path_text(*folder)? } else { "another folder".into() };
            format!("{who} is a user of {folder} and counts only there and below; this is elsewhere")
        }
        Reason::NoRole => format!("{only}, and {who} has no such role here"),
        Reason::ProxyRoles => "it goes by the roles that the template runs with".into(),
        Reason::Limited(_) => "the template's owner may not".into(),
        Reason::Within => "the token or link that was used is not good for it".into(),
        Reason::Deleted => "it is deleted, and only managers of the whole site may".into(),
        Reason::AtHead(_) => "the public site does not let him".into(),
    })
}

/// Where somebody has a role from.
fn held_by(
    request: &PageRequest,
    here: Oid,
    asked: &Asked,
    held: &Held,
) -> Result<(String, Option<String>), PageError> {
    Ok(match &held.by {
        HeldBy::Everybody if held.role == ANONYMOUS => ("everybody has it".into(), None),
        HeldBy::Everybody => ("everybody who is logged in has it".into(), None),
        HeldBy::User(_) => {
            let own =
                asked.account.as_ref().is_some_and(|account| account.roles.contains(held.role.as_str()));
            if own {
                return Ok(("as a user, everywhere".into(), asked.url.clone()));
            }
            for group in asked.actor.user().iter().flat_map(|user| &user.groups) {
                let account = account_of(request, *group)?;
                if account.is_some_and(|account| account.roles.contains(held.role.as_str())) {
                    let who = Who::of(request, *group)?;
                    return Ok((format!("through the group {}", who.name), who.url));
                }
            }
            ("as a user, everywhere".into(), asked.url.clone())
        }
        HeldBy::Local(cell) => {
            let at = At::of(request, here, cell.oid)?;
            let place = if at.is_here { "given here".to_owned() } else { format!("given at {}", at.text) };
            let through = match &cell.key {
                CellKey::LocalRoles(Subject::Principal(oid))
                    if Some(*oid) != asked.account.as_ref().map(|a| a.oid) =>
                {
                    format!(", through the group {}", Who::of(request, *oid)?.name)
                }
                CellKey::LocalRoles(Subject::Name(_)) => ", to everybody of that name".into(),
                _ => String::new(),
            };
            (format!("{place}{through}"), at.url)
        }
        HeldBy::Owner(cell) => {
            let at = At::of(request, here, cell.oid)?;
            let what = if at.is_here { "owns this".to_owned() } else { format!("owns {}", at.text) };
            (what, at.url)
        }
    })
}

fn cell_row(request: &PageRequest, here: Oid, cell: &CellAt, at_head: bool) -> Result<CellRow, PageError> {
    let access = request.access();
    let (snapshot, database) = match at_head {
        true => (access.head(), request.trunk()),
        false => (access.here(), request.database()),
    };
    let object = snapshot.object(cell.oid)?;
    let content = object.as_ref().and_then(|object| object.content(&cell.key));
    let text = match (&cell.key, content) {
        (CellKey::Permission(name), Some(Content::Setting(setting))) => match setting.acquire {
            true => format!("\"{name}\": {}, beside those who have it above", setting.roles),
            false => format!("\"{name}\": only {}", setting.roles),
        },
        (CellKey::LocalRoles(whose), Some(Content::Roles(roles))) => {
            format!("{} has {roles}", super::whose(request, whose)?.text())
        }
        (CellKey::Owner, Some(Content::Owner(owner))) => {
            format!("owned by {}", Who::of(request, *owner)?.text())
        }
        _ => "nothing any more".into(),
    };
    let record = cell.tid.and_then(|tid| database.commit_record(tid).ok());
    Ok(CellRow {
        text,
        at: At::of(request, here, cell.oid)?,
        by: record.as_ref().map(|record| record.principal.clone()).unwrap_or_default(),
        when: record.as_ref().map(|record| Time::of_micros(record.time_micros)),
        sentence: record.map(|record| record.sentence).unwrap_or_default(),
    })
}

/// What can be done for the other answer, by whoever asks.
fn next(
    request: &PageRequest,
    object: &Object,
    asked: &Asked,
    told: &Explanation,
    decides: &Explanation,
) -> Result<Vec<Step>, PageError> {
    let mut steps = Vec::new();
    let access = request.access();
    let oid = object.oid();
    let may_here = access.allows(PERMISSIONS, object)?;
    let is_disabled = asked.account.is_some() && asked.actor.user().is_none();
    if !told.allowed {
        if let (true, Some(url)) = (is_disabled, &asked.url) {
            steps.push(Step { text: format!("Let {} log in again", asked.who), url: url.clone() });
        }
        if matches!(decides.reason, Reason::Outside { .. }) && access.allows_at(USERS, Oid::ROOT)? {
            let url = request.top_url(&["users", "add"]);
            steps.push(Step { text: "Add a user who counts in the whole site".into(), url });
        }
        if let (true, Some(account), Reason::NoRole) = (may_here, &asked.account, &decides.reason) {
            let url = request.page_url(oid, &["security"])?;
            let url = format!("{url}?who={}#give", encoded(account.name.as_str()));
            let roles = Roles::new(decides.granted.iter().map(|granted| granted.role.clone()));
            let word = if roles.len() == 1 { "the role" } else { "one of the roles" };
            steps.push(Step { text: format!("Give {} {word} {roles} here", asked.who), url });
        }
    } else {
        let is_used = |held: &&Held| decides.granted.iter().any(|granted| granted.role == held.role);
        for held in decides.held.iter().filter(is_used).filter(|held| held.by != HeldBy::Everybody) {
            let (by, url) = held_by(request, oid, asked, held)?;
            let here = match &held.by {
                HeldBy::Local(cell) | HeldBy::Owner(cell) if cell.oid == oid && may_here => {
                    Some(request.page_url(oid, &["security"])?)
                }
                _ => None,
            };
            if let Some(url) = url.or(here) {
                steps.push(Step { text: format!("Take the role {} away ({by})", held.role), url });
            }
        }
    }
    for because in &told.because {
        let Some(Content::Setting(setting)) = &because.instead else { continue };
        let CellKey::Permission(name) = &because.cell.key else { continue };
        let at = At::of(request, oid, because.cell.oid)?;
        let shown_here = !because.at_head || request.version_name().is_none();
        if !shown_here
            || !access.allows_at(PERMISSIONS, because.cell.oid)?
            || request.url(because.cell.oid)?.is_none()
        {
            continue;
        }
        let place = if at.is_here { "here".to_owned() } else { format!("at {}", at.text) };
        let text = match setting.acquire {
            true => format!("Let {} have it {place}, beside those who have it above", setting.roles),
            false => format!("Let only {} have it {place}", setting.roles),
        };
        let url = permission::url_with(request, because.cell.oid, name.as_str(), setting)?;
        steps.push(Step { text, url });
    }
    Ok(steps)
}

fn can(
    request: &PageRequest,
    object: &Object,
    asked: &Asked,
    known: &[Name],
    base: &str,
) -> Result<Vec<Can>, PageError> {
    let access = access_of(request, asked.actor.clone());
    let mut rows = Vec::new();
    for name in known {
        let told = explain(&access, name.as_str(), object)?;
        let decides = if let Reason::AtHead(at_head) = &told.reason { &**at_head } else { &told };
        rows.push(Can {
            purpose: purpose(request, name),
            allowed: told.allowed,
            reason: because(request, asked, decides)?,
            url: format!("{base}?who={}&permission={}", encoded(&asked.query), encoded(name.as_str())),
            name: name.to_string(),
        });
    }
    rows.sort_by_key(|row| !row.allowed);
    Ok(rows)
}

fn who_can(request: &PageRequest, object: &Object, permission: &Name) -> Result<WhoCan, PageError> {
    let told = explain(&access_of(request, Actor::anonymous()), permission.as_str(), object)?;
    let roles = Roles::new(told.granted.iter().map(|granted| granted.role.clone()));
    let scope = request.snapshot().scope(object.oid())?;
    let mut found = WhoCan {
        everybody: told.allowed,
        sources: sources(request, object.oid(), &told)?,
        stopped: told.stopped_by.as_ref().map(|cell| At::of(request, object.oid(), cell.oid)).transpose()?,
        people: Vec::new(),
        count: 0,
        is_cut: false,
    };
    if found.everybody {
        return Ok(found);
    }
    let walked = people::each_user(request, object.oid(), &mut |account, user| {
        let access = access_of(request, Actor::new(Principal::User(Arc::new(user.clone()))));
        if access.allows(permission.as_str(), object)? {
            found.count += 1;
            if found.people.len() < LISTED_MAX {
                let held = people::held(&scope, user);
                let by = Roles::new(held.iter().filter(|role| roles.contains(role.as_str())).cloned());
                let base = request.page_url(object.oid(), &["security", "why"])?;
                let why = format!("{base}?who={}&permission={}", account.oid, encoded(permission.as_str()));
                found.people.push((Who::of_account(request, account)?, by.to_string(), why));
            }
        }
        Ok(true)
    })?;
    found.is_cut = walked != Walked::All;
    Ok(found)
}
