//! What an application decides about its site over HTTP.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::auth::{Accounts, EmergencyUser, PasswordCost};
use crate::hosts::{AddressRange, HostTable};
use crate::pages::Pages;
use crate::tasks::Tasks;

/// Bounds on what one request, or all of them together, may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest path of a URL, before decoding.
    pub path_bytes_max: usize,
    /// Longest body of a request that brings no files.
    pub body_bytes_max: u64,
    /// Longest body of a request that brings files.
    pub upload_bytes_max: u64,
    /// Most bodies at the same time that are too long for memory and wait in files.
    pub uploads_max: usize,
    /// Longest head of a request: its line and all header lines.
    pub header_bytes_max: usize,
    /// Most header lines.
    pub headers_max: usize,
    /// How long a client may take to send the head of a request; also how long it may stay silent between requests.
    pub header_timeout: Duration,
    /// How long a client may take to agree on TLS.
    pub handshake_timeout: Duration,
    /// How long a body may take to come, besides what its length takes at `body_rate_min`.
    pub body_timeout: Duration,
    /// How fast the body of a request has to come on the whole, in bytes a second.
    pub body_rate_min: u64,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_timeout: Duration,
    /// How long a connection may stay without anything said on it, either way.
    pub idle_timeout: Duration,
    /// How long rendering may take, with the waiting for its turn.
    pub request_timeout: Duration,
    /// How many requests may render at the same time; the others wait.
    pub blocking_jobs_max: usize,
    /// Most connections at the same time; further ones wait to be accepted.
    pub connections_max: usize,
    /// How long open requests may take to end once the server was asked to stop.
    pub shutdown_timeout: Duration,
    /// What one page may execute, in instructions of the template engine.
    pub template_fuel: u64,
    /// Longest rendered page.
    pub page_bytes_max: usize,
    /// How many bytes of compressed answers are kept.
    pub compressed_bytes_max: u64,
    /// How many bytes of rendered pages are kept, with what they were made from.
    pub kept_bytes_max: u64,
    /// How many bytes of sanitised texts of pages are kept.
    pub sanitised_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            path_bytes_max: 8 << 10,
            body_bytes_max: 16 << 20,
            upload_bytes_max: 1 << 30,
            uploads_max: 32,
            header_bytes_max: 32 << 10,
            headers_max: 100,
            header_timeout: Duration::from_secs(15),
            handshake_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_rate_min: 8 << 10,
            // The system says that there is room again when a third of its buffer is free: up to a megabyte.
            write_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            blocking_jobs_max: std::thread::available_parallelism().map_or(4, |cores| cores.get() * 4),
            connections_max: 10_000,
            shutdown_timeout: Duration::from_secs(10),
            template_fuel: 2_000_000,
            page_bytes_max: 8 << 20,
            compressed_bytes_max: 16 << 20,
            kept_bytes_max: 64 << 20,
            sanitised_bytes_max: 16 << 20,
        }
    }
}

/// How a site is published.
#[derive(Debug, Default)]
pub struct Config {
    /// Which host shows which part of the tree, and where versions have hosts of their own.
    pub hosts: HostTable,
    /// The addresses of proxies whose word about the client, the host and the scheme is taken.
    pub trusted_proxies: Vec<AddressRange>,
    /// The bounds.
    pub limits: Limits,
    /// Where long bodies of requests wait, in files without names; the system's folder for such things where it is none.
    pub upload_folder: Option<PathBuf>,
    /// The accounts, where the program works with them, too; all at work on one site must be clones of one another.
    pub accounts: Option<Accounts>,
    /// The tasks, where the program runs them, too; all at work on one site must be clones of one another.
    pub tasks: Option<Tasks>,
    /// What hashing a password costs, where there are no `accounts` yet.
    pub password_cost: PasswordCost,
    /// Who may everything while this runs, by name and password with each request, if anybody.
    pub emergency_user: Option<EmergencyUser>,
    /// The families of pages behind views of their own, as that of management.
    pub pages: Vec<Arc<dyn Pages>>,
    /// Where requests are recorded.
    pub access_log: AccessLog,
}
