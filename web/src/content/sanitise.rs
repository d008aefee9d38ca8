//! HTML without what acts: what people wrote, as far as it is text, pictures and links.
//!
//! The rules are [`ammonia`]'s, which parses as browsers do. Added to them is what Markdown makes (anchors, task lists,
//! columns that are set to one side) and what shows sound and film. `id` and `class` stay, for links into a page and for
//! the site's own style.

use std::borrow::Cow;
use std::collections::HashSet;
use std::convert::Infallible;
use std::io::{self, Read};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ammonia::{Builder, UrlRelative, UrlRelativeEvaluate};
use bough_core::{Oid, Tid};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rustix::time::{ClockId, clock_gettime};

static RULES: LazyLock<Builder<'static>> = LazyLock::new(rules);

fn rules() -> Builder<'static> {
    let mut rules = Builder::default();
    rules
        .add_tags(["main", "section", "tfoot", "picture", "source", "audio", "video", "track", "input"])
        .add_generic_attributes(["class", "id", "dir", "role"])
        .add_generic_attribute_prefixes(["aria-"])
        .add_tag_attributes("audio", ["src", "controls", "loop", "preload"])
        .add_tag_attributes("video", ["src", "controls", "loop", "preload", "poster", "width", "height"])
        .add_tag_attributes("source", ["src", "type", "media", "width", "height"])
        .add_tag_attributes("track", ["src", "kind", "label", "srclang", "default"])
        .add_tag_attributes("img", ["loading"])
        .add_tag_attributes("details", ["open"])
        // Of all that can be put in, only the boxes of task lists, which nobody can tick.
        .add_tag_attributes("input", ["checked"])
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        // Markdown says so which side a column is set to.
        .add_tag_attributes("th", ["style"])
        .add_tag_attributes("td", ["style"])
        .filter_style_properties(HashSet::from(["text-align"]))
        // No link opens another window, so none has to be kept from reaching back.
        .link_rel(None);
    rules
}

/// How long one text may keep a processor busy. A page of 20 KB takes less than a millisecond; elements that are nested
/// some thousand times over take the square of their number, in time and in memory.
const TIME_MAX: Duration = Duration::from_millis(500);
/// How much is read between two looks at the clock: little, since each tag can mean as much work as all before it.
const PIECE_BYTES: usize = 256;

/// The HTML without what acts; none where that cannot be made in time.
fn sanitise(html: &str, time_max: Duration) -> Option<String> {
    clean(&RULES, html, time_max)
}

fn clean(rules: &Builder<'_>, html: &str, time_max: Duration) -> Option<String> {
    let timed = Timed { rest: html.as_bytes(), until: busy() + time_max };
    rules.clean_from_reader(timed).ok().map(|clean| clean.to_string())
}

/// Finds relative addresses as from a folder's URL path.
struct From {
    folder: String,
}

impl UrlRelativeEvaluate<'static> for From {
    fn evaluate<'url>(&self, url: &'url str) -> Option<Cow<'url, str>> {
        let is_found_anywhere = url.is_empty() || url.starts_with(['/', '#']);
        Some(if is_found_anywhere { url.into() } else { format!("{}{url}", self.folder).into() })
    }
}

/// The same for another place than where the HTML will be: what its links and pictures lead to by relative addresses is
/// found as from the URL path `at`.
pub(crate) fn sanitise_for(html: &str, at: &str) -> Option<String> {
    let folder = at.rfind('/').map_or("/", |end| &at[..=end]).to_owned();
    let mut rules = rules();
    rules.url_relative(UrlRelative::Custom(Box::new(From { folder })));
    clean(&rules, html, TIME_MAX)
}

/// A text that is read by pieces, as long as there is time.
struct Timed<'a> {
    rest: &'a [u8],
    until: Duration,
}

/// For how long this thread has kept a processor busy: others that do so, too, take nobody's time away.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Read for Timed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if busy() > self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let piece = into.len().min(PIECE_BYTES);
        self.rest.read(&mut into[..piece])
    }
}

/// A text of the tree: the object, the commit that wrote the text, and whether that is Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TextKey {
    pub(crate) oid: Oid,
    pub(crate) written: Tid,
    pub(crate) is_markdown: bool,
}

#[derive(Clone)]
struct ByLength;

/// None for a text that takes too long, so that it takes that long once.
type Clean = Option<Arc<str>>;

impl Weighter<TextKey, Clean> for ByLength {
    fn weight(&self, _: &TextKey, text: &Clean) -> u64 {
        (text.as_ref().map_or(0, |text| text.len()) + 96) as u64
    }
}

/// Sanitised texts of pages that were asked for lately.
pub(crate) struct Sanitised(Cache<TextKey, Clean, ByLength>);

impl Sanitised {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let average = 4 << 10;
        Self(Cache::with_weighter((bytes_max / average).max(16) as usize, bytes_max, ByLength))
    }

    /// The text of this key, made by `html` and sanitised if it is not at hand; none where that takes too long.
    pub(crate) fn get(&self, key: Option<TextKey>, html: impl FnOnce() -> String) -> Clean {
        let make = || sanitise(&html(), TIME_MAX).map(Arc::from);
        let Some(key) = key else { return make() };
        // Who asks for a text that is just being made waits for it.
        match self.0.get_or_insert_with(&key, || Ok::<_, Infallible>(make())) {
            Ok(text) => text,
            Err(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(html: &str) -> String {
        sanitise(html, Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn what_acts_is_taken_out_and_what_is_read_stays() {
        for (html, expected) in [
            ("<p class=\"a\" id=\"b\">x</p>", "<p class=\"a\" id=\"b\">x</p>"),
            ("<script>alert(1)</script>x", "x"),
            ("<img src=x onerror=alert(1)>", "<img src=\"x\">"),
            ("<a href=\"javascript:alert(1)\">x</a>", "<a>x</a>"),
            ("<a href=\" java\tscript:alert(1)\">x</a>", "<a>x</a>"),
            ("<a href=\"data:text/html,x\">x</a>", "<a>x</a>"),
            ("<a href=\"../y#z\">x</a>", "<a href=\"../y#z\">x</a>"),
            ("<iframe src=\"/x\"></iframe>", ""),
            ("<object data=x></object><embed src=x>", ""),
            ("<form action=/x>a<button>b</button><textarea>c</textarea></form>", "abc"),
            ("<base href=//evil><meta http-equiv=refresh content=0>", ""),
            ("<link rel=stylesheet href=//evil><style>*{}</style>", ""),
            ("<svg><script>alert(1)</script></svg>", ""),
            ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", ""),
            ("<video src=\"v\" autoplay onplay=x></video>", "<video src=\"v\"></video>"),
            ("<video src=\"javascript:x\"></video>", "<video></video>"),
            ("<video poster=\"javascript:x\"></video>", "<video></video>"),
            ("<td style=\"text-align: center; position: fixed\">", ""),
            ("<p style=\"position: fixed\">x</p>", "<p>x</p>"),
            ("<!-- x -->y", "y"),
        ] {
            assert_eq!(clean(html), expected, "{html}");
        }
    }

    #[test]
    fn what_markdown_makes_stays() {
        let html = "<h2 id=\"a\">A</h2>\
            <table><tbody><tr><td style=\"text-align:center\">1</td></tr></tbody></table>\
            <pre><code class=\"language-sh\">ls</code></pre>\
            <sup class=\"footnote-reference\"><a href=\"#1\">1</a></sup>\
            <div class=\"footnote-definition\" id=\"1\">n</div>";
        assert_eq!(clean(html), html);
        for html in ["<input type=\"checkbox\" checked=\"\" disabled=\"\">", "<input name=password value=b>"]
        {
            let box_of_a_task = clean(html);
            let kept = ["type=\"checkbox\"", "disabled=\"\""].iter().all(|kept| box_of_a_task.contains(kept));
            assert!(kept && !box_of_a_task.contains("password"), "{box_of_a_task}");
            assert_eq!(
                box_of_a_task.contains("checked=\"\""),
                html.contains("checked=\"\""),
                "{box_of_a_task}"
            );
        }
    }

    #[test]
    fn what_is_shown_elsewhere_finds_its_pictures_all_the_same() {
        for (at, html, expected) in [
            ("/news/today", "<img src=\"a.png\">", "<img src=\"/news/a.png\">"),
            ("/news/", "<a href=\"../x\">x</a>", "<a href=\"/news/../x\">x</a>"),
            (
                "/news/",
                "<a href=\"/x\">x</a><a href=\"#y\">y</a>",
                "<a href=\"/x\">x</a><a href=\"#y\">y</a>",
            ),
            ("/", "<a href=\"https://a.org/x\">x</a>", "<a href=\"https://a.org/x\">x</a>"),
            ("/", "<a href=\"javascript:x\" onclick=x>x</a><script>x</script>", "<a>x</a>"),
        ] {
            assert_eq!(sanitise_for(html, at).unwrap(), expected, "{html} at {at}");
        }
    }

    #[test]
    fn a_text_is_sanitised_once() {
        let texts = Sanitised::new(1 << 20);
        let key = TextKey { oid: Oid::ROOT, written: Tid::from_micros(1), is_markdown: false };
        let get = |key, html: &str| texts.get(key, || html.to_owned()).unwrap().to_string();
        assert_eq!(get(Some(key), "<b>x"), "<b>x</b>");
        assert_eq!(get(Some(key), "never looked at"), "<b>x</b>");
        assert_eq!(get(Some(TextKey { is_markdown: true, ..key }), "y"), "y");
        assert_eq!(get(None, "z"), "z");
    }

    #[test]
    fn a_text_that_would_take_for_ever_is_given_up() {
        let html = "<div>".repeat(200_000);
        assert_eq!(sanitise(&html, Duration::ZERO), None);
        let texts = Sanitised::new(1 << 20);
        let key = TextKey { oid: Oid::ROOT, written: Tid::from_micros(1), is_markdown: false };
        assert_eq!(texts.get(Some(key), || html), None, "it would take minutes");
        assert_eq!(texts.get(Some(key), || unreachable!()), None, "and is not tried again");
    }
}
