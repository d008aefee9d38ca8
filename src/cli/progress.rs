//! Progress of long work: a bar on the standard error, where a person watches it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::asker::Asker;
use super::protocol::Reply;
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

/// How long passes between two remarks on the same work.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Tells whoever asked how far work in the site's process is, by a remark now and then.
pub(crate) struct Told<'a> {
    what: &'static str,
    asker: &'a mut dyn Asker,
    last: Instant,
}

impl<'a> Told<'a> {
    pub(crate) fn new(what: &'static str, asker: &'a mut dyn Asker) -> Self {
        Self { what, asker, last: Instant::now() }
    }

    pub(crate) fn tell(&mut self, done: u64, total: u64) -> ControlFlow<()> {
        if self.last.elapsed() < TOLD_EVERY || total == 0 {
            return ControlFlow::Continue(());
        }
        self.last = Instant::now();
        let percent = done.saturating_mul(100) / total;
        // One who went away is told nothing; the work is safe at every point.
        let _ = self.asker.send(Reply::Remark(format!("{} {percent} %", self.what)));
        ControlFlow::Continue(())
    }
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
