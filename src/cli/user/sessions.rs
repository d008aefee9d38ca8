//! `user sessions`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{Named, account_name};
use crate::cli::asker::{Asker, Wrote};
use crate::cli::failure::{Failure, quoted};
use crate::cli::moment::{local, rfc3339};
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::{Screen, counted};

/// List where a user is logged in, or end sessions
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Sessions {
    #[command(flatten)]
    user: Named,
    /// End this session
    #[arg(long, value_name = "ID")]
    end: Option<String>,
    /// End all sessions
    #[arg(long, conflicts_with = "end")]
    end_all: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Session {
        id: String,
        made: String,
        seen: String,
        address: Option<String>,
        /// What the browser called itself.
        agent: String,
    },
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Sessions {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let user = self.user.find(&site.now(), AccountKind::User)?;
        let (name, accounts) = (account_name(&user), site.accounts());
        if self.end_all {
            let ended = accounts.revoke_sessions(user.oid)? as u64;
            return asker.wrote(None, format!("Ended {} of {name}", counted(ended, "session", "sessions")));
        }
        if let Some(id) = &self.end {
            if accounts.revoke_session(user.oid, id)? {
                return asker.wrote(None, format!("Ended session {id} of {name}"));
            }
            let failure = Failure::not_found(format!("{name} has no session `{id}`"));
            return Err(failure.advise(format!("bough user sessions {}", quoted(&name))));
        }
        let sessions = accounts.sessions(user.oid)?;
        if sessions.is_empty() {
            return asker.send(Reply::Remark(format!("{name} is logged in nowhere")));
        }
        sessions.into_iter().try_for_each(|session| {
            asker.row(&Row::Session {
                id: session.id,
                made: rfc3339(session.made_micros),
                seen: rfc3339(session.seen_micros),
                address: session.address.map(|address| address.to_string()),
                agent: session.agent,
            })
        })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Session { id, made, seen, address, agent } => {
                let (made, seen) = (local(&made), local(&seen));
                let address = address.unwrap_or_else(|| "-".to_owned());
                screen.line(&format!("{id}  since {made}  last used {seen}  from {address}  {agent}"))
            }
            Row::Wrote(wrote) => screen.line(&wrote.sentence),
        }
    }
}
