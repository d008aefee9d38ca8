//! The built-in types: what they declare here, what they show in a file each.

pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod link;
pub(crate) mod page;
pub(crate) mod unknown;

use bough_core::Value;
use bough_core::name::NameError;
use bough_core::object_type::{AttributeSpec, PlainType, TypeRegistry, TypeSchema};

/// The types that every site has: folder, page, template, file, image and link. Applications add theirs.
pub fn built_in_types() -> TypeRegistry {
    let mut types = TypeRegistry::default();
    let declared = [folder_schema(), page_schema(), template_schema(), link_schema()];
    let files = [file_schema("file", "File"), file_schema("image", "Image")];
    for schema in declared.into_iter().chain(files) {
        match schema {
            Ok(schema) => types.register(PlainType(schema)),
            Err(error) => unreachable!("BUG: a built-in type has an illegal name: {error}"),
        }
    }
    types
}

fn labelled(name: &str, kind: &'static str, label: &str) -> Result<AttributeSpec, NameError> {
    Ok(AttributeSpec { label: label.to_owned(), ..AttributeSpec::new(name, kind)? })
}

fn folder_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        container: true,
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("default", "text", "Child that is shown for the folder")?,
        ],
        ..TypeSchema::new("folder", "Folder")?
    })
}

fn page_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("title", "text", "Title")?,
            labelled("body", "text", "Text")?.with_default(""),
            labelled("format", "text", "Format: html or markdown")?.with_default("html"),
        ],
        ..TypeSchema::new("page", "Page")?
    })
}

fn template_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            labelled("source", "text", "Source")?.required(),
            labelled("content_type", "text", "Media type of what it makes")?,
        ],
        applicable: true,
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

#[cfg(test)]
mod tests {
    use bough_core::Name;

    use super::*;

    #[test]
    fn a_folder_takes_everything_and_no_other_built_in_type_takes_anything() {
        let types = built_in_types();
        let page = Name::new("page").unwrap();
        for name in ["file", "folder", "image", "link", "page", "template"] {
            let schema = types.schema(name).unwrap();
            assert_eq!(schema.takes(&page), name == "folder", "{name}");
            assert_eq!(schema.applicable, name == "template", "{name}");
        }
    }
}
