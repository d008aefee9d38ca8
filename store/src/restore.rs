//! Bringing back what was: an object with all that stood in it, each as it was.

use std::sync::Arc;

use bough_core::object::differing_cells;
use bough_core::snapshot::{ChildrenPage, ReadError};
use bough_core::transaction::TransactionError;
use bough_core::{CellKey, Name, Object, Oid, Snapshot as _};

use crate::draft::Draft;
use crate::snapshot::Snapshot;

/// How many children are read at a time.
const BATCH: usize = 256;

/// Told of an object, the container that it stands in and its name there; says whether to go on.
pub type VisitStanding<'v, E> = &'v mut dyn FnMut(&Arc<Object>, Oid, &Name) -> Result<bool, E>;

impl Snapshot {
    /// Visits an object and all that stands in it, containers before what is in them, until `visit` says that it is
    /// enough. An object without a place, and the root, are not visited.
    ///
    /// # Errors
    /// When the store cannot be read; what `visit` answers.
    pub fn visit_standing<E: From<ReadError>>(&self, top: Oid, visit: VisitStanding<'_, E>) -> Result<(), E> {
        let Some(object) = self.object(top)? else { return Ok(()) };
        let Some(place) = object.place() else { return Ok(()) };
        if !visit(&object, place.parent, &place.name)? {
            return Ok(());
        }
        // One listing for each container on the way: as deep as the tree, which is bounded.
        let mut open = vec![(top, ChildrenPage::first(BATCH), Vec::new(), false)];
        while let Some((container, page, children, is_ended)) = open.last_mut() {
            if children.is_empty() && !*is_ended {
                *children = self.children(*container, page)?;
                *is_ended = children.len() < BATCH;
                if let Some(last) = children.last() {
                    *page = page.following(last);
                }
                children.reverse();
            }
            let Some(child) = children.pop() else {
                open.pop();
                continue;
            };
            let container = *container;
            if let Some(object) = self.object(child.oid)?
                && !visit(&object, container, &child.name)?
            {
                return Ok(());
            }
            open.push((child.oid, ChildrenPage::first(BATCH), Vec::new(), false));
        }
        Ok(())
    }
}

impl Draft {
    /// Brings back an object as it stood in `then`, with all that stood in it: the same objects, not copies. It goes
    /// into `parent` as `name`, all else to where it stood in there. What is as it was is not written, and what came
    /// into it since stays. `go_on` is asked before each object.
    ///
    /// # Errors
    /// As [`bough_core::transaction::Transaction::restore`], for any of them; when the store cannot be read; what
    /// `go_on` answers. What was brought back until then is in the draft, which is not to be committed.
    pub fn bring_back<E: From<ReadError> + From<TransactionError>>(
        &mut self,
        then: &Snapshot,
        top: Oid,
        (parent, name): (Oid, &Name),
        go_on: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        then.visit_standing(top, &mut |was, container, called| {
            go_on()?;
            let (parent, name) = if was.oid() == top { (parent, name) } else { (container, called) };
            let now = self.object(was.oid())?;
            if !now.is_some_and(|now| is_as_it_was(&now, was, parent, name)) {
                self.restore(was, parent, name)?;
            }
            Ok(true)
        })
    }
}

/// Whether an object holds what it held and stands where it shall.
fn is_as_it_was(now: &Object, was: &Object, parent: Oid, name: &Name) -> bool {
    let is_there = now.place().is_some_and(|place| place.parent == parent && place.name == *name);
    // Where it stands among others may have changed: that is left as it is.
    is_there && differing_cells(Some(now), Some(was)).iter().all(|(key, ..)| **key == CellKey::Place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{name, seed, seeded};

    #[derive(Debug)]
    struct Failed(String);

    impl From<ReadError> for Failed {
        fn from(error: ReadError) -> Self {
            Self(error.to_string())
        }
    }

    impl From<TransactionError> for Failed {
        fn from(error: TransactionError) -> Self {
            Self(error.to_string())
        }
    }

    impl From<crate::CommitError> for Failed {
        fn from(error: crate::CommitError) -> Self {
            Self(error.to_string())
        }
    }

    #[test]
    fn all_that_stood_in_it_comes_back_as_it_was_and_what_came_since_stays() {
        let database = seeded("/a\n/a/b\n/a/b/c title=three\n/z\n");
        let then = database.snapshot();
        let top = database.oid_at("/a");
        database.set("/a/b/c", "title", "changed");
        database.move_path("/a/b/c", "/z/c");
        database.delete("/a/b");
        seed(&database, "/a/new title=new\n");
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            Ok::<_, Failed>(())
        };
        let note = crate::Note::edit("Restored /a");
        let written =
            database.write(note, |draft| draft.bring_back(&then, top, (Oid::ROOT, &name("a")), &mut go_on));
        let ((), tid) = written.unwrap();
        assert_eq!(database.text(), "/a\n/a/b\n/a/b/c title=three\n/a/new title=new\n/z\n");
        assert_eq!(asked, 3);
        let touched = database.changes(tid.unwrap(), 0, 10).unwrap();
        assert_eq!(touched.len(), 2, "what is as it was is not written");
    }

    #[test]
    fn it_can_go_elsewhere_under_another_name_and_stops_where_somebody_says_so() {
        let database = seeded("/a\n/a/b title=two\n/z\n");
        let then = database.snapshot();
        let top = database.oid_at("/a");
        database.delete("/a");
        let (folder, called) = (database.oid_at("/z"), name("old"));
        let stopped = database.write(crate::Note::edit("Restored"), |draft| {
            let mut go_on = || Err(Failed("that is enough".into()));
            draft.bring_back(&then, top, (folder, &called), &mut go_on)
        });
        assert_eq!(stopped.map(drop).unwrap_err().0, "that is enough");
        assert_eq!(database.text(), "/z\n", "nothing was committed");
        let written = database.write(crate::Note::edit("Restored"), |draft| {
            draft.bring_back(&then, top, (folder, &called), &mut || Ok::<_, Failed>(()))
        });
        written.unwrap();
        assert_eq!(database.text(), "/z\n/z/old\n/z/old/b title=two\n");
        assert_eq!(database.oid_at("/z/old"), top, "it is the same object");
    }
}
