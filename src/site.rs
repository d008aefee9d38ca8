//! The site: opened, read, written, taken back.

use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use bough_core::object_type::{ObjectType, TypeRegistry};
use bough_core::{Name, ObjectPath, Tid, Value};
use bough_store::{
    CommitRecord, Database, Draft, Note, OpenReport, Options, Overruns, UndoChoices, UndoPlan,
};
use bough_web::Config;
use bough_web::auth::{Accounts, PasswordCost};
use bough_web::mail::{Smtp, deliver};
use bough_web::tasks::Tasks;

use crate::read::resolve;
use crate::tx::known_type;
use crate::{Error, Handle, Moment, Tx, View};

/// An open site; clones are handles on the same.
#[derive(Clone)]
pub struct Site {
    database: Database,
    accounts: Accounts,
    tasks: Tasks,
}

/// What a transaction answered, and its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What the work answered.
    pub value: T,
    /// The commit; none if nothing changed. [`Site::undo`] takes it as it is.
    pub tid: Option<Tid>,
}

/// A site about to be opened: with the types of an application.
pub struct SiteBuilder {
    types: TypeRegistry,
}

impl SiteBuilder {
    /// Adds a type to the built-in ones; one of the same name replaces it.
    #[must_use]
    pub fn register(mut self, object_type: impl ObjectType + 'static) -> Self {
        self.types.register(object_type);
        self
    }

    /// Opens the site in a folder, making both where they are not there.
    ///
    /// # Errors
    /// When another process has it open, or it cannot be read.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Site, Error> {
        self.open_with_report(folder).map(|(site, _)| site)
    }

    /// The same with what opening found.
    ///
    /// # Errors
    /// As [`SiteBuilder::open`].
    pub fn open_with_report(self, folder: impl AsRef<Path>) -> Result<(Site, OpenReport), Error> {
        let (database, report) = Database::open(folder.as_ref(), Options::new(self.types))?;
        Ok((Site::over(database), report))
    }

    /// A site in memory, which is gone with its last handle.
    ///
    /// # Errors
    /// When its first commit cannot be made.
    pub fn in_memory(self) -> Result<Site, Error> {
        Ok(Site::over(Database::in_memory(Options::new(self.types))?))
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Site {
    /// A site with the built-in types, to which an application adds its own before opening.
    pub fn builder() -> SiteBuilder {
        SiteBuilder { types: bough_web::built_in_types() }
    }

    /// Opens the site in a folder, making both where they are not there. One process at a time.
    ///
    /// # Errors
    /// When another process has it open, or it cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().open(folder)
    }

    /// A site in memory, which is gone with its last handle.
    ///
    /// # Errors
    /// When its first commit cannot be made.
    pub fn in_memory() -> Result<Self, Error> {
        Self::builder().in_memory()
    }

    /// The site in a database that is open already.
    pub fn over(database: Database) -> Self {
        let accounts = Accounts::new(&database, PasswordCost::default());
        let tasks = Tasks::new(&database);
        Self { database, accounts, tasks }
    }

    /// The same site on another of its lines.
    pub(crate) fn on_line(&self, database: Database) -> Self {
        Self { database, accounts: self.accounts.clone(), tasks: self.tasks.clone() }
    }

    /// Passwords, sessions and tokens of the users, which are no part of the tree.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The objects that run a method at their times. Nothing runs by itself before [`Tasks::start`]; [`Site::serve`] does
    /// that.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The database below.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The site as it is now.
    pub fn now(&self) -> View {
        View::new(self.database.snapshot(), self.database.types().clone())
    }

    /// The site as it was.
    ///
    /// # Errors
    /// When that is in the future, packed away or before the site was made.
    pub fn at(&self, moment: impl Into<Moment>) -> Result<View, Error> {
        let tid = match moment.into() {
            Moment::Tid(tid) => tid,
            Moment::Micros(micros) => self.database.state_at(micros)?,
        };
        Ok(View::new(self.database.snapshot_at(tid)?, self.database.types().clone()))
    }

    /// The object at a path, as it is now.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn get(&self, path: &str) -> Result<Handle, Error> {
        self.now().get(path)
    }

    /// Changes the site: everything that `work` does is one commit, or nothing happens. Where others changed the same
    /// cells meanwhile, the work is done again over the new state, a few times.
    ///
    /// # Errors
    /// What `work` answers, or why the commit failed.
    pub fn write<T>(
        &self,
        what_for: &str,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Error>,
    ) -> Result<Written<T>, Error> {
        self.write_noted(Note::edit(what_for), work)
    }

    /// The same with everything that a commit can say of itself.
    ///
    /// # Errors
    /// As [`Site::write`].
    pub fn write_noted<T>(
        &self,
        note: Note,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, Error>,
    ) -> Result<Written<T>, Error> {
        let (value, tid) = self.database.write(note, |draft: &mut Draft| work(&mut Tx::over(draft)))?;
        Ok(Written { value, tid })
    }

    /// Sees to it that an object of this type is at this path, with folders on the way. One that is there already
    /// stays as people made it: the attributes are for a new one.
    ///
    /// # Errors
    /// When an object of another type is there, nobody registered the type, or the commit fails.
    pub fn mount<'v>(
        &self,
        path: &str,
        type_name: &str,
        attributes: impl IntoIterator<Item = (&'v str, Value)>,
    ) -> Result<Written<Handle>, Error> {
        let attributes: Vec<(&str, Value)> = attributes.into_iter().collect();
        let written = self.write(&format!("Mounted {type_name} at {path}"), |tx| {
            let type_name = known_type(tx.types(), type_name)?;
            make_folders_above(tx, path)?;
            if tx.exists(path)? {
                require_type(tx, path, &type_name)
            } else {
                add(tx, path, &type_name, &attributes)
            }
        })?;
        Ok(Written { value: self.get(path)?, tid: written.tid })
    }

    /// Takes back commits, whatever was written since, as a new commit. Takes a tid, several, or the `tid` of a
    /// [`Written`]; an undo is undone in the same way.
    ///
    /// # Errors
    /// When later commits stand against it: they are named.
    pub fn undo(&self, of: impl IntoIterator<Item = Tid>) -> Result<Option<Tid>, Error> {
        let of: Vec<Tid> = of.into_iter().collect();
        if of.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = of.iter().map(Tid::to_string).collect();
        let note = Note::edit(format!("Undid {}", names.join(", ")));
        Ok(self.database.undo(&of, &UndoChoices::default(), note)?)
    }

    /// What an undo would do, and what stands against it.
    ///
    /// # Errors
    /// When there is no such commit, or the store cannot be read.
    pub fn undo_preview(&self, of: impl IntoIterator<Item = Tid>) -> Result<UndoPlan, Error> {
        let of: Vec<Tid> = of.into_iter().collect();
        Ok(self.database.undo_preview(&of, &UndoChoices::default())?)
    }

    /// What others had committed meanwhile in objects that a commit took away: a delete succeeds over it, and undoing
    /// the delete brings it back. Empty for nearly every commit.
    ///
    /// # Errors
    /// When there is no such commit, or it is packed.
    pub fn overrun(&self, tid: Tid) -> Result<Overruns, Error> {
        Ok(self.database.overrun(tid)?)
    }

    /// The newest commits, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<CommitRecord>, Error> {
        Ok(self.database.commits(None, limit)?)
    }

    /// The newest commits that wrote the object at a path, newest first.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn history_of(&self, path: &str, limit: usize) -> Result<Vec<CommitRecord>, Error> {
        let oid = self.get(path)?.oid();
        Ok(self.database.commits_of(oid, None, limit)?)
    }

    /// The site as an axum router, to be served or nested elsewhere.
    pub fn router(&self) -> Router {
        let accounts = Some(self.accounts.clone());
        let pages: Vec<Arc<dyn bough_web::pages::Pages>> = vec![Arc::new(bough_admin_ui::AdminUi::default())];
        let tasks = Some(self.tasks.clone());
        bough_web::app(self.database.clone(), Config { accounts, tasks, pages, ..Config::default() })
    }

    /// Serves the site over HTTP on `address`, and sends its mail, until the process ends. For more control take [`Site::router`].
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn serve(&self, address: &str) -> Result<(), Error> {
        let refused = |source| Error::Serve { address: address.to_owned(), source };
        let addresses: Vec<_> = address.to_socket_addrs().map_err(refused)?.collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(refused)?;
        let mail = deliver(&self.database, Arc::new(Smtp));
        let _mail = mail.map_err(|error| refused(std::io::Error::other(error)))?;
        runtime.block_on(async {
            // Ends with the serving.
            let _scheduler = self.tasks.start().map_err(refused)?;
            let listener = tokio::net::TcpListener::bind(&addresses[..]).await.map_err(refused)?;
            bough_web::serve(listener, self.router(), &Config::default().limits, std::future::pending())
                .await;
            Ok(())
        })
    }

    /// Puts everything in order and gives the folder free for others.
    ///
    /// # Errors
    /// When that is not possible; nothing that was committed is lost by that.
    pub fn close(&self) -> Result<(), Error> {
        self.database.close().map_err(Error::Close)
    }
}

fn make_folders_above(tx: &mut Tx<'_>, path: &str) -> Result<(), Error> {
    let path = ObjectPath::parse(path)?;
    let (above, _) = path.split_last().ok_or(Error::Root)?;
    let mut at = ObjectPath::ROOT;
    for name in above.names() {
        at = at.join(name);
        if !tx.exists(&at.to_string())? {
            tx.add(&at.to_string(), "folder")?;
        }
    }
    Ok(())
}

fn require_type(tx: &Tx<'_>, path: &str, expected: &Name) -> Result<(), Error> {
    let path = ObjectPath::parse(path)?;
    let oid = resolve(&***tx, &path)?;
    let object = bough_core::Snapshot::object(&***tx, oid)?;
    match object.as_deref().and_then(bough_core::Object::type_name) {
        Some(found) if found == expected => Ok(()),
        found => {
            let unknown = Name::new("unknown")?;
            let found = found.unwrap_or(&unknown).clone();
            Err(Error::OtherType { path, expected: expected.clone(), found })
        }
    }
}

fn add(tx: &mut Tx<'_>, path: &str, type_name: &Name, attributes: &[(&str, Value)]) -> Result<(), Error> {
    tx.add_with(path, type_name.as_str(), attributes.iter().cloned()).map(|_| ())
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
