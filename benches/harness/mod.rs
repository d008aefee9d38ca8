//! What the benches have in common: sizes, pairs taken in turn, and a table of figures with their targets.
//!
//! Absolute figures depend on the machine and on what else it does; ratios of two things measured in turn within one
//! run hardly do. So a bench compares with a baseline wherever there is one, in slices that alternate, and gives the
//! median of the pairs.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(clippy::print_stdout, reason = "the figures are what a bench is for")]

pub(crate) mod raw;
pub(crate) mod site;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// The variable that asks for full sizes.
const SCALE_VARIABLE: &str = "BOUGH_TEST_SCALE";
/// The variable that says on which disk to measure.
const FOLDER_VARIABLE: &str = "BOUGH_BENCH_DIR";
/// The argument by which a bench starts itself again for one task in a process of its own.
const CHILD_ARGUMENT: &str = "--child";

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// No promise: shown to understand the others.
    None,
    /// At least this.
    Min(f64),
    /// At most this.
    Max(f64),
}

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    target: Target,
}

/// One run of one bench.
pub(crate) struct Bench {
    name: &'static str,
    is_full: bool,
    checks: bool,
    filter: Option<String>,
    figures: Vec<Figure>,
    folder: PathBuf,
}

/// What takes some figures.
type Measurement = fn(&mut Bench) -> anyhow::Result<()>;

/// Runs the measurements of a bench and prints their table; with `--child TASK ...` runs `child` instead.
///
/// # Errors
/// What they say, or, with `--check`, that a target was missed.
pub(crate) fn run(
    name: &'static str,
    measurements: &[(&str, Measurement)],
    child: fn(&str, &[String]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((CHILD_ARGUMENT, [task, rest @ ..])) =
        arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        return child(task, rest);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("{name}: not measured; start it with `cargo bench --bench {name}`");
        return Ok(());
    }
    anyhow::ensure!(!cfg!(debug_assertions), "a debug build says nothing about speed: use `cargo bench`");
    let mut bench = Bench::new(name, &arguments)?;
    for (measurement, measure) in measurements {
        if bench.filter.as_ref().is_none_or(|filter| measurement.contains(filter.as_str())) {
            println!("{name}: {measurement}");
            measure(&mut bench).with_context(|| format!("measuring {measurement}"))?;
        }
    }
    bench.finish()
}

/// For benches without a child task.
///
/// # Errors
/// Always.
pub(crate) fn no_child(task: &str, _: &[String]) -> anyhow::Result<()> {
    anyhow::bail!("no such task: {task}")
}

impl Bench {
    fn new(name: &'static str, arguments: &[String]) -> anyhow::Result<Self> {
        let after = arguments.iter().skip_while(|argument| *argument != "--filter").nth(1);
        let base = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
        let folder =
            base.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data"));
        let folder = folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self {
            name,
            is_full: std::env::var(SCALE_VARIABLE).is_ok_and(|scale| scale == "full"),
            checks: arguments.iter().any(|argument| argument == "--check"),
            filter: after.cloned(),
            figures: Vec::new(),
            folder,
        })
    }

    /// The size to measure at.
    pub(crate) fn size<T>(&self, small: T, full: T) -> T {
        if self.is_full { full } else { small }
    }

    /// An empty place on the disk to be measured, for a file or folder to be made.
    ///
    /// # Errors
    /// When what was there cannot be removed.
    pub(crate) fn place(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if path.exists() {
            fs::remove_file(&path)?;
        }
        Ok(path)
    }

    /// Notes a figure and prints it.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Target) {
        let figure = Figure { name: name.into(), value, unit, target };
        println!("  {}", figure.line(0));
        self.figures.push(figure);
    }

    /// Notes a ratio of pairs, with the rates that it comes from.
    pub(crate) fn ratio(&mut self, name: &str, pairs: &Pairs, unit: &'static str, target: Target) {
        let rate = |pick: fn(&(f64, f64)) -> f64| median(pairs.0.iter().map(pick).collect());
        self.figure(format!("{name}: ours"), rate(|pair| pair.0), unit, Target::None);
        self.figure(format!("{name}: baseline"), rate(|pair| pair.1), unit, Target::None);
        self.figure(format!("{name}: ratio"), pairs.ratio(), "x", target);
    }

    /// Starts this bench again for one task, in a process of its own.
    ///
    /// # Errors
    /// When that cannot be started.
    pub(crate) fn child(&self, task: &str, arguments: &[&str]) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(CHILD_ARGUMENT).arg(task).args(arguments).stdout(Stdio::piped());
        Ok(command.spawn()?)
    }

    fn finish(self) -> anyhow::Result<()> {
        let width = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        let scale =
            if self.is_full { "full size" } else { "small size; BOUGH_TEST_SCALE=full for the full one" };
        println!("\n{} ({scale})", self.name);
        for figure in &self.figures {
            println!("  {}", figure.line(width));
        }
        fs::remove_dir_all(&self.folder)?;
        let missed = self.figures.iter().filter(|figure| !figure.is_met()).count();
        anyhow::ensure!(!self.checks || missed == 0, "{missed} target(s) missed");
        Ok(())
    }
}

impl Figure {
    fn is_met(&self) -> bool {
        match self.target {
            Target::None => true,
            Target::Min(least) => self.value >= least,
            Target::Max(most) => self.value <= most,
        }
    }

    fn line(&self, width: usize) -> String {
        let target = match self.target {
            Target::None => String::new(),
            Target::Min(least) => format!("  at least {}", number(least)),
            Target::Max(most) => format!("  at most {}", number(most)),
        };
        let missed = if self.is_met() { "" } else { "  MISSED" };
        format!("{:width$}  {:>12} {:<9}{target}{missed}", self.name, number(self.value), self.unit)
    }
}

/// With as many digits as tell something.
fn number(value: f64) -> String {
    match value.abs() {
        1_000.0.. => {
            let digits = format!("{value:.0}");
            let count = digits.len();
            let separated = digits.chars().enumerate().flat_map(|(at, digit)| {
                let comma = (at > 0 && (count - at).is_multiple_of(3)).then_some(',');
                comma.into_iter().chain([digit])
            });
            separated.collect()
        }
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What was measured in turn: ours and the baseline.
pub(crate) struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    /// Measures both in turn, `rounds` times; who begins alternates too.
    ///
    /// # Errors
    /// What either says.
    pub(crate) fn take(
        rounds: usize,
        mut ours: impl FnMut() -> anyhow::Result<f64>,
        mut baseline: impl FnMut() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Self> {
        let mut pairs = Vec::with_capacity(rounds);
        for round in 0..rounds {
            if round.is_multiple_of(2) {
                let first = ours()?;
                pairs.push((first, baseline()?));
            } else {
                let first = baseline()?;
                pairs.push((ours()?, first));
            }
        }
        Ok(Self(pairs))
    }

    /// The median of the ratios.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.0.iter().map(|(ours, baseline)| ours / baseline).collect())
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that a share of all do not exceed.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// How often a second `step` can be done, over so long a time.
///
/// # Errors
/// What it says.
pub(crate) fn rate(during: Duration, mut step: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut count = 0_u64;
    loop {
        step()?;
        count += 1;
        let elapsed = start.elapsed();
        if elapsed >= during {
            return Ok(count as f64 / elapsed.as_secs_f64());
        }
    }
}

/// The same by many threads; `step` is told which one it is.
///
/// # Errors
/// What one of them says.
pub(crate) fn rate_of_many(
    threads: usize,
    during: Duration,
    step: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<f64> {
    let step = &step;
    let rates: Vec<anyhow::Result<f64>> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || rate(during, || step(thread)))).collect();
        running
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked"))))
            .collect()
    });
    rates.into_iter().sum()
}

/// How long something takes, in seconds.
///
/// # Errors
/// What it says.
pub(crate) fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed().as_secs_f64()))
}

/// The same, with the seconds that this thread was on a CPU: all that counts when others keep the machine busy.
///
/// # Errors
/// What it says.
pub(crate) fn timed_on_cpu<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64, f64)> {
    let before = cpu_seconds();
    let (result, seconds) = timed(work)?;
    Ok((result, seconds, cpu_seconds() - before))
}

fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    nanos.map_or(f64::NAN, |nanos| nanos / 1e9)
}

/// A field of `/proc/self/status`, in MiB: `VmRSS` is the memory now, `VmHWM` the most it ever was.
pub(crate) fn memory_mib(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Numbers in a fixed order that looks like none (xorshift).
pub(crate) struct Random(u64);

impl Random {
    /// Another order for each seed but 0.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}
