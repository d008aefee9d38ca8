//! Page: a title and a text in HTML or Markdown, shown in the acquired `layout.html`.

use std::sync::Arc;

use bough_core::snapshot::attribute;
use bough_core::{Object, Value};
use pulldown_cmark::{Options, Parser, html};

use crate::content::policy::ContentPolicy;
use crate::content::sanitise::{Sanitised, TextKey};
use crate::error::PublishError;
use crate::publisher::visit::Visit;

/// The page's text as HTML, as far as its policy lets it act.
///
/// # Errors
/// When the store cannot be read, and when the text takes too long to sanitise.
pub(crate) fn content(
    sanitised: &Sanitised,
    visit: &Visit,
    object: &Object,
    policy: ContentPolicy,
) -> Result<Arc<str>, PublishError> {
    let body = attribute(&visit.snapshot, object, "body")?;
    let body = body.as_ref().and_then(Value::as_text).unwrap_or_default();
    let is_markdown = object.text("format") == Some("markdown");
    let html = || if is_markdown { markdown(body) } else { body.to_owned() };
    if policy != ContentPolicy::Clean {
        return Ok(html().into());
    }
    let written = object.attribute("body").map(|cell| cell.tid);
    let key = written.map(|written| TextKey { oid: object.oid(), written, is_markdown });
    sanitised.get(key, html).ok_or(PublishError::TooSlow)
}

/// Markdown with tables, footnotes, struck-out text and task lists. HTML in it stays: what of it may act, the content
/// policy says.
pub(crate) fn markdown(text: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut page = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut page, Parser::new_ext(text, options));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let html = markdown("# A\n\n*b* `c`\n\n|x|y|\n|-|-|\n|1|2|\n");
        for part in ["<h1>A</h1>", "<em>b</em>", "<code>c</code>", "<td>1</td>"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
