//! The host table: which host name shows which part of the tree, and how the world writes its links.
//!
//! # Invariants
//! - An exact name wins over a pattern, a longer pattern over a shorter one, also where one of them is for versions.
//! - What a proxy says about the client counts only if the proxy's address is trusted.
//!
//! Not here: following a path below the host's place (`publisher`), how hosts of versions are written
//! (`version_hosts`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use bough_core::ObjectPath;

use crate::version_hosts::VersionHosts;

/// What a request for a host that the table does not name gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownHost {
    /// The whole site.
    #[default]
    ServeRoot,
    /// An error page: 421, "Misdirected Request".
    Refuse,
}

/// What one host shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The object that this host's `/` names. Nothing outside of it has a URL here; acquisition still sees it.
    pub subtree: ObjectPath,
    /// What absolute links begin with, as in `https://example.org`; none where only paths are written.
    pub base_url: Option<Arc<str>>,
    /// What the path of every link begins with, as in `/site`; for a proxy that takes it off again. May be empty.
    pub prefix: String,
}

/// Why an entry was not taken into the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Neither a host name nor `*.` and a host name.
    #[error("`{0}` is not a host: expected a name as in `example.org`, or `*.example.org` for all below it")]
    Pattern(String),
    /// Not `http://` or `https://` and a host.
    #[error("`{0}` is not a base URL: expected `https://` and a host, without a path")]
    BaseUrl(String),
    /// Does not begin with `/`, or ends with it.
    #[error("`{0}` is not a prefix: expected it to begin with `/` and not to end with it")]
    Prefix(String),
    /// Not `*.` and a host name.
    #[error("`{0}` does not say where versions are: expected `*.v.example.org` or `https://*.v.example.org`")]
    VersionHosts(String),
}

/// Which host shows what.
#[derive(Clone, Debug, Default)]
pub struct HostTable {
    exact: HashMap<String, Arc<Host>>,
    /// `.example.org` for `*.example.org`, the longest first.
    suffixes: Vec<(String, Arc<Host>)>,
    unknown: UnknownHost,
    /// What unknown hosts get where they get anything, and what each version's host shows of the version.
    otherwise: Arc<Host>,
    /// Besides [`VersionHosts::LOCAL`].
    versions: Vec<VersionHosts>,
}

impl HostTable {
    /// A table that answers unknown hosts in this way.
    pub fn new(unknown: UnknownHost) -> Self {
        Self { unknown, ..Self::default() }
    }

    /// Adds a host: a name, or `*.` and a name for every host below that.
    ///
    /// # Errors
    /// When the pattern, the base URL or the prefix has not the right form.
    pub fn with(mut self, pattern: &str, host: Host) -> Result<Self, HostError> {
        let host = Arc::new(checked(host)?);
        let lower = pattern.to_ascii_lowercase();
        let name = lower.strip_prefix("*.").unwrap_or(&lower);
        if !is_host_name(name) {
            return Err(HostError::Pattern(pattern.to_owned()));
        }
        if name.len() == lower.len() {
            self.exact.insert(lower, host);
        } else {
            self.suffixes.push((lower[1..].to_owned(), host));
            self.suffixes.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        }
        Ok(self)
    }

    /// Shows this to hosts that the table does not name, instead of the whole site without a prefix: for a site that
    /// is nested below a route of an application, or has one public address.
    ///
    /// # Errors
    /// When the base URL or the prefix has not the right form.
    pub fn otherwise(self, host: Host) -> Result<Self, HostError> {
        Ok(Self { otherwise: Arc::new(checked(host)?), ..self })
    }

    /// Gives every version a host of its own here, too; on this machine it always has one (`NAME.v.localhost`).
    #[must_use]
    pub fn with_versions(mut self, hosts: VersionHosts) -> Self {
        self.versions.push(hosts);
        self
    }

    /// The name of the version that a host is for, as it stands in the host's name, and where that was said; none
    /// where the host is for none. Lower case and without a port.
    pub(crate) fn version<'a>(&self, host: &'a str) -> Option<(&'a str, &VersionHosts)> {
        let patterns = self.versions.iter().chain([&VersionHosts::LOCAL]);
        let found = patterns.filter_map(|hosts| Some((hosts.version_in(host)?, hosts)));
        let (name, hosts) = found.min_by_key(|(name, _)| name.len())?;
        let is_named = self.exact.contains_key(host);
        let is_nearer = |suffix: &str| host.len() < suffix.len() + name.len() && host.ends_with(suffix);
        let is_other = is_named || self.suffixes.iter().any(|(suffix, _)| is_nearer(suffix));
        (!is_other).then_some((name, hosts))
    }

    /// What the hosts of versions show.
    pub(crate) fn of_versions(&self) -> &Arc<Host> {
        &self.otherwise
    }

    /// The entry for a host name in lower case and without a port; none where it is to be refused.
    pub fn find(&self, name: &str) -> Option<&Arc<Host>> {
        if let Some(host) = self.exact.get(name) {
            return Some(host);
        }
        let below = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
        if let Some((_, host)) = self.suffixes.iter().find(|(suffix, _)| below(suffix)) {
            return Some(host);
        }
        (self.unknown == UnknownHost::ServeRoot).then_some(&self.otherwise)
    }
}

fn checked(host: Host) -> Result<Host, HostError> {
    check_base_url(host.base_url.as_deref())?;
    let is_prefix = host.prefix.is_empty() || (host.prefix.starts_with('/') && !host.prefix.ends_with('/'));
    if is_prefix && host.prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(host)
    } else {
        Err(HostError::Prefix(host.prefix))
    }
}

fn check_base_url(base_url: Option<&str>) -> Result<(), HostError> {
    let Some(url) = base_url else { return Ok(()) };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if host_name(host).is_some() => Ok(()),
        _ => Err(HostError::BaseUrl(url.to_owned())),
    }
}

pub(crate) fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// The name in a `Host` header, without the port; none where that is no host.
pub(crate) fn host_name(authority: &str) -> Option<&str> {
    let (name, port) = if authority.starts_with('[') {
        let end = authority.find(']')? + 1;
        (&authority[..end], &authority[end..])
    } else {
        authority.split_at(authority.find(':').unwrap_or(authority.len()))
    };
    let port_ok = port.is_empty() || (port.len() <= 6 && port[1..].bytes().all(|b| b.is_ascii_digit()));
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let name_ok = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host_name(name),
    };
    (port_ok && name_ok && (port.is_empty() || port.starts_with(':'))).then_some(name)
}

/// Addresses that share their first bits, as in `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    bits: u8,
}

/// A text that should have been a range of addresses and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a range of them: expected `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`")]
pub struct ParseAddressRangeError(String);

impl AddressRange {
    /// Whether the address lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = u32::from(self.bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                (mine.to_bits() ^ other.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => {
                (mine.to_bits() ^ other.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = ParseAddressRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseAddressRangeError(text.chars().take(60).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

/// What stands for a host that nobody can read: no host has that name.
pub(crate) const NO_HOST: &str = "?";

/// The host that a request names, with its port if it says one; empty where it names none. None where it names several:
/// what is before this server may have taken it for another one's.
pub(crate) fn named_host<'a>(
    uri: &'a axum::http::Uri,
    headers: &'a axum::http::HeaderMap,
) -> Option<&'a str> {
    let mut hosts = headers.get_all(axum::http::header::HOST).iter();
    let host = hosts.next().map(|host| host.to_str().unwrap_or(NO_HOST));
    if hosts.next().is_some() {
        return None;
    }
    match (uri.authority(), host) {
        (None, host) => Some(host.unwrap_or_default()),
        (Some(authority), None) => Some(authority.as_str()),
        (Some(authority), Some(host)) => {
            authority.as_str().eq_ignore_ascii_case(host).then_some(authority.as_str())
        }
    }
}

/// Who asked for which host, by which scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address, where it is known.
    pub(crate) client: Option<IpAddr>,
    /// What the `Host` header, or a trusted proxy, says; empty where there is none.
    pub(crate) authority: String,
    /// Whether the client came by TLS, as far as this server or a trusted proxy knows.
    pub(crate) is_https: bool,
}

/// Works out the origin of a request that came with `direct`. Of a list that several proxies wrote, the last entry counts that a trusted one
/// added; what stands before it may be the client's invention.
pub(crate) fn origin(trusted: &[AddressRange], direct: Origin, headers: &axum::http::HeaderMap) -> Origin {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !direct.client.is_some_and(is_trusted) {
        return direct;
    }
    let mut origin = direct;
    let list = |name: &str| -> Vec<&str> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim).filter(|entry| !entry.is_empty()).collect()
    };
    let forwarded = list("forwarded");
    let (clients, host, proto): (Vec<&str>, _, _) = if forwarded.is_empty() {
        (
            list("x-forwarded-for"),
            list("x-forwarded-host").last().copied(),
            list("x-forwarded-proto").last().copied(),
        )
    } else {
        let last = forwarded.last().copied().unwrap_or_default();
        let clients = forwarded.iter().map(|entry| parameter(entry, "for").unwrap_or("unknown")).collect();
        (clients, parameter(last, "host"), parameter(last, "proto"))
    };
    for client in clients.iter().rev() {
        let Some(address) = forwarded_address(client) else { break };
        origin.client = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    if let Some(host) = host {
        origin.authority = host.to_owned();
    }
    if let Some(proto) = proto {
        origin.is_https = proto.eq_ignore_ascii_case("https");
    }
    origin
}

/// Headers by which a proxy says that it asks for somebody else.
const FORWARDING: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// Whether whoever asks sits at this machine: the connection comes from it, for no one else, and to one of its own
/// names. `authority` is what [`origin`] found.
///
/// The name is looked at because a page on the web may have its own name lead to this machine, and because a proxy
/// that says nothing about whom it asks for at least tends to hand on the public name.
pub(crate) fn is_local(
    trusted: &[AddressRange],
    peer: Option<IpAddr>,
    headers: &axum::http::HeaderMap,
    authority: &str,
) -> bool {
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    let Some(peer) = peer.filter(|peer| is_loopback(*peer)) else { return false };
    if !host_name(authority).is_some_and(is_local_name) {
        return false;
    }
    if !FORWARDING.iter().any(|name| headers.contains_key(*name)) {
        return true;
    }
    let entries = |name: &str| {
        let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
        values.flat_map(|value| value.split(',')).map(str::trim)
    };
    let named = entries("forwarded").map(|entry| parameter(entry, "for").unwrap_or("unknown"));
    let mut clients = named.chain(entries("x-forwarded-for")).chain(entries("x-real-ip")).peekable();
    trusted.iter().any(|range| range.contains(peer))
        && clients.peek().is_some()
        && clients.all(|client| forwarded_address(client).is_some_and(is_loopback))
}

/// Whether a host name, or an address in its place, always means the machine itself.
fn is_local_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The value of `name` in `for=1.2.3.4;host="example.org"`.
fn parameter<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// `1.2.3.4`, `1.2.3.4:5`, `[::1]:5` or `::1`.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(with_port) = text.parse::<std::net::SocketAddr>() {
        return Some(with_port.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn host(subtree: &str) -> Host {
        Host { subtree: ObjectPath::parse(subtree).unwrap(), ..Host::default() }
    }

    #[test]
    fn an_exact_host_wins_over_a_pattern_and_a_longer_pattern_over_a_shorter_one() {
        let table = HostTable::new(UnknownHost::Refuse)
            .with("*.example.org", host("/any"))
            .and_then(|table| table.with("*.a.example.org", host("/a")))
            .and_then(|table| table.with("www.example.org", host("/www")))
            .unwrap();
        for (name, subtree) in [
            ("www.example.org", Some("/www")),
            ("b.example.org", Some("/any")),
            ("b.a.example.org", Some("/a")),
            ("example.org", None),
            (".example.org", None),
            ("evilexample.org", None),
        ] {
            let found = table.find(name).map(|host| host.subtree.to_string());
            assert_eq!(found.as_deref(), subtree, "{name}");
        }
        assert!(HostTable::default().find("anything").is_some());
    }

    #[test]
    fn a_host_is_a_versions_unless_the_table_says_more_about_it() {
        let table = HostTable::default()
            .with("*.example.org", host("/any"))
            .and_then(|table| table.with("taken.v.example.org", host("/taken")))
            .and_then(|table| table.with("*.deep.v.example.org", host("/deep")))
            .unwrap()
            .with_versions("*.v.example.org".parse().unwrap());
        for (name, version) in [
            ("news.v.example.org", Some("news")),
            ("a.b.v.example.org", Some("a.b")),
            ("news.v.localhost", Some("news")),
            ("taken.v.example.org", None),
            ("a.deep.v.example.org", None),
            ("deep.v.example.org", Some("deep")),
            ("v.example.org", None),
            (".v.example.org", None),
            ("www.example.org", None),
            ("evilv.localhost", None),
            ("v.localhost", None),
        ] {
            assert_eq!(table.version(name).map(|(version, _)| version), version, "{name}");
        }
    }

    #[test]
    fn only_who_asks_from_this_machine_for_itself_and_by_its_own_name_is_local() {
        let check = |trusted: &str, peer: &str, host: &str, headers: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            let trusted: Vec<AddressRange> = trusted.parse().into_iter().collect();
            is_local(&trusted, Some(peer.parse().unwrap()), &map, host)
        };
        for host in ["localhost", "LOCALHOST:80", "x.v.localhost:8080", "127.0.0.1:8080", "[::1]:80"] {
            assert!(check("", "127.0.0.1", host, &[]), "{host}");
            assert!(check("", "::1", host, &[]), "{host}");
            assert!(!check("", "192.0.2.1", host, &[]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.0.2.1", "evillocalhost", ""] {
            assert!(!check("", "127.0.0.1", host, &[]), "{host}");
        }
        let mine = [("x-forwarded-for", "127.0.0.1")];
        assert!(check("127.0.0.1", "127.0.0.1", "localhost", &mine));
        assert!(!check("", "127.0.0.1", "localhost", &mine), "nobody said that it is believed");
        assert!(!check("10.0.0.1", "10.0.0.1", "localhost", &mine), "another machine");
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-for", "127.0.0.1, 192.0.2.7"),
            ("x-forwarded-for", "192.0.2.7, 127.0.0.1"),
            ("x-forwarded-for", "unknown, 127.0.0.1"),
            ("x-forwarded-for", ""),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "192.0.2.7"),
            ("via", "1.1 proxy"),
            ("forwarded", "for=192.0.2.7"),
            ("forwarded", "host=localhost"),
            ("forwarded", "for=127.0.0.1, for=_hidden"),
        ] {
            assert!(!check("127.0.0.1", "127.0.0.1", "localhost", &[(name, value)]), "{name}: {value}");
        }
        let both = [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=192.0.2.7")];
        assert!(!check("127.0.0.1", "127.0.0.1", "localhost", &both));
    }

    #[test]
    fn entries_without_the_right_form_are_refused() {
        for pattern in ["", "*", "a/b", "*.", "a b", "http://x"] {
            assert!(HostTable::default().with(pattern, Host::default()).is_err(), "{pattern}");
        }
        for url in ["example.org", "ftp://x", "https://", "https://a/b"] {
            let host = Host { base_url: Some(url.into()), ..Host::default() };
            assert!(HostTable::default().with("a", host).is_err(), "{url}");
        }
        for prefix in ["a", "/a/", "/", "/a b"] {
            let host = Host { prefix: prefix.into(), ..Host::default() };
            assert!(HostTable::default().with("a", host).is_err(), "{prefix}");
        }
    }

    #[test]
    fn a_host_header_is_a_name_or_an_address_with_or_without_a_port() {
        for (text, name) in [
            ("example.org", Some("example.org")),
            ("example.org:8080", Some("example.org")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]:80", Some("[::1]")),
            ("a:b", None),
            ("a b", None),
            ("a/b", None),
            ("[x]", None),
            ("[::1]x", None),
            ("", None),
        ] {
            assert_eq!(host_name(text), name, "{text}");
        }
    }

    #[test]
    fn a_range_holds_the_addresses_that_share_its_bits() {
        for (range, address, inside) in [
            ("10.0.0.0/8", "10.9.9.9", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::/0", "1.2.3.4", false),
        ] {
            let range: AddressRange = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{address}");
        }
        for wrong in ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "x", "1.2.3.4/-1"] {
            assert!(wrong.parse::<AddressRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_proxy_is_believed_only_if_its_address_is_trusted() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let check = |peer: &str, headers: &[(&'static str, &str)], client: &str, host: &str, https: bool| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            let direct = Origin { client: peer.parse().ok(), authority: "direct".into(), is_https: false };
            let origin = origin(&trusted, direct, &map);
            let expected =
                Origin { client: Some(client.parse().unwrap()), authority: host.into(), is_https: https };
            assert_eq!(origin, expected, "{headers:?}");
        };
        let x = [
            ("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2"),
            ("x-forwarded-host", "evil, public"),
            ("x-forwarded-proto", "https"),
        ];
        check("10.0.0.1", &x, "1.1.1.1", "public", true);
        check("9.9.9.9", &x, "9.9.9.9", "direct", false);
        let f =
            [("forwarded", "for=6.6.6.6;host=evil, for=\"[2001:db8::1]:77\";host=\"public\";proto=https")];
        check("10.0.0.1", &f, "2001:db8::1", "public", true);
        check("10.0.0.1", &[("forwarded", "for=unknown")], "10.0.0.1", "direct", false);
    }
}
