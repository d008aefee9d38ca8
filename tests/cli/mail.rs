//! Mail on the command line, with a mail server of a few lines that asks for a password.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{Site, in_both_ways, wait_until};

#[test]
fn case_33_messages_of_a_version_are_listed_there_and_held_after_the_merge() {
    in_both_ways(|site| {
        // Nothing listens there: what a server tries fails for now.
        let host = ["--set", "server=127.0.0.1", "--set", "port=9", "--set", "security=none"];
        site.ok(
            &[&["add", "/mail", "--type", "mail_host", "--set", "from=site@example.org"], &host[..]].concat()
        );
        site.ok(&["version", "create", "spring"]);
        let message = ["--set", "to=ann@example.org", "--set", "subject=Spring", "--set", "text=Come"];
        site.ok(&[&["add", "/mail/call", "--type", "message", "--version", "spring"], &message[..]].concat());

        let list = site.ok(&["mail", "list", "/mail", "--version", "spring"]);
        assert!(list.contains("in version: nothing is sent from there") && list.contains("Spring"), "{list}");
        assert_eq!(site.ok(&["mail", "list", "/mail"]), "");
        let refused = site.fails(1, &["mail", "send", "/mail/call", "--version", "spring"]);
        assert!(refused.contains("merge it first"), "{refused}");

        site.ok(&["version", "merge", "spring"]);
        let list = site.ok(&["mail", "list", "/mail"]);
        assert!(list.starts_with("/mail/call  held: it came by a merge"), "{list}");
        site.ok(&["mail", "send", "/mail/call"]);
        let row = site.rows(&["mail", "list", "/mail"]).remove(0);
        assert_eq!(row["state"], "waiting", "{row}");
        assert!(site.fails(1, &["mail", "list", "/"]).contains("is no mail host"));
        assert!(site.fails(1, &["mail", "send", "/mail"]).contains("is no message"));
    });
}

#[test]
fn it_is_said_when_a_message_will_be_sent_and_when_it_is_tried_next() {
    let site = Site::new();
    // Nothing listens there.
    let host = ["--set", "server=127.0.0.1", "--set", "port=9", "--set", "security=none"];
    site.ok(&[&["add", "/mail", "--type", "mail_host", "--set", "from=site@example.org"], &host[..]].concat());
    for name in ["/mail/a", "/mail/b"] {
        site.ok(&["add", name, "--type", "message", "--set", "to=ann@example.org", "--set", "text=Come"]);
    }
    let told = site.ok(&["mail", "send", "/mail/a"]);
    assert!(told.contains("/mail/a will be sent as soon as the site is served"), "{told}");
    let _server = site.serve();
    let told = site.ok(&["mail", "send", "/mail/b"]);
    assert!(told.contains("/mail/b will be sent in a moment"), "{told}");
    wait_until("it was tried", || {
        site.ok(&["mail", "list", "/mail"]).lines().any(|line| line.contains("waiting, next try 2"))
    });
}

#[test]
fn a_server_logs_in_with_the_password_from_its_environment_and_sends_what_waited_while_it_was_down() {
    let (port, told) = mail_server();
    let site = Site::new();
    let secret = format!("127.0.0.1:{port} open sesame");
    let port = format!("port={port}");
    let host = ["server=127.0.0.1", &port, "security=none", "from=site@example.org", "user=me"];
    let host = host.iter().flat_map(|set| ["--set", set]);
    let add = ["add", "/mail", "--type", "mail_host", "--set", "password_variable=BOUGH_SECRET_MAIL"];
    site.ok(&add.into_iter().chain(host).collect::<Vec<_>>());
    let message = ["--set", "to=ann@example.org", "--set", "subject=Spring", "--set", "text=Come"];
    site.ok(&[&["add", "/mail/call", "--type", "message"], &message[..]].concat());
    site.ok(&["mail", "send", "/mail/call"]);

    let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("BOUGH_SECRET_MAIL", secret).stdout(std::process::Stdio::null());
    let mut server = command.spawn().unwrap();
    let heard = told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(heard.contains("AUTH PLAIN AG1lAG9wZW4gc2VzYW1l"), "{heard}");
    assert!(heard.contains("Subject: Spring"), "{heard}");
    wait_until("it is known that it was sent", || {
        site.rows(&["mail", "list", "/mail"])[0]["state"] == "sent"
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(site.fails(1, &["mail", "send", "/mail/call"]).contains("was sent already"));
}

fn mail_server() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = tell.send(talk(stream.unwrap()));
        }
    });
    (port, told)
}

/// Takes everything, and answers with what was said.
fn talk(mut stream: TcpStream) -> String {
    let mut heard = String::new();
    let mut in_data = false;
    stream.write_all(b"220 test\r\n").unwrap();
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let Ok(line) = line else { break };
        heard.push_str(&line);
        heard.push('\n');
        let reply: &[u8] = match line.as_str() {
            "." if in_data => {
                in_data = false;
                b"250 taken\r\n"
            }
            _ if in_data => continue,
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => break,
            _ if line.starts_with("EHLO") => b"250-test\r\n250 AUTH PLAIN\r\n",
            _ if line.starts_with("AUTH") => b"235 come in\r\n",
            _ => b"250 fine\r\n",
        };
        stream.write_all(reply).unwrap();
    }
    heard
}
