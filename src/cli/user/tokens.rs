//! `user tokens`.

use bough::{AccountKind, Site};
use serde::{Deserialize, Serialize};

use crate::cli::account::{Named, account_name};
use crate::cli::asker::{Asker, Wrote};
use crate::cli::failure::{Failure, quoted};
use crate::cli::moment::{local, rfc3339};
use crate::cli::protocol::Reply;
use crate::cli::request::{SiteCommand, typed};
use crate::cli::screen::Screen;
use crate::cli::value::paths_in;

/// List a user's API tokens, or take one back
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub(crate) struct Tokens {
    #[command(flatten)]
    user: Named,
    /// Take this token back: from then on it lets nobody in
    #[arg(long, value_name = "ID")]
    revoke: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Token {
        id: String,
        name: String,
        made: String,
        used: Option<String>,
        expires: Option<String>,
        /// The only object in which it does anything.
        within: Option<String>,
        /// The only permissions that it gives.
        permissions: Option<Vec<String>>,
    },
    #[serde(untagged)]
    Wrote(Wrote),
}

impl SiteCommand for Tokens {
    fn execute(&self, site: &Site, asker: &mut dyn Asker) -> Result<(), Failure> {
        let view = site.now();
        let user = self.user.find(&view, AccountKind::User)?;
        let (name, accounts) = (account_name(&user), site.accounts());
        if let Some(id) = &self.revoke {
            if accounts.revoke_token(user.oid, id)? {
                return asker.wrote(None, format!("Took token {id} of {name} back"));
            }
            let failure = Failure::not_found(format!("{name} has no token `{id}`"));
            return Err(failure.advise(format!("bough user tokens {}", quoted(&name))));
        }
        let tokens = accounts.tokens(user.oid)?;
        if tokens.is_empty() {
            return asker.send(Reply::Remark(format!("{name} has no tokens")));
        }
        let paths = paths_in(view.snapshot());
        tokens.into_iter().try_for_each(|token| {
            asker.row(&Row::Token {
                id: token.id,
                name: token.about.name,
                made: rfc3339(token.made_micros),
                used: token.used_micros.map(rfc3339),
                expires: token.about.expires_micros.map(rfc3339),
                within: token.about.subtree.map(&paths),
                permissions: token.about.permissions.map(|only| only.into_iter().collect()),
            })
        })
    }

    fn print(&self, row: serde_json::Value, screen: &mut Screen) -> Result<(), Failure> {
        match typed(row)? {
            Row::Token { id, name, made, used, expires, within, permissions } => {
                let used = used
                    .map_or_else(|| "never used".to_owned(), |used| format!("last used {}", local(&used)));
                let mut line = format!("{id}  {name}  made {}  {used}", local(&made));
                for (what, text) in [
                    ("until", expires.map(|expires| local(&expires))),
                    ("only in", within),
                    ("only", permissions.map(|only| only.join(", "))),
                ] {
                    line.push_str(&text.map_or_else(String::new, |text| format!("  {what} {text}")));
                }
                screen.line(&line)
            }
            Row::Wrote(wrote) => screen.line(&wrote.sentence),
        }
    }
}
