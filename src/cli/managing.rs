//! What the management pages ask of the program that serves the site: where it lives, and to import archives.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bough::Site;
use bough::admin_ui::{ArchiveImport, Imported, OperationError, Operations, Progress};
use indicatif::ProgressBar;

use super::asker::{Here, Rights};
use super::client;
use super::failure::Failure;
use super::import::{Import, Row};
use super::protocol::{Brought, Reply};
use super::request::typed;
use super::source::Plan;

/// The site that is served, and its folder.
#[derive(Debug)]
pub(crate) struct Managing {
    data: PathBuf,
    site: Site,
}

impl Managing {
    pub(crate) fn new(data: &Path, site: Site) -> Self {
        Self { data: data.to_owned(), site }
    }

    fn import(&self, import: ArchiveImport, progress: &Progress) -> Result<Imported, Failure> {
        let plan = Arc::new(Plan::of_archive(import.archive, Path::new(&import.name), &[])?);
        let left_out = plan.problems.clone();
        if !left_out.is_empty() && !import.skip_bad {
            let message = format!("`{}` holds what cannot be imported: nothing was changed", import.name);
            return Err(Failure { causes: left_out, ..Failure::refused(message) });
        }
        let total = plan.bytes_total.max(1);
        let how = (import.delete, import.skip_bad);
        let command = Import::of_plan(Arc::clone(&plan), import.name, import.into, import.policy, how);
        let mut summary = None;
        let mut show = |reply| {
            if let Reply::Row(row) = reply
                && let Row::Summary(found) = typed(row)?
            {
                summary = Some(found);
            }
            Ok(())
        };
        let rights = Rights { authority: import.authority, maker: import.maker };
        let here = Here { principal: import.principal, show: &mut show, brought: None, rights: Some(rights) };
        let done = Mutex::new(0);
        let go_on = |bytes: usize| {
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            *done += bytes as u64;
            match progress.tell(*done, total).is_break() {
                true => Err(Failure::refused("it was stopped: nothing was changed")),
                false => Ok(()),
            }
        };
        let version = import.version.map(|name| self.site.version(&name)).transpose()?;
        let site: &Site = version.as_deref().unwrap_or(&self.site);
        client::work_with(site, &command, here, &|feed| {
            plan.feed(&ProgressBar::hidden(), &mut |brought| {
                go_on(if let Brought::Chunk(bytes) = &brought { bytes.len() } else { 0 })?;
                feed(brought)
            })
        })?;
        let summary = summary.ok_or_else(|| Failure::refused("BUG: the import said nothing"))?;
        Ok(Imported {
            commit: summary.tid.as_deref().and_then(|tid| tid.parse().ok()),
            sentence: summary.sentence,
            added: summary.added,
            changed: summary.changed,
            deleted: summary.deleted,
            left: summary.left,
            policy: summary.policy.parse().unwrap_or_default(),
            left_out,
        })
    }
}

impl Operations for Managing {
    fn data_folder(&self) -> &Path {
        &self.data
    }

    fn import_archive(&self, import: ArchiveImport, progress: &Progress) -> Result<Imported, OperationError> {
        // What to type next is for those at a terminal.
        self.import(import, progress)
            .map_err(|failure| OperationError { message: failure.message, causes: failure.causes })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek as _, Write as _};
    use std::time::{Duration, Instant};

    use axum::body::Body;
    use axum::http::{HeaderMap, Request, StatusCode};
    use axum::{Router, extract::ConnectInfo};
    use bough::admin_ui::AdminUi;
    use bough::core::Value;
    use bough::core::security::{Actor, Warrant};
    use bough::web::{Config, ContentPolicy};
    use tower::ServiceExt as _;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// A browser at the machine that the site runs on.
    struct Browser {
        router: Router,
        cookies: Vec<String>,
    }

    impl Browser {
        async fn send(
            &mut self,
            method: &str,
            url: &str,
            kind: &str,
            body: Vec<u8>,
        ) -> (StatusCode, HeaderMap, String) {
            let mut request = Request::builder()
                .method(method)
                .uri(url)
                .header("host", "localhost")
                .header("origin", "http://localhost")
                .header("content-type", kind)
                .header("cookie", self.cookies.join("; "))
                .body(Body::from(body))
                .unwrap();
            request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 4000))));
            let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
            let body = axum::body::to_bytes(body, 1 << 22).await.unwrap();
            for cookie in parts.headers.get_all("set-cookie") {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
                let name = pair.split('=').next().unwrap().to_owned();
                self.cookies.retain(|held| held.split('=').next() != Some(&name));
                self.cookies.push(pair);
            }
            (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
        }

        async fn get(&mut self, url: &str) -> String {
            let (status, _, page) = self.send("GET", url, "text/plain", Vec::new()).await;
            assert_eq!(status, StatusCode::OK, "{url}: {page}");
            page
        }

        async fn code(&mut self, url: &str) -> String {
            let page = self.get(url).await;
            page.split_once("name=\"code\" value=\"").unwrap().1.split('"').next().unwrap().to_owned()
        }
    }

    fn location(headers: &HeaderMap) -> String {
        headers["location"].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_new_site_becomes_the_files_of_an_archive_and_that_can_be_undone() {
        let data = tempfile::tempdir().unwrap();
        let site = Site::open(data.path()).unwrap();
        let manage = AdminUi::new(Arc::new(Managing::new(data.path(), site.clone())));
        let accounts = Some(site.accounts().clone());
        let config = Config { accounts, pages: vec![Arc::new(manage)], ..Config::default() };
        let mut browser =
            Browser { router: bough::web::app(site.database().clone(), config), cookies: Vec::new() };
        let (_, headers, _) = browser.send("GET", "/@@manage", "text/plain", Vec::new()).await;
        let link = location(&headers);
        let (code, key) = (browser.code(&link).await, link.split_once("key=").unwrap().1.to_owned());
        let form = format!("code={code}&key={key}&name=ana&password=correct+horse&again=correct+horse");
        let form_type = "application/x-www-form-urlencoded";
        let (_, headers, page) = browser.send("POST", "/@@welcome", form_type, form.into_bytes()).await;
        assert_eq!(
            headers.get("location").map(|_| location(&headers)).as_deref(),
            Some("/@@manage/start"),
            "{page}"
        );

        let zip = archive(&[("index.html", "<title>Mine</title>"), ("a/b.txt", "deep")]);
        let code = browser.code("/@@manage/start").await;
        let mut body = Vec::new();
        for (name, value) in [("code", code.as_str()), ("from", "start"), ("into", "/"), ("policy", "clean")]
        {
            write!(body, "--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .unwrap();
        }
        let head = "--X\r\nContent-Disposition: form-data; name=\"archive\"; filename=\"mine.zip\"\r\n\r\n";
        body.extend([head.as_bytes(), &zip, b"\r\n--X--\r\n"].concat());
        let kind = "multipart/form-data; boundary=X";
        let (status, headers, page) = browser.send("POST", "/@@manage/site/import", kind, body).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        let task = location(&headers);
        let until = Instant::now() + Duration::from_secs(60);
        while browser.get(&format!("{task}?json=1")).await.contains("\"running\":true") {
            assert!(Instant::now() < until, "the import never ended");
        }
        let page = browser.get(&task).await;
        assert!(page.contains("Imported 2 files") && page.contains(">Undo</button>"), "{page}");
        let tid = site.database().head();
        assert!(page.contains(&format!("value=\"{tid}\"")), "{page}");
        let record = site.history(1).unwrap().remove(0);
        assert_eq!((record.principal.as_str(), record.kind.word()), ("ana", "import"));
        assert!(browser.get("/").await.contains("<title>Mine</title>"));
        let owner = site.now().get("/a/b.txt").unwrap().object().owner();
        assert_eq!(owner, site.now().get("/_users/ana").ok().map(|ana| ana.oid()), "it is his");
        site.undo([tid]).unwrap();
        assert!(site.get("/a").is_err() && site.get("/_users/ana").is_ok());
    }

    fn import(site: &Site, data: &Path, zip: &[u8], actor: Actor) -> Result<Imported, OperationError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(zip).unwrap();
        file.rewind().unwrap();
        let import = ArchiveImport {
            archive: file,
            name: "a.zip".into(),
            version: None,
            into: "/a".into(),
            policy: Some(ContentPolicy::Sandbox),
            delete: false,
            skip_bad: false,
            principal: actor.name().to_owned(),
            authority: Arc::new(Warrant::new(actor, site.database().types().clone())),
            maker: None,
        };
        Managing::new(data, site.clone()).import_archive(import, &Progress::default())
    }

    #[test]
    fn an_import_is_done_under_the_rights_of_whoever_asks_and_changes_nothing_where_it_cannot_be_done() {
        let data = tempfile::tempdir().unwrap();
        let site = Site::in_memory().unwrap();
        let head = site.database().head();
        let zip = archive(&[("b.txt", "b")]);
        assert!(import(&site, data.path(), &zip, Actor::anonymous()).is_err());
        let bad = archive(&[("b.txt", "b"), ("../up.txt", "bad")]);
        let error = import(&site, data.path(), &bad, Actor::system()).unwrap_err();
        assert!(error.causes.iter().any(|cause| cause.contains("up.txt")), "{error:?}");
        assert!(import(&site, data.path(), b"PK\x03\x04 no archive", Actor::system()).is_err());
        assert_eq!(site.database().head(), head);
        let done = import(&site, data.path(), &zip, Actor::system()).unwrap();
        assert_eq!((done.added, done.policy), (2, ContentPolicy::Sandbox));
        let policy = site.get("/a").unwrap().value(bough::web::CONTENT_POLICY).unwrap();
        assert_eq!(policy, Some(Value::text("sandbox")));
    }
}
