//! Page: a title and a text in HTML or Markdown, shown in the acquired `layout.html`.

use bough_core::Object;
use bough_core::Value;
use bough_core::snapshot::{ReadError, attribute};
use pulldown_cmark::{Options, Parser, html};

use crate::publisher::visit::Visit;

/// The page's text as HTML.
pub(crate) fn content(visit: &Visit, object: &Object) -> Result<String, ReadError> {
    let body = attribute(&visit.snapshot, object, "body")?;
    let body = body.as_ref().and_then(Value::as_text).unwrap_or_default();
    Ok(match object.text("format") {
        Some("markdown") => markdown(body),
        _ => body.to_owned(),
    })
}

/// Markdown with tables, footnotes, struck-out text and task lists. HTML in it stays: whoever writes a page may.
fn markdown(text: &str) -> String {
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
