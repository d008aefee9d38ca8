//! The built-in types: what they declare here, what they show in a file each.

pub(crate) mod file;
pub(crate) mod folder;
mod http_connection;
pub(crate) mod link;
mod mail_host;
pub(crate) mod page;
pub(crate) mod unknown;

use bough_core::merge::MergePolicy;
use bough_core::name::NameError;
use bough_core::object_type::{AttributeSpec, Guards, Input, PlainType, TypeRegistry, TypeSchema};
use bough_core::order::ORDERED;
use bough_core::outside::{
    BLOCK, CHANGE_CONNECTIONS, IN_VERSION, IN_VERSIONS, IN_VERSIONS_USE, OTHER, READ_ONLY, USE_CONNECTIONS,
};
use bough_core::security::{GROUP, GROUPS, ROLES, USER, USERS, permission};
use bough_core::{Name, Value};

use crate::mail::USE_MAIL_HOSTS;
use crate::tasks::task_type;

/// The types that every site has: folder, page, template, file, image, link and task, those of users, and those through
/// which something leaves the site. Applications add theirs.
pub fn built_in_types() -> TypeRegistry {
    let mut types = TypeRegistry::default();
    let declared = [folder_schema(), page_schema(), template_schema(), link_schema()];
    let files = [file_schema("file", "File"), file_schema("image", "Image")];
    let security = [users_schema(), user_schema(), group_schema()];
    for schema in declared.into_iter().chain(files).chain(security) {
        match schema {
            Ok(schema) => types.register(PlainType(schema)),
            Err(error) => unreachable!("BUG: a built-in type has an illegal name: {error}"),
        }
    }
    if let Err(error) = add_connections(&mut types) {
        unreachable!("BUG: a built-in type has an illegal name: {error}");
    }
    match task_type() {
        Ok(task) => types.register(task),
        Err(error) => unreachable!("BUG: the type of tasks has an illegal name: {error}"),
    }
    types
}

/// Adds what leads out of the site, and the permissions that guard it.
fn add_connections(types: &mut TypeRegistry) -> Result<(), NameError> {
    types.register(http_connection::HttpConnection::new()?);
    types.register(mail_host::MailHost::new()?);
    types.register(PlainType(mail_host::message_schema()?));
    let permissions = types.permissions_mut();
    for (name, purpose) in [
        (USE_CONNECTIONS, "Have connections ask what lies outside of the site."),
        (CHANGE_CONNECTIONS, "Make and change connections and mail hosts."),
        (USE_MAIL_HOSTS, "Queue messages, see them, and have held ones sent."),
    ] {
        permissions.declare(name, purpose, [permission::MANAGER]);
    }
    Ok(())
}

/// The attributes by which a connection says what it does in versions.
fn rules_in_versions() -> Result<[AttributeSpec; 3], NameError> {
    let choices = &[
        (BLOCK, "Nothing leaves the site"),
        (READ_ONLY, "Only reading"),
        (OTHER, "Another connection is used"),
    ];
    // Two changes of what protects the world outside are never put together unseen.
    let whole = |spec: AttributeSpec| AttributeSpec { merge: MergePolicy::Whole, ..spec };
    Ok([
        labelled(IN_VERSIONS, "text", "In versions")?.with_default(BLOCK).asked(Input::Choice(choices)),
        labelled(IN_VERSIONS_USE, "reference", "Connection that versions use instead")?,
        whole(labelled(IN_VERSION, "map", "In single versions, by their names: block, read-only or a path")?),
    ])
}

fn labelled(name: &str, kind: &'static str, label: &str) -> Result<AttributeSpec, NameError> {
    Ok(AttributeSpec { label: label.to_owned(), ..AttributeSpec::new(name, kind)? })
}

fn folder_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        container: true,
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("default", "text", "Child that is shown for the folder")?.asked(Input::Child),
            labelled(
                ORDERED,
                "bool",
                "The order of what is in it matters: two changed orders are never put together unseen",
            )?
            .with_default(Value::Bool(false)),
        ],
        ..TypeSchema::new("folder", "Folder")?
    })
}

fn page_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("format", "text", "Format")?
                .with_default("html")
                .asked(Input::Choice(&[("markdown", "Markdown"), ("html", "HTML")])),
            labelled("body", "text", "Text")?.with_default("").asked(Input::Markup { format: "format" }),
        ],
        ..TypeSchema::new("page", "Page")?
    })
}

fn template_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("source", "text", "Source")?.required().asked(Input::Code("jinja")),
            labelled("content_type", "text", "Media type of what it makes")?,
        ],
        applicable: true,
        guards: Guards::changes(permission::TEMPLATES),
        ..TypeSchema::new("template", "Template")?
    })
}

fn file_schema(name: &str, title: &str) -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("data", "blob", "Content")?.required(),
            labelled("content_type", "text", "Media type, if not the one that the name stands for")?,
        ],
        ..TypeSchema::new(name, title)?
    })
}

fn link_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("target", "text", "Path, address or object that it leads to")?.required(),
            labelled("permanent", "bool", "Permanent")?.with_default(Value::Bool(false)),
        ],
        ..TypeSchema::new("link", "Link")?
    })
}

/// The folder of users and groups. It counts as `_users` of another folder only.
fn users_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        container: true,
        children: Some(vec![Name::new(USER)?, Name::new(GROUP)?]),
        guards: Guards::all(permission::USERS),
        ..TypeSchema::new(USERS, "Users and groups")?
    })
}

fn user_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("full_name", "text", "Full name")?,
            labelled("email", "text", "E-mail address")?,
            whole(ROLES, "Roles")?,
            whole(GROUPS, "Groups")?,
            labelled("disabled", "bool", "May not log in")?.with_default(Value::Bool(false)),
        ],
        guards: Guards::all(permission::USERS),
        ..TypeSchema::new(USER, "User")?
    })
}

fn group_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![labelled("title", "text", "Title")?, whole(ROLES, "Roles")?],
        guards: Guards::all(permission::USERS),
        ..TypeSchema::new(GROUP, "Group")?
    })
}

/// A set that says who may do what: two changes of it are never put together unseen.
fn whole(name: &str, label: &str) -> Result<AttributeSpec, NameError> {
    Ok(AttributeSpec { merge: MergePolicy::Whole, ..labelled(name, "set", label)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_everything_and_no_other_built_in_type_takes_anything() {
        let types = built_in_types();
        let page = Name::new("page").unwrap();
        for name in ["file", "folder", "group", "image", "link", "page", "task", "template", "user", "users"]
        {
            let schema = types.schema(name).unwrap();
            assert_eq!(schema.takes(&page), name == "folder", "{name}");
            assert_eq!(schema.applicable, name == "template", "{name}");
        }
    }

    #[test]
    fn users_are_managed_by_those_who_may_and_templates_changed_by_those_who_may() {
        let types = built_in_types();
        let guards = |name| types.schema(name).unwrap().guards;
        for name in [USERS, USER, GROUP] {
            assert_eq!(guards(name), Guards::all(permission::USERS), "{name}");
        }
        assert_eq!(guards("template"), Guards::changes(permission::TEMPLATES));
        assert_eq!(guards("page"), Guards::default());
        let takes = |child: &str| types.schema(USERS).unwrap().takes(&Name::new(child).unwrap());
        assert!(takes(USER) && takes(GROUP) && !takes("page") && !takes(USERS));
    }
}
