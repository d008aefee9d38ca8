//! The table of operations: it finds what a request asks for, and describes the interface.

use axum::http::Method;
use bough_core::security::permission::{HISTORY, LIST, PERMISSIONS, SITE, UNDO, USERS, VERSIONS};

use super::call::{Answer, Call};
use super::openapi::{Schema, of};
use super::{
    account, container, dto, dto_account, dto_rights, dto_version, history, merge, object, openapi, place,
    rights, search, undo, version,
};
use crate::error::PublishError;

/// What an operation takes as its body.
pub(super) enum Takes {
    Nothing,
    Json(Schema),
    /// The same, or no body at all.
    MaybeJson(Schema),
    /// JSON, or whatever an object holds as its content.
    Content(Schema),
    /// JSON, or a form with files.
    Files(Schema),
}

/// What an operation gives.
pub(super) enum Gives {
    Json(Schema),
    /// Something is made by it.
    Created(Schema),
    /// The bytes of an attribute.
    Bytes,
    /// The description of the interface.
    Description,
}

/// Where an operation is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// At every object.
    Object,
    /// At what `/` names; elsewhere it does the same.
    Top,
}

/// One thing that can be done.
pub(super) struct Operation {
    pub(super) id: &'static str,
    pub(super) method: Method,
    pub(super) at: At,
    /// Behind `@@`; none for the object itself.
    pub(super) view: Option<&'static str>,
    /// What follows the view; in braces what may be anything.
    pub(super) steps: &'static [&'static str],
    pub(super) summary: &'static str,
    /// The permission that it takes at the object, where seeing it is not enough. What may be written is for the store to say.
    pub(super) needs: Option<&'static str>,
    /// The names of what the query may say, and what each means.
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    pub(super) run: fn(&Call<'_>) -> Result<Answer, PublishError>,
}

const LIMIT: (&str, &str) = ("limit", "How many at most.");
const AFTER: (&str, &str) = ("after", "Where to go on; taken from `next`.");
const SKIP: (&str, &str) = ("skip", "How many to leave out; taken from `next`.");

macro_rules! operations {
    ($($id:ident $method:ident $at:ident $view:expr, [$($step:literal)*] $summary:literal
       needs $needs:expr; query [$($query:expr),*] takes $takes:expr; gives $gives:expr; by $run:path;)*) => {
        /// All of them.
        pub(super) static OPERATIONS: &[Operation] = &[$(Operation {
            id: stringify!($id),
            method: Method::$method,
            at: At::$at,
            view: $view,
            steps: &[$($step),*],
            summary: $summary,
            needs: $needs,
            query: &[$($query),*],
            takes: $takes,
            gives: $gives,
            run: $run,
        }),*];
    };
}

operations! {
    get_object GET Object None, []
        "Show an object. Asked for with `Accept: application/json`."
        needs None; query [] takes Takes::Nothing; gives Gives::Json(of::<dto::Object>); by object::get;
    put_object PUT Object None, []
        "Make or replace an object: from JSON all of it; from anything else its content, as a page, a file or an image by the media type."
        needs None; query [("type", "The type of the object, instead of the one that the media type stands for.")]
        takes Takes::Content(of::<dto::PutObject>); gives Gives::Created(of::<dto::Written>); by object::put;
    patch_object PATCH Object None, []
        "Change attributes of an object."
        needs None; query [] takes Takes::Json(of::<dto::PatchObject>); gives Gives::Json(of::<dto::Written>); by object::patch;
    delete_object DELETE Object None, []
        "Delete an object and everything in it."
        needs None; query [] takes Takes::Nothing; gives Gives::Json(of::<dto::Written>); by object::delete;
    add_child POST Object None, []
        "Add a child to a container, or upload files into it, in one commit."
        needs None; query [("replace", "Whether an uploaded file comes into an object of that name that is there: `true` or `false`.")]
        takes Takes::Files(of::<dto::NewChild>); gives Gives::Created(of::<dto::Written>); by container::post;
    get_attribute GET Object Some("attribute"), []
        "The text or the bytes of one attribute."
        needs None; query [("name", "The attribute.")] takes Takes::Nothing; gives Gives::Bytes; by object::get_attribute;
    list_children GET Object Some("children"), []
        "List the children of a container, a part at a time."
        needs Some(LIST); query [LIMIT, ("by", "`place` or `name`."), ("after", "Where to go on; taken from `next`.")]
        takes Takes::Nothing; gives Gives::Json(of::<dto::Entries>); by container::children;
    get_history GET Object Some("history"), []
        "The commits that wrote an object, or anything in it, newest first."
        needs Some(HISTORY); query [LIMIT, ("of", "`object` or `subtree`."), ("before", "Only commits before this one.")]
        takes Takes::Nothing; gives Gives::Json(of::<dto::Commits>); by history::history;
    get_blame GET Object Some("blame"), []
        "Who wrote each cell of an object."
        needs Some(HISTORY); query [] takes Takes::Nothing; gives Gives::Json(of::<dto::Blame>); by history::blame;
    get_acquired GET Object Some("acquire"), []
        "What an object finds under a name: the answer, where it is, who set it, and what it hides."
        needs None; query [("name", "The name.")]
        takes Takes::Nothing; gives Gives::Json(of::<dto::Acquired>); by search::acquire;
    get_diff GET Object Some("diff"), []
        "What differs from one state of an object and of what is in it to another: only the net effect."
        needs Some(HISTORY); query [("from", "A commit or a time."), ("to", "The same; what is shown if none is named."), LIMIT, SKIP]
        takes Takes::Nothing; gives Gives::Json(of::<dto::Differences>); by history::diff;
    find_objects GET Object Some("find"), []
        "Find objects in an object, in the order of the tree."
        needs Some(LIST); query [
            ("name", "Only names that fit this pattern, with `*` and `?`."),
            ("type", "Only objects of this type."),
            ("text", "Only objects with a text that contains this, whatever the case."),
            ("with", "NAME=VALUE: only objects whose attribute has this value; may be there several times."),
            LIMIT,
            ("after", "Where to go on; taken from `next`. There may be a next part after an empty one.")
        ]
        takes Takes::Nothing; gives Gives::Json(of::<dto::Entries>); by search::find;
    move_object POST Object Some("move"), []
        "Move or rename an object. Its former URL leads to the new one."
        needs None; query [] takes Takes::Json(of::<dto::Target>); gives Gives::Json(of::<dto::Written>); by place::move_to;
    copy_object POST Object Some("copy"), []
        "Copy an object and everything in it."
        needs None; query [] takes Takes::Json(of::<dto::Target>); gives Gives::Created(of::<dto::Written>); by place::copy;
    order_object POST Object Some("order"), []
        "Give an object another standing among its siblings."
        needs None; query [] takes Takes::Json(of::<dto::Standing>); gives Gives::Json(of::<dto::Written>); by place::order;
    set_type POST Object Some("type"), []
        "Make an object one of another type; its attributes stay."
        needs None; query [] takes Takes::Json(of::<dto::NewType>); gives Gives::Json(of::<dto::Written>); by place::set_type;
    restore POST Object Some("restore"), []
        "Bring back an object, and what was in it, as it was."
        needs Some(HISTORY); query [] takes Takes::Json(of::<dto::Restore>); gives Gives::Json(of::<dto::Written>); by undo::restore;
    get_rights GET Object Some("rights"), []
        "Who may do what at an object: what is said there and in its containers, with where and since when."
        needs Some(PERMISSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_rights::Rights>); by rights::get;
    set_permission PUT Object Some("rights"), ["permissions" "{permission}"]
        "Say which roles have a permission at an object and below."
        needs Some(PERMISSIONS); query [] takes Takes::Json(of::<dto_rights::NewSetting>); gives Gives::Json(of::<dto::Written>);
        by rights::set;
    forget_permission DELETE Object Some("rights"), ["permissions" "{permission}"]
        "Say nothing about a permission at an object, so that what holds above holds there."
        needs Some(PERMISSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto::Written>); by rights::forget;
    give_roles PUT Object Some("rights"), ["roles" "{who}"]
        "Say which roles somebody has at an object and below: a user or group by oid, or users by log-in name."
        needs Some(PERMISSIONS); query [] takes Takes::Json(of::<dto_rights::NewRoles>); gives Gives::Json(of::<dto::Written>);
        by rights::give;
    take_roles DELETE Object Some("rights"), ["roles" "{who}"]
        "Take the roles that somebody has at an object and below."
        needs Some(PERMISSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto::Written>); by rights::take;
    set_owner PUT Object Some("rights"), ["owner"]
        "Say whose an object is."
        needs None; query [] takes Takes::Json(of::<dto_rights::NewOwner>); gives Gives::Json(of::<dto::Written>);
        by rights::set_owner;
    explain GET Object Some("why"), []
        "Why somebody may or may not do something: oneself, or, with the permission to change permissions, anybody."
        needs None; query [
            ("permission", "The permission."),
            ("user", "A log-in name, the oid of a user, or `anonymous`; whoever asks if none is named.")
        ]
        takes Takes::Nothing; gives Gives::Json(of::<dto_rights::Why>); by rights::why;
    get_credentials GET Object Some("credentials"), []
        "Where a user is logged in, and with which tokens programs come as that user."
        needs Some(USERS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_account::Credentials>); by account::get;
    set_password PUT Object Some("credentials"), ["password"]
        "Give a user a password. That ends the sessions of the one before."
        needs Some(USERS); query [] takes Takes::Json(of::<dto_account::NewPassword>); gives Gives::Json(of::<dto_account::Changed>);
        by account::set_password;
    remove_password DELETE Object Some("credentials"), ["password"]
        "Take a user's password away."
        needs Some(USERS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_account::Changed>); by account::remove_password;
    end_session DELETE Object Some("credentials"), ["sessions" "{session}"]
        "End a session of a user."
        needs Some(USERS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_account::Changed>); by account::end_session;
    revoke_token DELETE Object Some("credentials"), ["tokens" "{token}"]
        "Take a token of a user back."
        needs Some(USERS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_account::Changed>); by account::revoke_token;
    list_account_events GET Top Some("audit"), []
        "What happened to accounts, newest first: log-ins, failures, passwords, sessions, tokens."
        needs Some(SITE); query [LIMIT] takes Takes::Nothing; gives Gives::Json(of::<dto_account::AccountEvents>); by account::audit;
    undo POST Top Some("undo"), []
        "Take back commits, whatever happened since; or say what that would do."
        needs Some(UNDO); query [] takes Takes::Json(of::<dto::Undo>); gives Gives::Json(of::<dto::Written>); by undo::undo;
    get_commit GET Top Some("commits"), ["{tid}"]
        "A commit and what it changed."
        needs Some(HISTORY); query [LIMIT, SKIP] takes Takes::Nothing; gives Gives::Json(of::<dto::CommitShown>); by history::commit;
    list_versions GET Top Some("versions"), []
        "List the versions of the site."
        needs Some(VERSIONS); query [("all", "Whether closed and discarded ones, too: `true` or `false`.")]
        takes Takes::Nothing; gives Gives::Json(of::<dto_version::Versions>); by version::list;
    create_version POST Top Some("versions"), []
        "Make a version of the site, or of the version that is addressed."
        needs Some(VERSIONS); query [] takes Takes::Json(of::<dto_version::NewVersion>); gives Gives::Created(of::<dto_version::Version>);
        by version::create;
    get_version GET Top Some("versions"), ["{version}"]
        "What a version is, and how it stands to its parent line."
        needs Some(VERSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_version::Version>); by version::show;
    change_version PATCH Top Some("versions"), ["{version}"]
        "Give a version another name, title or owner."
        needs Some(VERSIONS); query [] takes Takes::Json(of::<dto_version::Particulars>); gives Gives::Json(of::<dto_version::Done>);
        by version::change;
    get_version_diff GET Top Some("versions"), ["{version}" "diff"]
        "What a version changed against its base."
        needs Some(VERSIONS); query [LIMIT, AFTER] takes Takes::Nothing; gives Gives::Json(of::<dto::Differences>); by version::diff;
    update_version POST Top Some("versions"), ["{version}" "update"]
        "Bring a version up to its parent line; or say what that would do."
        needs Some(VERSIONS); query [] takes Takes::MaybeJson(of::<dto_version::Update>); gives Gives::Json(of::<dto_version::Plan>);
        by merge::update;
    list_conflicts GET Top Some("versions"), ["{version}" "conflicts"]
        "What both a version and its parent line changed, and how to settle it."
        needs Some(VERSIONS); query [LIMIT, AFTER] takes Takes::Nothing; gives Gives::Json(of::<dto_version::Conflicts>);
        by merge::conflicts;
    resolve_conflicts POST Top Some("versions"), ["{version}" "conflicts"]
        "Settle many conflicts alike, all of them or none; or say what that would do."
        needs Some(VERSIONS); query [] takes Takes::Json(of::<dto_version::Decisions>); gives Gives::Json(of::<dto_version::Decided>);
        by merge::resolve_many;
    resolve_conflict PUT Top Some("versions"), ["{version}" "conflicts" "{conflict}"]
        "Settle a conflict. It counts as long as both sides stay as they are."
        needs Some(VERSIONS); query [] takes Takes::Json(of::<dto_version::Resolution>); gives Gives::Json(of::<dto_version::Conflicts>);
        by merge::resolve;
    forget_resolution DELETE Top Some("versions"), ["{version}" "conflicts" "{conflict}"]
        "Take a decision about a conflict back."
        needs Some(VERSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_version::Done>); by merge::forget;
    merge_version POST Top Some("versions"), ["{version}" "merge"]
        "Merge a version, or a part of it, into its parent line, in one commit; or say what that would do."
        needs Some(VERSIONS); query [] takes Takes::MaybeJson(of::<dto_version::Merge>); gives Gives::Json(of::<dto_version::Plan>);
        by merge::merge;
    list_changed_pages GET Top Some("versions"), ["{version}" "pages"]
        "The pages of the parent line that merging a version makes different, also those that only show what it changes."
        needs Some(VERSIONS); query [LIMIT, ("next", "Where to go on; what an earlier answer gave.")]
        takes Takes::Nothing; gives Gives::Json(of::<dto_version::ChangedPages>); by merge::pages;
    discard_version POST Top Some("versions"), ["{version}" "discard"]
        "Throw a version away, or a part of what it changed; or say what would go."
        needs Some(VERSIONS); query [] takes Takes::MaybeJson(of::<dto_version::Discard>); gives Gives::Json(of::<dto_version::Discarded>);
        by merge::discard;
    close_version POST Top Some("versions"), ["{version}" "close"]
        "Close a version: it can be looked at, and opened again."
        needs Some(VERSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_version::Done>); by version::close;
    reopen_version POST Top Some("versions"), ["{version}" "reopen"]
        "Open a closed or discarded version again."
        needs Some(VERSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_version::Done>); by version::reopen;
    list_preview_links GET Top Some("versions"), ["{version}" "links"]
        "The links by which anybody can look at a version."
        needs Some(VERSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_version::PreviewLinks>); by version::links;
    make_preview_link POST Top Some("versions"), ["{version}" "links"]
        "Make a link by which anybody can look at a version, or a part of it, for a while."
        needs Some(VERSIONS); query [] takes Takes::Json(of::<dto_version::NewPreviewLink>);
        gives Gives::Created(of::<dto_version::PreviewLink>); by version::make_link;
    take_preview_link_back DELETE Top Some("versions"), ["{version}" "links" "{link}"]
        "Take a preview link back: from then on it shows nothing."
        needs Some(VERSIONS); query [] takes Takes::Nothing; gives Gives::Json(of::<dto_version::Done>); by version::take_link_back;
    describe GET Top Some("openapi.json"), []
        "The description of this interface."
        needs None; query [] takes Takes::Nothing; gives Gives::Description; by openapi::get;
}

/// Whether there are operations behind `@@` and that name.
pub(super) fn is_view(view: &str) -> bool {
    OPERATIONS.iter().any(|operation| operation.view == Some(view))
}

impl Operation {
    /// What stands in the places of its steps, if the address is one of its own.
    pub(super) fn arguments<'a>(&self, view: Option<&str>, steps: &'a [String]) -> Option<Vec<&'a str>> {
        if self.view != view || self.steps.len() != steps.len() {
            return None;
        }
        let mut arguments = Vec::new();
        for (pattern, step) in self.steps.iter().zip(steps) {
            if pattern.starts_with('{') {
                arguments.push(step.as_str());
            } else if pattern != step {
                return None;
            }
        }
        Some(arguments)
    }

    /// Whether it only reads.
    pub(super) fn is_safe(&self) -> bool {
        self.method == Method::GET
    }
}

/// What can be done at an address, as `Allow` says it; empty where nothing can.
pub(super) fn allowed(view: Option<&str>, steps: &[String]) -> String {
    let there = OPERATIONS.iter().filter(|operation| operation.arguments(view, steps).is_some());
    let mut methods: Vec<&str> = there.map(|operation| operation.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if !methods.is_empty() {
        methods.push("OPTIONS");
    }
    methods.sort_unstable();
    methods.join(", ")
}
