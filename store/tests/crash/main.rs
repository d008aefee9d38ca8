//! What was acknowledged is there: after crashes, failures and damage of any kind.

#[path = "../chance/mod.rs"]
mod chance;
mod damage;
mod durable;
mod failure;
mod history;
mod index;
mod kill;
mod picture;
mod writer;
