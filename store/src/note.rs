//! What a commit says of itself: its kind, who made it, when, and a sentence that a person recognises.

use bough_core::{Oid, Tid};

use crate::format::body::{KindDisk, MetaDisk};

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
        }
    }

    pub(crate) fn to_disk(&self) -> KindDisk {
        match self {
            Self::Create => KindDisk::Create,
            Self::Edit => KindDisk::Edit,
            Self::Import => KindDisk::Import,
            Self::Undo { of } => KindDisk::Undo { of: of.iter().map(|tid| tid.as_micros()).collect() },
            Self::Restore { from } => KindDisk::Restore { from: from.as_micros() },
        }
    }

    fn from_disk(disk: &KindDisk) -> Self {
        match disk {
            KindDisk::Create => Self::Create,
            KindDisk::Edit => Self::Edit,
            KindDisk::Import => Self::Import,
            KindDisk::Undo { of } => Self::Undo { of: of.iter().copied().map(Tid::from_micros).collect() },
            KindDisk::Restore { from } => Self::Restore { from: Tid::from_micros(*from) },
        }
    }
}

/// What the maker of a commit says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind of commit it is.
    pub kind: Kind,
    /// Who makes it.
    pub principal: String,
    /// What was done, as in "Renamed a to b".
    pub sentence: String,
    /// The request that it belongs to, if any.
    pub request: String,
}

/// Longest sentence in bytes; the rest is cut off.
pub const SENTENCE_BYTES_MAX: usize = 1_000;

impl Note {
    /// An ordinary change, made by nobody in particular.
    pub fn edit(sentence: impl Into<String>) -> Self {
        Self { kind: Kind::Edit, principal: String::new(), sentence: sentence.into(), request: String::new() }
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
