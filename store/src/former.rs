//! What was in a folder, and who refers to something: what the index knows besides who stands where.

use std::ops::ControlFlow;

use bough_core::snapshot::ReadError;
use bough_core::{Name, Oid, Place, Snapshot as _};

use crate::engine::{Engine, StoreError, read_error};
use crate::keys;
use crate::snapshot::Snapshot;
use crate::view::View;

/// Objects that stood in a folder and are deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletedChildren {
    /// Under which name each stood last, and who it is; by name.
    pub found: Vec<(Name, Oid)>,
    /// The last name that was looked at, where there are more behind it.
    pub after: Option<Name>,
}

impl Snapshot {
    /// The objects that stood in a folder when they were deleted: those under names behind `after`, as far as
    /// `looked_at` entries of the index tell. Not what was deleted together with the folder, or is packed away.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn deleted_children(
        &self,
        parent: Oid,
        after: Option<&Name>,
        looked_at: usize,
    ) -> Result<DeletedChildren, ReadError> {
        let was = self.engine().formerly_in(self.view(), parent, after, looked_at);
        let was = was.map_err(read_error("what was in a folder"))?;
        let mut deleted = DeletedChildren { found: Vec::new(), after: was.after };
        for (name, oid) in was.found {
            let Some(object) = self.object(oid)? else { continue };
            if object.place().is_some() || oid == Oid::ROOT {
                continue;
            }
            let is_last = |place: Place| place.parent == parent && place.name == name;
            if self.last_place(oid)?.is_some_and(is_last) {
                deleted.found.push((name, oid));
            }
        }
        Ok(deleted)
    }

    /// Who refers to an object by a value: at most `limit` of them, by oid; deleted ones, too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn referring(&self, target: Oid, limit: usize) -> Result<Vec<Oid>, ReadError> {
        self.engine().referring(self.view(), target, limit).map_err(read_error("who refers to an object"))
    }
}

impl Engine {
    /// Whoever ever stood in a folder under names that have a past, deleted or not.
    fn formerly_in(
        &self,
        view: &View,
        parent: Oid,
        after: Option<&Name>,
        looked_at: usize,
    ) -> Result<DeletedChildren, StoreError> {
        let folder = keys::by_name_folder(parent);
        let from = match after {
            Some(name) => keys::behind(&keys::by_name_prefix(parent, name.as_str())),
            None => folder.clone(),
        };
        let lines: Vec<_> = view.lines().collect();
        let mut found = Vec::new();
        let mut of: Option<Name> = None;
        // The entries of one name: who, and whether they tell of a past.
        let (mut oids, mut entries) = (Vec::new(), 0);
        let mut close = |of: &Option<Name>, oids: &mut Vec<Oid>, entries: &mut usize| {
            // A child that stands where it always stood has one entry.
            if let Some(name) = of
                && *entries > 1
            {
                found.extend(oids.iter().map(|oid| (name.clone(), *oid)));
            }
            oids.clear();
            *entries = 0;
        };
        let (mut count, mut is_cut) = (0, false);
        self.index.scan(&from, &keys::behind(&folder), &mut |key, value| {
            let Some(name) = keys::parse_by_name(key) else { return ControlFlow::Continue(()) };
            if of.as_ref().is_none_or(|of| *of != name) {
                // Whole names only, so that going on behind the last one leaves nothing out.
                if count >= looked_at {
                    is_cut = true;
                    return ControlFlow::Break(());
                }
                close(&of, &mut oids, &mut entries);
                of = Name::new(name).ok();
            }
            count += 1;
            let (line, tid) = (keys::line_of(key), keys::tid_of(key));
            if lines.iter().any(|(ours, shown)| line == Some(*ours) && tid <= Some(*shown)) {
                entries += 1;
                if let Some(bytes) = value.first_chunk::<16>() {
                    let oid = Oid::from_bytes(*bytes);
                    if !oids.contains(&oid) {
                        oids.push(oid);
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        close(&of, &mut oids, &mut entries);
        Ok(DeletedChildren { found, after: of.filter(|_| is_cut) })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{seed, seeded};
    use crate::version::NewVersion;
    use crate::{Database, Note};

    fn deleted_in(database: &Database, folder: &str) -> String {
        let found = database.snapshot().deleted_children(database.oid_at(folder), None, 1_000).unwrap();
        assert_eq!(found.after, None);
        found.found.iter().map(|(name, _)| format!("{name} ")).collect()
    }

    #[test]
    fn a_folder_knows_what_was_deleted_in_it_and_not_what_went_elsewhere() {
        let site = seeded("/a\n/a/gone title=1\n/a/moved title=2\n/a/old title=3\n/a/stays title=4\n/b\n");
        site.delete("/a/gone");
        site.move_path("/a/moved", "/b/moved");
        site.move_path("/a/old", "/a/new");
        assert_eq!(deleted_in(&site, "/a"), "gone ");
        // Another one of that name, deleted later: both are known. What was deleted elsewhere is known there.
        seed(&site, "/a/gone title=5\n");
        assert_eq!(deleted_in(&site, "/a"), "gone ");
        site.delete("/a/gone");
        site.delete("/b/moved");
        site.delete("/a/new");
        assert_eq!(
            (deleted_in(&site, "/a"), deleted_in(&site, "/b")),
            ("gone gone new ".into(), "moved ".into())
        );
    }

    #[test]
    fn what_is_deleted_in_a_version_is_so_only_there_and_what_was_before_is_so_in_both() {
        let trunk = seeded("/a\n/a/x title=1\n/a/y title=2\n/a/z title=3\n");
        trunk.delete("/a/x");
        let new = NewVersion { name: "v".into(), ..NewVersion::default() };
        let version = trunk.open_version(&new, Note::edit("Opened a version")).unwrap();
        version.delete("/a/y");
        trunk.delete("/a/z");
        assert_eq!((deleted_in(&trunk, "/a"), deleted_in(&version, "/a")), ("x z ".into(), "x y ".into()));
    }

    #[test]
    fn the_look_goes_on_where_it_stopped() {
        let site = seeded("/a\n/a/1 n=1\n/a/2 n=2\n/a/3 n=3\n/a/4 n=4\n");
        for gone in ["/a/1", "/a/2", "/a/4"] {
            site.delete(gone);
        }
        let (snapshot, folder) = (site.snapshot(), site.oid_at("/a"));
        let (mut found, mut after, mut looks) = (Vec::new(), None, 0);
        loop {
            let part = snapshot.deleted_children(folder, after.as_ref(), 2).unwrap();
            found.extend(part.found.iter().map(|(name, _)| name.to_string()));
            looks += 1;
            after = part.after;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((found, looks), (vec!["1".to_string(), "2".into(), "4".into()], 3));
    }
}
