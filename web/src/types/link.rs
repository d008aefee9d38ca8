//! Link: leads elsewhere, to a path of the site, an address, or an object wherever it is moved.

use bough_core::security::permission::VIEW;
use bough_core::snapshot::attribute;
use bough_core::{Object, Value};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::error::PublishError;
use crate::publisher::visit::Visit;

/// What may stand in no address at all.
const IN_ADDRESS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'`');

/// The address that the link leads to, and whether that is for good.
pub(crate) fn target(visit: &Visit, object: &Object) -> Result<(String, bool), PublishError> {
    let target = attribute(&visit.snapshot, object, "target")?;
    let address = match &target {
        Some(Value::Reference(oid)) if !visit.access.allows_at(VIEW, *oid)? => {
            return Err(PublishError::Link(format!("object {oid} has no URL here")));
        }
        Some(Value::Reference(oid)) => visit
            .links
            .url(&visit.snapshot, visit.types(), *oid)?
            .ok_or_else(|| PublishError::Link(format!("object {oid} has no URL here")))?,
        Some(Value::Text(text)) => address(text, &visit.links.before)
            .ok_or_else(|| PublishError::Link(text.chars().take(200).collect()))?,
        _ => return Err(PublishError::Link("none is set".into())),
    };
    Ok((address, object.flag("permanent")))
}

/// A path of the site with what its links begin with, or an address on the web. Nothing that a browser would run.
fn address(text: &str, before: &str) -> Option<String> {
    let text = text.trim();
    let encoded = utf8_percent_encode(text, IN_ADDRESS);
    if text.starts_with('/') && !text.starts_with("//") {
        return Some(format!("{before}{encoded}"));
    }
    let scheme = text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, rest)) if matches!(scheme.as_str(), "http" | "https") && !rest.is_empty() => {
            Some(encoded.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_site_and_addresses_on_the_web_are_targets() {
        for (text, expected) in [
            ("/a b", Some("/@at/t1/a%20b")),
            ("https://example.org/é?x#y", Some("https://example.org/%C3%A9?x#y")),
            (" HTTP://x ", Some("HTTP://x")),
            ("/\\evil.org", Some("/@at/t1/%5Cevil.org")),
            ("//evil.org", None),
            ("javascript:alert(1)", None),
            ("javascript://x", None),
            ("data:text/html,x", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(address(text, "/@at/t1").as_deref(), expected, "{text}");
        }
    }
}
