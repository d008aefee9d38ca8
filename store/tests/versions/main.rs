//! Private versions as their users see them: the cases that a merge has to get right, laws, a model, load, crashes.
//!
//! The tests of the cases carry the numbers of the table of required outcomes. Not here, as there is nothing yet to try
//! them on: external effects (33), the pages that a template has an effect on (34). With the web are addresses and caches (37), with the command line imports from files (38).

#[path = "../chance/mod.rs"]
mod chance;
mod crash;
mod fork;
mod laws;
mod lifecycle;
mod load;
mod merging;
mod names;
mod plain;
mod play;
mod removals;
mod rights;
#[path = "../chance/security.rs"]
mod security;
mod values;
