//! `permission show`.

use bough::core::Name;
use bough::core::security::{Actor, Roles};
use bough::{Handle, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{listed, names};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::moment::At;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::rights::{SaidRow, permission_name, settings};
use crate::cli::screen::Screen;
use crate::cli::value::setting_text;

/// Show what holds at an object, and where, by whom and when it was said
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Show {
    /// Path of the object
    path: String,
    /// Only this permission
    permission: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    permission: String,
    /// All roles that have it there.
    roles: Vec<String>,
    /// What is said about it, nearest first.
    settings: Vec<SettingRow>,
    /// The roles that have it because nothing on the way stops acquiring.
    default: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SettingRow {
    roles: Vec<String>,
    acquire: bool,
    text: String,
    said: SaidRow,
}

impl SiteCommand for Show {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let object = self.at.view(site)?.get(&self.path)?;
        let only = self.permission.as_ref().map(|text| permission_name(site, text)).transpose()?;
        let types = object.view().types().clone();
        for (name, _) in types.permissions().iter() {
            if only.as_ref().is_none_or(|only| only == name) {
                asker.row(&row(site, &object, name)?)?;
            }
        }
        Ok(())
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let default = if row.settings.is_empty() { "  (by default)" } else { "" };
        screen.line(&format!("{:<28} {}{default}", row.permission, listed(&row.roles)))?;
        for setting in &row.settings {
            screen.line(&format!("    {}  {}", setting.text, setting.said.text()))?;
        }
        match row.settings.last() {
            Some(last) if last.acquire => screen.line(&format!("    {}  by default", listed(&row.default))),
            _ => Ok(()),
        }
    }
}

fn row(site: &Site, object: &Handle, permission: &Name) -> Result<Row, Failure> {
    let found = settings(object, permission)?;
    let granted = site.why(Actor::anonymous(), permission.as_str(), object)?.granted;
    let roles = |default: bool| {
        let granted = granted.iter().filter(|granted| !default || granted.by.is_none());
        names(&Roles::new(granted.map(|granted| granted.role.clone())))
    };
    Ok(Row {
        permission: permission.to_string(),
        roles: roles(false),
        default: roles(true),
        settings: found
            .iter()
            .map(|(at, setting)| SettingRow {
                roles: names(&setting.roles),
                acquire: setting.acquire,
                text: setting_text(setting),
                said: SaidRow::of(site, object.view(), at),
            })
            .collect(),
    })
}
