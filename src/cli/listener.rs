//! Who listens on a port: found in `/proc`, where there is one and it may be read.

use std::fs;
use std::net::SocketAddr;

/// A process that listens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// The process that listens on this address' port.
pub(crate) fn find(address: SocketAddr) -> Option<Listener> {
    let sockets =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|table| fs::read_to_string(table).ok());
    let inodes: Vec<String> = sockets.flat_map(|table| listening(&table, address.port())).collect();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let open = fs::read_dir(entry.path().join("fd")).ok()?;
        let links = open.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
        let holds = |link: std::path::PathBuf| {
            let text = link.to_string_lossy();
            let inode = text.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.iter().any(|wanted| wanted == inode))
        };
        links.into_iter().any(holds).then(|| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            Listener { pid, name: name.trim().to_owned() }
        })
    })
}

/// The inodes of the sockets in a table that listen on a port.
fn listening(table: &str, port: u16) -> Vec<String> {
    /// How the tables write "listening".
    const LISTEN: &str = "0A";
    let end = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&end) && row[3] == LISTEN)
        .map(|row| row[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_listens_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = find(listener.local_addr().unwrap());
        assert_eq!(found.map(|found| found.pid), Some(std::process::id()));
    }
}
