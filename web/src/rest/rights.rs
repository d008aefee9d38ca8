//! Who may do what: what is said, and why an answer is as it is.

use std::sync::Arc;

use bough_core::acquisition::containers;
use bough_core::security::permission::PERMISSIONS;
use bough_core::security::{
    Access, Actor, CellAt, Explanation, HeldBy, Principal, Reason, Roles, Setting, Subject, explain, user,
    users_named,
};
use bough_core::{CellKey, Content, Name, Oid, Snapshot as _};

use super::call::{Answer, Call, cell_text, parse_name};
use super::dto_rights::{
    CellShown, GrantedShown, HeldShown, LocalRoles, NewOwner, NewRoles, NewSetting, OwnerShown, Permission,
    Rights, SettingShown, Why,
};
use crate::error::PublishError;
use crate::problem::{Code, Problem};
use crate::publisher::entitle;

/// Most roles that are taken at once.
const ROLES_MAX: usize = 100;

fn texts(roles: &Roles) -> Vec<String> {
    roles.iter().map(Name::to_string).collect()
}

fn roles(wanted: &[String]) -> Result<Roles, PublishError> {
    if wanted.len() > ROLES_MAX {
        let problem = Problem::new(Code::Value, "too many roles").expected(format!("at most {ROLES_MAX}"));
        return Err(problem.into());
    }
    Ok(Roles::new(wanted.iter().map(|role| parse_name(role)).collect::<Result<Vec<_>, _>>()?))
}

/// What a user or group is called, as far as there is one.
fn called(call: &Call<'_>, oid: Oid) -> Result<Option<String>, PublishError> {
    let object = call.visit.access.head().object(oid)?;
    Ok(object.and_then(|object| object.place().map(|place| place.name.to_string())))
}

/// `GET @@rights`.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, PublishError> {
    let mut rights = Rights {
        object: call.link(call.object.oid())?,
        settings: Vec::new(),
        local_roles: Vec::new(),
        owners: Vec::new(),
        proxy_roles: None,
        permissions: Vec::new(),
    };
    for container in containers(call.snapshot(), call.object.oid())? {
        for (key, cell) in container.security() {
            let (at, commit) = (|| call.link(container.oid()), cell.tid.to_string());
            match (key, &cell.content) {
                (CellKey::Permission(permission), Content::Setting(setting)) => {
                    rights.settings.push(SettingShown {
                        permission: permission.to_string(),
                        roles: texts(&setting.roles),
                        acquire: setting.acquire,
                        at: at()?,
                        commit,
                    });
                }
                (CellKey::LocalRoles(whose), Content::Roles(roles)) => {
                    let name = match whose {
                        Subject::Principal(oid) => called(call, *oid)?.unwrap_or_else(|| oid.to_string()),
                        Subject::Name(name) => name.to_string(),
                    };
                    let roles = texts(roles);
                    let who = whose.to_string();
                    rights.local_roles.push(LocalRoles { who, name, roles, at: at()?, commit });
                }
                (CellKey::Owner, Content::Owner(owner)) => {
                    let name = user(&**call.visit.access.head(), *owner)?.map(|user| user.name.to_string());
                    rights.owners.push(OwnerShown { owner: owner.to_string(), name, at: at()?, commit });
                }
                (CellKey::ProxyRoles, Content::Roles(roles)) if container.oid() == call.object.oid() => {
                    rights.proxy_roles = Some(texts(roles));
                }
                _ => {}
            }
        }
    }
    rights.permissions = call
        .types()
        .permissions()
        .iter()
        .map(|(name, spec)| Permission {
            name: name.to_string(),
            purpose: spec.purpose.to_owned(),
            roles: texts(&spec.roles),
        })
        .collect();
    Answer::ok(&rights)
}

/// `PUT @@rights/permissions/PERMISSION`.
pub(super) fn set(call: &Call<'_>) -> Result<Answer, PublishError> {
    let permission = parse_name(call.steps[0])?;
    let wanted: NewSetting = call.json()?;
    let setting = Setting { roles: roles(&wanted.roles)?, acquire: wanted.acquire };
    let at = call.path_text(call.object.oid())?;
    let sentence = match setting.acquire {
        true => format!("Gave \"{permission}\" at {at} to {}, beside those who have it above", setting.roles),
        false => format!("Gave \"{permission}\" at {at} to exactly {}", setting.roles),
    };
    write(call, &sentence, |draft, oid| draft.set_permission(oid, &permission, Some(setting.clone())))
}

/// `DELETE @@rights/permissions/PERMISSION`.
pub(super) fn forget(call: &Call<'_>) -> Result<Answer, PublishError> {
    let permission = parse_name(call.steps[0])?;
    let at = call.path_text(call.object.oid())?;
    let sentence = format!("Left \"{permission}\" at {at} to what holds above");
    write(call, &sentence, |draft, oid| draft.set_permission(oid, &permission, None))
}

/// `PUT @@rights/roles/WHO`.
pub(super) fn give(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: NewRoles = call.json()?;
    change_roles(call, &roles(&wanted.roles)?)
}

/// `DELETE @@rights/roles/WHO`.
pub(super) fn take(call: &Call<'_>) -> Result<Answer, PublishError> {
    change_roles(call, &Roles::default())
}

fn change_roles(call: &Call<'_>, roles: &Roles) -> Result<Answer, PublishError> {
    let who = call.steps[0];
    let (whose, name) = match who.parse::<Oid>() {
        Ok(oid) => (Subject::Principal(oid), called(call, oid)?.unwrap_or_else(|| who.to_owned())),
        Err(_) => (Subject::Name(parse_name(who)?), who.to_owned()),
    };
    let at = call.path_text(call.object.oid())?;
    let sentence = match roles.is_empty() {
        true => format!("Took the roles of {name} at {at}"),
        false => format!("Gave {name} at {at} the roles {roles}"),
    };
    write(call, &sentence, |draft, oid| draft.set_local_roles(oid, whose.clone(), roles.clone()))
}

/// `PUT @@rights/owner`.
pub(super) fn set_owner(call: &Call<'_>) -> Result<Answer, PublishError> {
    let wanted: NewOwner = call.json()?;
    let owner = wanted.owner.as_deref().map(|text| call.oid(text)).transpose()?;
    let at = call.path_text(call.object.oid())?;
    let sentence = match owner {
        None => format!("Made {at} nobody's"),
        Some(oid) => {
            let found = user(&**call.visit.access.head(), oid)?;
            let missing = || Problem::new(Code::Value, format!("there is no user {oid}"));
            format!("Made {} the owner of {at}", found.ok_or_else(missing)?.name)
        }
    };
    write(call, &sentence, |draft, oid| draft.set_owner(oid, owner))
}

fn write(
    call: &Call<'_>,
    sentence: &str,
    mut work: impl FnMut(&mut bough_store::Draft, Oid) -> Result<(), bough_core::transaction::TransactionError>,
) -> Result<Answer, PublishError> {
    let oid = call.object.oid();
    let ((), tid) = call.write(sentence, |draft| {
        call.check_preconditions(draft.object(oid)?.as_deref())?;
        Ok(work(draft, oid)?)
    })?;
    call.wrote(tid, sentence, oid, false)
}

/// `GET @@why`: about oneself, or, for those who may say who may do what, about anybody.
pub(super) fn why(call: &Call<'_>) -> Result<Answer, PublishError> {
    let permission = call.query("permission").ok_or_else(|| {
        PublishError::from(Problem::new(Code::Argument, "`permission` says what is to be explained"))
    })?;
    let access = &call.visit.access;
    let actor = match call.query("user") {
        None => access.actor().clone(),
        Some(asked) => {
            if !access.allows(PERMISSIONS, call.object)? {
                return Err(entitle::refusal(access, call.object, PERMISSIONS)?);
            }
            named(call, asked)?
        }
    };
    let head = (!Arc::ptr_eq(access.head(), access.here())).then(|| Arc::clone(access.head()));
    let shown = Access::new(actor, Arc::clone(call.types()), Arc::clone(access.here()), head);
    let found = explain(&shown, permission, call.object)?;
    Answer::ok(&Why {
        allowed: found.allowed,
        reason: reason(call, &found)?,
        granted: found
            .granted
            .iter()
            .map(|granted| {
                let by = granted.by.as_ref().map(|cell| shown_cell(call, cell)).transpose()?;
                Ok(GrantedShown { role: granted.role.to_string(), by })
            })
            .collect::<Result<_, PublishError>>()?,
        held: found
            .held
            .iter()
            .map(|held| {
                let (by, cell) = match &held.by {
                    HeldBy::Everybody => ("everybody", None),
                    HeldBy::User(_) => ("user", None),
                    HeldBy::Local(cell) => ("local", Some(cell)),
                    HeldBy::Owner(cell) => ("owner", Some(cell)),
                };
                let cell = cell.map(|cell| shown_cell(call, cell)).transpose()?;
                Ok(HeldShown { role: held.role.to_string(), by, cell })
            })
            .collect::<Result<_, PublishError>>()?,
        because: found
            .because
            .iter()
            .map(|because| shown_cell(call, &because.cell))
            .collect::<Result<_, _>>()?,
    })
}

/// Who is meant by a log-in name, an oid, or `anonymous`.
fn named(call: &Call<'_>, asked: &str) -> Result<Actor, PublishError> {
    if asked == "anonymous" {
        return Ok(Actor::anonymous());
    }
    let head = &**call.visit.access.head();
    let found = match asked.parse::<Oid>() {
        Ok(oid) => user(head, oid)?,
        Err(_) => users_named(head, call.object.oid(), asked)?.into_iter().next(),
    };
    let missing = || {
        let asked: String = asked.chars().take(60).collect();
        Problem::new(Code::NotFound, format!("no user `{asked}` counts here"))
    };
    Ok(Actor::new(Principal::User(Arc::new(found.ok_or_else(missing)?))))
}

fn shown_cell(call: &Call<'_>, cell: &CellAt) -> Result<CellShown, PublishError> {
    let record = cell.tid.and_then(|tid| call.database().commit_record(tid).ok());
    Ok(CellShown {
        at: call.link(cell.oid)?,
        cell: cell_text(&cell.key),
        commit: cell.tid.map(|tid| tid.to_string()),
        principal: record.map(|record| record.principal),
    })
}

fn reason(call: &Call<'_>, found: &Explanation) -> Result<String, PublishError> {
    Ok(match &found.reason {
        Reason::Everybody => "Everybody may.".into(),
        Reason::Omnipotent => "Whoever the machine belongs to may everything.".into(),
        Reason::Role => "By a role that has the permission there.".into(),
        Reason::ProxyRoles => "By the roles that the template runs with.".into(),
        Reason::Limited(_) => "The owner of the template may not.".into(),
        Reason::Private => "Nobody may: the setting names no role.".into(),
        Reason::NotLoggedIn => "Not without logging in.".into(),
        Reason::Outside { folder } => {
            let folder = call.link(*folder)?.path.unwrap_or_else(|| folder.to_string());
            format!("The user counts only in {folder}, and this lies outside.")
        }
        Reason::NoRole => "None of the user's roles has the permission there.".into(),
        Reason::Within => "The token or link is not good for it.".into(),
        Reason::Deleted => "It is deleted: only managers of the whole site may.".into(),
        Reason::AtHead(at_head) => {
            format!(
                "Here it would be allowed, but not on the public site as it is now: {}",
                reason(call, at_head)?
            )
        }
    })
}
