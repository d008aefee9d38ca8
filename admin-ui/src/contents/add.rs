//! Adding: of a type that the container takes, with a name and what the type cannot do without.

use askama::Template;
use axum::http::StatusCode;
use bough_core::object_type::{AttributeSpec, Input, TypeSchema};
use bough_core::security::{GROUP, USER, USERS};
use bough_core::{Name, Object, Snapshot as _, Value};
use bough_web::pages::{PageAnswer, PageError, PageRequest};

use super::{child_path, in_query, naming, refusal, takes};
use crate::frame::Frame;
use crate::{message, page, text};

/// The attribute that people call things by.
const TITLE: &str = "title";

/// A type of which an object can be added.
pub(super) struct AddChoice {
    pub(super) title: String,
    pub(super) icon: &'static str,
    pub(super) url: String,
}

struct Field {
    name: String,
    label: String,
    value: String,
}

#[derive(Template)]
#[template(path = "contents_add.html")]
struct AddPage {
    frame: Frame,
    choices: Vec<AddChoice>,
    upload_url: Option<String>,
    back_url: String,
    form: Option<Form>,
}

/// One of a few, asked for at once.
struct ChoiceField {
    name: String,
    label: String,
    options: Vec<ChoiceOption>,
}

struct ChoiceOption {
    value: &'static str,
    text: &'static str,
    is_chosen: bool,
}

impl ChoiceField {
    /// The format of a text is asked for in words; texts of people begin with the first that the type names.
    fn new(schema: &TypeSchema, spec: &AttributeSpec) -> Option<Self> {
        let Input::Choice(options) = spec.input else { return None };
        let is_format =
            |of: &AttributeSpec| matches!(of.input, Input::Markup { format } if spec.name == format);
        let is_format = schema.attributes.iter().any(is_format);
        let default = spec.default.as_ref().and_then(Value::as_text).filter(|_| !is_format);
        let mut field = Self {
            name: spec.name.to_string(),
            label: if is_format { "Written in".to_owned() } else { spec.label.clone() },
            options: options
                .iter()
                .map(|(value, text)| ChoiceOption { value, text, is_chosen: false })
                .collect(),
        };
        field.choose(default.or(options.first().map(|(value, _)| *value)).unwrap_or_default());
        Some(field)
    }

    /// Chooses one, if it is one of them.
    fn choose(&mut self, value: &str) {
        if self.options.iter().any(|option| option.value == value) {
            for option in &mut self.options {
                option.is_chosen = option.value == value;
            }
        }
    }

    fn chosen(&self) -> Option<&'static str> {
        self.options.iter().find(|option| option.is_chosen).map(|option| option.value)
    }
}

struct Form {
    url: String,
    type_name: String,
    type_title: String,
    icon: &'static str,
    has_title: bool,
    title: String,
    name: String,
    fields: Vec<Field>,
    chosen: Vec<ChoiceField>,
    wrong: Option<String>,
    is_name_wrong: bool,
}

/// The types that whoever asks may add to a container, but for files, which are uploaded.
pub(super) fn choices(request: &PageRequest, folder: &Object) -> Result<Vec<AddChoice>, PageError> {
    let page = request.page_url(folder.oid(), &["add"])?;
    let mut choices = Vec::new();
    for schema in schemas(request, folder)? {
        choices.push(AddChoice {
            title: schema.title.clone(),
            icon: text::icon(Some(schema.name.as_str())),
            url: format!("{page}?type={}", in_query(schema.name.as_str())),
        });
    }
    Ok(choices)
}

fn schemas<'a>(request: &'a PageRequest, folder: &Object) -> Result<Vec<&'a TypeSchema>, PageError> {
    let types = request.types();
    let is_of_users = folder.is_a(USERS);
    let mut schemas = Vec::new();
    for name in types.names() {
        let is_account = [USERS, USER, GROUP].contains(&name.as_str());
        if !takes(request, folder, name)
            || (is_account && !is_of_users)
            || is_file(types.schema(name.as_str()))
        {
            continue;
        }
        if request.access().allows(types.guards(Some(name)).add, folder)? {
            schemas.extend(types.schema(name.as_str()));
        }
    }
    schemas.sort_by(|a, b| a.title.cmp(&b.title));
    Ok(schemas)
}

/// Whether objects of the type are nothing without bytes.
fn is_file(schema: Option<&TypeSchema>) -> bool {
    let data = schema.and_then(|schema| schema.attribute("data"));
    data.is_some_and(|data| data.kind == "blob" && data.required)
}

/// The short texts that the type cannot do without.
fn required(schema: &TypeSchema) -> impl Iterator<Item = (&Name, &str)> {
    let asked = schema.attributes.iter().filter(|spec| {
        spec.required && spec.kind == "text" && spec.input == Input::ByKind && spec.name != TITLE
    });
    asked.map(|spec| (&spec.name, spec.label.as_str()))
}

/// `@@manage/add`: the types, or with `?type=` the form for one.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    let schemas = schemas(request, folder)?;
    let Some(type_name) = request.query("type") else {
        return show(request, StatusCode::OK, None);
    };
    let Some(schema) = schemas.into_iter().find(|schema| schema.name == type_name) else {
        let type_name = text::shortened(type_name, 60);
        let path = request.path_text(folder.oid())?;
        return Err(PageError::refused(format!("you cannot add a {type_name} to {path}")));
    };
    if request.is_post() {
        add(request, schema)
    } else {
        show(request, StatusCode::OK, Some(empty(request, schema)?))
    }
}

fn empty(request: &PageRequest, schema: &TypeSchema) -> Result<Form, PageError> {
    let folder = request.object()?.oid();
    let page = request.page_url(folder, &["add"])?;
    Ok(Form {
        url: format!("{page}?type={}", in_query(schema.name.as_str())),
        type_name: schema.name.to_string(),
        type_title: schema.title.clone(),
        icon: text::icon(Some(schema.name.as_str())),
        has_title: schema.attribute(TITLE).is_some(),
        title: String::new(),
        name: String::new(),
        fields: required(schema)
            .map(|(name, label)| Field {
                name: name.to_string(),
                label: label.to_owned(),
                value: String::new(),
            })
            .collect(),
        chosen: schema.attributes.iter().filter_map(|spec| ChoiceField::new(schema, spec)).collect(),
        wrong: None,
        is_name_wrong: false,
    })
}

fn show(request: &PageRequest, status: StatusCode, form: Option<Form>) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    let takes_files = takes(request, folder, &super::upload::file_type("file")?);
    let may_add = request.access().allows(bough_core::security::permission::ADD, folder)?;
    page::show_as(
        status,
        &AddPage {
            frame: Frame::new(request, folder, "Add")?,
            choices: choices(request, folder)?,
            upload_url: (takes_files && may_add)
                .then(|| request.page_url(folder.oid(), &["upload"]))
                .transpose()?,
            back_url: request.page_url(folder.oid(), &["contents"])?,
            form,
        },
    )
}

fn add(request: &PageRequest, schema: &TypeSchema) -> Result<PageAnswer, PageError> {
    let folder = request.object()?.oid();
    let sent = request.form()?;
    let title = sent.get(TITLE).trim();
    let mut form =
        Form { title: title.to_owned(), name: sent.get("name").to_owned(), ..empty(request, schema)? };
    for field in &mut form.fields {
        field.value = sent.get(&format!("with-{}", field.name)).to_owned();
    }
    for field in &mut form.chosen {
        field.choose(sent.get(&format!("with-{}", field.name)));
    }
    let again = |form: Form, status, wrong: String, is_name_wrong| {
        show(request, status, Some(Form { wrong: Some(wrong), is_name_wrong, ..form }))
    };
    let typed = sent.get("name").trim();
    let wanted = if typed.is_empty() { naming::suggested(title) } else { typed.to_owned() };
    let name = match Name::new(&wanted) {
        Ok(name) => name,
        Err(_) if wanted.is_empty() => {
            let wrong = "Give it a name: the step of its address that stands for it.".to_owned();
            return again(form, StatusCode::UNPROCESSABLE_ENTITY, wrong, true);
        }
        Err(error) => return again(form, StatusCode::UNPROCESSABLE_ENTITY, format!("{error}."), true),
    };
    let taken = |name: &Name| Ok::<_, PageError>(request.snapshot().child(folder, name.as_str())?.is_some());
    // What nobody typed is nobody's mistake.
    let name = match typed.is_empty() {
        true => naming::free(&name, taken)?.unwrap_or(name),
        false => name,
    };
    if taken(&name)? {
        let free = naming::free(&name, taken)?;
        let instead = free.map(|free| format!(" “{free}” is free.")).unwrap_or_default();
        let wrong = format!("There is something called “{name}” here already.{instead}");
        return again(form, StatusCode::CONFLICT, wrong, true);
    }
    let mut attributes = Vec::new();
    if form.has_title && !title.is_empty() {
        attributes.push((TITLE, Value::text(title)));
    }
    for field in form.fields.iter().filter(|field| !field.value.trim().is_empty()) {
        attributes.push((field.name.as_str(), Value::text(field.value.trim())));
    }
    for field in &form.chosen {
        attributes.extend(field.chosen().map(|value| (field.name.as_str(), Value::text(value))));
    }
    let attributes: Vec<(Name, Value)> = attributes
        .into_iter()
        .map(|(name, value)| {
            Ok((Name::new(name).map_err(bough_core::transaction::TransactionError::from)?, value))
        })
        .collect::<Result<_, PageError>>()?;
    let path = child_path(&request.path_text(folder)?, &name);
    let sentence = format!("Added {} {path}", schema.title.to_lowercase());
    let done = request
        .write(sentence, |draft| Ok(draft.add(folder, &name, &schema.name, attributes.iter().cloned())?));
    match done {
        Ok((_, tid)) => {
            let url = super::ChildUrls::of(request, folder)?.page(name.as_str());
            // What has no URL is managed from its container.
            let url = if name.is_private() { request.page_url(folder, &["contents"])? } else { url };
            Ok(message::done(&url, tid))
        }
        Err(error) => {
            let (status, wrong) = refusal(error)?;
            again(form, status, wrong, false)
        }
    }
}
