//! A type of one's own: a guest book that people sign. `cargo run --example own_type`.
//!
//! The type says which attributes its objects have and which methods may be called from outside. What lasts is always
//! an attribute of the object, so every signature is in the history and can be taken back.
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use bough::prelude::*;

struct GuestBook {
    schema: TypeSchema,
}

impl GuestBook {
    fn new() -> Result<Self, bough::core::name::NameError> {
        let schema = TypeSchema {
            attributes: vec![
                AttributeSpec::new("title", "text")?.with_default("Guest book"),
                AttributeSpec::new("entries", "list")?.with_default(Value::List(Vec::new())),
            ],
            methods: vec![
                MethodSpec { name: Name::new("index")?, effect: Effect::Reads, permission: "View" },
                MethodSpec {
                    name: Name::new("sign")?,
                    effect: Effect::Writes,
                    permission: "Sign guest book",
                },
            ],
            ..TypeSchema::new("guestbook", "Guest book")?
        };
        Ok(Self { schema })
    }

    /// The book as a page.
    fn index(call: &Call<'_>) -> Result<Reply, MethodError> {
        let title = attribute(call, "title")?;
        let title = title.as_ref().and_then(Value::as_text).unwrap_or("Guest book");
        let mut page = format!("<h1>{}</h1>\n<ul>\n", escape(title));
        for entry in entries(call)? {
            page += &format!("<li>{}</li>\n", escape(entry.as_text().unwrap_or_default()));
        }
        Ok(Reply::html(page + "</ul>"))
    }

    /// Adds an entry: `name` says "text".
    fn sign(method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        let entry = format!("{}: {}", call.text("name")?, call.text("text")?);
        let mut entries = entries(call)?;
        entries.push(entry.into());
        let book = call.object;
        let attribute = Name::new("entries").map_err(|error| MethodError::Refused(error.to_string()))?;
        call.transaction(method)?.set(book, &attribute, Some(Value::List(entries)))?;
        Ok(Reply::GoTo(book))
    }
}

impl ObjectType for GuestBook {
    fn schema(&self) -> &TypeSchema {
        &self.schema
    }

    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        match method.as_str() {
            "index" => Self::index(call),
            "sign" => Self::sign(method, call),
            other => Err(MethodError::NoSuchMethod {
                type_name: self.schema.name.clone(),
                method: other.to_owned(),
            }),
        }
    }

    /// What is shown at the book's own URL.
    fn default_method(&self) -> Option<&Name> {
        self.schema.method("index").map(|method| &method.name)
    }
}

fn entries(call: &Call<'_>) -> Result<Vec<Value>, MethodError> {
    match attribute(call, "entries")? {
        Some(Value::List(entries)) => Ok(entries),
        _ => Ok(Vec::new()),
    }
}

fn attribute(call: &Call<'_>, name: &str) -> Result<Option<Value>, MethodError> {
    let snapshot = call.snapshot();
    match snapshot.object(call.object)? {
        Some(object) => Ok(bough::core::snapshot::attribute(snapshot, &object, name)?),
        None => Ok(None),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::builder().register(GuestBook::new()?).in_memory()?;
    site.mount("/guests", "guestbook", [("title", "Who was here".into())])?;

    site.call("/guests", "sign", [("name", "Ana".into()), ("text", "What a tree!".into())])?;
    let second = site.call("/guests", "sign", [("name", "Ben".into()), ("text", "<3".into())])?;
    site.write("A better title", |tx| tx.set("/guests", "title", "Our guests"))?;
    println!("{}\n", site.call("/guests", "index", [])?.document());

    // Ben's entry is taken back; the title, which was written later, stays.
    site.undo(second.tid)?;
    println!("{}\n", site.call("/guests", "index", [])?.document());

    for commit in site.history(10)? {
        println!("{}  {:7} {}", commit.tid, commit.kind.word(), commit.sentence);
    }
    Ok(())
}
