//! Renaming: several at once, also where they exchange their names.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::http::StatusCode;
use bough_core::{Name, Oid, Snapshot as _};
use bough_store::Draft;
use bough_web::pages::{PageAnswer, PageError, PageForm, PageRequest};

use super::chosen::{Choice, Chosen};
use super::refusal;
use crate::frame::Frame;
use crate::{message, page};

struct Field {
    oid: String,
    old: String,
    title: String,
    icon: &'static str,
    name: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "contents_rename.html")]
struct RenamePage {
    frame: Frame,
    url: String,
    back_url: String,
    fields: Vec<Field>,
    gone: Option<String>,
    wrong: Option<String>,
}

/// `@@manage/rename`.
pub(super) fn answer(request: &PageRequest) -> Result<PageAnswer, PageError> {
    let folder = request.object()?.oid();
    if !request.is_post() {
        let choice = Choice::asked(request)?;
        let fields =
            choice.objects.iter().map(|chosen| field(chosen, chosen.name.to_string(), None)).collect();
        return show(request, StatusCode::OK, &choice, fields, None);
    }
    let form = request.form()?;
    let choice = Choice::of(request, form.all("of"), Some(folder))?;
    let (fields, names) = read(request, folder, &choice, form)?;
    if fields.iter().any(|field| field.wrong.is_some()) {
        let wrong = Some("Nothing was renamed: mend what is marked.".to_owned());
        return show(request, StatusCode::UNPROCESSABLE_ENTITY, &choice, fields, wrong);
    }
    let path = request.path_text(folder)?;
    let sentence = match &names[..] {
        [(chosen, name)] => format!("Renamed {} to {name}", super::child_path(&path, &chosen.name)),
        names => {
            let each: Vec<String> =
                names.iter().map(|(chosen, name)| format!("{} to {name}", chosen.name)).collect();
            format!("Renamed in {path}: {}", super::listed(each.iter().map(String::as_str)))
        }
    };
    match request.write(sentence, |draft| put(draft, folder, &names)) {
        Ok(((), tid)) => Ok(message::done(&request.page_url(folder, &["contents"])?, tid)),
        Err(error) => {
            let (status, wrong) = refusal(error)?;
            show(request, status, &choice, fields, Some(wrong))
        }
    }
}

fn field(chosen: &Chosen, name: String, wrong: Option<String>) -> Field {
    Field {
        oid: chosen.oid.to_string(),
        old: chosen.name.to_string(),
        title: chosen.title.clone(),
        icon: chosen.icon,
        name,
        wrong,
    }
}

fn show(
    request: &PageRequest,
    status: StatusCode,
    choice: &Choice,
    fields: Vec<Field>,
    wrong: Option<String>,
) -> Result<PageAnswer, PageError> {
    let folder = request.object()?;
    page::show_as(
        status,
        &RenamePage {
            frame: Frame::new(request, folder, "Rename")?,
            url: request.page_url(folder.oid(), &["rename"])?,
            back_url: request.page_url(folder.oid(), &["contents"])?,
            fields,
            gone: choice.gone_text(),
            wrong,
        },
    )
}

type Names<'a> = Vec<(&'a Chosen, Name)>;

/// The names that the form gives, and what is wrong with them.
fn read<'a>(
    request: &PageRequest,
    folder: Oid,
    choice: &'a Choice,
    form: &PageForm,
) -> Result<(Vec<Field>, Names<'a>), PageError> {
    let renamed: HashSet<Oid> = choice.objects.iter().map(|chosen| chosen.oid).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let typed: Vec<String> = choice
        .objects
        .iter()
        .map(|chosen| {
            form.find(&format!("name-{}", chosen.oid)).unwrap_or(chosen.name.as_str()).trim().to_owned()
        })
        .collect();
    typed.iter().for_each(|name| *seen.entry(name.clone()).or_default() += 1);
    let (mut fields, mut names) = (Vec::new(), Vec::new());
    for (chosen, typed) in choice.objects.iter().zip(typed) {
        let wrong = match Name::new(&typed) {
            Err(error) => Some(format!("{error}.")),
            Ok(_) if seen.get(&typed).is_some_and(|count| *count > 1) => {
                Some(format!("Two of them would be called “{typed}”."))
            }
            Ok(name) => {
                let there = request.snapshot().child(folder, name.as_str())?;
                let is_taken = there.is_some_and(|there| !renamed.contains(&there));
                names.push((chosen, name));
                is_taken.then(|| format!("There is something called “{typed}” here already."))
            }
        };
        fields.push(field(chosen, typed, wrong));
    }
    names.retain(|(chosen, name)| chosen.name != *name);
    Ok((fields, names))
}

/// Gives each its name. Those that stand in each other's way step aside first; only what comes out in the end counts.
fn put(draft: &mut Draft, folder: Oid, names: &Names<'_>) -> Result<(), PageError> {
    for (chosen, name) in names {
        let there = draft.child(folder, name.as_str())?;
        if let Some(there) = there.filter(|there| *there != chosen.oid)
            && names.iter().any(|(other, _)| other.oid == there)
        {
            let aside = Name::new(&format!("{there}-steps-aside"));
            draft.move_to(there, folder, &aside.map_err(bough_core::transaction::TransactionError::from)?)?;
        }
        draft.move_to(chosen.oid, folder, name)?;
    }
    Ok(())
}
