//! A process that writes until it is killed, and says of each commit when it was acknowledged.
//!
//! The tests start their own program again for it, with [`FOLDER`] set. It prints a line `open` when it begins, and
//! `ack WRITER NUMBER TID` for each commit.

use std::env;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use bough_core::{Snapshot as _, Tid, Value};
use bough_store::testing::{StepError, name, path, small_types};
use bough_store::{BlobError, CommitError, Database, Draft, Note, Options};

use crate::picture::must;

/// Names the data folder to a process that shall write.
const FOLDER: &str = "BOUGH_TEST_FOLDER";
/// How many writers it has.
const WRITERS: &str = "BOUGH_TEST_WRITERS";
/// After how many commits each of them ends.
const COMMITS: &str = "BOUGH_TEST_COMMITS";
/// How the names begin that it gives.
const ROUND: &str = "BOUGH_TEST_ROUND";

/// What such a process is to do.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) round: usize,
    pub(crate) writers: usize,
    pub(crate) commits: usize,
}

/// A commit that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) writer: usize,
    pub(crate) number: usize,
    pub(crate) tid: Tid,
}

/// The writing process. Where nobody asks for it, there is nothing to do.
#[test]
fn writing_process() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let number = |key| env::var(key).unwrap().parse().unwrap();
    let (writers, commits, round) = (number(WRITERS), number(COMMITS), number(ROUND));
    // On a line of its own: the program of the tests may have begun one.
    say("\nopen");
    let (database, _) = must(Database::open(Path::new(&folder), options()), "writing");
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let database = &database;
            scope.spawn(move || {
                for number in 0..commits {
                    let tid = write(database, round, writer, number);
                    say(&format!("ack {writer} {number} {}", tid.as_micros()));
                }
            });
        }
    });
    must(database.close(), "closing");
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// Options with which a little writing goes through everything: segments roll, the index moves and is confirmed.
pub(crate) fn options() -> Options {
    let mut options = Options::new(small_types());
    options.cache_bytes = 4 << 20;
    options.index_cache_bytes = 4 << 20;
    options.log.segment_bytes = 1 << 20;
    options.tail.freeze_bytes = 16 << 10;
    options.tail.confirm_every = Duration::from_millis(20);
    options
}

/// Makes the folders that the writers write to, and two counters.
pub(crate) fn prepare(database: &Database, writers: usize) {
    for writer in 0..writers {
        database.add_text(&format!("/w{writer}"));
    }
    database.add_text("/a");
    database.add_text("/b");
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<CommitError> for WriteError {
    fn from(error: CommitError) -> Self {
        Self::Step(error.into())
    }
}

impl From<bough_core::transaction::TransactionError> for WriteError {
    fn from(error: bough_core::transaction::TransactionError) -> Self {
        Self::Step(error.into())
    }
}

/// Adds an object and counts it in two places.
fn write(database: &Database, round: usize, writer: usize, number: usize) -> Tid {
    let note = Note::edit(sentence(round, writer, number)).by(format!("w{writer}"));
    let written = database.write::<_, WriteError>(note, |draft| {
        let parent = draft.at(&path(&format!("/w{writer}")))?;
        let value = value(draft, round, writer, number)?;
        draft.add(parent, &name(&own_name(round, number)), &name("page"), [(name("value"), value)])?;
        count(draft, "/a", writer)?;
        count(draft, "/b", writer)
    });
    must(written, "writing").1.expect("it changed something")
}

/// Counts one more in a cell of the writer's own. A shared one would not do: of two equal changes to one cell, one is
/// taken, also of two that add the same to a counter.
fn count(draft: &mut Draft, at: &str, writer: usize) -> Result<(), WriteError> {
    let oid = draft.at(&path(at))?;
    let object = draft.object(oid).map_err(bough_core::transaction::TransactionError::from)?;
    let cell = format!("count{writer}");
    let before = counted(object.as_ref().and_then(|object| object.value(&cell)));
    Ok(draft.set(oid, &name(&cell), Some(Value::Int(before + 1)))?)
}

pub(crate) fn counted(value: Option<&Value>) -> i64 {
    if let Some(Value::Int(count)) = value { *count } else { 0 }
}

pub(crate) fn own_name(round: usize, number: usize) -> String {
    format!("r{round}-{number}")
}

pub(crate) fn sentence(round: usize, writer: usize, number: usize) -> String {
    format!("Wrote {round}/{writer}/{number}.")
}

fn value(draft: &mut Draft, round: usize, writer: usize, number: usize) -> Result<Value, BlobError> {
    match number % 32 {
        7 => draft.bytes(&bytes(round, writer, number, 30_000)),
        21 => draft.bytes(&bytes(round, writer, number, (1 << 20) + 1)),
        _ => Ok(text(round, writer, number)),
    }
}

fn text(round: usize, writer: usize, number: usize) -> Value {
    let repeated = if number % 8 == 3 { 1_000 } else { 1 };
    format!("value {number} of {writer} in {round}\n").repeat(repeated).into()
}

fn bytes(round: usize, writer: usize, number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * (round * 31 + writer * 7 + number) % 251) as u8).collect()
}

/// What such a commit wrote, to be compared with what is there.
pub(crate) fn expected(round: usize, writer: usize, number: usize) -> Vec<u8> {
    match number % 32 {
        7 => bytes(round, writer, number, 30_000),
        21 => bytes(round, writer, number, (1 << 20) + 1),
        _ => text(round, writer, number).as_text().unwrap_or_default().as_bytes().to_vec(),
    }
}

/// A writing process.
pub(crate) struct Process {
    pub(crate) child: Child,
    out: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(work: Work<'_>) -> Self {
        let program = env::current_exe().unwrap();
        Self::start_as(Command::new(program), work)
    }

    /// The same, run by another program.
    pub(crate) fn start_as(mut command: Command, work: Work<'_>) -> Self {
        command.args(["--exact", "writer::writing_process", "--nocapture", "--test-threads=1"]);
        command.env(FOLDER, work.folder).env(ROUND, work.round.to_string());
        command.env(WRITERS, work.writers.to_string()).env(COMMITS, work.commits.to_string());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Waits until it opens the database.
    pub(crate) fn wait_for_open(&mut self) {
        while self.line().expect("it ends before it opens the database") != "open" {}
    }

    /// The next commit that it says is acknowledged; none when it has ended.
    pub(crate) fn next(&mut self) -> Option<Acknowledged> {
        loop {
            let line = self.line()?;
            let mut words = line.split(' ');
            if words.next() == Some("ack") {
                let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
                let (writer, nth) = (number() as usize, number() as usize);
                return Some(Acknowledged { writer, number: nth, tid: Tid::from_micros(number()) });
            }
        }
    }

    /// A whole line. What it was printing when it was killed counts for nothing.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }
}
