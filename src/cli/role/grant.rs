//! `role grant` and `role revoke`.

use bough::core::security::{Roles, Subject};
use bough::core::{CellKey, Content, Name};
use bough::{Error, Site};
use serde::{Deserialize, Serialize};

use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::log::now_or_last;
use crate::cli::request::SiteCommand;
use crate::cli::rights::{role_names, roles_text};
use crate::cli::value::{account_path, last_paths, subject_text};

/// Who gets a role, and where.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
struct Whose {
    /// Path of the object
    path: String,
    /// The user or group, by name or path
    who: String,
    /// The roles
    #[arg(required = true, value_name = "ROLE")]
    roles: Vec<String>,
    /// WHO is a log-in name, and stands for all users of that name, whichever folder they are of, also later ones
    #[arg(long)]
    any_user: bool,
}

/// Whether a user who was deleted is meant, too.
#[derive(Clone, Copy)]
enum Gone {
    Too,
    Not,
}

/// Give somebody roles at an object and below: bough role grant /docs ann Editor
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Grant {
    #[command(flatten)]
    whose: Whose,
}

/// Take roles away that somebody was given at an object: bough role revoke /docs ann Editor
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Revoke {
    #[command(flatten)]
    whose: Whose,
}

impl Whose {
    /// Users exist on the public site, also for a version.
    fn subject(&self, site: &Site, gone: Gone) -> Result<Subject, Failure> {
        site.get(&self.path)?;
        if self.any_user {
            return Ok(Subject::Name(Name::new(&self.who)?));
        }
        let head = site.head()?;
        let near = if head.find(&self.path)?.is_some() { self.path.as_str() } else { "/" };
        match head.account(&self.who, near) {
            Ok(account) => Ok(Subject::Principal(account.oid)),
            Err(error @ Error::NoAccount { .. }) => {
                if let (Gone::Too, Ok(oid)) = (gone, now_or_last(site, &account_path(&self.who))) {
                    return Ok(Subject::Principal(oid));
                }
                let path = quoted(&self.path);
                let failure = Failure::from(error);
                Err(failure.advise("bough user list --all").advise(format!("bough role list {path}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The roles that somebody has at the object itself, and what he is called.
    fn had(&self, site: &Site, subject: &Subject) -> Result<(Roles, String), Failure> {
        let object = site.get(&self.path)?;
        let had = match object.object().content(&CellKey::LocalRoles(subject.clone())) {
            Some(Content::Roles(roles)) => roles.clone(),
            _ => Roles::default(),
        };
        Ok((had, subject_text(subject, &last_paths(site, site.head()?.snapshot()))))
    }

    fn set(
        &self,
        site: &Site,
        subject: &Subject,
        roles: &Roles,
        sentence: String,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        let written = site.write_noted(asker.note(&sentence), |tx| {
            tx.set_local_roles(&self.path, subject.clone(), roles.clone())
        })?;
        asker.wrote(written.tid, sentence)
    }
}

impl SiteCommand for Grant {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let (whose, given) = (&self.whose, role_names(&self.whose.roles)?);
        let subject = whose.subject(site, Gone::Not)?;
        let (had, who) = whose.had(site, &subject)?;
        let sentence = format!("Gave {who} {} at {}", roles_text(&given), whose.path);
        whose.set(site, &subject, &had.with(&given), sentence, asker)
    }
}

impl SiteCommand for Revoke {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let (whose, taken) = (&self.whose, role_names(&self.whose.roles)?);
        let subject = whose.subject(site, Gone::Too)?;
        let (had, who) = whose.had(site, &subject)?;
        if let Some(role) = taken.iter().find(|role| !had.contains(role.as_str())) {
            let has = if had.is_empty() { "no role".to_owned() } else { had.to_string() };
            let message =
                format!("{who} was not given the role `{role}` at `{}` itself: has {has}", whose.path);
            let advice = format!("bough role list {}", quoted(&whose.path));
            return Err(Failure::not_found(message).advise(advice));
        }
        let kept = Roles::new(had.iter().filter(|role| !taken.contains(role.as_str())).cloned());
        let sentence = format!("Took {} at {} from {who}", roles_text(&taken), whose.path);
        whose.set(site, &subject, &kept, sentence, asker)
    }
}
