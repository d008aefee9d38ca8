//! `import`: a folder of files, or an archive, as one commit.
//!
//! The client looks at the source, says what cannot be imported, and sends the rest; the site's process compares each
//! thing with what stands at its path and changes what differs. Nothing is committed before the client said that it
//! sent everything.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bough::core::security::Roles;
use bough::core::snapshot::{ChildOrder, ChildrenPage};
use bough::core::traversal::FILES;
use bough::core::value::{BlobRef, Digest};
use bough::core::{CellKey, Content, Name, Object, ObjectPath, Oid, OrderKey, Snapshot as _, Value};
use bough::store::{Draft, Kind, Snapshot};
use bough::web::{CONTENT_POLICY, ContentPolicy};
use bough::{Error, Site};
use serde::{Deserialize, Serialize};

use super::asker::{Asker, Contents};
use super::failure::{Failure, quoted};
use super::glob::Glob;
use super::progress;
use super::request::{Feed, SiteCommand, typed};
use super::screen::{Screen, counted, is_dialogue, remark, short, size_text};
use super::sidecar::{self, Deferred, Described, Rights, Sidecar};
use super::source::{Item, ItemKind, Plan, is_excluded_anywhere};
use super::value::{self, Reader};

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

/// How far what is imported is trusted.
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize)]
#[group(multiple = false)]
#[serde(default)]
struct PolicyFlags {
    /// Let scripts in what is imported run, with all that the site itself may do
    #[arg(long)]
    trusted: bool,
    /// Let scripts in what is imported run, in an origin of their own
    #[arg(long)]
    sandbox: bool,
    /// Let no script in what is imported run; so it is where nothing is said
    #[arg(long)]
    clean: bool,
}

impl PolicyFlags {
    fn of(policy: ContentPolicy) -> Self {
        Self {
            trusted: policy == ContentPolicy::Trusted,
            sandbox: policy == ContentPolicy::Sandbox,
            clean: policy == ContentPolicy::Clean,
        }
    }

    fn chosen(&self) -> Option<ContentPolicy> {
        let all = [
            (self.trusted, ContentPolicy::Trusted),
            (self.sandbox, ContentPolicy::Sandbox),
            (self.clean, ContentPolicy::Clean),
        ];
        all.into_iter().find_map(|(is_chosen, policy)| is_chosen.then_some(policy))
    }
}

/// What a policy means for what is imported.
fn meaning(policy: ContentPolicy) -> &'static str {
    match policy {
        ContentPolicy::Clean => "its scripts do not run",
        ContentPolicy::Sandbox => "its scripts run, in an origin of their own",
        ContentPolicy::Trusted => "its scripts run, with all that the site itself may do",
    }
}

/// Asks whoever sits at the terminal; who only presses Enter leaves it at what is said without a flag.
fn ask_for_policy() -> Result<PolicyFlags, Failure> {
    remark("There is HTML among the files. How far is it trusted?");
    for policy in [ContentPolicy::Clean, ContentPolicy::Sandbox, ContentPolicy::Trusted] {
        remark(&format!("  {:<8} {}", policy.to_string(), meaning(policy)));
    }
    loop {
        remark("clean, sandbox or trusted? [as the folder says, else clean]");
        let mut line = String::new();
        let read = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut line);
        read.map_err(|error| Failure::because("cannot read the answer", &error))?;
        match line.trim() {
            "" => return Ok(PolicyFlags::default()),
            text => match text.parse() {
                Ok(policy) => return Ok(PolicyFlags::of(policy)),
                Err(error) => remark(&format!("{error}")),
            },
        }
    }
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

fn refused(message: String, problems: &[String]) -> Failure {
    let mut failure = Failure::refused(message);
    failure.causes = problems.iter().take(PROBLEMS_SHOWN).cloned().collect();
    if problems.len() > PROBLEMS_SHOWN {
        failure.causes.push(format!(
            "... and {} more ({} in all)",
            problems.len() - PROBLEMS_SHOWN,
            problems.len()
        ));
    }
    failure.advise("--skip-bad to import the rest")
}

fn print_summary(summary: &Summary, screen: &mut Screen) -> Result<(), Failure> {
    let counts = format!(
        "{} added, {} changed, {} deleted, {} left as they were",
        counted(summary.added, "object", "objects"),
        summary.changed,
        summary.deleted,
        summary.left
    );
    if summary.dry_run {
        return screen.line(&format!("Nothing was written. It would be: {counts}"));
    }
    match &summary.tid {
        Some(tid) => {
            screen.line(&format!("{} ({tid})", summary.sentence))?;
            screen.line(&counts)?;
            print_policy(summary, screen)?;
            let undo = screen.command(&format!("undo {tid}"));
            screen.line(&format!("undo with: {undo}"))
        }
        None => screen.line(&format!("Nothing changed: {counts}")),
    }
}

/// Says how far what was imported is trusted, and how to change that.
fn print_policy(summary: &Summary, screen: &mut Screen) -> Result<(), Failure> {
    let Ok(policy) = summary.policy.parse::<ContentPolicy>() else { return Ok(()) };
    let why = match summary.policy_from {
        PolicyFrom::Flag => "as asked for",
        PolicyFrom::Default => "as nothing else was asked for",
        PolicyFrom::Site => "as it is where it went",
    };
    screen.line(&format!("HTML in it is {policy}, {why}: {}", meaning(policy)))?;
    for (path, policy) in &summary.policies {
        screen.line(&format!("  but the source says of `{path}`: {}", short(policy, 20)))?;
    }
    let other = if policy == ContentPolicy::Trusted { ContentPolicy::Clean } else { ContentPolicy::Trusted };
    let change = screen.command(&format!("set {} {CONTENT_POLICY}={other}", quoted(&summary.path)));
    screen.line(&format!("change that with: {change}"))
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

    /// Finds or makes the folder that everything goes into.
    fn open_top(&mut self) -> Result<(), Failure> {
        let Some((above, name)) = self.top.split_last() else {
            return self.push(String::new(), Oid::ROOT, false);
        };
        let parent = match self.site.now().get(&above.to_string()) {
            Ok(parent) => parent.oid(),
            Err(error) => {
                let failure = Failure::from(error);
                return Err(failure.advise(format!("bough mkdir -p {}", quoted(&above.to_string()))));
            }
        };
        match self.standing(parent, name, false)? {
            Standing::Container(oid) => {
                self.unmarked = Some(oid);
                self.push(String::new(), oid, false)
            }
            Standing::Leaf(oid) if self.command.delete => {
                self.draft.delete(oid)?;
                self.add_folder(parent, &name.clone(), String::new())
            }
            Standing::Leaf(_) => {
                let message = format!("cannot import to `{}`: it is there and contains nothing", self.top);
                Err(Failure::refused(message).advise("another path, or --delete to replace it by a folder"))
            }
            Standing::Nothing => self.add_folder(parent, &name.clone(), String::new()),
        }
    }

    fn add_folder(&mut self, parent: Oid, name: &Name, path: String) -> Result<(), Failure> {
        let mark = if path.is_empty() { vec![(Name::new(FILES)?, Value::Bool(true))] } else { Vec::new() };
        let oid = self.draft.add(parent, name, &Name::new("folder")?, mark)?;
        self.summary.added += 1;
        self.push(path, oid, true)
    }

    fn push(&mut self, path: String, oid: Oid, is_new: bool) -> Result<(), Failure> {
        self.into.get_or_insert((oid, is_new));
        self.open.push(OpenFolder { path, oid, is_new, sidecar: None, seen: BTreeSet::new() });
        Ok(())
    }

    fn standing(&self, parent: Oid, name: &Name, is_new: bool) -> Result<Standing, Failure> {
        let found = if is_new { None } else { self.base.child(parent, name.as_str())? };
        let Some(oid) = found else { return Ok(Standing::Nothing) };
        let object = self.base.object(oid)?;
        let type_name = object.as_deref().and_then(Object::type_name).map_or("", Name::as_str);
        let is_container = match self.draft.types().schema(type_name) {
            Some(schema) => schema.container,
            None => !self.base.children(oid, &ChildrenPage::first(1))?.is_empty(),
        };
        Ok(if is_container { Standing::Container(oid) } else { Standing::Leaf(oid) })
    }

    fn here(&self) -> (Oid, bool) {
        self.open.last().map_or((Oid::ROOT, false), |folder| (folder.oid, folder.is_new))
    }

    fn take_folder(&mut self, item: &Item, name: &Name, asker: &mut dyn Asker) -> Result<(), Failure> {
        let (parent, is_new) = self.here();
        match self.standing(parent, name, is_new)? {
            Standing::Container(oid) => {
                self.summary.left += 1;
                return self.push(item.path.clone(), oid, false);
            }
            Standing::Leaf(oid) => {
                if !self.command.delete {
                    self.problem(&item.path, "is a folder, and what stands there is not");
                }
                self.draft.delete(oid)?;
                self.summary.deleted += 1;
                self.say("delete", &item.path, asker)?;
            }
            Standing::Nothing => {}
        }
        self.say("add", &item.path, asker)?;
        self.add_folder(parent, name, item.path.clone())
    }

    fn take_file(&mut self, item: &Item, name: &Name, asker: &mut dyn Asker) -> Result<(), Failure> {
        let (parent, is_new) = self.here();
        let described = self.described(name).filter(|described| described.file).cloned();
        let old = match self.standing(parent, name, is_new)? {
            Standing::Nothing => None,
            Standing::Leaf(oid) => self.base.object(oid)?,
            Standing::Container(oid) => {
                if !self.command.delete {
                    self.problem(&item.path, "is a file, and a folder stands there");
                }
                self.draft.delete(oid)?;
                self.summary.deleted += 1;
                self.say("delete", &item.path, asker)?;
                None
            }
        };
        let type_name =
            described.as_ref().map_or_else(|| bough::file_type(name.as_str()), |it| it.type_name.as_str());
        let Some(old) = old else {
            let value = self.value(item, None, asker)?;
            let data = value.map(|value| (Name::new("data"), value));
            let data = data.map(|(name, value)| Ok::<_, Failure>((name?, value))).transpose()?;
            let oid = self.draft.add(parent, name, &Name::new(type_name)?, data)?;
            self.summary.added += 1;
            self.say("add", &item.path, asker)?;
            if let Some(described) = described {
                self.describe(oid, &item.path, &described, true)?;
            }
            return Ok(());
        };
        let is_file = old.is_a("file") || old.is_a("image") || described.is_some();
        if !is_file && !self.command.delete {
            let found = old.type_name().map_or("unknown", Name::as_str).to_owned();
            self.problem(&item.path, &format!("is a file, and a {found} stands there"));
        }
        let oid = old.oid();
        let mut is_changed = false;
        if !is_file {
            self.draft.set_type(oid, &Name::new(type_name)?)?;
            is_changed = true;
        }
        let now = bough::core::snapshot::attribute(&self.base, &old, "data")?;
        if let Some(value) = self.value(item, now.as_ref(), asker)? {
            self.draft.set(oid, &Name::new("data")?, Some(value))?;
            is_changed = true;
        }
        if let Some(described) = described {
            is_changed |= self.describe(oid, &item.path, &described, false)?;
        }
        self.count(is_changed, &item.path, asker)
    }

    /// Takes the content; none where it is what is there already, or nothing shall be written.
    fn value(
        &mut self,
        item: &Item,
        now: Option<&Value>,
        asker: &mut dyn Asker,
    ) -> Result<Option<Value>, Failure> {
        let mut contents = Contents::of(asker);
        let mut start = Vec::new();
        let read = contents.by_ref().take(COMPARED_BYTES_MAX + 1).read_to_end(&mut start);
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        read.map_err(|error| Failure::because("cannot take a file", &error))?;
        let is_small = start.len() as u64 <= COMPARED_BYTES_MAX;
        if is_small && value::same_bytes(now, &start) {
            return Ok(None);
        }
        let mut from = start.as_slice().chain(&mut contents);
        let (value, bytes) = if self.command.dry_run {
            let digested = digest(&mut from);
            (digested.map_err(|error| Failure::because("cannot take a file", &error)), item.bytes)
        } else {
            (self.draft.blob(&mut from).map_err(Failure::from), item.bytes)
        };
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        let value = value?;
        if Some(&value) == now {
            return Ok(None);
        }
        self.summary.files += 1;
        self.summary.bytes += bytes;
        Ok(Some(value))
    }

    fn take_blob(&mut self, digest_text: &str, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut contents = Contents::of(asker);
        let stored = if self.command.dry_run {
            digest(&mut contents).map_err(|error| Failure::because("cannot take a blob", &error))
        } else {
            self.draft.blob(&mut contents).map_err(Failure::from)
        };
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        contents.skip()?;
        self.blobs.insert(digest_text.to_owned(), stored?);
        Ok(())
    }

    fn take_sidecar(&mut self, item: &Item, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut contents = Contents::of(asker);
        let mut bytes = Vec::new();
        let read = contents.by_ref().take(sidecar::BYTES_MAX + 1).read_to_end(&mut bytes);
        if let Some(failure) = contents.failure.take() {
            return Err(failure);
        }
        read.map_err(|error| Failure::because("cannot take a folder's description", &error))?;
        contents.skip()?;
        let parsed = match bytes.len() as u64 <= sidecar::BYTES_MAX {
            true => Sidecar::parse(&bytes),
            false => Err(format!("it is longer than {}", size_text(sidecar::BYTES_MAX))),
        };
        match parsed {
            Ok(sidecar) => self.apply_sidecar(sidecar, asker),
            Err(problem) => {
                self.problem(&item.path, &format!("describes no folder: {problem}"));
                Ok(())
            }
        }
    }

    fn apply_sidecar(&mut self, sidecar: Sidecar, asker: &mut dyn Asker) -> Result<(), Failure> {
        let Some(folder) = self.open.last_mut() else { return Ok(()) };
        let (oid, path, is_new) = (folder.oid, folder.path.clone(), folder.is_new);
        folder.seen.extend(sidecar.children.keys().filter_map(|name| Name::new(name).ok()));
        folder.sidecar = Some(sidecar.clone());
        if let Some(described) = &sidecar.folder {
            self.unmarked = self.unmarked.filter(|top| *top != oid);
            let is_changed = self.describe(oid, &path, described, is_new)?;
            if is_changed && !is_new {
                self.summary.changed += 1;
            }
        }
        for (name, described) in sidecar.children.iter().filter(|(_, described)| !described.file) {
            let child_path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            self.take_described(oid, is_new, &Name::new(name)?, &child_path, described, asker)?;
        }
        Ok(())
    }

    /// A child that is described and has no file.
    fn take_described(
        &mut self,
        parent: Oid,
        is_new: bool,
        name: &Name,
        path: &str,
        described: &Described,
        asker: &mut dyn Asker,
    ) -> Result<(), Failure> {
        match self.standing(parent, name, is_new)? {
            Standing::Leaf(oid) => {
                let is_changed = self.describe(oid, path, described, false)?;
                return self.count(is_changed, path, asker);
            }
            Standing::Container(oid) => {
                if !self.command.delete {
                    self.problem(path, &format!("is a {}, and a folder stands there", described.type_name));
                }
                self.draft.delete(oid)?;
                self.summary.deleted += 1;
            }
            Standing::Nothing => {}
        }
        let oid = self.draft.add(parent, name, &Name::new(&described.type_name)?, [])?;
        self.summary.added += 1;
        self.say("add", path, asker)?;
        self.describe(oid, path, described, true).map(|_| ())
    }

    /// Makes the object what is described: its type and all its attributes, but for the content of a plain file.
    fn describe(
        &mut self,
        oid: Oid,
        path: &str,
        described: &Described,
        is_new: bool,
    ) -> Result<bool, Failure> {
        let object = self.draft.object(oid)?;
        let mut is_changed = false;
        if let Some(rights) = &described.rights {
            self.rights.push((oid, path.to_owned(), rights.clone()));
        }
        if object
            .as_deref()
            .and_then(Object::type_name)
            .is_none_or(|name| *name != described.type_name.as_str())
        {
            self.draft.set_type(oid, &Name::new(&described.type_name)?)?;
            is_changed = true;
        }
        for (name, json) in &described.attributes {
            let attribute = Name::new(name)?;
            if name == CONTENT_POLICY && !path.is_empty() {
                let said = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
                let is_told = said != ContentPolicy::Clean.to_string();
                if is_told && self.summary.policies.len() < PROBLEMS_SHOWN {
                    self.summary.policies.push((path.to_owned(), said));
                }
            }
            if sidecar::has_reference(json) {
                self.deferred.push(Deferred { oid, path: path.to_owned(), attribute, json: json.clone() });
                continue;
            }
            let blobs = &self.blobs;
            let reader = Reader { reference: &|_| None, blob: &|digest| blobs.get(digest).cloned() };
            match reader.read(json) {
                Ok(value) => is_changed |= self.set(oid, &attribute, value, is_new)?,
                Err(problem) => self.problem(path, &format!("its attribute `{name}`: {problem}")),
            }
        }
        let Some(object) = object else { return Ok(is_changed) };
        for (name, _) in object.attributes() {
            let is_content = described.file && name == "data";
            if !is_content && !described.attributes.contains_key(name.as_str()) {
                self.draft.set(oid, name, None)?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    /// Sets what differs.
    fn set(&mut self, oid: Oid, attribute: &Name, value: Value, is_new: bool) -> Result<bool, Failure> {
        if !is_new
            && let Some(object) = self.draft.object(oid)?
            && bough::core::snapshot::attribute(&*self.draft, &object, attribute.as_str())?
                == Some(value.clone())
        {
            return Ok(false);
        }
        self.draft.set(oid, attribute, Some(value))?;
        Ok(true)
    }

    fn described(&self, name: &Name) -> Option<&Described> {
        self.open.last()?.sidecar.as_ref()?.children.get(name.as_str())
    }

    /// Deletes what the source does not have, where that is wanted, and puts the children in their order.
    fn close_folder(&mut self, asker: &mut dyn Asker) -> Result<(), Failure> {
        let Some(folder) = self.open.pop() else { return Ok(()) };
        if self.command.delete && !folder.is_new {
            self.delete_others(&folder, asker)?;
        }
        match &folder.sidecar {
            Some(sidecar) => self.put_in_order(&folder, sidecar),
            None => Ok(()),
        }
    }

    fn delete_others(&mut self, folder: &OpenFolder, asker: &mut dyn Asker) -> Result<(), Failure> {
        let mut page = ChildrenPage { by: ChildOrder::Name, ..ChildrenPage::first(CHILDREN_BATCH) };
        loop {
            let children = self.base.children(folder.oid, &page)?;
            for child in &children {
                let path = match folder.path.as_str() {
                    "" => child.name.to_string(),
                    above => format!("{above}/{}", child.name),
                };
                if folder.seen.contains(&child.name) || is_excluded_anywhere(&self.command.exclude, &path) {
                    continue;
                }
                self.draft.delete(child.oid)?;
                self.summary.deleted += 1;
                self.say("delete", &path, asker)?;
            }
            match children.last() {
                Some(last) if children.len() == page.limit => page = page.following(last),
                _ => return Ok(()),
            }
        }
    }

    /// Gives the described children new order keys where they do not stand as described.
    fn put_in_order(&mut self, folder: &OpenFolder, sidecar: &Sidecar) -> Result<(), Failure> {
        let names: Vec<&str> = match &sidecar.order {
            Some(order) => order.iter().map(String::as_str).collect(),
            None => folder.seen.iter().map(Name::as_str).collect(),
        };
        let mut standing = Vec::new();
        for name in names {
            let Some(oid) = self.draft.child(folder.oid, name)? else { continue };
            let object = self.draft.object(oid)?;
            let order = object.as_deref().and_then(Object::place).map(|place| place.order.clone());
            standing.push((oid, order.unwrap_or_default(), name));
        }
        if standing.is_sorted_by_key(|(_, order, name)| (order, *name)) {
            return Ok(());
        }
        let now = self.site.database().now_micros();
        for (oid, ..) in standing {
            self.reordered += 1;
            self.draft.reorder(oid, OrderKey::at(now, self.reordered))?;
        }
        Ok(())
    }

    /// Sets the attributes that name other objects, now that all are there.
    fn resolve_deferred(&mut self) -> Result<(), Failure> {
        for deferred in std::mem::take(&mut self.deferred) {
            let (top, draft, blobs) = (&self.top, &self.draft, &self.blobs);
            let reference = |text: &str| match text.strip_prefix('.') {
                Some(below) => value::find(&**draft, &join(top, below)),
                None => value::find(&**draft, text),
            };
            let reader = Reader { reference: &reference, blob: &|digest| blobs.get(digest).cloned() };
            match reader.read(&deferred.json) {
                Ok(value) => {
                    self.set(deferred.oid, &deferred.attribute, value, false)?;
                }
                Err(problem) => {
                    self.problem(
                        &deferred.path,
                        &format!("its attribute `{}`: {problem}", deferred.attribute),
                    );
                }
            }
        }
        Ok(())
    }

    /// Says about rights exactly what is described, now that all users are there.
    fn set_rights(&mut self) -> Result<(), Failure> {
        for (oid, path, rights) in std::mem::take(&mut self.rights) {
            let (top, draft) = (&self.top, &self.draft);
            let find = |text: &str| match text.strip_prefix('.') {
                Some(below) => value::find(&**draft, &join(top, below)),
                None => value::find(&**draft, text),
            };
            let mut wanted = match rights.cells(&find) {
                Ok(cells) => cells,
                Err(problem) => {
                    self.problem(&path, &format!("its rights: {problem}"));
                    continue;
                }
            };
            let Some(object) = self.draft.object(oid)? else { continue };
            let others = object.security().iter().filter(|(key, _)| !wanted.contains_key(key));
            let others: Vec<_> = others.map(|(key, _)| (key.clone(), None)).collect();
            wanted.retain(|key, content| object.content(key) != Some(content));
            let cells = wanted.into_iter().map(|(key, content)| (key, Some(content)));
            for (key, content) in others.into_iter().chain(cells) {
                self.set_right(oid, key, content)?;
            }
        }
        Ok(())
    }

    fn set_right(&mut self, oid: Oid, key: CellKey, content: Option<Content>) -> Result<(), Failure> {
        match (key, content) {
            (CellKey::Permission(name), Some(Content::Setting(setting))) => {
                self.draft.set_permission(oid, &name, Some(setting))?;
            }
            (CellKey::Permission(name), _) => self.draft.set_permission(oid, &name, None)?,
            (CellKey::LocalRoles(whose), Some(Content::Roles(roles))) => {
                self.draft.set_local_roles(oid, whose, roles)?;
            }
            (CellKey::LocalRoles(whose), _) => self.draft.set_local_roles(oid, whose, Roles::default())?,
            (CellKey::Owner, Some(Content::Owner(owner))) => self.draft.set_owner(oid, Some(owner))?,
            (CellKey::Owner, _) => self.draft.set_owner(oid, None)?,
            (CellKey::ProxyRoles, Some(Content::Roles(roles))) => {
                self.draft.set_proxy_roles(oid, Some(roles))?;
            }
            (CellKey::ProxyRoles, _) => self.draft.set_proxy_roles(oid, None)?,
            _ => {}
        }
        Ok(())
    }

    /// Lets names that begin with `_` have URLs below the top, unless the source itself says what the top is. The
    /// root is left alone: it is a site, not a folder of files.
    fn mark_files(&mut self) -> Result<(), Failure> {
        let Some(oid) = self.unmarked.take() else { return Ok(()) };
        let is_changed = self.set(oid, &Name::new(FILES)?, Value::Bool(true), false)?;
        self.summary.changed += u64::from(is_changed);
        Ok(())
    }

    /// Says how far everything is trusted, where that was asked for; a new folder is never trusted because one above it
    /// is. What the source says of itself counts unless something else was asked for.
    fn set_policy(&mut self) -> Result<(), Failure> {
        let Some((oid, is_new)) = self.into else { return Ok(()) };
        let types = Arc::clone(self.draft.types());
        let held = self.draft.object(oid)?.is_some_and(|object| object.attribute(CONTENT_POLICY).is_some());
        let (wanted, from) = match self.command.policy.chosen() {
            Some(policy) => (Some(policy), PolicyFrom::Flag),
            None if is_new && !held => (Some(ContentPolicy::default()), PolicyFrom::Default),
            None => (None, PolicyFrom::Site),
        };
        let now = ContentPolicy::of(&*self.draft, &types, oid)?;
        if let Some(policy) = wanted
            && (policy != now || (held && from == PolicyFrom::Flag))
        {
            let value = Value::text(policy.to_string());
            let is_changed = self.set(oid, &Name::new(CONTENT_POLICY)?, value, false)?;
            self.summary.changed += u64::from(is_changed && !is_new);
        }
        self.summary.policy = wanted.unwrap_or(now).to_string();
        self.summary.policy_from = from;
        Ok(())
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

/// The path below the top that a text such as `/a/b` names.
fn join(top: &ObjectPath, below: &str) -> String {
    if top.is_root() { format!("/{}", below.trim_start_matches('/')) } else { format!("{top}{below}") }
}

/// What bytes would be if they were stored.
fn digest(from: &mut dyn Read) -> std::io::Result<Value> {
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(from, &mut hasher)?;
    Ok(Value::Blob(BlobRef { digest: Digest(*hasher.finalize().as_bytes()), bytes }))
}
