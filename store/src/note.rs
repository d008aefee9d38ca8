//! What a commit says of itself: its kind, who made it, when, and a sentence that a person recognises.

use std::sync::Arc;

use bough_core::security::Authority;
use bough_core::{Oid, Tid};

use crate::format::body::{KindDisk, MetaDisk};
use crate::line::LineId;

/// What kind of commit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The making of the site.
    Create,
    /// An ordinary change.
    Edit,
    /// Objects brought in from outside.
    Import,
    /// The taking back of earlier commits.
    Undo {
        /// Which.
        of: Vec<Tid>,
    },
    /// The bringing back of what was deleted or changed, as it was at an earlier commit.
    Restore {
        /// As of which.
        from: Tid,
    },
    /// The opening of a version, on that version.
    Open {
        /// The line that it lies on.
        parent: LineId,
        /// The commit of that line.
        base: Tid,
    },
    /// The bringing of a version up to its parent line, on that version.
    Update {
        /// To which commit of the parent line.
        to: Tid,
    },
    /// The merging of a version into its parent line, on both.
    Merge {
        /// The version.
        line: LineId,
        /// The last commit of the version that is in it.
        through: Tid,
        /// Whether all that the version changed is in it.
        is_whole: bool,
    },
    /// The throwing away of what a version changed, or of some of it, on that version.
    Discard,
    /// A change of the version's name, owner or status, on that version.
    Manage,
}

impl Kind {
    /// The kind in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Edit => "edit",
            Self::Import => "import",
            Self::Undo { .. } => "undo",
            Self::Restore { .. } => "restore",
            Self::Open { .. } => "open",
            Self::Update { .. } => "update",
            Self::Merge { .. } => "merge",
            Self::Discard => "discard",
            Self::Manage => "manage",
        }
    }

    pub(crate) fn to_disk(&self) -> KindDisk {
        match self {
            Self::Create => KindDisk::Create,
            Self::Edit => KindDisk::Edit,
            Self::Import => KindDisk::Import,
            Self::Undo { of } => KindDisk::Undo { of: of.iter().map(|tid| tid.as_micros()).collect() },
            Self::Restore { from } => KindDisk::Restore { from: from.as_micros() },
            Self::Open { parent, base } => KindDisk::Open { parent: parent.0, base: base.as_micros() },
            Self::Update { to } => KindDisk::Update { to: to.as_micros() },
            Self::Merge { line, through, is_whole } => {
                KindDisk::Merge { line: line.0, through: through.as_micros(), is_whole: *is_whole }
            }
            Self::Discard => KindDisk::Discard,
            Self::Manage => KindDisk::Manage,
        }
    }

    fn from_disk(disk: &KindDisk) -> Self {
        match disk {
            KindDisk::Create => Self::Create,
            KindDisk::Edit => Self::Edit,
            KindDisk::Import => Self::Import,
            KindDisk::Undo { of } => Self::Undo { of: of.iter().copied().map(Tid::from_micros).collect() },
            KindDisk::Restore { from } => Self::Restore { from: Tid::from_micros(*from) },
            KindDisk::Open { parent, base } => {
                Self::Open { parent: LineId(*parent), base: Tid::from_micros(*base) }
            }
            KindDisk::Update { to } => Self::Update { to: Tid::from_micros(*to) },
            KindDisk::Merge { line, through, is_whole } => {
                Self::Merge { line: LineId(*line), through: Tid::from_micros(*through), is_whole: *is_whole }
            }
            KindDisk::Discard => Self::Discard,
            KindDisk::Manage => Self::Manage,
        }
    }
}

/// What the maker of a commit says of it.
#[derive(Clone)]
pub struct Note {
    /// What kind of commit it is.
    pub kind: Kind,
    /// Who makes it.
    pub principal: String,
    /// What was done, as in "Renamed a to b".
    pub sentence: String,
    /// The request that it belongs to, if any.
    pub request: String,
    /// Who says which changes may be made; none where all may. Not kept.
    pub authority: Option<Arc<dyn Authority>>,
}

/// Longest sentence in bytes; the rest is cut off.
pub const SENTENCE_BYTES_MAX: usize = 1_000;

impl Note {
    /// An ordinary change, made by nobody in particular.
    pub fn edit(sentence: impl Into<String>) -> Self {
        Self {
            kind: Kind::Edit,
            principal: String::new(),
            sentence: sentence.into(),
            request: String::new(),
            authority: None,
        }
    }

    /// The same with somebody who says which of its changes may be made.
    #[must_use]
    pub fn under(self, authority: Arc<dyn Authority>) -> Self {
        Self { authority: Some(authority), ..self }
    }

    /// The same, made by `principal`.
    #[must_use]
    pub fn by(self, principal: impl Into<String>) -> Self {
        Self { principal: principal.into(), ..self }
    }

    /// The same, of another kind.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn to_disk(&self, time_micros: u64, base: Tid, container: Oid, objects: u64) -> MetaDisk {
        MetaDisk {
            kind: self.kind.to_disk(),
            time_micros,
            base: base.as_micros(),
            principal: cut(&self.principal),
            sentence: cut(&self.sentence),
            request: cut(&self.request),
            container: container.to_bytes(),
            objects,
            parts: 0,
        }
    }
}

impl std::fmt::Debug for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, principal, sentence, .. } = self;
        write!(f, "Note({kind:?} by `{principal}`: {sentence})")
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(SENTENCE_BYTES_MAX)].to_owned()
}

/// A commit as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// Which.
    pub tid: Tid,
    /// When, by the clock, in microseconds since 1970.
    pub time_micros: u64,
    /// The commit that its maker was looking at. Others may have committed since, and before this one.
    pub base: Tid,
    /// What kind.
    pub kind: Kind,
    /// Who made it; empty for nobody in particular.
    pub principal: String,
    /// What was done.
    pub sentence: String,
    /// The request that it belonged to; empty for none.
    pub request: String,
    /// The nearest container of everything that it touched.
    pub container: Oid,
    /// How many objects it touched.
    pub objects: u64,
}

impl CommitRecord {
    pub(crate) fn from_disk(tid: Tid, meta: &MetaDisk) -> Self {
        Self {
            tid,
            time_micros: meta.time_micros,
            base: Tid::from_micros(meta.base),
            kind: Kind::from_disk(&meta.kind),
            principal: meta.principal.clone(),
            sentence: meta.sentence.clone(),
            request: meta.request.clone(),
            container: Oid::from_bytes(meta.container),
            objects: meta.objects,
        }
    }
}
