//! A served site with a version `v`, and what one sees of both.

use serde_json::{Value as Json, json};

use crate::support::{Server, Site};

/// The password of every user here, and what a program sends to come as that user.
const PASSWORD: &str = "correct horse battery";
const BY_ANN: &str = "Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==";
const BY_MIA: &str = "Basic bWlhOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==";

/// A site with a running server. Without users, whoever sits at its machine owns it, through both doors.
pub(super) struct Fork {
    pub(super) site: Site,
    pub(super) server: Server,
}

/// A conflict that both doors list.
pub(super) struct Conflict {
    /// As the command line shows it.
    pub(super) text: String,
    /// As programs read it.
    pub(super) json: Json,
}

impl Conflict {
    pub(super) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }
}

impl Fork {
    /// A site of pages, each with its title; what ends with a slash is a folder. `v` is a version of that.
    pub(super) fn of(pages: &[&str]) -> Self {
        let fork = Self::unforked(pages);
        fork.cli("version create v");
        fork
    }

    pub(super) fn unforked(pages: &[&str]) -> Self {
        let site = Site::new();
        let server = site.serve();
        for page in pages {
            match page.split_once(' ') {
                Some((path, title)) => {
                    site.ok(&["add", path, "--type", "page", "--set", &format!("title={title}")])
                }
                None => site.ok(&["mkdir", page]),
            };
        }
        Self { site, server }
    }

    /// Runs a command, which must succeed; its words have no spaces in them.
    #[track_caller]
    pub(super) fn cli(&self, command: &str) -> String {
        self.site.ok(&command.split(' ').collect::<Vec<_>>())
    }

    /// Runs a command that writes, and answers the tid of its commit.
    #[track_caller]
    pub(super) fn tid(&self, command: &str) -> String {
        self.site.tid(&command.split(' ').collect::<Vec<_>>())
    }

    /// Sends a request with JSON, as a program of this user does, and answers the status with what came.
    pub(super) fn tell(&self, who: Option<&str>, method: &str, url: &str, body: &Json) -> (u16, Json) {
        let by = who.map(|who| if who == "ann" { BY_ANN } else { BY_MIA });
        let mut headers = vec![
            ("Host", self.server.address.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        ];
        headers.extend(by.map(|by| ("Authorization", by)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, answer) = self.server.send(method, url, &headers, &body);
        (status, serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{method} {url}: {answer}")))
    }

    /// Sends a form without fields as this user, and answers the status with the text that came.
    pub(super) fn post(&self, who: &str, url: &str) -> (u16, String) {
        let by = if who == "ann" { BY_ANN } else { BY_MIA };
        let headers = [("Host", self.server.address.as_str()), ("Authorization", by)];
        let (status, _, body) = self.server.send("POST", url, &headers, "");
        (status, body)
    }

    /// Sends a request that must succeed.
    #[track_caller]
    pub(super) fn rest(&self, request: &str, body: &Json) -> Json {
        let (method, url) = request.split_once(' ').unwrap();
        let (status, answer) = self.tell(None, method, url, body);
        assert!((200..300).contains(&status), "{request}: {status} {answer}");
        answer
    }

    /// Gives a page a title over HTTP.
    #[track_caller]
    pub(super) fn retitle(&self, url: &str, title: &str) {
        self.rest(&format!("PATCH {url}"), &json!({ "attributes": { "title": title } }));
    }

    /// Merges `v` over HTTP, and answers the tid of the commit.
    #[track_caller]
    pub(super) fn merge_over_http(&self) -> String {
        let merged = self.rest("POST /@@versions/v/merge", &json!({}));
        merged["commit"].as_str().unwrap_or_else(|| panic!("nothing was merged: {merged}")).to_owned()
    }

    /// The only thing that stands against a merge of this version, which both doors must list alike and refuse for.
    #[track_caller]
    pub(super) fn conflict(&self, version: &str) -> Conflict {
        let rows = self.site.rows(&["version", "conflicts", version]);
        let listed = self.rest(&format!("GET /@@versions/{version}/conflicts"), &Json::Null);
        let items = listed["items"].as_array().unwrap();
        let of = |all: &[Json]| -> Vec<_> {
            all.iter().map(|one| (one["id"].clone(), one["path"].clone(), one["kind"].clone())).collect()
        };
        assert_eq!(of(&rows), of(items), "both doors list the same");
        assert_eq!(items.len(), 1, "{items:#?}");
        self.site.fails(4, &["version", "merge", version]);
        let (status, refused) = self.tell(None, "POST", &format!("/@@versions/{version}/merge"), &json!({}));
        assert_eq!((status, &refused["code"]), (409, &"unsettled".into()), "{refused}");
        Conflict { text: self.cli(&format!("version conflicts {version}")), json: items[0].clone() }
    }

    /// Settles a conflict of `v` on the command line.
    #[track_caller]
    pub(super) fn settle(&self, conflict: &Conflict, choice: &str) {
        let said = self.cli(&format!("version resolve v {} {choice}", conflict.id()));
        assert!(said.contains("Nothing stands against"), "{said}");
    }

    /// Settles a conflict of `v` over HTTP.
    #[track_caller]
    pub(super) fn settle_over_http(&self, conflict: &Conflict, choice: &Json) {
        let uri = format!("PUT /@@versions/v/conflicts/{}", conflict.id());
        assert_eq!(self.rest(&uri, choice)["items"][0]["resolution"], choice["choice"]);
    }

    /// Adds a user who has that password.
    #[track_caller]
    pub(super) fn add_user(&self, name: &str, role: &str) {
        let command = ["user", "add", name, "--role", role, "--password-stdin"];
        let added = self.site.run_with(&command, PASSWORD.as_bytes());
        assert_eq!(added.code, 0, "{added:?}");
    }

    /// What a visitor finds there: the title of a page, the text of a file, `-> PLACE` or `404`.
    pub(super) fn found(&self, url: &str) -> String {
        let (status, head, body) = self.server.ask(url, &[("Host", &self.server.address)]);
        if let Some(place) = head.lines().find_map(|line| line.strip_prefix("location: ")) {
            return format!("-> {place}");
        }
        let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once(" &middot;"));
        match (status, title) {
            (200, Some((title, _))) => title.to_owned(),
            (200, None) => body,
            _ => status.to_string(),
        }
    }

    /// Asserts what the public site shows, and what the version does.
    #[track_caller]
    pub(super) fn shows(&self, public: &[(&str, &str)], version: &[(&str, &str)]) {
        for (url, found) in public {
            assert_eq!(self.found(url), *found, "the public {url}");
        }
        for (url, found) in version {
            assert_eq!(self.found(&format!("/@v/v{url}")), *found, "{url} in the version");
        }
    }
}
