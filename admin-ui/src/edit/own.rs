//! One value by itself, in the same fields as in the form, for other pages.

use bough_core::Value;
use bough_core::object_type::AttributeSpec;
use bough_web::pages::PageForm;

use super::form::typed;
use super::shape::{Shape, Typed};
use super::view::own_field;

pub(crate) use super::shape::Names;
pub(crate) use super::view::OwnField;

/// The number of its fields in the form that it stands in.
const AT: usize = 0;

/// A field for a value of an attribute.
pub(crate) struct OwnValue<'a> {
    shape: Shape,
    spec: Option<&'a AttributeSpec>,
    value: Option<&'a Value>,
}

impl<'a> OwnValue<'a> {
    /// A field that is filled with `value`; none where no field can hold such a value.
    pub(crate) fn of(
        spec: Option<&'a AttributeSpec>,
        value: Option<&'a Value>,
        names: &dyn Names,
    ) -> Option<Self> {
        let shape = Shape::of(spec, value, names);
        let is_typed = !matches!(shape, Shape::Fixed | Shape::File);
        is_typed.then_some(Self { shape, spec, value })
    }

    /// What was typed; the value that it was filled with where the form has no such field.
    pub(crate) fn typed(&self, form: Option<&PageForm>, names: &dyn Names) -> Typed {
        let sent = form.map(|form| typed(form, AT)).filter(|typed| !typed.texts.is_empty());
        sent.unwrap_or_else(|| self.shape.typed(self.value, names))
    }

    /// The field with this in it.
    pub(crate) fn field(&self, label: &str, typed: &Typed, error: Option<String>) -> OwnField {
        own_field((AT, label), self.spec, self.shape, typed, error)
    }

    /// The value of what was typed; none for an empty field.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub(crate) fn read(&self, typed: &Typed, names: &dyn Names) -> Result<Option<Value>, String> {
        self.shape.parse(typed, self.value, names)
    }
}
