//! Jinja: compiles templates of the tree and runs them within bounds.
//!
//! A template that is included, extended or imported by name is acquired from the place of the template that names
//! it; a template never finds itself that way, so that `/news/layout.html` may extend the `layout.html` of the site.
//! Where nothing is acquired, the built-in one of that name is taken, if there is one.
//!
//! # Invariants
//! - A compiled template belongs to one source of one object, so nothing ever has to be thrown away for being old.
//! - Running ends: by fuel, by depth, by the length of what was written, by the deadline; and no text or list grows
//!   past a bound on the way (`guard` sees to what the engine does not count).
//! - What is not defined is an error that names the template and the line.
//!
//! Not here: what the names in a template mean (`namespace`).

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use bough_core::acquisition::{self, Found};
use bough_core::snapshot::{ReadError, attribute, path_of};
use bough_core::{Object, Oid, Tid};
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use parking_lot::Mutex;

use super::guard::guarded;
use super::namespace::{DENIED, Names, Scene, not_for_you, unreadable};

/// How deep includes, macros and blocks may be nested. What the stack of a worker thread takes, several times over.
const RECURSION_MAX: usize = 150;
/// Most numbers that `range` gives.
const RANGE_MAX: usize = 10_000;
/// Longest text that a filter makes.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// How many compiled templates are kept; past that all are compiled afresh as they are used.
const COMPILED_MAX: usize = 512;
/// Templates that are always there.
const BUILT_IN: [(&str, &str); 3] = [
    ("layout.html", include_str!("builtin/layout.html")),
    ("listing.html", include_str!("builtin/listing.html")),
    ("object.html", include_str!("builtin/object.html")),
];
/// What the keys of built-in templates begin with; the others begin with an oid.
const BUILT_IN_MARK: &str = "built-in/";

/// Why a template did not make a page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TemplateError {
    /// It is wrong, or ran into a bound other than those below.
    #[error("template `{template}`, line {line}")]
    Failed { template: String, line: usize, source: Error },
    /// More than may be written.
    #[error("template `{template}` wrote more than {max} bytes")]
    TooLong { template: String, max: usize },
    /// It ran too long.
    #[error("template `{template}` ran out of time")]
    OutOfTime { template: String },
    /// It shows something that whoever asks may not see.
    #[error("the page shows what is not for whoever asks")]
    Denied {
        /// Whether it is known who asks.
        asks: bool,
    },
    /// It could not be read.
    #[error("cannot read a template")]
    Read(#[from] ReadError),
}

/// What to render.
pub(crate) struct Page<'a> {
    pub(crate) scene: Arc<Scene>,
    /// The object shown.
    pub(crate) here: Arc<Object>,
    /// What the names of a template mean besides what the object acquires.
    pub(crate) added: Vec<(&'static str, Value)>,
    pub(crate) template: Chosen<'a>,
}

/// Which template makes the page.
pub(crate) enum Chosen<'a> {
    /// This one.
    Object(&'a Object),
    /// The one of this name that the object shown acquires, else the built-in one.
    Acquired(&'static str),
}

/// Bounds of one rendering.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) fuel: u64,
    pub(crate) page_bytes_max: usize,
}

/// The template engine with what it has compiled.
pub(crate) struct Templates {
    compiled: Mutex<Environment<'static>>,
    count: AtomicUsize,
    bounds: Bounds,
}

impl Templates {
    /// An engine within these bounds.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { compiled: Mutex::new(environment()), count: AtomicUsize::new(0), bounds }
    }

    /// Renders a page.
    ///
    /// # Errors
    /// When a template is wrong, ran into a bound, or could not be read.
    pub(crate) fn render(&self, page: Page<'_>) -> Result<String, TemplateError> {
        let Page { scene, here, added, template } = page;
        let key = match template {
            Chosen::Object(template) => {
                scene.run(template)?;
                key_of(template)
            }
            Chosen::Acquired(name) => match locate(&scene, name, here.oid(), None)? {
                Some(template) => {
                    if !scene.may_view(&template)? {
                        return Err(scene.denied());
                    }
                    scene.run(&template)?;
                    key_of(&template)
                }
                None => format!("{BUILT_IN_MARK}{name}"),
            },
        };
        let run = Arc::new(Run { scene: Arc::clone(&scene), here: here.oid(), loaded: AtomicUsize::new(0) });
        let mut environment = self.compiled.lock().clone();
        prepare(&mut environment, &run, self.bounds);
        let mut page =
            Bounded { bytes: Vec::with_capacity(4 << 10), max: self.bounds.page_bytes_max, is_full: false };
        let names = Value::from_object(Names { scene: Arc::clone(&scene), here, added });
        let rendered = environment
            .get_template(&key)
            .and_then(|template| template.render_captured_to(names, &mut page).map(drop));
        let explained = rendered.map_err(|error| explain(&scene, &key, &page, error));
        self.keep_compiled(environment, &run);
        explained?;
        // Only text is ever written.
        String::from_utf8(page.bytes).map_err(|error| {
            let source = Error::new(ErrorKind::BadSerialization, error.to_string());
            TemplateError::Failed { template: readable(&scene, &key), line: 0, source }
        })
    }

    /// Takes over what this run compiled, without what belongs to the run alone.
    fn keep_compiled(&self, mut environment: Environment<'static>, run: &Run) {
        let loaded = run.loaded.load(Ordering::Relaxed);
        if loaded == 0 {
            return;
        }
        if self.count.fetch_add(loaded, Ordering::Relaxed) + loaded > COMPILED_MAX {
            self.count.store(loaded, Ordering::Relaxed);
            environment.clear_templates();
        }
        environment.set_loader(|_: &str| Ok(None::<String>));
        environment.set_path_join_callback(|name, _| Cow::Borrowed(name));
        environment.set_formatter(minijinja::escape_formatter);
        environment.remove_global("__plain");
        *self.compiled.lock() = environment;
    }
}

/// One rendering, for the callbacks of the engine.
struct Run {
    scene: Arc<Scene>,
    here: Oid,
    /// How many templates had to be compiled.
    loaded: AtomicUsize,
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_recursion_limit(RECURSION_MAX);
    environment.set_auto_escape_callback(|key| {
        let name = key.rsplit('/').next().unwrap_or(key);
        let extension = name.rsplit_once('.').map_or("html", |(_, extension)| extension);
        match extension {
            "txt" | "text" | "md" | "css" | "js" | "csv" | "json" => AutoEscape::None,
            _ => AutoEscape::Html,
        }
    });
    environment.add_function("__text", text_part);
    environment.add_function("__part", part);
    // It shows a template everything that there is.
    environment.remove_global("debug");
    environment.add_function("range", range);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("indent", indent);
    environment.add_filter("batch", batch);
    environment.add_filter("escape", escape);
    environment.add_filter("e", escape);
    // Their widths and counts make much of little, and nobody needs them for a page.
    for filter in ["chain", "format", "pprint", "slice"] {
        environment.remove_filter(filter);
    }
    environment
}

fn prepare(environment: &mut Environment<'static>, run: &Arc<Run>, bounds: Bounds) {
    environment.set_fuel(Some(bounds.fuel));
    let loading = Arc::clone(run);
    environment.set_loader(move |key| {
        loading.loaded.fetch_add(1, Ordering::Relaxed);
        load(&loading.scene, key)
    });
    let joining = Arc::clone(run);
    environment.set_path_join_callback(move |name, from| Cow::Owned(join_names(&joining, name, from)));
    let deadline = run.scene.deadline;
    let most = bounds.page_bytes_max as u64;
    // Also sees what goes into variables (`{% set x %}...{% endset %}`) and so never into the page itself.
    let counted = Arc::new(AtomicU64::new(0));
    let written = Arc::clone(&counted);
    environment.add_function("__plain", move |bytes: u64| {
        if counted.fetch_add(bytes, Ordering::Relaxed) + bytes > most.saturating_mul(2) {
            return Err(Error::new(ErrorKind::WriteFailure, "more was written than a page may hold"));
        }
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::OutOfFuel, OUT_OF_TIME));
        }
        Ok("")
    });
    environment.set_formatter(move |out, state, value| {
        // What is no text is written out first, and lists can hold each other many times over.
        let written_out = match value.kind() {
            ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => Some(Value::from(in_full(value)?)),
            _ => None,
        };
        let value = written_out.as_ref().unwrap_or(value);
        let bytes = value.as_str().map_or(16, |text| text.len() as u64 + 1);
        if written.fetch_add(bytes, Ordering::Relaxed) + bytes > most.saturating_mul(2) {
            return Err(Error::new(ErrorKind::WriteFailure, "more was written than a page may hold"));
        }
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::OutOfFuel, OUT_OF_TIME));
        }
        match value.as_str() {
            Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => {
                out.write_str(&crate::error::escape(text)).map_err(Error::from)
            }
            _ => minijinja::escape_formatter(out, state, value),
        }
    });
}

const OUT_OF_TIME: &str = "out of time";
/// What stands for the key of a template that is not for whoever asks.
const DENIED_KEY: &str = "denied/";

/// The key under which a template of the tree is compiled: its oid, the commit that wrote its source, and its name for
/// the escaping. The object's revision would not do: two lines may show it at the same one with different sources.
fn key_of(template: &Object) -> String {
    let name = template.place().map_or("template", |place| place.name.as_str());
    let written = template.attribute("source").map_or(template.revision(), |cell| cell.tid);
    format!("{}.{written}/{name}", template.oid())
}

fn parse_key(key: &str) -> Option<(Oid, Tid)> {
    let (ids, _) = key.split_once('/')?;
    let (oid, tid) = ids.split_once('.')?;
    Some((oid.parse().ok()?, tid.parse().ok()?))
}

/// The template called `name`, acquired by the object `from`; `asking` is passed over.
fn locate(
    scene: &Scene,
    name: &str,
    from: Oid,
    asking: Option<Oid>,
) -> Result<Option<Arc<Object>>, ReadError> {
    let mut place = from;
    // Only a template that asks for its own name goes round again, one container higher; so this ends at the root.
    loop {
        let acquired = acquisition::acquire(&*scene.snapshot, &scene.types, place, name)?;
        let Some((Found::Child(oid), at)) = acquired.map(|acquired| (acquired.found, acquired.at)) else {
            return Ok(None);
        };
        let Some(template) = scene.snapshot.object(oid)? else { return Ok(None) };
        if Some(oid) == asking {
            let above =
                scene.snapshot.object(at)?.and_then(|object| object.place().map(|place| place.parent));
            match above {
                Some(above) => {
                    place = above;
                    continue;
                }
                None => return Ok(None),
            }
        }
        return Ok(template.is_a("template").then_some(template));
    }
}

/// The key of `name` as the template `from` means it; the name itself, which no loader knows, where there is none.
fn join_names(run: &Run, name: &str, from: &str) -> String {
    let found = match parse_key(from) {
        Some((asking, _)) => {
            container(&run.scene, asking).and_then(|place| locate(&run.scene, name, place, Some(asking)))
        }
        None => locate(&run.scene, name, run.here, None),
    };
    let found = found.and_then(|template| {
        let Some(template) = template else { return Ok(None) };
        if !run.scene.may_view(&template)? {
            return Ok(Some(DENIED_KEY.to_owned()));
        }
        run.scene.run_part(&template)?;
        Ok(Some(key_of(&template)))
    });
    match found {
        Ok(Some(key)) => key,
        Ok(None) => format!("{BUILT_IN_MARK}{name}"),
        Err(error) => {
            tracing::error!(%error, name, "cannot look for a template");
            format!("unreadable/{name}")
        }
    }
}

fn container(scene: &Scene, oid: Oid) -> Result<Oid, ReadError> {
    let object = scene.snapshot.object(oid)?;
    Ok(object.and_then(|object| object.place().map(|place| place.parent)).unwrap_or(Oid::ROOT))
}

fn load(scene: &Scene, key: &str) -> Result<Option<String>, Error> {
    if let Some(name) = key.strip_prefix(BUILT_IN_MARK) {
        let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
        return match found {
            Some((_, source)) => guarded(key, source).map(Some),
            None => {
                let problem = format!("no template `{name}` here or in the folders above");
                Err(Error::new(ErrorKind::TemplateNotFound, problem))
            }
        };
    }
    if key == DENIED_KEY {
        return Err(not_for_you());
    }
    let Some((oid, _)) = parse_key(key) else {
        return Err(Error::new(ErrorKind::TemplateNotFound, "the template could not be looked for"));
    };
    let Some(template) = scene.snapshot.object(oid).map_err(unreadable)? else { return Ok(None) };
    let source = attribute(&*scene.snapshot, &template, "source").map_err(unreadable)?;
    let source = source.as_ref().and_then(bough_core::Value::as_text).unwrap_or_default();
    guarded(key, source).map(Some).map_err(|error| match (error.name(), error.detail()) {
        (None, Some(detail)) => {
            // The guards' own refusals do not know where they are.
            Error::new(error.kind(), format!("template `{}`: {detail}", readable(scene, key)))
        }
        _ => error,
    })
}

/// The path of the template with this key, for people.
fn readable(scene: &Scene, key: &str) -> String {
    let path = parse_key(key).and_then(|(oid, _)| path_of(&*scene.snapshot, oid).ok().flatten());
    path.map_or_else(|| key.to_owned(), |path| path.to_string())
}

fn explain(scene: &Scene, key: &str, page: &Bounded, error: Error) -> TemplateError {
    if page.is_full {
        return TemplateError::TooLong { template: readable(scene, key), max: page.max };
    }
    // The innermost error knows the template that is wrong; those around it only included that one.
    let (mut name, mut line) = (error.name().unwrap_or(key).to_owned(), error.line().unwrap_or(0));
    let mut is_out_of_time = error.detail() == Some(OUT_OF_TIME);
    let mut is_denied = error.detail() == Some(DENIED);
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(inner) = inner.downcast_ref::<Error>() {
            is_out_of_time |= inner.detail() == Some(OUT_OF_TIME);
            is_denied |= inner.detail() == Some(DENIED);
            if let (Some(inner_name), Some(inner_line)) = (inner.name(), inner.line()) {
                (name, line) = (inner_name.to_owned(), inner_line);
            }
        }
        cause = inner.source();
    }
    if is_denied {
        return scene.denied();
    }
    let template = readable(scene, &name);
    if is_out_of_time {
        return TemplateError::OutOfTime { template };
    }
    TemplateError::Failed { template, line, source: error }
}

/// Takes at most so many bytes.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
    is_full: bool,
}

impl io::Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as text, as far as texts go.
fn in_full(value: &Value) -> Result<String, Error> {
    struct Limited(String);

    impl fmt::Write for Limited {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            if self.0.len() + text.len() > TEXT_BYTES_MAX {
                return Err(fmt::Error);
            }
            self.0.push_str(text);
            Ok(())
        }
    }

    let mut limited = Limited(String::new());
    write!(limited, "{value}").map_err(|_| too_long("printing a list or map"))?;
    Ok(limited.0)
}

/// A side of `~`, as text within bounds.
fn text_part(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => in_full(&value).map(Value::from),
        _ => part(value),
    }
}

/// A side of `+` or `*`, within bounds.
fn part(value: Value) -> Result<Value, Error> {
    match value.as_str() {
        Some(text) if text.len() > TEXT_BYTES_MAX / 2 => Err(too_long("`~`, `+` or `*`")),
        None if value.len().is_some_and(|items| items > RANGE_MAX) => {
            let problem = format!("`+` and `*` take lists of at most {RANGE_MAX} items");
            Err(Error::new(ErrorKind::InvalidOperation, problem))
        }
        _ => Ok(value),
    }
}

fn too_long(what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!("{what} makes a text of more than {TEXT_BYTES_MAX} bytes"),
    )
}

fn range(from: i64, to: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (from, to) = to.map_or((0, from), |to| (from, to));
    let step = step.unwrap_or(1);
    let distance = i128::from(to) - i128::from(from);
    if step == 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "range with a step of 0"));
    }
    let count = (distance / i128::from(step)) + i128::from(distance % i128::from(step) != 0);
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    if count > RANGE_MAX {
        let problem = format!("range of {count} numbers: at most {RANGE_MAX} are given");
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    let numbers = (0..count).map(|nth| i128::from(from) + nth as i128 * i128::from(step));
    Ok(Value::from(numbers.map(Value::from).collect::<Vec<_>>()))
}

fn replace(text: Cow<'_, str>, from: Cow<'_, str>, to: Cow<'_, str>) -> Result<String, Error> {
    let count = text.matches(&*from).count();
    if text.len().saturating_add(count.saturating_mul(to.len())) > TEXT_BYTES_MAX {
        return Err(too_long("replace"));
    }
    Ok(text.replace(&*from, &to))
}

fn join(items: Value, between: Option<Cow<'_, str>>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut joined = String::new();
    for (nth, item) in items.try_iter()?.enumerate() {
        if nth > 0 {
            joined.push_str(&between);
        }
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => joined.push_str(&item.to_string()),
        }
        if joined.len() > TEXT_BYTES_MAX {
            return Err(too_long("join"));
        }
    }
    Ok(joined)
}

/// As the engine's own, but with slashes as they are: most of what is escaped is in a link.
fn escape(value: Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value);
    }
    let text = match value.as_str() {
        Some(text) => crate::error::escape(text),
        None => crate::error::escape(&in_full(&value)?),
    };
    Ok(Value::from_safe_string(text))
}

fn batch(items: Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    if count == 0 || count > RANGE_MAX {
        let problem = format!("batches of {count}: from 1 to {RANGE_MAX} are made");
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    let mut batches: Vec<Vec<Value>> = Vec::new();
    for item in items.try_iter()? {
        match batches.last_mut() {
            Some(last) if last.len() < count => last.push(item),
            _ => batches.push(vec![item]),
        }
    }
    if let (Some(fill), Some(last)) = (fill, batches.last_mut()) {
        last.resize(count, fill);
    }
    Ok(Value::from(batches.into_iter().map(Value::from).collect::<Vec<_>>()))
}

fn indent(text: Cow<'_, str>, width: usize, first: Option<bool>) -> Result<String, Error> {
    let lines = text.lines().count().max(1);
    if lines.saturating_mul(width).saturating_add(text.len()) > TEXT_BYTES_MAX {
        return Err(too_long("indent"));
    }
    let space = " ".repeat(width);
    let mut indented = String::with_capacity(text.len() + lines * width);
    for (nth, line) in text.split_inclusive('\n').enumerate() {
        if (nth > 0 || first == Some(true)) && !line.trim().is_empty() {
            indented.push_str(&space);
        }
        indented.push_str(line);
    }
    Ok(indented)
}

#[cfg(test)]
mod tests {
    use bough_core::security::{Access, Actor};
    use std::time::Duration;

    use bough_core::object_type::TypeRegistry;
    use bough_core::{Name, Snapshot};
    use bough_store::version::NewVersion;
    use bough_store::{CommitError, Database, Note, Options};

    use super::*;
    use crate::publisher::links::Links;
    use crate::template::RequestFacts;
    use crate::types::built_in_types;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// A folder `/a` with these templates in it.
    fn folder_with(templates: &[(&str, &str)]) -> (Database, Oid) {
        let database = Database::in_memory(Options::new(built_in_types())).unwrap();
        let (folder, _) = database
            .write::<_, CommitError>(Note::edit("test"), |draft| {
                let folder = draft.add(Oid::ROOT, &name("a"), &name("folder"), []).unwrap();
                for (at, source) in templates {
                    let source = [(name("source"), bough_core::Value::text(*source))];
                    draft.add(folder, &name(at), &name("template"), source).unwrap();
                }
                Ok(folder)
            })
            .unwrap();
        (database, folder)
    }

    fn render(
        templates: &Templates,
        database: &Database,
        folder: Oid,
        at: &str,
    ) -> Result<String, TemplateError> {
        let snapshot = Arc::new(database.snapshot());
        let template = snapshot.child(folder, at).unwrap().unwrap();
        let (template, here) =
            (snapshot.object(template).unwrap().unwrap(), snapshot.object(folder).unwrap().unwrap());
        let types = Arc::<TypeRegistry>::clone(database.types());
        let access = Access::new(Actor::anonymous(), Arc::clone(&types), snapshot.clone(), None);
        let scene = Arc::new(Scene {
            snapshot,
            access: parking_lot::RwLock::new(access),
            types,
            links: Links { base_url: None, before: String::new(), top: Oid::ROOT },
            request: RequestFacts::default(),
            deadline: Instant::now() + Duration::from_secs(60),
        });
        templates.render(Page { scene, here, added: Vec::new(), template: Chosen::Object(&template) })
    }

    fn engine() -> Templates {
        Templates::new(Bounds { fuel: 100_000, page_bytes_max: 1_000 })
    }

    #[test]
    fn an_error_names_the_path_of_the_template_that_is_wrong_and_the_line() {
        let broken = "one\n{% if true %}\n{{ nothing }}\n{% endif %}";
        let plain = "x".repeat(100);
        let late = format!("{plain}\n{{% for a in range(2) %}}{plain}\n{{{{ a ~ nothing }}}}{{% endfor %}}");
        let (database, folder) = folder_with(&[
            ("outer.html", "first\n{% include 'broken.html' %}"),
            ("broken.html", broken),
            ("late.html", &late),
            ("syntax.html", "one\n{% if %}"),
        ]);
        for (at, path, line) in [
            ("outer.html", "/a/broken.html", 3),
            ("late.html", "/a/late.html", 3),
            ("syntax.html", "/a/syntax.html", 2),
        ] {
            match render(&engine(), &database, folder, at) {
                Err(TemplateError::Failed { template, line: found, .. }) => {
                    assert_eq!((template.as_str(), found), (path, line), "{at}");
                }
                other => panic!("{at}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_compiled_is_kept_for_the_next_page_and_no_more_than_so_much() {
        let many: Vec<(String, String)> =
            (0..COMPILED_MAX + 20).map(|nth| (format!("t{nth}.html"), format!("page {nth}"))).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(at, source)| (&**at, &**source)).collect();
        let (database, folder) = folder_with(&many);
        let templates = engine();
        for (at, source) in &many {
            assert_eq!(render(&templates, &database, folder, at).unwrap(), *source);
            assert_eq!(render(&templates, &database, folder, at).unwrap(), *source);
            assert!(templates.compiled.lock().templates().count() <= COMPILED_MAX);
        }
        assert!(templates.compiled.lock().templates().count() > 0);
    }

    #[test]
    fn a_version_and_the_trunk_never_share_what_was_compiled_from_different_sources() {
        let (trunk, folder) = folder_with(&[("t.html", "trunk")]);
        let new = NewVersion { name: "v".into(), ..NewVersion::default() };
        let version = trunk.open_version(&new, Note::edit("test")).unwrap();
        let set = |database: &Database, attribute: &str, text: &str| {
            let template = database.snapshot().child(folder, "t.html").unwrap().unwrap();
            database
                .write::<_, CommitError>(Note::edit("test"), |draft| {
                    draft.set(template, &name(attribute), Some(text.into())).unwrap();
                    Ok(())
                })
                .unwrap();
        };
        set(&version, "source", "version");
        set(&trunk, "title", "newer");
        // Both show the template at the revision of this title now.
        version.update(None, Note::edit("test")).unwrap();
        let templates = engine();
        for _ in 0..2 {
            assert_eq!(render(&templates, &trunk, folder, "t.html").unwrap(), "trunk");
            assert_eq!(render(&templates, &version, folder, "t.html").unwrap(), "version");
        }
    }

    #[test]
    fn a_page_that_is_too_long_says_so() {
        let (database, folder) =
            folder_with(&[("long.html", "{% for a in range(60) %}0123456789abcdefghij{% endfor %}")]);
        let result = render(&engine(), &database, folder, "long.html");
        assert!(
            matches!(&result, Err(TemplateError::TooLong { template, max: 1_000 }) if template == "/a/long.html")
        );
    }
}
