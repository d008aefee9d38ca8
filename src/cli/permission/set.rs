//! `permission set`.

use bough::Site;
use bough::core::security::permission::{ANONYMOUS, MANAGER};
use bough::core::security::{Actor, Roles, Setting};
use serde::{Deserialize, Serialize};

use crate::cli::asker::Asker;
use crate::cli::failure::{Failure, quoted};
use crate::cli::protocol::Reply;
use crate::cli::request::SiteCommand;
use crate::cli::rights::{argument, permission_name, role_names};
use crate::cli::value::setting_text;

const EXAMPLES: &str = "\
  bough permission set /docs/staff View --roles Manager,Editor    only they see it, and what is in it
  bough permission set /docs 'Edit content' --roles Reviewer --acquire
  bough permission set /old 'Add objects' --nobody

It holds for everything in the object, until something in there says otherwise. `Anonymous` is everybody,
`Authenticated` everybody who logged in, `Owner` the one whose an object is.";

/// Say which roles have a permission at an object and below
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Set {
    /// Path of the object
    path: String,
    /// The permission
    permission: String,
    /// The roles, with commas
    #[arg(long, value_name = "ROLES", value_delimiter = ',', required_unless_present = "nobody")]
    roles: Vec<String>,
    /// No role at all
    #[arg(long, conflicts_with_all = ["roles", "acquire"])]
    nobody: bool,
    /// These, and those who have it in the containers
    #[arg(long)]
    acquire: bool,
    /// These and nobody else; so it is where nothing is said
    #[arg(long, conflicts_with = "acquire")]
    exactly: bool,
}

impl SiteCommand for Set {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let permission = permission_name(site, &self.permission)?;
        let setting = Setting { roles: role_names(&self.roles)?, acquire: self.acquire };
        let object = site.get(&self.path)?;
        let before = site.why(Actor::anonymous(), permission.as_str(), &object)?.granted;
        let before = Roles::new(before.into_iter().map(|granted| granted.role));
        let sentence = format!("Set permission {permission} of {}: {}", self.path, setting_text(&setting));
        let written = site.write_noted(asker.note(&sentence), |tx| {
            tx.set_permission(&self.path, permission.as_str(), Some(setting.clone()))
        })?;
        if written.tid.is_some() {
            asker.send(Reply::Remark(format!("Before, these had it there: {before}")))?;
            if !setting.acquire && !setting.roles.contains(MANAGER) && !setting.roles.contains(ANONYMOUS) {
                let (path, name) = (quoted(&self.path), argument(permission.as_str()));
                let all = setting.roles.with(&Roles::named([MANAGER]));
                let all: Vec<&str> = all.iter().map(bough::core::Name::as_str).collect();
                let remark = "Managers have it there no more";
                let advice = format!("bough permission set {path} {name} --roles {}", quoted(&all.join(",")));
                asker.send(Reply::Remark(format!("{remark}\n  try: {advice}")))?;
            }
        }
        asker.wrote(written.tid, sentence)
    }

    fn writes(&self) -> bool {
        true
    }
}
