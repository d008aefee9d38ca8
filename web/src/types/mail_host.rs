//! Mail hosts: a mail server, and the messages that go there.

use bough_core::name::NameError;
use bough_core::object_type::{
    AttributeSpec, Call, Effect, Guards, Input, MethodError, MethodSpec, ObjectType, Reply, TypeSchema,
};
use bough_core::outside::CHANGE_CONNECTIONS;
use bough_core::{Name, Value};

use super::labelled;
use crate::mail::{MAIL_HOST, MESSAGE, MailError, Message, USE_MAIL_HOSTS, queue};

pub(super) struct MailHost {
    schema: TypeSchema,
}

impl MailHost {
    pub(super) fn new() -> Result<Self, NameError> {
        let security =
            &[("starttls", "TLS, asked for (STARTTLS)"), ("tls", "TLS from the beginning"), ("none", "None")];
        let schema = TypeSchema {
            container: true,
            children: Some(vec![Name::new(MESSAGE)?]),
            attributes: vec![
                labelled("title", "text", "Title")?,
                AttributeSpec::required(labelled("server", "text", "Mail server")?),
                labelled("port", "int", "Port")?.with_default(Value::Int(587)),
                labelled("security", "text", "Encryption")?
                    .with_default("starttls")
                    .asked(Input::Choice(security)),
                AttributeSpec::required(labelled("from", "text", "Address that the mail is from")?),
                labelled("user", "text", "User at the mail server")?,
                labelled(
                    "password_variable",
                    "text",
                    "Variable of the server with the password: BOUGH_SECRET_... = HOST[:PORT] PASSWORD",
                )?,
            ],
            methods: vec![MethodSpec {
                name: Name::new("send")?,
                effect: Effect::Writes,
                permission: USE_MAIL_HOSTS,
            }],
            guards: Guards { view: USE_MAIL_HOSTS, ..Guards::all(CHANGE_CONNECTIONS) },
            ..TypeSchema::new(MAIL_HOST, "Mail host")?
        };
        Ok(Self { schema })
    }
}

impl ObjectType for MailHost {
    fn schema(&self) -> &TypeSchema {
        &self.schema
    }

    /// `send`: queues a message of the arguments `to`, `subject`, `text`, `html` and `reply_to`.
    fn call(&self, method: &Name, call: &mut Call<'_>) -> Result<Reply, MethodError> {
        if method != "send" {
            let type_name = self.schema.name.clone();
            return Err(MethodError::NoSuchMethod { type_name, method: method.to_string() });
        }
        let optional = |call: &Call<'_>, name: &str| match call.arguments.contains_key(name) {
            true => call.text(name).map(str::to_owned),
            false => Ok(String::new()),
        };
        let message = Message {
            to: call.text("to")?.to_owned(),
            subject: call.text("subject")?.to_owned(),
            text: optional(call, "text")?,
            html: optional(call, "html")?,
            reply_to: optional(call, "reply_to")?,
        };
        let host = call.object;
        queue(call.transaction(method)?, host, &message).map_err(|error| match error {
            MailError::Write(error) => MethodError::Write(error),
            MailError::Read(error) => MethodError::Read(error),
            other => MethodError::Refused(other.to_string()),
        })?;
        Ok(Reply::Value(Value::text("The message is queued.")))
    }
}

/// The type of messages.
pub(super) fn message_schema() -> Result<TypeSchema, NameError> {
    Ok(TypeSchema {
        attributes: vec![
            AttributeSpec::required(labelled("to", "text", "To, separated by commas")?),
            labelled("reply_to", "text", "Answers to")?,
            labelled("subject", "text", "Subject")?,
            labelled("text", "text", "Text")?.asked(Input::Lines),
            labelled("html", "text", "The same as HTML")?.asked(Input::Code("html")),
        ],
        guards: Guards::all(USE_MAIL_HOSTS),
        ..TypeSchema::new(MESSAGE, "Message")?
    })
}
