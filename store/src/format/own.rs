//! Own records: what one version holds of one object.
//!
//! A cell that is not in it is as the parent line has it; one that is in it without a content hides the parent line's.

use bough_core::Tid;
use serde::{Deserialize, Serialize};

use super::record::{CellKeyDisk, ContentDisk, cell_key_core, cell_key_disk, content_core, content_disk};
use super::{FormatError, rule};
use crate::own::{Own, OwnBase, OwnCell};

const WHAT: &str = "what a version holds of an object";

/// With what a cell is compared when it is merged. Variants are only added at the end.
#[derive(Serialize, Deserialize)]
enum BaseDisk {
    /// What the parent line held at the version's base.
    Line,
    /// What it held at a later commit.
    At(u64),
    /// This, as the commit that held it may be packed.
    Kept(Option<ContentDisk>),
}

#[derive(Serialize, Deserialize)]
struct OwnCellDisk {
    key: CellKeyDisk,
    /// Index into the record's list of tids.
    written: u16,
    base: BaseDisk,
    content: Option<ContentDisk>,
}

#[derive(Serialize, Deserialize)]
struct OwnDisk {
    tids: Vec<u64>,
    cells: Vec<OwnCellDisk>,
}

/// Encodes what a version holds of an object.
pub(crate) fn encode_own(own: &Own) -> Vec<u8> {
    let mut tids: Vec<u64> = own.cells().iter().map(|(_, cell)| cell.tid.as_micros()).collect();
    tids.sort_unstable();
    tids.dedup();
    let cell = |(key, cell): &(bough_core::CellKey, OwnCell)| OwnCellDisk {
        key: cell_key_disk(key),
        written: tids.binary_search(&cell.tid.as_micros()).unwrap_or_default() as u16,
        base: match &cell.base {
            OwnBase::Line => BaseDisk::Line,
            OwnBase::At(tid) => BaseDisk::At(tid.as_micros()),
            OwnBase::Kept(content) => BaseDisk::Kept(content.as_ref().map(content_disk)),
        },
        content: cell.content.as_ref().map(content_disk),
    };
    let cells = own.cells().iter().map(cell).collect();
    super::encode(&OwnDisk { tids, cells })
}

/// Decodes what a version holds of an object.
pub(crate) fn decode_own(bytes: &[u8]) -> Result<Own, FormatError> {
    let own: OwnDisk = super::decode(WHAT, bytes)?;
    let mut cells = Vec::with_capacity(own.cells.len());
    for cell in own.cells {
        let written = own.tids.get(usize::from(cell.written));
        let written = written.ok_or_else(|| rule(WHAT, "a cell names no commit"))?;
        let base = match cell.base {
            BaseDisk::Line => OwnBase::Line,
            BaseDisk::At(tid) => OwnBase::At(Tid::from_micros(tid)),
            BaseDisk::Kept(content) => OwnBase::Kept(content.map(content_core).transpose()?),
        };
        let content = cell.content.map(content_core).transpose()?;
        cells.push((cell_key_core(cell.key)?, OwnCell { tid: Tid::from_micros(*written), base, content }));
    }
    Ok(Own::new(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bough_core::{CellKey, Content, Name, Oid, OrderKey, Place, Value};

    #[test]
    fn what_a_version_holds_is_read_back_as_it_was_written() {
        let name = |text| Name::new(text).unwrap();
        let place = Place { parent: Oid::ROOT, name: name("page"), order: OrderKey::at(1_000_000, 1) };
        let text = |text: &str| Some(Content::Value(Value::from(text)));
        let cell = |tid, base, content| OwnCell { tid: Tid::from_micros(tid), base, content };
        let own = Own::new(vec![
            (CellKey::Place, cell(7, OwnBase::Line, Some(Content::Place(place)))),
            (CellKey::Type, cell(7, OwnBase::At(Tid::from_micros(6)), None)),
            (CellKey::Attribute(name("a")), cell(9, OwnBase::Kept(text("was")), text("is"))),
            (CellKey::Attribute(name("b")), cell(9, OwnBase::Kept(None), None)),
        ]);
        assert_eq!(decode_own(&encode_own(&own)).unwrap(), own);
        assert_eq!(decode_own(&encode_own(&Own::default())).unwrap(), Own::default());
    }
}
