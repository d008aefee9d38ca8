//! The command line from outside: the real program, in folders of its own, with and without a server.

mod cases;
mod commands;
mod export;
mod import;
mod mail;
mod rights;
mod server;
mod support;
mod tasks;
mod tls;
mod tour;
mod tutorial;
mod undo;
mod version_link;
mod versions;
