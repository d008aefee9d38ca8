//! The frames of the log, walked over by what reads all of them: replay, check and pack.

use std::ops::ControlFlow;

use crate::log::{LogError, Visit, Visited};

/// Walks over frames with a visitor that may fail; its first error ends the walk.
pub(crate) fn try_walk<E: From<LogError>>(
    walk: impl FnOnce(Visit<'_>) -> Result<(), LogError>,
    mut visit: impl FnMut(Visited<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let mut outcome = Ok(());
    walk(&mut |visited| {
        visit(visited).unwrap_or_else(|error| {
            outcome = Err(error);
            ControlFlow::Break(())
        })
    })?;
    outcome
}
