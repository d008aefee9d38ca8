//! The hosts of versions: each version has one of its own, so that links inside stay inside and its scripts share no
//! origin with the public site.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bough_store::side_space::PUBLISHED;
use bough_store::{CommitError, Database, SideWrite, StoreError};

use crate::hosts::{HostError, is_host_name};

/// The record that says where the site's versions were last served.
const KEY: &[u8] = b"version-hosts";
/// Where they are if nobody ever said.
const PORT_DEFAULT: u16 = 8080;

/// A host for each version: `https://*.v.example.org`, where `*` stands for the version's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionHosts {
    is_https: bool,
    /// `v.example.org`, in lower case.
    domain: Cow<'static, str>,
    port: Option<u16>,
}

impl VersionHosts {
    /// `http://*.v.localhost`: browsers know that this is the machine that they run on.
    pub const LOCAL: Self = Self { is_https: false, domain: Cow::Borrowed("v.localhost"), port: None };

    /// The same with the port that the site listens on, unless one was named or something before it ends TLS.
    #[must_use]
    pub fn on_port(self, port: u16) -> Self {
        let is_known = self.port.is_some() || self.is_https || port == 80;
        if is_known { self } else { Self { port: Some(port), ..self } }
    }

    /// The same for a server that ends TLS itself, so that its own port is the browsers' one, too.
    #[must_use]
    pub fn on_tls_port(self, port: u16) -> Self {
        let port = self.port.or((port != 443).then_some(port));
        Self { is_https: true, port, ..self }
    }

    /// The URL of a version, without a slash at its end.
    pub fn url(&self, version: &str) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        format!("{scheme}://{version}.{}{port}", self.domain)
    }

    /// Whether browsers come by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// What `*` stands for in this name of a host; none where it is another host.
    pub(crate) fn version_in<'a>(&self, host: &'a str) -> Option<&'a str> {
        host.strip_suffix(&*self.domain)?.strip_suffix('.').filter(|version| !version.is_empty())
    }

    /// Where this site's versions were last served, so that links to them can be made without a server.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn remembered(database: &Database) -> Result<Self, StoreError> {
        let text = database.side(PUBLISHED, KEY)?;
        let known = text.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        Ok(known.unwrap_or_else(|| Self::LOCAL.on_port(PORT_DEFAULT)))
    }

    /// Keeps it for [`VersionHosts::remembered`].
    ///
    /// # Errors
    /// As for a commit.
    pub fn remember(&self, database: &Database) -> Result<(), CommitError> {
        if Self::remembered(database).is_ok_and(|known| known == *self) {
            return Ok(());
        }
        let value = Some(self.to_string().into_bytes());
        database.write_side(&[SideWrite { space: PUBLISHED, key: KEY.to_vec(), value, expires_micros: 0 }])
    }
}

/// As [`VersionHosts::from_str`] reads it.
impl fmt::Display for VersionHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url("*"))
    }
}

impl FromStr for VersionHosts {
    type Err = HostError;

    /// Reads `*.v.example.org`, with or without the scheme before it and the port behind it.
    fn from_str(text: &str) -> Result<Self, HostError> {
        let wrong = || HostError::VersionHosts(text.chars().take(100).collect());
        let (is_https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => (false, text),
        };
        let (pattern, port) = match rest.split_once(':') {
            Some((pattern, port)) => (pattern, Some(port.parse().map_err(|_| wrong())?)),
            None => (rest, None),
        };
        let domain = pattern.strip_prefix("*.").ok_or_else(wrong)?.to_ascii_lowercase();
        if !is_host_name(&domain) || domain.starts_with('.') {
            return Err(wrong());
        }
        Ok(Self { is_https, domain: domain.into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::built_in_types;
    use bough_store::Options;

    #[test]
    fn hosts_of_versions_are_written_as_they_are_read() {
        for (text, url) in [
            ("*.v.example.org", "http://x.v.example.org"),
            ("https://*.V.example.org", "https://x.v.example.org"),
            ("http://*.v.localhost:8080", "http://x.v.localhost:8080"),
        ] {
            let hosts: VersionHosts = text.parse().unwrap();
            assert_eq!(hosts.url("x"), url, "{text}");
            assert_eq!(hosts.to_string().parse(), Ok(hosts), "{text}");
        }
        for wrong in ["", "*", "*.", "v.example.org", "x.*.org", "ftp://*.a", "*.a/b", "*.a:b", "*.a:99999"] {
            assert!(wrong.parse::<VersionHosts>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_port_is_the_listeners_where_none_was_named_and_nothing_ends_tls() {
        for (text, url) in [
            ("*.v.test", "http://x.v.test:81"),
            ("*.v.test:82", "http://x.v.test:82"),
            ("https://*.v.test", "https://x.v.test"),
        ] {
            assert_eq!(text.parse::<VersionHosts>().unwrap().on_port(81).url("x"), url);
        }
        for (text, port, url) in [
            ("*.v.test", 81, "https://x.v.test:81"),
            ("*.v.test", 443, "https://x.v.test"),
            ("https://*.v.test:82", 81, "https://x.v.test:82"),
        ] {
            assert_eq!(text.parse::<VersionHosts>().unwrap().on_tls_port(port).url("x"), url);
        }
    }

    #[test]
    fn where_versions_were_served_is_remembered() {
        let database = Database::in_memory(Options::new(built_in_types())).unwrap();
        assert_eq!(VersionHosts::remembered(&database).unwrap().url("x"), "http://x.v.localhost:8080");
        let hosts: VersionHosts = "https://*.v.example.org".parse().unwrap();
        hosts.remember(&database).unwrap();
        assert_eq!(VersionHosts::remembered(&database).unwrap(), hosts);
    }
}
