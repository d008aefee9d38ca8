//! The publisher as a client sees it: every test asks a router, without a port.

mod accounts;
mod conditional;
mod content;
mod errors;
mod hosts;
mod kept;
mod mail;
mod matrix;
mod moments;
mod outside;
mod pages;
mod paths;
mod previews;
mod rest;
mod rights;
mod server;
mod site;
mod starter;
mod survey;
mod tasks;
mod templates;
mod tls;
mod types;
mod versions;
