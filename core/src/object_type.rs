//! Types: what kinds of objects there are and what they can do.
//!
//! A type gives its objects a schema (attributes with kind, label and default), methods that may be published, rules
//! about children, and how values merge. It is looked up by the name that the object's type cell holds; an object
//! whose type nobody registered still shows, moves, merges and is deleted.
//!
//! Not here: how a request becomes a call (the publisher), what the built-in types do (the web crate).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::merge::MergePolicy;
use crate::migration::{Attributes, MigrationError};
use crate::order::ORDERED;
use crate::outside::{Outside, OutsideError};
use crate::security::{Actor, GROUP, PermissionTable, USER, USERS, permission};
use crate::snapshot::{ReadError, Snapshot};
use crate::transaction::{Transaction, TransactionError};
use crate::value::Value;
use crate::{CellKey, Name, Object, Oid};

/// How people are asked for an attribute, where its kind alone does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// As its kind suggests; a text in one line.
    #[default]
    ByKind,
    /// A text of several lines.
    Lines,
    /// A text with marks in it, HTML or Markdown as the attribute named here says.
    Markup {
        /// The attribute that holds `html` or `markdown`.
        format: &'static str,
    },
    /// A program, in a language that editors know by this name.
    Code(&'static str),
    /// One of these: what is stored, and what people call it.
    Choice(&'static [(&'static str, &'static str)]),
    /// The name of a child of the object.
    Child,
}

/// One attribute of a type.
#[derive(Clone, Debug)]
pub struct AttributeSpec {
    /// Its name.
    pub name: Name,
    /// What it holds: the kind as [`Value::kind`] calls it.
    pub kind: &'static str,
    /// What people call it.
    pub label: String,
    /// What it holds where the object says nothing.
    pub default: Option<Value>,
    /// How people are asked for it.
    pub input: Input,
    /// Whether an object without it is incomplete.
    pub required: bool,
    /// How two changes of it merge.
    pub merge: MergePolicy,
}

impl AttributeSpec {
    /// An optional attribute of this kind, labelled by its name. `name` must be a legal name.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(name: &str, kind: &'static str) -> Result<Self, crate::name::NameError> {
        Ok(Self {
            name: Name::new(name)?,
            kind,
            label: name.to_owned(),
            default: None,
            input: Input::default(),
            required: false,
            merge: MergePolicy::default(),
        })
    }

    /// The same with a default.
    #[must_use]
    pub fn with_default(self, default: impl Into<Value>) -> Self {
        Self { default: Some(default.into()), ..self }
    }

    /// The same, asked for in this way.
    #[must_use]
    pub fn asked(self, input: Input) -> Self {
        Self { input, ..self }
    }

    /// The same, required.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// Whether a method may change the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: may be asked for by GET and HEAD.
    Reads,
    /// It writes: is called in a transaction that is committed afterwards.
    Writes,
}

/// A method that may be published.
#[derive(Clone, Debug)]
pub struct MethodSpec {
    /// The URL step that names it.
    pub name: Name,
    /// Whether it writes.
    pub effect: Effect,
    /// The permission that a caller needs.
    pub permission: &'static str,
}

/// The permissions that the objects of a type ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// To see one.
    pub view: &'static str,
    /// To make one, asked of its container.
    pub add: &'static str,
    /// To change the attributes of one.
    pub edit: &'static str,
    /// To delete one, or to move it away.
    pub delete: &'static str,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            view: permission::VIEW,
            add: permission::ADD,
            edit: permission::EDIT,
            delete: permission::DELETE,
        }
    }
}

impl Guards {
    /// One permission for everything.
    pub fn all(permission: &'static str) -> Self {
        Self { view: permission, add: permission, edit: permission, delete: permission }
    }

    /// The same, but for seeing.
    pub fn changes(permission: &'static str) -> Self {
        Self { view: permission::VIEW, ..Self::all(permission) }
    }
}

/// What an object type declares.
#[derive(Clone, Debug)]
pub struct TypeSchema {
    /// The name that type cells hold.
    pub name: Name,
    /// What people call it.
    pub title: String,
    /// Whether its objects may contain others.
    pub container: bool,
    /// The types its objects may contain; none stands for all.
    pub children: Option<Vec<Name>>,
    /// Its attributes. Objects may have others, too.
    pub attributes: Vec<AttributeSpec>,
    /// Its published methods.
    pub methods: Vec<MethodSpec>,
    /// Whether its objects are themselves methods: what shows the object on which a URL names them.
    pub applicable: bool,
    /// Whether its objects are connections, which lead out of the site (see [`crate::outside`]).
    pub connection: bool,
    /// What its objects ask of those who see and change them.
    pub guards: Guards,
    /// In which form its attributes are now, from 1 on: one more whenever what is stored has to be changed for it. The
    /// type's [`ObjectType::migrate`] then leads there from the one before.
    pub edition: u32,
    /// Whether its objects do something by themselves, with the rights of their owner. What they say is said by him, or
    /// by those who run the site.
    pub acts_as_owner: bool,
}

impl TypeSchema {
    /// A type without attributes and methods whose objects contain nothing.
    ///
    /// # Errors
    /// When `name` is no legal name.
    pub fn new(name: &str, title: &str) -> Result<Self, crate::name::NameError> {
        Ok(Self {
            name: Name::new(name)?,
            title: title.to_owned(),
            container: false,
            children: None,
            attributes: Vec::new(),
            methods: Vec::new(),
            applicable: false,
            connection: false,
            guards: Guards::default(),
            edition: 1,
            acts_as_owner: false,
        })
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeSpec> {
        self.attributes.iter().find(|spec| spec.name == name)
    }

    /// The method of that name.
    pub fn method(&self, name: &str) -> Option<&MethodSpec> {
        self.methods.iter().find(|spec| spec.name == name)
    }

    /// Whether an object of this type may contain one of type `child`.
    pub fn takes(&self, child: &Name) -> bool {
        self.container && self.children.as_ref().is_none_or(|allowed| allowed.contains(child))
    }
}

/// What a method answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A document of a media type.
    Document {
        /// As in `text/html; charset=utf-8`.
        media_type: String,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// "Look at this object."
    GoTo(Oid),
    /// A value, for callers in Rust and templates.
    Value(Value),
}

impl Reply {
    /// An HTML document.
    pub fn html(body: impl Into<String>) -> Self {
        Self::Document { media_type: "text/html; charset=utf-8".into(), body: body.into().into_bytes() }
    }
}

/// Why a method call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The type has no such method.
    #[error("`{type_name}` has no method `{method}`")]
    NoSuchMethod {
        /// The type.
        type_name: Name,
        /// What was called.
        method: String,
    },
    /// An argument is missing or wrong.
    #[error("argument `{argument}`: {problem}")]
    Argument {
        /// Which.
        argument: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The method writes and was called for reading.
    #[error("`{0}` changes the site and was called where only reading is allowed")]
    ReadOnly(Name),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A change was refused.
    #[error(transparent)]
    Write(#[from] TransactionError),
    /// What leaves the site did not, or nothing came back.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// What the method itself says.
    #[error("{0}")]
    Refused(String),
}

/// What a method sees of its call.
pub struct Call<'a> {
    /// The object it was called on.
    pub object: Oid,
    /// The site: a snapshot for a reader, the transaction for a writer.
    pub site: Site<'a>,
    /// The arguments by name.
    pub arguments: &'a BTreeMap<String, Value>,
    /// The moment of the call, in microseconds since 1970.
    pub now_micros: u64,
    /// Who calls.
    pub actor: &'a Actor,
    /// The way out of the site: [`Call::outside`].
    pub way_out: &'a dyn Outside,
}

/// The site as a method sees it.
pub enum Site<'a> {
    /// To look at.
    Snapshot(&'a dyn Snapshot),
    /// To look at and to change.
    Transaction(&'a mut Transaction),
}

impl<'a> Call<'a> {
    /// The way out of the site, through its connections.
    pub fn outside(&self) -> &'a dyn Outside {
        self.way_out
    }

    /// The site to look at.
    pub fn snapshot(&self) -> &dyn Snapshot {
        match &self.site {
            Site::Snapshot(snapshot) => *snapshot,
            Site::Transaction(transaction) => &**transaction,
        }
    }

    /// The site to change.
    ///
    /// # Errors
    /// When the call is for reading only.
    pub fn transaction(&mut self, method: &Name) -> Result<&mut Transaction, MethodError> {
        match &mut self.site {
            Site::Transaction(transaction) => Ok(transaction),
            Site::Snapshot(_) => Err(MethodError::ReadOnly(method.clone())),
        }
    }

    /// A text argument that must be there.
    ///
    /// # Errors
    /// When it is missing or no text.
    pub fn text(&self, argument: &str) -> Result<&str, MethodError> {
        let problem = |problem: &str| MethodError::Argument {
            argument: argument.to_owned(),
            problem: problem.to_owned(),
        };
        let value = self.arguments.get(argument).ok_or_else(|| problem("is missing"))?;
        value.as_text().ok_or_else(|| problem("should be a text"))
    }
}

/// The behaviour of the objects of one type.
///
/// Implementations are registered at start with [`TypeRegistry::register`] and hold no state of a site: everything
/// that lasts is a cell.
pub trait ObjectType: Send + Sync {
    /// What the type declares.
    fn schema(&self) -> &TypeSchema;

    /// Calls one of the methods that the schema declares.
    ///
    /// # Errors
    /// As the method sees fit; [`MethodError::NoSuchMethod`] where there is none.
    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        let _ = call;
        Err(MethodError::NoSuchMethod { type_name: self.schema().name.clone(), method: method.to_string() })
    }

    /// The attributes of an object of edition `from` as they are in the next one. A function of the attributes alone, for
    /// a merge runs it on all its sides; it knows every edition that there ever was.
    ///
    /// # Errors
    /// [`MigrationError::Refused`] with a reason, where people have to look first: the object then stays as it is.
    fn migrate(&self, from: u32, attributes: &Attributes) -> Result<Attributes, MigrationError> {
        let _ = from;
        Ok(attributes.clone())
    }

    /// What the object shows at its own URL, where the type does so by a method. The publisher's own types do not.
    fn default_method(&self) -> Option<&Name> {
        None
    }
}

/// A type of which only the schema is known: what it shows is up to the publisher.
pub struct PlainType(pub TypeSchema);

impl ObjectType for PlainType {
    fn schema(&self) -> &TypeSchema {
        &self.0
    }
}

/// The types of a site, by name, and its permissions.
#[derive(Clone, Default)]
pub struct TypeRegistry {
    types: BTreeMap<Name, Arc<dyn ObjectType>>,
    permissions: PermissionTable,
}

impl TypeRegistry {
    /// Adds a type; one of the same name that was there before is replaced.
    pub fn register(&mut self, object_type: impl ObjectType + 'static) {
        self.types.insert(object_type.schema().name.clone(), Arc::new(object_type));
    }

    /// The permissions and who has them where the tree says nothing.
    pub fn permissions(&self) -> &PermissionTable {
        &self.permissions
    }

    /// The same, to declare more.
    pub fn permissions_mut(&mut self) -> &mut PermissionTable {
        &mut self.permissions
    }

    /// What the objects of a type ask of those who see and change them.
    pub fn guards(&self, of: Option<&Name>) -> Guards {
        match of.map(|of| (of, self.schema(of.as_str()))) {
            Some((_, Some(schema))) => schema.guards,
            // Who the users are does not depend on whether anybody registered what they look like.
            Some((of, None)) if [USERS, USER, GROUP].iter().any(|users| *of == **users) => {
                Guards::all(permission::USERS)
            }
            _ => Guards::default(),
        }
    }

    /// The type of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn ObjectType>> {
        self.types.get(name)
    }

    /// The schema of the type of that name.
    pub fn schema(&self, name: &str) -> Option<&TypeSchema> {
        self.get(name).map(|found| found.schema())
    }

    /// How two changes of a cell merge on an object of this type.
    pub fn merge_policy(&self, of: Option<&Name>, key: &CellKey) -> MergePolicy {
        let CellKey::Attribute(name) = key else { return MergePolicy::ByKind };
        let spec = of.and_then(|of| self.schema(of.as_str())?.attribute(name.as_str()));
        spec.map_or(MergePolicy::ByKind, |spec| spec.merge)
    }

    /// Whether the order of what stands in this container matters, as it says itself, else its type by the default of
    /// that attribute.
    pub fn keeps_order(&self, container: &Object) -> bool {
        let by_type = || self.schema(container.type_name()?.as_str())?.attribute(ORDERED)?.default.as_ref();
        matches!(container.value(ORDERED).or_else(by_type), Some(Value::Bool(true)))
    }

    /// The names of all types, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.types.keys()
    }
}

impl std::fmt::Debug for TypeRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.types.keys()).finish()
    }
}
