//! `import`: a folder of files, or an archive, as one commit.
//!
//! The client looks at the source, says what cannot be imported, and sends the rest; the site's process compares each
//! thing with what stands at its path and changes what differs. Nothing is committed before the client said that it
//! sent everything.
//!
//! Code map: `files` (what stands where something goes, and what differs), `described` (what an exported folder says of
//! what is in it), `rights`, `policy` (how far what comes is trusted), `told` (what the person sees).

mod described;
mod files;
mod policy;
mod rights;
mod told;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use bough::core::{Name, ObjectPath, Oid, Value};
use bough::store::{Draft, Kind, Snapshot};
use bough::web::ContentPolicy;
use bough::{Error, Site};
use serde::{Deserialize, Serialize};

use self::policy::{PolicyFlags, ask_for_policy};
use self::told::{print_summary, refused};
use crate::cli::asker::Asker;
use crate::cli::failure::Failure;
use crate::cli::glob::Glob;
use crate::cli::progress;
use crate::cli::request::{Feed, SiteCommand, typed};
use crate::cli::screen::{Screen, counted, is_dialogue, remark, size_text};
use crate::cli::sidecar::{self, Deferred, Rights, Sidecar};
use crate::cli::source::{Item, ItemKind, Plan};

/// How many problems are told one by one.
const PROBLEMS_SHOWN: usize = 20;
/// Files up to this size are compared in memory.
const COMPARED_BYTES_MAX: u64 = 1 << 20;
/// Longest answer to a question.
const ANSWER_BYTES_MAX: u64 = 1_000;
/// How many children are read at a time.
const CHILDREN_BATCH: usize = 256;

const EXAMPLES: &str = "\
Onto a path that is there, only differences are written, and objects keep their identity and their history:

  bough import html /docs --dry-run          see what would happen
  bough import html /docs                    add and change
  bough import html /docs --delete           also delete what is not in html
  bough import site.zip / --exclude '*.bak'

What HTML may do is ruled by the attribute _content_policy of the folder that it is in: nothing but be read (clean), run its
scripts apart from the site (sandbox), or all that the site itself may (trusted).

What an exported folder says about rights is set where it is imported to, and users and groups that it holds are added,
without passwords; what it says nothing of stays as it is in the site.";

/// Import a folder of files, or a ZIP archive, in one commit
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The folder or archive
    #[arg(value_name = "DIR|ZIP")]
    #[serde(skip)]
    source: PathBuf,
    /// Where it goes: a folder that is there, or a new one
    path: String,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Delete what is there and not in the source; let files replace folders, and the other way round
    #[arg(long)]
    delete: bool,
    /// Leave out what fits this pattern, and do not delete it; may be given several times
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Glob>,
    /// Leave out what cannot be imported, in place of refusing everything
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    #[serde(default)]
    policy: PolicyFlags,
    /// What the commit calls the source.
    #[arg(skip)]
    source_name: String,
    #[arg(skip)]
    #[serde(skip)]
    plan: Option<Arc<Plan>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Row {
    Change { change: String, path: String },
    Summary(Summary),
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) tid: Option<String>,
    pub(crate) sentence: String,
    pub(crate) added: u64,
    pub(crate) changed: u64,
    pub(crate) deleted: u64,
    pub(crate) left: u64,
    /// Files whose content was new or changed, and how much that was.
    files: u64,
    bytes: u64,
    dry_run: bool,
    /// Where it went.
    path: String,
    /// How far it is trusted there, and why.
    pub(crate) policy: String,
    policy_from: PolicyFrom,
    /// Where the source itself says something else, the first of them: path and policy.
    policies: Vec<(String, String)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicyFrom {
    /// It was asked for.
    Flag,
    /// Nobody said anything.
    #[default]
    Default,
    /// It was so before, or the source says so of itself.
    Site,
}

impl Import {
    /// Importing an archive that was looked at already, as others than the command line ask for it.
    pub(crate) fn of_plan(
        plan: Arc<Plan>,
        source_name: String,
        path: String,
        policy: Option<ContentPolicy>,
        (delete, skip_bad): (bool, bool),
    ) -> Self {
        Self {
            source: PathBuf::new(),
            path,
            dry_run: false,
            delete,
            exclude: Vec::new(),
            skip_bad,
            policy: policy.map(PolicyFlags::of).unwrap_or_default(),
            source_name,
            plan: Some(plan),
        }
    }
}

impl SiteCommand for Import {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut importer = Importer::new(self, site)?;
        importer.draft.set_maker(asker.rights().and_then(|rights| rights.maker));
        while let Some(json) = asker.item()? {
            let item: Item = typed(json)?;
            importer.take(&item, asker)?;
        }
        importer.finish(asker)
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Change { change, path } => screen.line(&format!("{change:<7} {path}")),
            Row::Summary(summary) => print_summary(&summary, screen),
        }
    }

    fn writes(&self) -> bool {
        true
    }

    fn brings(&self) -> bool {
        true
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        let plan = Plan::of(&self.source, &self.exclude)?;
        if !plan.problems.is_empty() {
            if !self.skip_bad {
                let message = format!("cannot import `{}`: nothing was changed", self.source.display());
                return Err(refused(message, &plan.problems));
            }
            let shown = plan.problems.iter().take(PROBLEMS_SHOWN);
            shown.for_each(|problem| remark(&format!("left out: {problem}")));
            if plan.problems.len() > PROBLEMS_SHOWN {
                remark(&format!("left out: ... and {} more", plan.problems.len() - PROBLEMS_SHOWN));
            }
        }
        if self.policy.chosen().is_none() && is_dialogue() && plan.has_html() {
            self.policy = ask_for_policy()?;
        }
        let canonical = self.source.canonicalize().unwrap_or_else(|_| self.source.clone());
        self.source_name = canonical.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.plan = Some(Arc::new(plan));
        Ok(())
    }

    fn feed(&self, feed: &mut Feed<'_>) -> Result<(), Failure> {
        let plan = self.plan.as_ref().ok_or_else(|| Failure::refused("BUG: the source was not looked at"))?;
        plan.feed(&progress::bytes("Importing", plan.bytes_total), feed)
    }
}

/// A folder of the source that is being filled.
struct OpenFolder {
    /// Its names from the top; empty for the top.
    path: String,
    oid: Oid,
    /// Whether it was not there before, so that nothing in it needs comparing.
    is_new: bool,
    sidecar: Option<Sidecar>,
    /// What the source has in it.
    seen: BTreeSet<Name>,
}

struct Importer<'a> {
    command: &'a Import,
    site: &'a Site,
    base: Snapshot,
    draft: Draft,
    top: ObjectPath,
    open: Vec<OpenFolder>,
    /// The blobs that were brought, by their digests.
    blobs: HashMap<String, Value>,
    deferred: Vec<Deferred>,
    /// Rights, which may be those of users who come later.
    rights: Vec<(Oid, String, Rights)>,
    problems: Vec<String>,
    reordered: u64,
    /// The top, where it was there before and nothing describes it.
    unmarked: Option<Oid>,
    /// The object that everything goes into, and whether it was made for that.
    into: Option<(Oid, bool)>,
    summary: Summary,
}

/// What stands where something of the source goes.
enum Standing {
    Nothing,
    Container(Oid),
    Leaf(Oid),
}

impl<'a> Importer<'a> {
    fn new(command: &'a Import, site: &'a Site) -> Result<Self, Failure> {
        let top = ObjectPath::parse(&command.path).map_err(Error::from)?;
        let summary = Summary { dry_run: command.dry_run, path: top.to_string(), ..Summary::default() };
        Ok(Self {
            command,
            site,
            base: site.database().snapshot(),
            draft: site.database().begin(),
            top,
            open: Vec::new(),
            blobs: HashMap::new(),
            deferred: Vec::new(),
            rights: Vec::new(),
            problems: Vec::new(),
            reordered: 0,
            unmarked: None,
            into: None,
            summary,
        })
    }

    fn take(&mut self, item: &Item, asker: &mut dyn Asker) -> Result<(), Failure> {
        if item.path.is_empty() {
            return self.open_top();
        }
        let (above, name) = item.path.rsplit_once('/').unwrap_or(("", &item.path));
        while self.open.last().is_some_and(|folder| folder.path != above) {
            self.close_folder(asker)?;
        }
        let out_of_place = || Failure::refused(format!("`{}` came before its folder", item.path));
        self.open.last().ok_or_else(out_of_place)?;
        if item.kind == ItemKind::File && name == sidecar::NAME {
            return self.take_sidecar(item, asker);
        }
        if item.kind == ItemKind::File
            && let Some(digest) = sidecar::blob_digest(name)
        {
            return self.take_blob(digest, asker);
        }
        let name = Name::new(name)?;
        if let Some(folder) = self.open.last_mut() {
            folder.seen.insert(name.clone());
        }
        match item.kind {
            ItemKind::Folder => self.take_folder(item, &name, asker),
            ItemKind::File => self.take_file(item, &name, asker),
        }
    }

    fn finish(mut self, asker: &mut dyn Asker) -> Result<(), Failure> {
        while !self.open.is_empty() {
            self.close_folder(asker)?;
        }
        self.resolve_deferred()?;
        self.set_rights()?;
        self.mark_files()?;
        self.set_policy()?;
        if !self.problems.is_empty() && !self.command.skip_bad {
            let message = format!("cannot import to `{}`: nothing was changed", self.top);
            let failure = refused(message, &self.problems);
            return Err(failure.advise("--delete to replace what stands in the way"));
        }
        let mut summary = self.summary;
        let files = counted(summary.files, "file", "files");
        let (source, top, bytes) = (&self.command.source_name, &self.top, size_text(summary.bytes));
        summary.sentence = format!("Imported {files} ({bytes}) from {source} to {top}");
        if !summary.dry_run {
            let note = asker.note(&summary.sentence).of_kind(Kind::Import);
            summary.tid = self.site.database().commit(self.draft, note)?.map(|tid| tid.to_string());
        }
        asker.row(&Row::Summary(summary))
    }

    fn problem(&mut self, path: &str, problem: &str) {
        self.problems.push(format!("{path}: {problem}"));
    }

    fn count(&mut self, is_changed: bool, path: &str, asker: &mut dyn Asker) -> Result<(), Failure> {
        if !is_changed {
            self.summary.left += 1;
            return Ok(());
        }
        self.summary.changed += 1;
        self.say("change", path, asker)
    }

    /// Tells each change, where that is all that is wanted.
    fn say(&self, change: &str, path: &str, asker: &mut dyn Asker) -> Result<(), Failure> {
        if !self.command.dry_run {
            return Ok(());
        }
        asker.row(&Row::Change { change: change.to_owned(), path: path.to_owned() })
    }
}
