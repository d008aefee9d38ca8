//! The publisher as a client sees it: every test asks a router, without a port.

mod accounts;
mod conditional;
mod content;
mod errors;
mod hosts;
mod matrix;
mod moments;
mod pages;
mod paths;
mod previews;
mod rest;
mod rights;
mod server;
mod site;
mod starter;
mod tasks;
mod templates;
mod tls;
mod types;
mod versions;
