//! A task as the tree has it.

use std::collections::BTreeMap;

use bough_core::snapshot::{ReadError, attribute};
use bough_core::{Object, Oid, Tid, Value};
use bough_store::{Database, HistoryError, Snapshot};
use jiff::tz::TimeZone;

use super::TASK;
use super::run::TaskError;
use super::when::{When, WhenError, zone};

/// The attributes that say when it is due: what was missed before the last change of one of these is nothing missed.
const TIMES: [&str; 3] = ["when", "zone", "paused"];

/// How many changes of a task, since its times were last set, are looked through for one that cleared one of these.
const LOOKED_BACK: usize = 100;

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
    pub(super) fn of(snapshot: &Snapshot, object: &Object) -> Result<Option<Self>, ReadError> {
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

    /// The same, of the trunk as it is. What was missed before one of its times was cleared is nothing missed either, and
    /// only the past knows of that.
    pub(super) fn with_past(
        database: &Database,
        snapshot: &Snapshot,
        object: &Object,
    ) -> Result<Option<Self>, TaskError> {
        let Some(mut task) = Self::of(snapshot, object)? else { return Ok(None) };
        let mut later = object.clone();
        let mut left = LOOKED_BACK;
        while later.revision().as_micros() > task.since && left > 0 {
            left -= 1;
            let before = Tid::from_micros(later.revision().as_micros() - 1);
            let earlier = match database.object_at(object.oid(), before) {
                Ok(Some(earlier)) => earlier,
                Ok(None) | Err(HistoryError::Packed { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            let is_cleared = |name| earlier.attribute(name).is_some() && later.attribute(name).is_none();
            if TIMES.into_iter().any(is_cleared) {
                task.since = later.revision().as_micros();
                break;
            }
            later = (*earlier).clone();
        }
        Ok(Some(task))
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
