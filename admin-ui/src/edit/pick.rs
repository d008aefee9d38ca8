//! Paths to pick from, for the fields that refer to objects.

use bough_core::security::permission::LIST;
use bough_core::snapshot::ChildrenPage;
use bough_core::snapshot::{ChildOrder, Snapshot as _};
use bough_core::{Name, OrderKey};
use bough_web::pages::{PageAnswer, PageError, PageRequest};
use serde_json::json;

use crate::text;

/// Most paths that are offered at a time.
const OFFERED_MAX: usize = 40;
/// Most children that are looked at for them.
const LOOKED_AT_MAX: usize = 400;

/// `GET .../edit/paths?path=/news/to`: what is in `/news` and begins with `to`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let typed = request.query("path").unwrap_or_default();
    let (folder, start) = typed.rsplit_once('/').unwrap_or(("", typed));
    let folder = if folder.is_empty() { "/" } else { folder };
    let snapshot = request.snapshot();
    let mut paths = Vec::new();
    if let Ok(Some(container)) = request.find(folder)
        && request.access().allows(LIST, &container)?
    {
        let mut page = ChildrenPage { by: ChildOrder::Name, ..ChildrenPage::first(LOOKED_AT_MAX) };
        let mut found: Vec<_> = Vec::new();
        if let Ok(name) = Name::new(start) {
            found.extend(snapshot.child(container.oid(), start)?);
            page.after = Some((OrderKey::at(0, 0), name));
        }
        found.extend(snapshot.children(container.oid(), &page)?.into_iter().map(|child| child.oid));
        for oid in found {
            // One that cannot be read is offered to nobody.
            let Ok(Some(object)) = snapshot.object(oid) else { continue };
            let Some(place) = object.place().filter(|place| place.name.as_str().starts_with(start)) else {
                break;
            };
            if request.access().may_view(&object)? {
                let path = format!("{}/{}", folder.trim_end_matches('/'), place.name);
                paths.push(json!({ "path": path, "title": text::title(snapshot, &object) }));
            }
            if paths.len() == OFFERED_MAX {
                break;
            }
        }
    }
    Ok(PageAnswer::Json(json!({ "paths": paths })))
}
