//! A task as the tree has it.

use std::collections::BTreeMap;

use bough_core::snapshot::{ReadError, Snapshot, attribute};
use bough_core::{Object, Oid, Value};
use jiff::tz::TimeZone;

use super::TASK;
use super::when::{When, WhenError, zone};

/// The attributes that say when it is due: what was missed before the last change of one of these is nothing missed.
const TIMES: [&str; 3] = ["when", "zone", "paused"];

/// What a task says.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) method: String,
    /// What the method is called on.
    pub(super) on: Oid,
    /// Whether the task says so itself.
    pub(super) names_object: bool,
    pub(super) arguments: BTreeMap<String, Value>,
    pub(super) when: String,
    pub(super) zone: String,
    pub(super) is_paused: bool,
    pub(super) owner: Option<Oid>,
    /// Since when it has these times, in microseconds since 1970.
    pub(super) since: u64,
}

impl Task {
    /// What an object says, where it is a task that stands somewhere.
    pub(super) fn of(
        snapshot: &(impl Snapshot + ?Sized),
        object: &Object,
    ) -> Result<Option<Self>, ReadError> {
        let Some(place) = object.place().filter(|_| object.is_a(TASK)) else { return Ok(None) };
        let text = |name: &str| -> Result<String, ReadError> {
            let value = attribute(snapshot, object, name)?;
            Ok(value.as_ref().and_then(Value::as_text).unwrap_or_default().trim().to_owned())
        };
        let on = match object.value("on") {
            Some(Value::Reference(oid)) => Some(*oid),
            _ => None,
        };
        let arguments = match attribute(snapshot, object, "arguments")? {
            Some(Value::Map(entries)) => {
                entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
            }
            _ => BTreeMap::new(),
        };
        let since =
            TIMES.iter().filter_map(|name| object.attribute(name)).map(|cell| cell.tid.as_micros()).max();
        Ok(Some(Self {
            method: text("run")?,
            on: on.unwrap_or(place.parent),
            names_object: on.is_some(),
            arguments,
            when: text("when")?,
            zone: text("zone")?,
            // Whatever is set there but `false` pauses: nothing runs by a slip of the pen.
            is_paused: !matches!(object.value("paused"), None | Some(Value::Bool(false) | Value::Null)),
            owner: object.owner(),
            since: since.unwrap_or(u64::MAX),
        }))
    }

    /// Its times.
    pub(super) fn times(&self) -> Result<(When, TimeZone), WhenError> {
        Ok((When::parse(&self.when)?, zone(&self.zone)?))
    }

    /// When it is due first after `covered`, up to which it was seen to.
    pub(super) fn due(&self, covered: u64) -> Option<u64> {
        let (when, zone) = self.times().ok().filter(|_| !self.is_paused)?;
        when.next(&zone, self.since.max(covered))
    }
}
