//! Secrets of connections: in the environment of the server, never in the site.
//!
//! A connection names a variable. Only those whose names begin with [`PREFIX`] are read, so that no other variable of the
//! process can be asked for; and the variable itself says for which host and port its secret is:
//! `mail.example.org:587 s3cret`. So whoever changes a connection can neither read a secret nor have it sent elsewhere.

use super::http::is_here;

/// What the names of the variables begin with.
pub const PREFIX: &str = "BOUGH_SECRET_";

/// The secret in the environment variable of that name, for that host and port. Where it names no port, it is for
/// `default_port`, and on this machine, where anybody may listen, for none.
///
/// # Errors
/// A sentence for people, when it cannot be used.
pub(crate) fn secret(variable: &str, host: &str, port: u16, default_port: u16) -> Result<String, String> {
    let is_named_so = variable.strip_prefix(PREFIX).is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    if !is_named_so {
        return Err(format!(
            "the variable with its secret has to be named {PREFIX}..., in letters, digits and `_`"
        ));
    }
    let value =
        std::env::var(variable).map_err(|_| format!("the variable {variable} is not set for this server"))?;
    match for_place(&value, host, port, default_port) {
        Some(secret) => Ok(secret.to_owned()),
        None => Err(format!(
            "the variable {variable} holds no secret for the host {host} and the port {port}: it has to be \
             `HOST:PORT SECRET`"
        )),
    }
}

/// The secret in the value of a variable, where it is for that host and port.
fn for_place<'v>(value: &'v str, host: &str, port: u16, default_port: u16) -> Option<&'v str> {
    let (place, secret) = value.split_once(' ')?;
    let (meant, meant_port) = parse(place)?;
    let default_port = (!is_here(host)).then_some(default_port);
    let is_for_it = meant.eq_ignore_ascii_case(bare(host))
        && meant_port.or(default_port) == Some(port)
        && !secret.is_empty();
    is_for_it.then_some(secret)
}

/// The host and the port of `HOST[:PORT]`; none where the port is no number.
fn parse(place: &str) -> Option<(&str, Option<u16>)> {
    match place.rsplit_once(':') {
        // An address of IPv6 has colons of its own, and brackets where a port follows.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            Some((bare(host), Some(port.parse().ok()?)))
        }
        _ => Some((bare(place), None)),
    }
}

/// A host without the brackets of an address of IPv6.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_to_its_host_and_port_only() {
        for (value, host, port, expected) in [
            ("mail.example.org s3 cret", "mail.example.org", 443, Some("s3 cret")),
            ("Mail.Example.Org s", "mail.example.org", 443, Some("s")),
            ("mail.example.org s", "mail.example.org", 8443, None),
            ("mail.example.org:8443 s", "mail.example.org", 8443, Some("s")),
            ("mail.example.org:8443 s", "mail.example.org", 443, None),
            ("mail.example.org: s", "mail.example.org", 443, None),
            ("mail.example.org:https s", "mail.example.org", 443, None),
            ("localhost s", "localhost", 443, None),
            ("127.0.0.1 s", "127.0.0.1", 443, None),
            ("::1 s", "[::1]", 443, None),
            ("localhost:443 s", "localhost", 443, Some("s")),
            ("[::1]:8443 s", "[::1]", 8443, Some("s")),
            ("[::1]:8443 s", "::1", 8443, Some("s")),
            ("[2001:db8::1] s", "[2001:db8::1]", 443, Some("s")),
            ("2001:db8::1 s", "[2001:db8::1]", 443, Some("s")),
            ("mail.example.org s", "evil.example", 443, None),
            ("mail.example.org s", "mail.example.org.evil.example", 443, None),
            ("mail.example.org", "mail.example.org", 443, None),
            ("mail.example.org ", "mail.example.org", 443, None),
            ("", "", 443, None),
        ] {
            assert_eq!(for_place(value, host, port, 443), expected, "{value} for {host} and {port}");
        }
    }

    #[test]
    fn no_other_variable_of_the_process_can_be_asked_for() {
        for name in [
            "PATH",
            "HOME",
            "BOUGH_SECRET_",
            "bough_secret_x",
            "BOUGH_SECRET_a=b",
            "BOUGH_EMERGENCY_PASSWORD",
        ] {
            assert!(secret(name, "example.org", 443, 443).unwrap_err().contains("has to be named"), "{name}");
        }
        assert!(secret("BOUGH_SECRET_NOT_SET_HERE", "h", 443, 443).unwrap_err().contains("is not set"));
    }
}
