//! Traversal: from the steps of a path to an object and what is to be done with it.
//!
//! One resolver for everything: HTTP, API, templates, other protocols. In this order a step is: a view (`@@name`), a
//! child, a published method of the type, and, where the place allows it, a method or template found by acquisition
//! that is applied to the object. Else it is not found; but where something stood there once, the answer says where
//! that is now.
//!
//! # Invariants
//! - Content answers at one path only. Acquisition finds methods and templates here, never content.
//! - A step that begins with `_` is found only below a folder marked as imported files ([`FILES`]), but for the `_users`
//!   of a folder, which those see who may manage users.
//!
//! Not here: `@v/NAME` and `@at/TIME` choose the snapshot ([`Address`] splits them off), what a view shows.

use std::sync::Arc;

use crate::acquisition::{self, Found};
use crate::object::{Content, Object};
use crate::object_type::TypeRegistry;
use crate::security::{USERS, USERS_NAME};
use crate::snapshot::{ReadError, Snapshot, is_live};
use crate::value::Value;
use crate::{Name, Oid};

/// The attribute that, true here or above, marks imported files: there a name may begin with `_`.
pub const FILES: &str = "_files";
/// The attribute that, true here or above, lets the last step of a URL be an acquired method or template.
pub const ACQUIRE_STEPS: &str = "_acquire_steps";
/// The step before a moment.
pub const AT: &str = "@at";
/// The step before the name of a version.
pub const VERSION: &str = "@v";

/// A path as it was asked for: which line, which moment, and the steps in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// The version after `@v/`, if that was there.
    pub version: Option<&'a str>,
    /// The moment or tid after `@at/`, if that was there.
    pub moment: Option<&'a str>,
    /// The rest.
    pub steps: &'a [String],
}

impl<'a> Address<'a> {
    /// Splits `@v/NAME/` and `@at/MOMENT/`, in this order, from decoded steps.
    pub fn of(steps: &'a [String]) -> Self {
        let mut address = Self { steps, ..Self::default() };
        if let [mark, name, rest @ ..] = address.steps
            && mark == VERSION
        {
            address = Self { version: Some(name), steps: rest, ..address };
        }
        if let [mark, moment, rest @ ..] = address.steps
            && mark == AT
        {
            address = Self { moment: Some(moment), steps: rest, ..address };
        }
        address
    }
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// An object.
    Object(Arc<Object>),
    /// A method of an object's type.
    Method {
        /// The object.
        object: Arc<Object>,
        /// Its method.
        method: Name,
    },
    /// A view of an object.
    View {
        /// The object.
        object: Arc<Object>,
        /// The view without its `@@`.
        view: String,
    },
    /// An acquired template that is applied to an object.
    Applied {
        /// The object.
        object: Arc<Object>,
        /// The template.
        template: Arc<Object>,
    },
    /// Nothing is there now; what stood there last is this object, which lives elsewhere.
    Moved(Oid),
    /// Nothing.
    Missing {
        /// The last object on the way.
        reached: Arc<Object>,
        /// The step that was not found.
        step: String,
    },
}

/// Follows `steps` from `start`, which must exist.
///
/// # Errors
/// When the store cannot be read.
pub fn resolve(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    start: &Arc<Object>,
    steps: &[String],
) -> Result<Target, ReadError> {
    let mut at = Arc::clone(start);
    for (nth, step) in steps.iter().enumerate() {
        let is_last = nth + 1 == steps.len();
        if let Some(view) = step.strip_prefix("@@")
            && is_last
            && Name::check(view).is_ok()
        {
            return Ok(Target::View { object: at, view: view.to_owned() });
        }
        let is_private = step.starts_with('_');
        if Name::check(step).is_err()
            || (is_private && step != USERS_NAME && !is_marked(snapshot, types, &at, FILES)?)
        {
            return Ok(Target::Missing { reached: at, step: step.clone() });
        }
        if let Some(child) = snapshot.child(at.oid(), step)?
            && let Some(object) = snapshot.object(child)?
            && (step != USERS_NAME || object.is_a(USERS) || is_marked(snapshot, types, &at, FILES)?)
        {
            at = object;
            continue;
        }
        if is_last && let Some(target) = method_or_template(snapshot, types, &at, step)? {
            return Ok(target);
        }
        return Ok(match formerly(snapshot, at.oid(), &steps[nth..])? {
            Some(oid) => Target::Moved(oid),
            None => Target::Missing { reached: at, step: step.clone() },
        });
    }
    Ok(Target::Object(at))
}

fn method_or_template(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    object: &Arc<Object>,
    step: &str,
) -> Result<Option<Target>, ReadError> {
    let schema = object.type_name().and_then(|name| types.schema(name.as_str()));
    if let Some(method) = schema.and_then(|schema| schema.method(step)) {
        return Ok(Some(Target::Method { object: Arc::clone(object), method: method.name.clone() }));
    }
    if step.starts_with('_') || !is_marked(snapshot, types, object, ACQUIRE_STEPS)? {
        return Ok(None);
    }
    let Some(acquired) = acquisition::get(snapshot, types, object.oid(), step)? else { return Ok(None) };
    let Found::Child(oid) = acquired.found else { return Ok(None) };
    let Some(template) = snapshot.object(oid)? else { return Ok(None) };
    let applicable = template
        .type_name()
        .and_then(|name| types.schema(name.as_str()))
        .is_some_and(|schema| schema.applicable);
    Ok(applicable.then(|| Target::Applied { object: Arc::clone(object), template }))
}

fn is_marked(
    snapshot: &(impl Snapshot + ?Sized),
    types: &TypeRegistry,
    object: &Object,
    mark: &str,
) -> Result<bool, ReadError> {
    let acquired = acquisition::acquire(snapshot, types, object.oid(), mark)?;
    Ok(matches!(
        acquired.map(|acquired| acquired.found),
        Some(Found::Attribute { content: Content::Value(Value::Bool(true)), .. })
    ))
}

/// Follows steps through what stands there now or stood there last.
fn formerly(
    snapshot: &(impl Snapshot + ?Sized),
    from: Oid,
    steps: &[String],
) -> Result<Option<Oid>, ReadError> {
    let mut at = from;
    for step in steps {
        if Name::check(step).is_err() || step.starts_with('_') {
            return Ok(None);
        }
        let next = match snapshot.child(at, step)? {
            Some(child) => Some(child),
            None => snapshot.former_child(at, step)?,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(is_live(snapshot, at)?.then_some(at))
}

#[cfg(test)]
mod tests;
