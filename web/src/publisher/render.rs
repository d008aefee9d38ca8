//! Rendering: what an object shows by a template, on a thread of its own.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use axum::http::HeaderValue;
use bough_core::reads::Reads;
use bough_core::{Object, Oid, Snapshot as _, Value};

use super::deliver::{Document, Payload, already_there};
use super::failing::Failure;
use super::kept::{Key, Page as KeptPage};
use super::visit::{Asked, Visit};
use super::{Publisher, Step};
use crate::conditional::{Etag, Validators};
use crate::content::headers::Guard;
use crate::content::policy::ContentPolicy;
use crate::error::PublishError;
use crate::template::{Chosen, Page};
use crate::types::{file, folder, page, unknown};

/// What is rendered.
pub(super) enum Content {
    /// A page in its layout.
    Page,
    /// What is in a folder.
    Listing,
    /// An object of an unknown type.
    Unknown,
    /// What this template makes.
    Template(Arc<Object>),
}

impl Publisher {
    /// The tag of what is rendered for an object and not kept. A page may show anything that the snapshot holds, so the
    /// snapshot's commit is in it.
    fn rendered_validators(
        &self,
        visit: &Visit,
        object: &Object,
        template: Oid,
        guard: &Guard,
    ) -> Validators {
        let snapshot = &visit.snapshot;
        let actor = visit.access.actor();
        let who = (actor.name(), actor.user().map(|user| user.oid), actor.within.is_some());
        let (tid, shelf) = (snapshot.tid(), snapshot.shelf());
        let identity = (object.oid(), object.revision(), template, tid, shelf, guard.mark(), who);
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&self.run[0].hash_one(identity).to_be_bytes());
        tag[8..].copy_from_slice(&self.run[1].hash_one(identity).to_be_bytes());
        Validators { etag: Etag::of_bytes(&tag), modified_secs: None }
    }

    pub(super) fn render_later(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: Visit,
        here: Arc<Object>,
        content: Content,
        canonical: Option<HeaderValue>,
    ) -> Result<Step, Failure> {
        let template = if let Content::Template(template) = &content { template.oid() } else { Oid::ROOT };
        let allowed = visit.allowed(here.oid())?;
        let guard = Guard::of_page(&allowed);
        if let Some(key) = kept_key(asked, &visit, &here, &content, allowed.policy, &guard) {
            return self.render_or_find(asked, visit, here, content, canonical, (key, guard, allowed.policy));
        }
        let validators = self.rendered_validators(&visit, &here, template, &guard);
        if let Some(response) = already_there(asked, &visit, &validators, &guard, canonical.as_ref()) {
            return Ok(Step::Ready(response));
        }
        let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
        Ok(Step::Later(Box::new(move || {
            let rendered = publisher.render(&asked, &visit, &here, &content, allowed.policy);
            let document = rendered.map_err(|error| Failure::at(error, &visit, &here))?;
            let document = Document { validators: Some(validators), guard, canonical, ..document };
            publisher.send_now(&asked, &visit, document).map_err(|error| Failure::at(error, &visit, &here))
        })))
    }

    /// Sends the page as it was made for somebody else, if it would be the same; else makes and keeps it.
    fn render_or_find(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        visit: Visit,
        here: Arc<Object>,
        content: Content,
        canonical: Option<HeaderValue>,
        (key, guard, policy): (Key, Guard, ContentPolicy),
    ) -> Result<Step, Failure> {
        let document = |page: &KeptPage, guard, canonical| Document {
            validators: Some(Validators { etag: page.etag.clone(), modified_secs: None }),
            is_named_by_its_tag: true,
            guard,
            canonical,
            ..Document::new(page.media_type.clone(), Payload::Bytes(page.body.clone()))
        };
        if let Some(page) = self.kept.find(&key, &self.database, &visit.snapshot) {
            return self.send(asked, visit, document(&page, guard, canonical));
        }
        let (publisher, asked) = (Arc::clone(self), Arc::clone(asked));
        Ok(Step::Later(Box::new(move || {
            let page = publisher.make(&asked, &visit, &here, content, policy, &guard);
            let page = Arc::new(page.map_err(|error| Failure::at(error, &visit, &here))?);
            publisher.kept.keep(key, Arc::clone(&page), &publisher.database, &visit.snapshot);
            let document = document(&page, guard, canonical);
            publisher.send_now(&asked, &visit, document).map_err(|error| Failure::at(error, &visit, &here))
        })))
    }

    /// Makes a page, with a list of what it is made from.
    fn make(
        &self,
        asked: &Asked,
        visit: &Visit,
        here: &Arc<Object>,
        content: Content,
        policy: ContentPolicy,
        guard: &Guard,
    ) -> Result<KeptPage, PublishError> {
        let reads = Reads::default();
        let noting = visit.noting(&reads)?;
        // What was read before, to find out what is shown, is read again: so it is noted, too.
        let again = |object: &Arc<Object>| -> Result<Arc<Object>, PublishError> {
            noting.snapshot.object(object.oid())?.ok_or(PublishError::NotFound)
        };
        let content = match content {
            Content::Template(template) => Content::Template(again(&template)?),
            other => other,
        };
        let document = self.render(asked, &noting, &again(here)?, &content, policy)?;
        let Payload::Bytes(body) = document.payload else {
            return Err(PublishError::Reply("a rendered page is in memory".into()));
        };
        let mark = guard.mark().unwrap_or_default();
        Ok(KeptPage::new(&visit.snapshot, &reads, body, document.media_type, &mark))
    }

    fn render(
        &self,
        asked: &Asked,
        visit: &Visit,
        here: &Arc<Object>,
        content: &Content,
        policy: ContentPolicy,
    ) -> Result<Document, PublishError> {
        use minijinja::Value as Shown;
        let title = bough_core::snapshot::attribute(&visit.snapshot, here, "title")?;
        let title = match (title.as_ref().and_then(Value::as_text), here.place()) {
            (Some(title), _) => title.to_owned(),
            (None, Some(place)) => place.name.to_string(),
            (None, None) => "Site".to_owned(),
        };
        let mut added = vec![("page_title", Shown::from(title))];
        let (template, media_type) = match content {
            Content::Page => {
                added.push(("content", self.page_content(visit, here, policy)?));
                (Chosen::Acquired("layout.html"), None)
            }
            Content::Listing => {
                let listing = folder::list(visit, asked, here)?;
                added.push(("entries", listing.entries));
                added.push(("listing", listing.about));
                (Chosen::Acquired("listing.html"), None)
            }
            Content::Unknown => {
                added.push(("attributes", unknown::attributes(visit, here)?));
                (Chosen::Acquired("object.html"), None)
            }
            Content::Template(template) => {
                if here.is_a("page") {
                    added.push(("content", self.page_content(visit, here, policy)?));
                }
                let name = template.place().map_or("", |place| place.name.as_str());
                let declared = template.text("content_type");
                let media_type = file::media_type(declared, name, "text/html; charset=utf-8");
                (Chosen::Object(template), Some(media_type))
            }
        };
        let scene = visit.scene(asked);
        let page = self.templates.render(Page { scene, here: Arc::clone(here), added, template })?;
        let document = Document::html(page);
        Ok(match media_type {
            Some(media_type) => Document { media_type, ..document },
            None => document,
        })
    }

    fn page_content(
        &self,
        visit: &Visit,
        page: &Object,
        policy: ContentPolicy,
    ) -> Result<minijinja::Value, PublishError> {
        let text = page::content(&self.sanitised, visit, page, policy)?;
        Ok(minijinja::Value::from_safe_string(text.to_string()))
    }
}

/// Under what a page is kept; none where it is made for somebody, or is of another state than the public one.
fn kept_key(
    asked: &Asked,
    visit: &Visit,
    here: &Object,
    content: &Content,
    policy: ContentPolicy,
    guard: &Guard,
) -> Option<Key> {
    let actor = visit.access.actor();
    let is_public = asked.shown.get().is_none() && asked.state.is_none() && visit.now.is_none();
    let is_for_anybody = !actor.is_known() && actor.within.is_none() && visit.only_below.is_none();
    if !is_public || !is_for_anybody || asked.parts.uri.query().is_some() {
        return None;
    }
    let content = match content {
        Content::Page => "page".to_owned(),
        Content::Listing => "listing".to_owned(),
        Content::Unknown => "unknown".to_owned(),
        Content::Template(template) => template.oid().to_string(),
    };
    let links = &visit.links;
    let said = [
        asked.parts.method.as_str(),
        if asked.origin.is_https { "https" } else { "http" },
        &asked.origin.authority,
        asked.parts.uri.path(),
        &content,
        &format!("{policy:?}"),
        &here.oid().to_string(),
        &links.top.to_string(),
        &links.before,
        links.base_url.as_deref().unwrap_or_default(),
    ];
    let mut hash = blake3::Hasher::new();
    for part in said {
        hash.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    hash.update(&guard.mark().unwrap_or_default());
    Some(*hash.finalize().as_bytes())
}
