//! Which types of files can act: run scripts, or load things that do.

use axum::http::HeaderValue;

/// What a browser makes of a file that somebody opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// It is shown, heard or read, and that is all.
    Passive,
    /// It is a document that can hold scripts.
    Active,
    /// Nobody knows.
    Unknown,
}

/// What a file of this type is. Anything that is not written as one plain type is unknown.
pub(crate) fn nature(media_type: &HeaderValue) -> Nature {
    let Ok(text) = media_type.to_str() else { return Nature::Unknown };
    // Of several types in one line browsers take the last.
    if text.contains(',') {
        return Nature::Unknown;
    }
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some((kind, subtype)) = essence.split_once('/') else { return Nature::Unknown };
    if subtype == "html" || subtype == "xml" || subtype == "xsl" || subtype.ends_with("+xml") {
        return Nature::Active;
    }
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
    if subtype.is_empty() || !subtype.chars().all(is_token) {
        return Nature::Unknown;
    }
    match (kind, subtype) {
        ("image" | "audio" | "video" | "font" | "text", _) => Nature::Passive,
        ("application", "javascript" | "json" | "pdf" | "wasm" | "ecmascript" | "font-woff") => {
            Nature::Passive
        }
        ("application", _) if subtype.ends_with("+json") => Nature::Passive,
        _ => Nature::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_act_is_told_from_what_cannot_and_what_nobody_knows_is_neither() {
        for (text, expected) in [
            ("text/html; charset=utf-8", Nature::Active),
            ("TEXT/HTML", Nature::Active),
            ("application/xhtml+xml", Nature::Active),
            ("image/svg+xml", Nature::Active),
            ("text/xml", Nature::Active),
            ("application/xml", Nature::Active),
            ("application/rss+xml", Nature::Active),
            ("text/xsl", Nature::Active),
            (" text/html", Nature::Active),
            ("application/pdf", Nature::Passive),
            ("image/png", Nature::Passive),
            ("text/plain; charset=utf-8", Nature::Passive),
            ("text/css", Nature::Passive),
            ("text/javascript", Nature::Passive),
            ("application/ld+json", Nature::Passive),
            ("font/woff2", Nature::Passive),
            ("application/octet-stream", Nature::Unknown),
            ("application/zip", Nature::Unknown),
            ("multipart/x-mixed-replace", Nature::Unknown),
            ("message/rfc822", Nature::Unknown),
            ("image/png, text/html", Nature::Unknown),
            ("text/plain text/html", Nature::Unknown),
            ("text/", Nature::Unknown),
            ("html", Nature::Unknown),
            ("", Nature::Unknown),
        ] {
            assert_eq!(nature(&HeaderValue::from_str(text).unwrap()), expected, "{text}");
        }
    }
}
