//! The JSON of versions: what they are, what stands against a merge, and what is done with them.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::dto::{Attribute, PlannedCell, PlannedUrl, named};

/// A private version of the site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    pub(super) name: String,
    /// Its number, which no other version ever has: `NAME~NUMBER` names it where others have its name, too.
    pub(super) number: u32,
    pub(super) title: String,
    pub(super) owner: String,
    /// `open`, `closed` or `discarded`.
    pub(super) status: String,
    /// The version that it is merged into; none for the public site.
    pub(super) parent: Option<String>,
    /// The commit of the line below that it shows where it changed nothing.
    pub(super) base: String,
    /// The commit that opened it.
    pub(super) opened: String,
    /// The last commit on it.
    pub(super) changed: String,
    /// How many objects it changed, counted up to 1,000 that were ever written to in it.
    pub(super) objects: usize,
    /// Whether there may be more of them.
    pub(super) has_more_objects: bool,
    /// How many commits the parent line has got since the base, counted up to 10,000.
    pub(super) behind: usize,
    /// Where it is described.
    pub(super) href: String,
    /// Where it is shown.
    pub(super) site: String,
}

/// The versions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Versions {
    pub(super) items: Vec<Version>,
}

/// A version to be made, of the line that is addressed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVersion {
    /// 1 to 40 lower-case letters, digits and hyphens.
    pub(super) name: String,
    #[serde(default)]
    pub(super) title: String,
    /// Who is answerable for it; whoever asks if nobody is named.
    #[serde(default)]
    pub(super) owner: String,
    /// The commit or the time as of which it shows the site; now if none is named.
    pub(super) at: Option<String>,
}

/// What shall become of a version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Particulars {
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) owner: Option<String>,
}

/// Part of what a version changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object as in {\"path\": \"/about\"}")]
pub(super) struct Pick {
    /// Everything of the object there and of all that stands in it; a path in the version, or in its base.
    pub(super) path: Option<String>,
    /// The object, instead of its path.
    pub(super) oid: Option<String>,
    /// Only this cell of it: an attribute, `(type)` or `(place)`.
    pub(super) cell: Option<String>,
}

/// How a version is brought up to its parent line.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Whether to say only what would be done.
    #[serde(default)]
    pub(super) preview: bool,
}

/// How a version is merged into its parent line.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Merge {
    /// Whether to say only what would be done.
    #[serde(default)]
    pub(super) preview: bool,
    /// Only this; all that it changed if nothing is named.
    #[serde(default)]
    pub(super) only: Option<Vec<Pick>>,
    /// Whether the version is closed by that.
    #[serde(default)]
    pub(super) close: bool,
}

/// How a version, or some of it, is thrown away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Discard {
    /// Whether to say only what would go.
    #[serde(default)]
    pub(super) preview: bool,
    /// Only this; the whole version if nothing is named.
    #[serde(default)]
    pub(super) only: Option<Vec<Pick>>,
    /// Whether it goes although other versions lie on it.
    #[serde(default)]
    pub(super) despite_others: bool,
}

/// What went, or would go.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Discarded {
    /// The commit; none for a preview.
    pub(super) commit: Option<String>,
    pub(super) sentence: String,
    pub(super) objects: Vec<Gone>,
}

/// An object of which something goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Gone {
    pub(super) oid: String,
    pub(super) path: Option<String>,
    /// Whether nobody named it, but it cannot stay.
    pub(super) along: bool,
}

/// What an update or a merge did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plan {
    /// The commit; none for a preview, and where there was nothing to do.
    pub(super) commit: Option<String>,
    pub(super) sentence: String,
    /// The commit of the parent line that it was planned over.
    pub(super) over: String,
    pub(super) objects: u64,
    pub(super) cells: Vec<PlannedCell>,
    pub(super) urls: Vec<PlannedUrl>,
    /// Of a preview: what whoever asks may not do there. With any, nothing is done.
    pub(super) denied: Vec<Denied>,
    /// How much else he may not do: what he may not see, and what is too much to name.
    pub(super) denied_unseen: usize,
    /// With any, nothing is done. The first 100; all are at `@@versions/NAME/conflicts`.
    pub(super) conflicts: Vec<Conflict>,
    pub(super) conflicts_total: usize,
    /// The first 100.
    pub(super) settled: Vec<Conflict>,
    pub(super) notices: Vec<Notice>,
    /// How to take it back.
    pub(super) undo: Option<super::dto::UndoLink>,
}

/// A change that whoever asks may not make.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Denied {
    pub(super) oid: String,
    pub(super) path: String,
    pub(super) cell: String,
    /// The permission that it takes.
    pub(super) permission: &'static str,
}

/// Something worth knowing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Notice {
    pub(super) oid: String,
    pub(super) path: Option<String>,
    pub(super) text: String,
}

/// Pages that a merge makes different, as whoever asks sees them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedPages {
    /// In the order of their paths; at the end those that only the merge makes.
    pub(super) items: Vec<ChangedPage>,
    /// How many pages were looked at for this answer.
    pub(super) looked_at: u64,
    /// Where to go on; none where all were looked at.
    pub(super) next: Option<String>,
}

/// A page that a merge makes different.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedPage {
    /// Where it is shown, or was.
    pub(super) url: String,
    /// `otherwise`, `new`, `gone`, `moved`, `fails` or `mended`.
    pub(super) how: &'static str,
    /// Of a moved one: where it is after the merge.
    pub(super) to: Option<String>,
    /// Whether the merge changes the object itself that is shown there.
    pub(super) is_direct: bool,
    /// The changed objects that it is made from, the first of them.
    pub(super) because: Vec<String>,
}

/// The conflicts of a version with its parent line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conflicts {
    pub(super) items: Vec<Conflict>,
    /// Where to go on; none where these are the last.
    pub(super) next: Option<String>,
}

/// Something about which a version and its parent line do not agree.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conflict {
    pub(super) id: String,
    /// `cell`, `deleted`, `name`, `cycle`, `type` or `edition`.
    pub(super) kind: &'static str,
    pub(super) path: Option<String>,
    pub(super) oid: Option<String>,
    /// Of a cell: which.
    pub(super) cell: Option<String>,
    pub(super) base: Option<Attribute>,
    pub(super) version: Option<Attribute>,
    pub(super) parent: Option<Attribute>,
    /// Where the sides have it among its siblings, if they differ about nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) standings: Option<Standings>,
    /// Of a name: one that is free.
    pub(super) suggested: Option<String>,
    /// What is lost where a deletion stands.
    pub(super) inner: Vec<Inner>,
    /// The last commit of each side; its sentence is empty where the object may not be seen.
    pub(super) by_version: Option<Made>,
    pub(super) by_parent: Option<Made>,
    /// The choices that settle it.
    pub(super) choices: Vec<&'static str>,
    /// What was decided; none while nothing is.
    pub(super) resolution: Option<&'static str>,
}

/// Where each side has an object among its siblings, in words such as `third, after intro`; none where that may not be
/// seen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Standings {
    pub(super) base: Option<String>,
    pub(super) version: Option<String>,
    pub(super) parent: Option<String>,
}

/// An object in something deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Inner {
    pub(super) oid: String,
    pub(super) path: Option<String>,
    /// `edited`, `added`, `moved_in` or `moved`.
    pub(super) deed: &'static str,
    pub(super) cells: Vec<String>,
}

/// Who made something, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Made {
    pub(super) tid: String,
    pub(super) time: String,
    pub(super) principal: String,
    pub(super) sentence: String,
}

/// What is decided about a conflict.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    pub(super) choice: Choice,
    /// For `value`: it; null clears the attribute.
    #[serde(default, deserialize_with = "named")]
    pub(super) value: Option<Option<Json>>,
    /// For `rename`: the new name; the suggested one if none is given.
    pub(super) name: Option<String>,
    /// For `rescue`: what is put where.
    #[serde(default)]
    pub(super) moves: Vec<Move>,
}

/// A way to settle a conflict.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Choice {
    /// As the version has it.
    Version,
    /// As the parent line has it.
    Parent,
    /// This value instead.
    Value,
    /// Both objects, one with another name.
    Rename,
    /// Both objects are the same thing.
    Same,
    /// The deletion stands, but some objects go elsewhere.
    Rescue,
}

/// What is decided about many conflicts alike.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decisions {
    pub(super) choice: Alike,
    /// The ids of the conflicts; all that are open if none are named.
    pub(super) conflicts: Option<Vec<String>>,
    /// Only conflicts of this kind.
    pub(super) kind: Option<ConflictWord>,
    /// Only conflicts about the object at this path or about what is in it.
    pub(super) below: Option<String>,
    /// Whether only to say what that would do.
    #[serde(default)]
    pub(super) preview: bool,
}

/// A way to settle many conflicts.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Alike {
    /// As the version has it.
    Version,
    /// As the parent line has it.
    Parent,
    /// Of names: both objects, one with the name that is suggested.
    Rename,
    /// Of names: both objects are the same thing.
    Same,
}

/// What a conflict is about.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConflictWord {
    Cell,
    Deleted,
    Name,
    Cycle,
    Type,
    Edition,
}

impl ConflictWord {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cell => "cell",
            Self::Deleted => "deleted",
            Self::Name => "name",
            Self::Cycle => "cycle",
            Self::Type => "type",
            Self::Edition => "edition",
        }
    }
}

/// What became of conflicts about which something was decided alike, or would become of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Decided {
    /// The ids of those that are settled.
    pub(super) settled: Vec<String>,
    /// The ids of those that are none any more by what else is decided.
    pub(super) moot: Vec<String>,
    /// Only of a preview: those that would not be settled. Without one, they are why nothing is kept.
    pub(super) not_settled: Vec<NotSettled>,
    /// How many conflicts are open then.
    pub(super) open: usize,
}

/// A conflict that would not be settled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotSettled {
    pub(super) id: String,
    pub(super) why: &'static str,
}

/// An object that is put elsewhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    /// Its oid.
    pub(super) oid: String,
    /// The oid of the container.
    pub(super) to: String,
}

/// What was done, where there is no more to say.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// The commit; none if nothing changed, or what was done is no commit.
    pub(super) commit: Option<String>,
    pub(super) sentence: String,
}

/// A preview link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPreviewLink {
    /// What it shows, with everything in it; a path in the version.
    #[serde(default = "root")]
    pub(super) path: String,
    /// For how long it stands, in seconds; at most a year.
    #[serde(default = "week")]
    pub(super) expires_secs: u64,
    #[serde(default)]
    pub(super) label: String,
}

fn root() -> String {
    "/".to_owned()
}

fn week() -> u64 {
    7 * 86_400
}

/// The preview links of a version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewLinks {
    pub(super) items: Vec<PreviewLink>,
}

/// A link by which anybody can look at a version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewLink {
    pub(super) id: String,
    pub(super) path: Option<String>,
    /// RFC 3339, in UTC.
    pub(super) expires: String,
    pub(super) made: String,
    pub(super) made_by: String,
    pub(super) label: String,
    /// Only when it is made: it is kept nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
}

#[cfg(test)]
mod tests {
    use bough_core::merge::plan::ConflictKind;

    use super::*;

    #[test]
    fn every_kind_of_conflict_can_be_asked_for() {
        for word in ConflictKind::WORDS {
            let read: ConflictWord = serde_json::from_value(word.into()).unwrap();
            assert_eq!(read.word(), word);
        }
        assert!(ConflictKind::WORDS.contains(&"edition"));
    }
}
