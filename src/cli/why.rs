//! `why`: why somebody may or may not do something.

use bough::core::security::permission::{ANONYMOUS, AUTHENTICATED, MANAGER, OWNER, PERMISSIONS};
use bough::core::security::{CellAt, Explanation, HeldBy, Reason, Roles};
use bough::{Handle, Site, View};
use serde::{Deserialize, Serialize};

use super::account::{account_name, names};
use super::asker::Asker;
use super::failure::{Failure, quoted};
use super::moment::At;
use super::next::{Next, next, print_next};
use super::request::{SiteCommand, typed};
use super::rights::{Asks, HeldRow, NOBODY, SaidRow, argument, permission_name, settings};
use super::screen::Screen;
use super::value::{paths_in, setting_text};

/// How many of those who could grant it are named.
const GRANTORS_SHOWN: usize = 5;

const EXAMPLES: &str = "\
  bough why ann 'Edit content' /docs/plan
  bough why anonymous View /docs/plan
  bough why ann View /docs/plan --at '2 days ago'
  bough why ann View /docs/plan --version redesign

In a version and at a past time nobody may more than the public site lets him now.";

/// Explain why somebody may or may not do something
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Why {
    /// The user, by name or path; `anonymous` for somebody who did not log in
    user: String,
    /// The permission, as `bough permission list` names it
    permission: String,
    /// Path of the object
    path: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    allowed: bool,
    user: String,
    permission: String,
    path: String,
    /// The answer in one sentence.
    sentence: String,
    /// What is said about it at the object and around it, nearest first.
    settings: Vec<SettingRow>,
    /// The roles that have the permission there.
    roles: Vec<String>,
    /// The roles that the user has there.
    held: Vec<HeldRow>,
    /// Some of those who could say otherwise there.
    grantors: Vec<String>,
    more_grantors: bool,
    next: Vec<Next>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SettingRow {
    text: String,
    said: SaidRow,
}

impl SiteCommand for Why {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        let permission = permission_name(site, &self.permission)?;
        let asks = Asks::typed(site, &self.user, &object)?;
        let told = site.why(asks.actor.clone(), permission.as_str(), &object)?;
        // What decides is what the public site says now.
        let (told_of, decides) = match &told.reason {
            Reason::AtHead(at_head) => (at_head_of(site, &object)?, &**at_head),
            _ => (object.clone(), &told),
        };
        let case = Case {
            site,
            asks: &asks,
            permission: permission.as_str(),
            path: &self.path,
            object: &told_of,
            told: decides,
        };
        let mut sentence = case.sentence(told.allowed)?;
        if let Reason::AtHead(_) = told.reason {
            sentence.push_str(" (so it is on the public site now; what is shown here would allow it)");
        }
        let mut held = Vec::new();
        if let Some(account) = &asks.account {
            for found in decides.held.iter().filter(|held| held.by != HeldBy::Everybody) {
                held.push(HeldRow::of(site, told_of.view(), found, account)?);
            }
        }
        let said = settings(&told_of, &permission)?;
        let grantors = site.who_can(PERMISSIONS, &told_of, 0, GRANTORS_SHOWN)?;
        let users = grantors.accounts.iter().filter(|who| who.account.is_user());
        asker.row(&Row {
            allowed: told.allowed,
            user: asks.name(),
            permission: permission.to_string(),
            path: self.path.clone(),
            sentence,
            settings: said
                .iter()
                .map(|(at, setting)| SettingRow {
                    text: setting_text(setting),
                    said: SaidRow::of(site, told_of.view(), at),
                })
                .collect(),
            roles: names(&case.roles()),
            held,
            grantors: users.map(|who| account_name(&who.account)).collect(),
            more_grantors: grantors.more,
            next: case.next()?,
        })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        screen.line(&row.sentence)?;
        let mut line = |what: &str, text: &str| screen.line(&format!("  {what:<14} {text}"));
        match row.settings.is_empty() {
            true => line("said", "nothing, at the object or around it: what holds by default holds")?,
            false => row.settings.iter().try_for_each(|setting| {
                line("said", &format!("{}, {}", setting.text, setting.said.text()))
            })?,
        }
        line("roles with it", &super::account::listed(&row.roles))?;
        if row.user != NOBODY {
            let held: Vec<String> = row.held.iter().map(|held| held.text(&row.user)).collect();
            let none = || "none but those of everybody who logged in".to_owned();
            line("roles had", &if held.is_empty() { none() } else { held.join(", ") })?;
        }
        let more = if row.more_grantors { " and others" } else { "" };
        let who = match row.grantors.is_empty() {
            true => "nobody but who sits at this machine".to_owned(),
            false => format!("{}{more}, and who sits at this machine", row.grantors.join(", ")),
        };
        line("who decides", &who)?;
        print_next(&row.next, screen)
    }
}

/// The object on the public site as it is now, else the nearest of its containers that is there.
fn at_head_of(site: &Site, object: &Handle) -> Result<Handle, Failure> {
    let head = site.head()?;
    for container in bough::core::acquisition::containers(object.view().snapshot(), object.oid())? {
        if let Some(found) = head.by_oid(container.oid())? {
            return Ok(found);
        }
    }
    Ok(head.get("/")?)
}

/// One question with its answer.
struct Case<'a> {
    site: &'a Site,
    asks: &'a Asks,
    permission: &'a str,
    path: &'a str,
    object: &'a Handle,
    told: &'a Explanation,
}

impl Case<'_> {
    fn view(&self) -> &View {
        self.object.view()
    }

    fn roles(&self) -> Roles {
        Roles::new(self.told.granted.iter().map(|granted| granted.role.clone()))
    }

    /// Whether the user is one who may not log in.
    fn is_disabled(&self) -> bool {
        self.asks.account.is_some() && self.asks.actor.user().is_none()
    }

    fn sentence(&self, allowed: bool) -> Result<String, Failure> {
        let (who, permission, path) = (self.asks.name(), self.permission, self.path);
        let may = match allowed {
            true => format!("Allowed: {who} has `{permission}` at {path}, because"),
            false => format!("Denied: {who} does not have `{permission}` at {path}, because"),
        };
        Ok(format!("{may} {}", self.because()?))
    }

    fn because(&self) -> Result<String, Failure> {
        let who = self.asks.name();
        let roles = self.roles();
        let only = format!("only {roles} may");
        Ok(match &self.told.reason {
            Reason::Everybody => "everybody has it there".to_owned(),
            Reason::Omnipotent => format!("{who} needs no right"),
            Reason::Role => {
                let held = self.told.held.iter().find(|held| roles.contains(held.role.as_str()));
                let text = match (held, &self.asks.account) {
                    (Some(held), _) if held.role == AUTHENTICATED => {
                        return Ok("everybody who logged in has it there".to_owned());
                    }
                    (Some(held), Some(account)) => {
                        HeldRow::of(self.site, self.view(), held, account)?.text(&who)
                    }
                    _ => roles.to_string(),
                };
                format!("{who} has the role {text}")
            }
            Reason::Private => "nobody has it there".to_owned(),
            _ if self.is_disabled() => format!("{who} is disabled, and {only}"),
            Reason::NotLoggedIn => format!("{only}, and who did not log in has no role"),
            Reason::Outside { folder } => {
                let folder = paths_in(self.site.head()?.snapshot())(*folder);
                format!("{who} counts in {folder} and below, and this is elsewhere")
            }
            Reason::NoRole => format!("{only}, and {who} has no such role there"),
            Reason::ProxyRoles => "of the roles that the template runs with".to_owned(),
            Reason::Limited(_) => "the template's owner may not see it".to_owned(),
            Reason::Within => "the token or link is not good for it".to_owned(),
            Reason::Deleted => "it is deleted, and only managers of the whole site may".to_owned(),
            Reason::AtHead(_) => "it is so on the public site".to_owned(),
        })
    }

    /// What to type to have it the other way.
    fn next(&self) -> Result<Vec<Next>, Failure> {
        let path = quoted(&self.object.path().to_string());
        let name = argument(self.permission);
        let user = self.asks.account.as_ref().map(|account| quoted(&account_name(account)));
        let all = format!("permission set {path} {name} --roles {ANONYMOUS} --acquire");
        if self.told.allowed {
            return Ok(self.take_away(&path, &name, user.as_deref())?.into_iter().collect());
        }
        let Some(user) = user else { return Ok(vec![next("let everybody do it with", all)]) };
        if self.is_disabled() {
            return Ok(vec![next("let this user log in again with", format!("user enable {user}"))]);
        }
        let helps = |role: &&bough::core::Name| ![ANONYMOUS, AUTHENTICATED, OWNER].contains(&role.as_str());
        let roles = self.roles();
        // Not more than it takes.
        let role = roles.iter().filter(helps).find(|role| **role != *MANAGER);
        let role = role.or_else(|| roles.iter().find(helps));
        Ok(match (&self.told.reason, role) {
            (Reason::Outside { .. }, _) => {
                let add = format!("user add {} --role ROLE", self.name_only());
                vec![next("users who count in the whole site are added with", add)]
            }
            (_, Some(role)) => {
                let grant = format!("role grant {path} {user} {}", quoted(role.as_str()));
                vec![next("give a role there with", grant)]
            }
            (_, None) if roles.contains(OWNER) => {
                vec![next("give it away with", format!("owner {path} {user}"))]
            }
            (_, None) => {
                let set = format!("permission set {path} {name} --roles ROLE --acquire");
                vec![next("let a role have it with", set)]
            }
        })
    }

    fn name_only(&self) -> String {
        self.asks.account.as_ref().map_or_else(String::new, |account| quoted(account.name.as_str()))
    }

    /// How to take it away again.
    fn take_away(&self, path: &str, name: &str, user: Option<&str>) -> Result<Option<Next>, Failure> {
        let roles = self.roles();
        if self.told.reason == Reason::Everybody {
            let only = roles.iter().filter(|role| **role != *ANONYMOUS).map(ToString::to_string);
            let only: Vec<String> = only.collect();
            let only = if only.is_empty() { MANAGER.to_owned() } else { only.join(",") };
            let set = format!("permission set {path} {name} --roles {}", quoted(&only));
            return Ok(Some(next("keep others out with", set)));
        }
        let held = self.told.held.iter().find(|held| roles.contains(held.role.as_str()));
        let (Some(held), Some(user)) = (held, user) else { return Ok(None) };
        let role = quoted(held.role.as_str());
        Ok(match &held.by {
            HeldBy::Local(CellAt { oid, .. }) => {
                let at = quoted(&paths_in(self.view().snapshot())(*oid));
                let whose = match &self.asks.account {
                    Some(account) => HeldRow::of(self.site, self.view(), held, account)?.whose,
                    None => None,
                };
                let whose = whose.unwrap_or_else(|| user.to_owned());
                let revoke = match whose.strip_prefix(super::value::ANY_USER) {
                    Some(name) => format!("role revoke {at} {} {role} --any-user", quoted(name)),
                    None => format!("role revoke {at} {} {role}", quoted(&whose)),
                };
                Some(next("take the role away with", revoke))
            }
            HeldBy::User(_) => {
                let is_own = |account: &bough::Account| account.roles.contains(held.role.as_str());
                match self.asks.account.as_ref().is_some_and(is_own) {
                    true => {
                        Some(next("take the role away with", format!("user roles {user} --remove {role}")))
                    }
                    false => Some(next("see the groups with", format!("user show {user}"))),
                }
            }
            HeldBy::Owner(CellAt { oid, .. }) => {
                let at = quoted(&paths_in(self.view().snapshot())(*oid));
                Some(next("give it to somebody else with", format!("owner {at} USER")))
            }
            HeldBy::Everybody => None,
        })
    }
}
