//! Progress of long work: a bar on the standard error, where a person watches it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::screen::is_watched;

/// How often the bar is drawn, a second.
const DRAWN_HZ: u8 = 10;

/// A bar over so many bytes; one that nobody sees where nobody watches.
pub(crate) fn bytes(what: &str, bytes_total: u64) -> ProgressBar {
    let bar = bar(Some(bytes_total));
    style(&bar, "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.set_message(what.to_owned());
    bar
}

/// A count without a known end.
pub(crate) fn count(what: &str) -> ProgressBar {
    let bar = bar(None);
    style(&bar, "{spinner} {msg} {human_pos}");
    bar.set_message(what.to_owned());
    bar
}

fn bar(length: Option<u64>) -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(DRAWN_HZ));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
