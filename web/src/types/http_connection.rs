//! HTTP connections: an address outside of the site that methods of types may ask.
//!
//! `fetch` shows what is there, as text that does nothing in a browser, so that a connection can be tried.

use bough_core::name::NameError;
use bough_core::object_type::{
    AttributeSpec, Call, Effect, Guards, MethodError, MethodSpec, ObjectType, Reply, TypeSchema,
};
use bough_core::outside::{CHANGE_CONNECTIONS, USE_CONNECTIONS};
use bough_core::{Name, Value};

use super::{labelled, rules_in_versions};
use crate::outside::http::{BYTES_DEFAULT, SECS_DEFAULT, TYPE};

pub(super) struct HttpConnection {
    schema: TypeSchema,
}

impl HttpConnection {
    pub(super) fn new() -> Result<Self, NameError> {
        let mut attributes = vec![
            labelled("title", "text", "Title")?,
            AttributeSpec::required(labelled("url", "text", "Address that everything asked for lies below")?),
            labelled("timeout_secs", "int", "Longest time for a request, in seconds")?
                .with_default(Value::Int(SECS_DEFAULT)),
            labelled("bytes_max", "int", "Longest answer, in bytes")?.with_default(Value::Int(BYTES_DEFAULT)),
            labelled("headers", "map", "Header lines for each request; no secrets")?,
            labelled(
                "token_variable",
                "text",
                "Variable of the server with a token: BOUGH_SECRET_... = HOST[:PORT] TOKEN",
            )?,
        ];
        attributes.extend(rules_in_versions()?);
        let schema = TypeSchema {
            attributes,
            methods: vec![MethodSpec {
                name: Name::new("fetch")?,
                effect: Effect::Reads,
                permission: USE_CONNECTIONS,
            }],
            connection: true,
            guards: Guards { view: USE_CONNECTIONS, ..Guards::all(CHANGE_CONNECTIONS) },
            ..TypeSchema::new(TYPE, "HTTP connection")?
        };
        Ok(Self { schema })
    }
}

impl ObjectType for HttpConnection {
    fn schema(&self) -> &TypeSchema {
        &self.schema
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        if method != "fetch" {
            let type_name = self.schema.name.clone();
            return Err(MethodError::NoSuchMethod { type_name, method: method.to_string() });
        }
        let path = if call.arguments.contains_key("path") { call.text("path")? } else { "" };
        let answer = call.outside().get(call.object, path)?;
        if !(200..300).contains(&answer.status) {
            return Err(MethodError::Refused(format!(
                "the other side answered with the status {}",
                answer.status
            )));
        }
        Ok(Reply::Document { media_type: harmless(&answer.media_type).into(), body: answer.body })
    }
}

/// A media type under which a browser only shows or saves what others sent, whatever it is.
fn harmless(media_type: &str) -> &'static str {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => "application/json",
        text if text.starts_with("text/") || text.ends_with("+xml") || text.ends_with("/xml") => {
            "text/plain; charset=utf-8"
        }
        json if json.ends_with("+json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_fetched_acts_in_a_browser() {
        for (said, shown) in [
            ("text/html; charset=utf-8", "text/plain; charset=utf-8"),
            ("TEXT/HTML", "text/plain; charset=utf-8"),
            ("image/svg+xml", "text/plain; charset=utf-8"),
            ("application/xhtml+xml", "text/plain; charset=utf-8"),
            ("application/problem+json", "application/json"),
            ("application/pdf", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(harmless(said), shown, "{said}");
        }
    }
}
