//! The seam to mail servers, and the one behind it that speaks SMTP.

use std::time::Duration;

use bough_core::{Object, Value};
use lettre::Transport as _;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::SmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};

use crate::outside::http::is_here;
use crate::outside::secret::secret;

/// How long a mail server may take for each step.
const TIMEOUT: Duration = Duration::from_secs(20);
const PORT: u16 = 587;

/// How the way to a mail server is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// By TLS, which is asked for in clear text first; without it nothing is sent.
    StartTls,
    /// By TLS from the beginning.
    Tls,
    /// Not at all.
    None,
}

impl Security {
    /// The port at which mail servers listen for it.
    fn port(self) -> u16 {
        match self {
            Self::StartTls => PORT,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A mail server, as a mail host describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept private.
    pub security: Security,
    /// Who logs in there, and the variable with the password; none for nobody.
    pub login: Option<(String, String)>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Which server takes it.
    pub server: Server,
    /// From which address.
    pub from: String,
    /// To which.
    pub to: Vec<String>,
    /// The message as it travels.
    pub bytes: Vec<u8>,
}

/// Why a message did not go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SendError {
    /// What the server or the way there said.
    pub reason: String,
    /// Whether the same would be said each time.
    pub is_permanent: bool,
}

/// What takes messages to where they go. Called by one thread; returns when the message is taken or refused.
pub trait Transport: Send + Sync {
    /// Takes a message.
    ///
    /// # Errors
    /// When it was not taken; whether it goes all the same is not known after an error that is not permanent.
    fn send(&self, outgoing: &Outgoing) -> Result<(), SendError>;
}

/// SMTP (RFC 5321), by TLS unless the mail host says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smtp;

impl Server {
    /// Reads a mail host.
    ///
    /// # Errors
    /// A sentence for people, when it does not say enough.
    pub(super) fn of(host: &Object) -> Result<Self, String> {
        let text = |name| host.text(name).map(str::trim).filter(|text| !text.is_empty());
        let server = text("server").ok_or("the mail host names no server")?;
        let port = match host.value("port") {
            None | Some(Value::Null) => PORT,
            Some(Value::Int(port)) => u16::try_from(*port)
                .ok()
                .filter(|port| *port > 0)
                .ok_or("the port of the mail host is none")?,
            Some(_) => return Err("the port of the mail host is no number".into()),
        };
        let security = match text("security") {
            None | Some("starttls") => Security::StartTls,
            Some("tls") => Security::Tls,
            Some("none") => Security::None,
            Some(_) => {
                return Err("the mail host's `security` is none of `starttls`, `tls` and `none`".into());
            }
        };
        let login = match (text("user"), text("password_variable")) {
            (None, None) => None,
            (Some(user), Some(variable)) => Some((user.to_owned(), variable.to_owned())),
            _ => {
                return Err(
                    "the mail host needs both a user and a variable with the password, or neither".into()
                );
            }
        };
        if login.is_some() && security == Security::None && !is_here(server) {
            return Err("the mail host would send its password in clear text".into());
        }
        Ok(Self { host: server.to_owned(), port, security, login })
    }
}

impl Transport for Smtp {
    fn send(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let Server { host, port, security, login } = &outgoing.server;
        let never = |reason: String| SendError { reason, is_permanent: true };
        let later = |reason: String| SendError { reason, is_permanent: false };
        let tls = || TlsParameters::new(host.clone()).map_err(|error| later(error.to_string()));
        let tls = match security {
            Security::StartTls => Tls::Required(tls()?),
            Security::Tls => Tls::Wrapper(tls()?),
            Security::None => Tls::None,
        };
        let mut builder =
            SmtpTransport::builder_dangerous(host.as_str()).port(*port).tls(tls).timeout(Some(TIMEOUT));
        if let Some((user, variable)) = login {
            let password = secret(variable, host, *port, security.port()).map_err(later)?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        let address = |text: &String| text.parse::<Address>().map_err(|error| never(error.to_string()));
        let to = outgoing.to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let envelope = Envelope::new(Some(address(&outgoing.from)?), to);
        let envelope = envelope.map_err(|error| never(error.to_string()))?;
        match builder.build().send_raw(&envelope, &outgoing.bytes) {
            Ok(_) => Ok(()),
            Err(error) => {
                let mut reason = error.to_string();
                // Some errors repeat their cause, some do not.
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                if let Some(cause) = cause.filter(|cause| !reason.contains(cause.as_str())) {
                    reason = format!("{reason}: {cause}");
                }
                Err(SendError { reason, is_permanent: error.is_permanent() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bough_core::object::Cell;
    use bough_core::{CellKey, Content, Name, Oid, Tid};

    use super::*;

    fn host(attributes: &[(&str, Value)]) -> Object {
        let cells = attributes.iter().map(|(name, value)| {
            let key = CellKey::Attribute(Name::new(name).unwrap());
            (key, Cell { tid: Tid::ZERO, content: Content::Value(value.clone()) })
        });
        Object::new(Oid::ROOT, Tid::ZERO, cells.collect())
    }

    #[test]
    fn a_mail_host_uses_tls_unless_it_says_otherwise_and_sends_no_password_without() {
        let server = Server::of(&host(&[("server", "mail.example.org".into())])).unwrap();
        assert_eq!((server.port, server.security, server.login), (587, Security::StartTls, None));
        let login = [("user", "u".into()), ("password_variable", "BOUGH_SECRET_MAIL".into())];
        let with = |more: &[(&str, Value)]| Server::of(&host(&[&login[..], more].concat()));
        assert!(with(&[("server", "mail.example.org".into())]).is_ok());
        assert!(with(&[("server", "localhost".into()), ("security", "none".into())]).is_ok());
        let refused = [
            Server::of(&host(&[])),
            Server::of(&host(&[("server", "h".into()), ("user", "u".into())])),
            Server::of(&host(&[("server", "h".into()), ("security", "whatever".into())])),
            Server::of(&host(&[("server", "h".into()), ("port", Value::Int(0))])),
            Server::of(&host(&[("server", "h".into()), ("port", Value::Int(70_000))])),
            with(&[("server", "mail.example.org".into()), ("security", "none".into())]),
        ];
        for (nth, refused) in refused.into_iter().enumerate() {
            assert!(refused.is_err(), "number {nth} was taken: {refused:?}");
        }
    }
}
