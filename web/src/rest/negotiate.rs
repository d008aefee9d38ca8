//! What a client wants to get: JSON, or what people look at.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method};

use crate::publisher::visit::Asked;

/// The weights that a client gives to JSON and to HTML; none where it does not name them.
fn weights(headers: &HeaderMap) -> (Option<f32>, Option<f32>) {
    let mut weights = (None, None);
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.split(',')) {
        let mut parts = entry.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        let slot = match essence.as_str() {
            "application/json" | "application/problem+json" => &mut weights.0,
            "text/html" | "application/xhtml+xml" => &mut weights.1,
            _ => continue,
        };
        *slot = Some(slot.unwrap_or(0.0_f32).max(weight));
    }
    weights
}

/// Whether an object shall be shown as JSON: only to those who ask for that by name.
pub(crate) fn prefers_json(headers: &HeaderMap) -> bool {
    match weights(headers) {
        (Some(json), html) => json > 0.0 && html.is_none_or(|html| json > html),
        _ => false,
    }
}

/// Whether what went wrong is told to a program.
pub(crate) fn wants_problem(asked: &Asked) -> bool {
    if prefers_json(asked.headers()) {
        return true;
    }
    let is_safe = matches!(asked.parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let is_rest = !is_safe || super::is_view(asked.parts.uri.path());
    is_rest && weights(asked.headers()).1.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_json_before_html_gets_it() {
        for (accept, expected) in [
            ("application/json", true),
            ("application/problem+json, */*;q=0.1", true),
            ("text/html;q=0.8, application/json", true),
            ("*/*", false),
            ("", false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("text/html, application/json", false),
            ("application/json;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_json(&headers), expected, "{accept}");
        }
    }
}
