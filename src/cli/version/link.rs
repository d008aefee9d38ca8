//! `version link`, `links` and `unlink`: preview links to a version, for people who have no access to it.

use bough::core::ObjectPath;
use bough::core::snapshot::{find, path_of};
use bough::store::Database;
use bough::store::version::VersionError;
use bough::web::{
    NewPreviewLink, PreviewError, PreviewLink, VersionHosts, make_preview_link, preview_links,
    revoke_preview_link,
};
use bough::{Error, Site};
use jiff::{Span, Zoned};
use serde::{Deserialize, Serialize};

use crate::cli::asker::Asker;
use crate::cli::failure::{Code, Failure, quoted};
use crate::cli::moment::{local, rfc3339};
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;

/// Longest time that a link may stand.
const DAYS_MAX: i64 = 366;

/// Make a link by which anybody can look at a version, or a part of it, for a while
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Name of the version
    name: String,
    /// What the link shows, with everything in it
    #[arg(long, default_value = "/")]
    path: String,
    /// For how long, as in `12h` or `7d`; at most a year
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = seconds)]
    expires: u64,
    /// What it is for, to know it again
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

/// List the links to a version that stand
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Links {
    /// Name of the version
    name: String,
}

/// Take a link back: from then on it shows nothing
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Unlink {
    /// Name of the version
    name: String,
    /// The link, as `links` lists it
    id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    id: String,
    version: String,
    /// None where the version does not show the object any more.
    path: Option<String>,
    expires: String,
    made: String,
    made_by: String,
    label: String,
    /// Only when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl SiteCommand for Link {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = version(site, &self.name)?;
        let path = ObjectPath::parse(&self.path).map_err(Error::from)?;
        let subtree = find(&version.snapshot(), &path).map_err(Error::from)?.ok_or_else(|| {
            Failure::not_found(format!("there is nothing at `{path}` in version `{}`", self.name))
        })?;
        let new = NewPreviewLink {
            subtree,
            expires_micros: version.now_micros() + self.expires * 1_000_000,
            made_by: asker.principal().to_owned(),
            maker: None,
            label: self.label.clone(),
        };
        let (link, url_path) = make_preview_link(&version, &new).map_err(failed)?;
        let hosts = VersionHosts::remembered(&version).map_err(|error| Failure::of(&error))?;
        let url = format!("{}{url_path}", hosts.url(&self.name));
        asker.row(&Row { url: Some(url), ..row(&version, &self.name, &link)? })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        screen.line(row.url.as_deref().unwrap_or_default())?;
        screen.line(&format!("shows {} until {}", row.path.unwrap_or_default(), local(&row.expires)))?;
        let program = screen.program.clone();
        screen.line(&format!(
            "take it back with: {program} version unlink {} {}",
            quoted(&row.version),
            row.id
        ))
    }
}

impl SiteCommand for Links {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = version(site, &self.name)?;
        let links = preview_links(&version).map_err(|error| Failure::of(&error))?;
        links.iter().try_for_each(|link| asker.row(&row(&version, &self.name, link)?))
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        let row: Row = typed(row)?;
        let path = row.path.unwrap_or_else(|| "(gone)".to_owned());
        screen.line(&format!(
            "{}  until {}  by {}  {path}  {}",
            row.id,
            local(&row.expires),
            row.made_by,
            row.label
        ))
    }
}

impl SiteCommand for Unlink {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let version = version(site, &self.name)?;
        if revoke_preview_link(&version, &self.id).map_err(failed)? {
            return asker.row(&serde_json::json!({ "id": self.id }));
        }
        let message = format!("version `{}` has no link {}", self.name, quoted(&self.id));
        Err(Failure::not_found(message).advise(format!("bough version links {}", quoted(&self.name))))
    }

    fn print(&self, _: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        screen.line(&format!("Link {} shows nothing any more", self.id))
    }
}

fn version(site: &Site, name: &str) -> Result<Database, Failure> {
    site.database().version(name).map_err(|error| failed(error.into()))
}

fn failed(error: PreviewError) -> Failure {
    let code = match &error {
        PreviewError::Version(VersionError::NoSuchVersion { .. }) => Code::NotFound,
        PreviewError::Label(_) => Code::Usage,
        _ => Code::Refused,
    };
    Failure::of(&error).with_code(code)
}

fn row(version: &Database, name: &str, link: &PreviewLink) -> Result<Row, Failure> {
    let path = path_of(&version.snapshot(), link.subtree).map_err(Error::from)?;
    Ok(Row {
        id: link.id.clone(),
        version: name.to_owned(),
        path: path.map(|path| path.to_string()),
        expires: rfc3339(link.expires_micros),
        made: rfc3339(link.made_micros),
        made_by: link.made_by.clone(),
        label: link.label.clone(),
        url: None,
    })
}

/// Reads a length of time.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a time as in `12h` or `7d`, at most {DAYS_MAX} days");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let now = Zoned::now();
    let then = now.checked_add(span).map_err(|_| wrong())?;
    let secs = now.duration_until(&then).as_secs();
    let is_fine = (1..=DAYS_MAX * 86_400).contains(&secs);
    u64::try_from(secs).ok().filter(|_| is_fine).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stands_for_some_seconds_and_a_year_at_most() {
        for (text, secs) in [("12h", 43_200), ("90 minutes", 5_400), ("1s", 1)] {
            assert_eq!(seconds(text), Ok(secs), "{text}");
        }
        for wrong in ["", "7", "soon", "0s", "-1h", "2y", "999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
