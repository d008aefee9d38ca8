//! Secrets of connections: in the environment of the server, never in the site.
//!
//! A connection names a variable. Only those whose names begin with [`PREFIX`] are read, so that no other variable of the
//! process can be asked for; and the variable itself says for which host its secret is: `mail.example.org s3cret`. So
//! whoever changes a connection can neither read a secret nor have it sent elsewhere.

/// What the names of the variables begin with.
pub const PREFIX: &str = "BOUGH_SECRET_";

/// The secret in the environment variable of that name, for that host.
///
/// # Errors
/// A sentence for people, when it cannot be used.
pub(crate) fn secret(variable: &str, host: &str) -> Result<String, String> {
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
    match for_host(&value, host) {
        Some(secret) => Ok(secret.to_owned()),
        None => Err(format!(
            "the variable {variable} holds no secret for the host {host}: it has to be `HOST SECRET`"
        )),
    }
}

/// The secret in the value of a variable, where it is for that host.
fn for_host<'v>(value: &'v str, host: &str) -> Option<&'v str> {
    let (meant, secret) = value.split_once(' ')?;
    (meant.eq_ignore_ascii_case(host) && !secret.is_empty()).then_some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_to_its_host_only() {
        for (value, host, expected) in [
            ("mail.example.org s3 cret", "mail.example.org", Some("s3 cret")),
            ("Mail.Example.Org s", "mail.example.org", Some("s")),
            ("mail.example.org s", "evil.example", None),
            ("mail.example.org s", "mail.example.org.evil.example", None),
            ("mail.example.org", "mail.example.org", None),
            ("mail.example.org ", "mail.example.org", None),
            ("", "", None),
        ] {
            assert_eq!(for_host(value, host), expected, "{value} for {host}");
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
            assert!(secret(name, "example.org").unwrap_err().contains("has to be named"), "{name}");
        }
        assert!(secret("BOUGH_SECRET_NOT_SET_HERE", "h").unwrap_err().contains("is not set"));
    }
}
