//! Where a form may lead to: a path of this site, and nothing else.
//!
//! A link to the log-in form says where to go afterwards. If that could be another site, a link that begins with this
//! site's name would end at somebody's copy of it.

/// Longest path in bytes.
const BYTES_MAX: usize = 4_096;

/// The path, if it surely stays on this host however a browser reads it: one slash and then printable ASCII.
///
/// Browsers take `\` for `/`, and leave out control characters before they read.
pub fn local_path(path: &str) -> Option<&str> {
    let is_local = path.len() <= BYTES_MAX
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'<' | b'>' | b'"'));
    is_local.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_taken() {
        for path in
            ["/", "/a/b/", "/a?b=c&d=//e", "/%C3%A9#x", "/@@account", "/a//b", "/%2F/example.org", "/a:b@c"]
        {
            assert_eq!(local_path(path), Some(path));
        }
        let long = format!("/{}", "a".repeat(BYTES_MAX));
        for path in [
            "",
            "a",
            "//example.org",
            "///example.org",
            "/\\example.org",
            "\\/example.org",
            "\\\\example.org",
            "/a\\b",
            "https://example.org/",
            "https:/example.org",
            "http:example.org",
            "javascript:alert(1)",
            "data:text/html,x",
            " /a",
            "/a b",
            "/\t/example.org",
            "/\n/example.org",
            "\t//example.org",
            "/a\r\nSet-Cookie: a=b",
            "/\u{0}",
            "/\u{7f}",
            "/é",
            "/\u{2028}",
            "/\u{ff0f}example.org",
            "/\"><script>",
            &long,
        ] {
            assert_eq!(local_path(path), None, "{path:.40?}");
        }
    }
}
