//! A value of one's own, to settle a conflict about an attribute that is no text: in the same fields as where it is edited.

use bough_core::merge::plan::{ConflictKey, ConflictKind, Resolution};
use bough_core::object_type::AttributeSpec;
use bough_core::{CellKey, Content, Name, ObjectPath, Oid, Snapshot as _, Value};
use bough_store::version::VersionConflict;
use bough_web::pages::{PageError, PageForm};

use super::at::{At, State};
use super::shown;
use crate::edit::{Names, OwnField, OwnValue};
use crate::text;

/// What the fields for a value of one's own are made of.
pub(super) struct Own {
    label: String,
    spec: Option<AttributeSpec>,
    /// What the field begins with: what was decided, else what the version has, else any side.
    value: Option<Value>,
}

/// The attribute that a conflict is about, where whoever asks may read what both sides hold.
pub(super) fn attribute<'c>(
    at: &At<'_>,
    found: &'c VersionConflict,
) -> Result<Option<(Oid, &'c Name)>, PageError> {
    let ConflictKey::Cell(oid, CellKey::Attribute(name)) = &found.conflict.key else { return Ok(None) };
    if at.path(*oid)?.is_none() {
        return Ok(None);
    }
    for state in [&at.version, &at.parent] {
        if let Some(object) = state.snapshot.object(*oid)?
            && !state.may_read(&object, name.as_str())?
        {
            return Ok(None);
        }
    }
    Ok(Some((*oid, name)))
}

impl Own {
    /// Of a conflict; none where no value can be typed for it.
    pub(super) fn of(at: &At<'_>, found: &VersionConflict) -> Result<Option<Self>, PageError> {
        let ConflictKind::Cell { base, parent, version } = &found.conflict.kind else { return Ok(None) };
        let Some((oid, name)) = attribute(at, found)? else { return Ok(None) };
        let decided = match &found.resolution {
            Some(Resolution::Value(content)) => content.clone(),
            _ => None,
        };
        let sides = [(&decided, &at.version), (version, &at.version), (parent, &at.parent), (base, &at.base)];
        let mut value = None;
        for (content, state) in sides {
            let Some(content) = content.as_ref().filter(|_| value.is_none()) else { continue };
            value = match whole(content, state)? {
                Some(value) => Some(value),
                None => return Ok(None),
            };
        }
        let object = at.object(oid)?;
        let type_name = object.as_ref().and_then(|object| object.type_name());
        let schema = type_name.and_then(|name| at.request.types().schema(name.as_str()));
        let spec = schema.and_then(|schema| schema.attribute(name.as_str())).cloned();
        let label = format!("Your own {}", shown::cell_name(at, oid, &CellKey::Attribute(name.clone()))?);
        let own = Self { label, spec, value };
        let is_typed = own.input(&AtNames(at)).is_some();
        Ok(is_typed.then_some(own))
    }

    fn input(&self, names: &dyn Names) -> Option<OwnValue<'_>> {
        OwnValue::of(self.spec.as_ref(), self.value.as_ref(), names)
    }

    /// The field, with what was typed if a form was sent.
    pub(super) fn field(&self, at: &At<'_>, form: Option<&PageForm>) -> Option<OwnField> {
        let names = AtNames(at);
        let input = self.input(&names)?;
        Some(input.field(&self.label, &input.typed(form, &names), None))
    }

    /// What was typed, as what settles the conflict.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub(super) fn read(&self, at: &At<'_>, form: &PageForm) -> Result<Resolution, String> {
        let names = AtNames(at);
        let input = self.input(&names).ok_or("Nothing can be typed for this.")?;
        let value = input.read(&input.typed(Some(form), &names), &names)?;
        match &value {
            None if self.spec.as_ref().is_some_and(|spec| spec.required) => {
                return Err("This is needed.".into());
            }
            Some(value) if value.check().is_err() => return Err("The value is too large.".into()),
            _ => {}
        }
        Ok(Resolution::Value(value.map(Content::Value)))
    }
}

/// A value that is held; none for what is no value, or too long to be shown.
fn whole(content: &Content, state: &State) -> Result<Option<Value>, PageError> {
    Ok(match content {
        Content::Value(value) => Some(value.clone()),
        Content::Large(large) if u64::from(large.bytes) <= shown::LARGE_BYTES_MAX => {
            Some(state.snapshot.large(large)?)
        }
        _ => None,
    })
}

/// Objects by their paths in the version, else on its parent line, as far as whoever asks may see them.
struct AtNames<'a, 'r>(&'a At<'r>);

impl Names for AtNames<'_, '_> {
    fn path(&self, oid: Oid) -> String {
        self.0.path(oid).ok().flatten().unwrap_or_else(|| oid.to_string())
    }

    fn find(&self, typed: &str, base: Option<Oid>) -> Result<Oid, String> {
        let shown = text::shortened(typed, 120);
        if !typed.starts_with('/') {
            let may_see = |oid: &Oid| base == Some(*oid) || self.0.path(*oid).ok().flatten().is_some();
            let oid = typed.parse::<Oid>().ok().filter(may_see);
            return oid.ok_or_else(|| format!("Expected a path such as /news/today, not “{shown}”."));
        }
        let path = ObjectPath::parse(typed).map_err(|error| super::list::sentence(&error))?;
        let found = self.0.find(&path).map_err(|error| error.message())?;
        found.ok_or_else(|| format!("There is nothing at {shown}."))
    }
}
