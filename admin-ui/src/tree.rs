//! The tree beside every page: open along the way to the object, the rest a branch at a time.

use askama::Template;
use bough_core::security::USERS_NAME;
use bough_core::security::permission::LIST;
use bough_core::snapshot::{Chain, ChildrenPage, Snapshot as _, chain};
use bough_core::{Object, Oid};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use crate::{page, text};

/// How many children of one object are shown; the others are on its contents page.
const CHILDREN_MAX: usize = 60;

/// One object in the tree, and what is shown of what is in it.
#[derive(Template)]
#[template(path = "node.html")]
pub(crate) struct Node {
    pub(crate) title: String,
    pub(crate) icon: &'static str,
    pub(crate) url: String,
    /// Where its branch can be had, if it has one.
    pub(crate) branch_url: Option<String>,
    pub(crate) is_here: bool,
    pub(crate) children: Vec<Node>,
    pub(crate) is_open: bool,
    /// Where the children are that are not shown.
    pub(crate) more_url: Option<String>,
}

// What a node's template makes is HTML already.
impl askama::filters::HtmlSafe for Node {}

#[derive(Template)]
#[template(path = "branch.html")]
struct Branch {
    nodes: Vec<Node>,
    more_url: Option<String>,
}

/// The tree from what `/` names, open along the way to `object`.
pub(crate) fn to(request: &PageRequest, object: &Object) -> Result<Node, PageError> {
    let way = match chain(request.snapshot(), object.oid())? {
        Chain::Live(chain) => chain.iter().map(|object| object.oid()).collect(),
        _ => vec![request.top().oid()],
    };
    let mut top = node(request, request.top(), Some(object.oid()))?;
    open(request, &mut top, request.top().oid(), &way, Some(object.oid()))?;
    Ok(top)
}

/// What is in an object, for a branch that a person opens.
pub(crate) fn branch(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let object = request.object()?;
    let mut node = node(request, object, None)?;
    open(request, &mut node, object.oid(), &[], None)?;
    page::show(&Branch { nodes: node.children, more_url: node.more_url })
}

fn node(request: &PageRequest, object: &Object, here: Option<Oid>) -> Result<Node, PageError> {
    let type_name = object.type_name().map(|name| name.as_str());
    let schema = type_name.and_then(|name| request.types().schema(name));
    let has_branch = object.oid() == Oid::ROOT || schema.is_none_or(|schema| schema.container);
    Ok(Node {
        title: text::title(request.snapshot(), object),
        icon: text::icon(type_name),
        url: request.page_url(object.oid(), &[])?,
        branch_url: has_branch.then(|| request.page_url(object.oid(), &["tree"])).transpose()?,
        is_here: Some(object.oid()) == here,
        children: Vec::new(),
        is_open: false,
        more_url: None,
    })
}

/// Fills in what is in a node, and in those on the way.
fn open(
    request: &PageRequest,
    node: &mut Node,
    oid: Oid,
    way: &[Oid],
    here: Option<Oid>,
) -> Result<(), PageError> {
    if node.branch_url.is_none() {
        return Ok(());
    }
    node.is_open = true;
    if !request.access().allows_at(LIST, oid)? {
        return Ok(());
    }
    let snapshot = request.snapshot();
    let mut oids: Vec<Oid> = snapshot
        .children(oid, &ChildrenPage::first(CHILDREN_MAX + 1))?
        .iter()
        .map(|child| child.oid)
        .collect();
    if oids.len() > CHILDREN_MAX {
        oids.truncate(CHILDREN_MAX);
        node.more_url = Some(request.page_url(oid, &["contents"])?);
    }
    // What lies on the way is shown however many stand before it.
    if let Some(next) = way.iter().position(|at| *at == oid).and_then(|at| way.get(at.checked_sub(1)?))
        && !oids.contains(next)
    {
        oids.push(*next);
    }
    for child in oids {
        // One that cannot be read is a marked row of the contents; here it is left out.
        let Ok(Some(object)) = snapshot.object(child) else { continue };
        // Users have a page of their own.
        let is_users = object.place().is_some_and(|place| place.name == USERS_NAME);
        if is_users || !request.access().may_view(&object)? {
            continue;
        }
        let mut shown = self::node(request, &object, here)?;
        if way.contains(&child) && Some(child) != here {
            open(request, &mut shown, child, way, here)?;
        }
        node.children.push(shown);
    }
    Ok(())
}
