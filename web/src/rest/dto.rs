//! The JSON of objects, their history and what is done with them. Nothing else here knows JSON types but `dto_version`.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

/// A value that says its kind, as attributes hold it.
///
/// | kind | value |
/// |---|---|
/// | null, block | null |
/// | bool | true or false |
/// | int, counter | a whole number of 64 bits; also taken as text |
/// | float | a number, or `NaN`, `Infinity`, `-Infinity`, or its 16 hexadecimal digits |
/// | text | a text |
/// | bytes | hexadecimal digits |
/// | time | RFC 3339 in UTC, or microseconds since 1970 |
/// | list, set | values; a plain null, bool, whole number, text or list stands for itself |
/// | map | an object of values |
/// | reference | an oid; also taken as a path |
/// | blob | `{digest, bytes, href}`; taken where the object holds that blob already |
/// | kept | null: too long to be shown here, `href` leads to it; taken for "leave it as it is" |
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attribute {
    /// The kind of value.
    pub(super) kind: &'static str,
    /// The value.
    pub(super) value: Json,
    /// Of a reference: where its object is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// Where a reference leads, or where the bytes are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) href: Option<String>,
}

/// An object.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Object {
    /// Who it is, for life.
    pub(super) oid: String,
    /// Where it stands, from what `/` names on this host.
    pub(super) path: String,
    pub(super) url: String,
    #[serde(rename = "type")]
    pub(super) type_name: String,
    /// The commit that last wrote any of its cells. In quotes it is the `ETag`.
    pub(super) revision: String,
    /// The commit whose state this is.
    pub(super) commit: String,
    /// What it is called in its container; none for what `/` names.
    pub(super) name: Option<String>,
    /// Its standing among its siblings: sorts as text.
    pub(super) order: Option<String>,
    pub(super) container: Option<Link>,
    pub(super) attributes: BTreeMap<String, Attribute>,
    /// Where its children are listed, if it can have any.
    pub(super) children: Option<String>,
}

/// An object elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Link {
    pub(super) oid: String,
    /// None where it has none on this host.
    pub(super) path: Option<String>,
    pub(super) url: Option<String>,
}

/// One child in a listing, or one object that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    pub(super) oid: String,
    pub(super) name: Option<String>,
    pub(super) path: String,
    pub(super) url: String,
    #[serde(rename = "type")]
    pub(super) type_name: String,
    pub(super) title: String,
    pub(super) revision: String,
    pub(super) order: Option<String>,
    pub(super) is_container: bool,
    /// Of a file: how long it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
}

/// Part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entries {
    pub(super) items: Vec<Entry>,
    /// Where it goes on; none at the end.
    pub(super) next: Option<String>,
}

/// Part of a history, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Commits {
    pub(super) items: Vec<Commit>,
    /// Where it goes on; none at the end. There may be a next part after an empty one.
    pub(super) next: Option<String>,
}

/// A commit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Commit {
    pub(super) tid: String,
    /// RFC 3339, in UTC.
    pub(super) time: String,
    /// As in `edit`, `import`, `undo`, `restore`, `merge`.
    pub(super) kind: String,
    /// Who made it; empty for nobody in particular.
    pub(super) principal: String,
    pub(super) sentence: String,
    /// How many objects it touched.
    pub(super) objects: u64,
    /// The commits that it takes back, or as of which it restores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) of: Vec<String>,
}

/// A cell of an object and who wrote it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Blamed {
    /// An attribute, `(type)` or `(place)`.
    pub(super) cell: String,
    pub(super) tid: String,
    /// None where its record is packed away.
    pub(super) commit: Option<Commit>,
}

/// Who wrote each cell of an object.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Blame {
    pub(super) cells: Vec<Blamed>,
}

/// What an object finds under a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Acquired {
    /// What is seen; none if nothing is.
    pub(super) answer: Option<Finding>,
    /// What is hidden by it, nearest first.
    pub(super) hidden: Vec<Finding>,
    /// The object whose value ends the search.
    pub(super) blocked_at: Option<Link>,
    /// Whether it is seen only when it is asked for on purpose.
    pub(super) only_when_asked: bool,
}

/// Where something was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Finding {
    /// The object that holds it.
    pub(super) at: Link,
    /// How many containers up that is.
    pub(super) steps: usize,
    /// `attribute`, `default`, `method` or `child`.
    pub(super) what: &'static str,
    pub(super) value: Option<Attribute>,
    /// The commit that set it.
    pub(super) commit: Option<Commit>,
}

/// Part of what differs between two states.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Differences {
    pub(super) items: Vec<Difference>,
    pub(super) next: Option<String>,
}

/// One object in two states.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Difference {
    pub(super) oid: String,
    /// Where it is, or was.
    pub(super) path: Option<String>,
    /// `added`, `deleted` or `changed`.
    pub(super) change: &'static str,
    pub(super) cells: Vec<CellDifference>,
}

/// One cell in two states.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CellDifference {
    /// An attribute, `(type)` or `(place)`.
    pub(super) cell: String,
    pub(super) before: Option<Attribute>,
    pub(super) after: Option<Attribute>,
}

/// A commit and what it did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CommitShown {
    pub(super) commit: Commit,
    pub(super) items: Vec<Difference>,
    pub(super) next: Option<String>,
    /// What others had committed meanwhile in what it took away; undoing it brings that back.
    pub(super) overrun: Vec<Overrun>,
}

/// What a delete took away without its maker having seen it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Overrun {
    pub(super) path: String,
    pub(super) by: Commit,
}

/// What a write did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Written {
    /// The commit; none if nothing changed.
    pub(super) commit: Option<String>,
    pub(super) sentence: String,
    /// The object that was written, as it is now; none where it is not there.
    pub(super) object: Option<WrittenObject>,
    /// Several objects, where several were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) objects: Vec<WrittenObject>,
    /// How to take it back; none if nothing changed.
    pub(super) undo: Option<UndoLink>,
    /// What others had committed meanwhile in what was deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) overrun: Vec<Overrun>,
}

/// An object after a write.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WrittenObject {
    pub(super) oid: String,
    pub(super) path: Option<String>,
    pub(super) url: Option<String>,
    pub(super) etag: String,
}

/// A request that takes a commit back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoLink {
    pub(super) method: &'static str,
    pub(super) href: String,
    pub(super) body: UndoBody,
}

/// What is sent with it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoBody {
    pub(super) commits: Vec<String>,
}

/// An object to be made, or what one shall be. What `GET` answers is taken as it is: members that say what cannot be
/// changed so (`oid`, `path`, `url`, `revision`, `commit`, `name`, `order`, `container`, `children`) mean nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "what is ignored is named so that it is known")]
pub(super) struct PutObject {
    #[serde(rename = "type")]
    pub(super) type_name: String,
    /// All attributes: those that are not named are cleared. Each is a plain value or one that says its kind.
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Json>,
    #[schema(ignore)]
    oid: Option<IgnoredAny>,
    #[schema(ignore)]
    path: Option<IgnoredAny>,
    #[schema(ignore)]
    url: Option<IgnoredAny>,
    #[schema(ignore)]
    revision: Option<IgnoredAny>,
    #[schema(ignore)]
    commit: Option<IgnoredAny>,
    #[schema(ignore)]
    name: Option<IgnoredAny>,
    #[schema(ignore)]
    order: Option<IgnoredAny>,
    #[schema(ignore)]
    container: Option<IgnoredAny>,
    #[schema(ignore)]
    children: Option<IgnoredAny>,
}

/// Changes of an object (RFC 7396). Each attribute is changed as a whole, whatever it holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PatchObject {
    /// Each is a plain value or one that says its kind; null clears it.
    pub(super) attributes: BTreeMap<String, Json>,
}

/// A child to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChild {
    #[serde(rename = "type")]
    pub(super) type_name: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Json>,
}

/// Where an object shall stand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// The path of the container; the present one if none is named.
    pub(super) to: Option<String>,
    /// The name there; the present one if none is given.
    pub(super) name: Option<String>,
}

/// An object's standing among its siblings. One of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    /// The sibling that it shall come directly before; null for the end.
    #[serde(default, deserialize_with = "named")]
    pub(super) before: Option<Option<String>>,
    /// The sibling that it shall come directly after; null for the beginning.
    #[serde(default, deserialize_with = "named")]
    pub(super) after: Option<Option<String>>,
}

/// Tells null from nothing.
pub(super) fn named<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Another type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewType {
    #[serde(rename = "type")]
    pub(super) type_name: String,
}

/// Commits to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    /// As histories name them.
    pub(super) commits: Vec<String>,
    /// Whether to say only what would be done.
    #[serde(default)]
    pub(super) preview: bool,
    #[serde(default)]
    pub(super) choices: UndoChoices,
}

/// What to do about what stands against an undo.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UndoChoices {
    /// Cells that stay as they are.
    #[serde(default)]
    pub(super) skip: Vec<CellName>,
    /// Attributes that get this value.
    #[serde(default)]
    pub(super) choose: Vec<CellChoice>,
    /// Whether objects may go although others refer to them.
    #[serde(default)]
    pub(super) allow_dangling: bool,
    /// Whether the undo of a merge leaves the version without what it had merged.
    #[serde(default)]
    pub(super) for_good: bool,
}

/// A cell of an object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CellName {
    pub(super) oid: String,
    /// An attribute, `(type)` or `(place)`.
    pub(super) cell: String,
}

/// A value for an attribute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CellChoice {
    pub(super) oid: String,
    pub(super) cell: String,
    /// Null clears it.
    pub(super) value: Json,
}

/// What an undo would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoPlan {
    pub(super) commits: Vec<String>,
    /// How many objects change.
    pub(super) objects: u64,
    /// The first cells that change.
    pub(super) cells: Vec<PlannedCell>,
    /// The first URLs that change.
    pub(super) urls: Vec<PlannedUrl>,
    /// With any, nothing is done.
    pub(super) blockers: Vec<Blocker>,
}

/// A cell as it is and as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlannedCell {
    pub(super) oid: String,
    pub(super) path: Option<String>,
    pub(super) cell: String,
    pub(super) before: Option<Attribute>,
    pub(super) after: Option<Attribute>,
}

/// The path of an object as it is and as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlannedUrl {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// What stands against an undo.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Blocker {
    pub(super) oid: String,
    pub(super) path: Option<String>,
    pub(super) reason: String,
    /// The cell to be named in `skip`, where that helps.
    pub(super) cell: Option<String>,
    /// The later commit that is the cause: undoing that, too, helps.
    pub(super) later: Option<Commit>,
}

/// Something to be brought back as it was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    /// Where it was then; the addressed object if none is named.
    pub(super) path: Option<String>,
    /// A commit or a time.
    pub(super) at: String,
    /// Where it shall be; where it was, if that is not named.
    pub(super) to: Option<String>,
}
