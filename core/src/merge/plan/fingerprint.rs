//! Fingerprints: whether a conflict is the one that a person saw.
//!
//! They are kept on disk, so they must not change with the release or the machine: everything goes in as bytes that
//! are spelled out here, each part with its length, into SipHash-2-4 under two fixed keys.

use std::hash::Hasher;

use crate::security::{Roles, Subject};
use crate::value::Value;
use crate::{CellKey, Content, Oid};

/// Takes in what a conflict is about.
#[expect(deprecated, reason = "std promises SipHash-2-4 for this hasher alone")]
pub(super) struct Fingerprint([std::hash::SipHasher; 2]);

impl Fingerprint {
    #[expect(deprecated, reason = "std promises SipHash-2-4 for this hasher alone")]
    pub(super) fn new() -> Self {
        Self([1, 2].map(|key| std::hash::SipHasher::new_with_keys(key, 0)))
    }

    pub(super) fn finish(&self) -> u128 {
        let [high, low] = &self.0;
        u128::from(high.finish()) << 64 | u128::from(low.finish())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for half in &mut self.0 {
            half.write(&(bytes.len() as u64).to_le_bytes());
            half.write(bytes);
        }
        self
    }

    pub(super) fn oid(&mut self, oid: Oid) -> &mut Self {
        self.bytes(&oid.to_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn cell(&mut self, key: &CellKey) -> &mut Self {
        match key {
            CellKey::Type => self.text("type"),
            CellKey::Place => self.text("place"),
            CellKey::Owner => self.text("owner"),
            CellKey::ProxyRoles => self.text("proxy roles"),
            CellKey::Permission(name) => self.text("permission").text(name.as_str()),
            CellKey::LocalRoles(Subject::Principal(oid)) => self.text("roles of").oid(*oid),
            CellKey::LocalRoles(Subject::Name(name)) => self.text("roles of name").text(name.as_str()),
            CellKey::Attribute(name) => self.text("attribute").text(name.as_str()),
        }
    }

    fn roles(&mut self, roles: &Roles) -> &mut Self {
        roles.iter().fold(self.number(roles.len() as u64), |print, role| print.text(role.as_str()))
    }

    pub(super) fn content(&mut self, content: Option<&Content>) -> &mut Self {
        match content {
            None => self.text("absent"),
            Some(Content::Type(name)) => self.text("type").text(name.as_str()),
            Some(Content::Place(place)) => {
                self.text("place").oid(place.parent).text(place.name.as_str()).text(place.order.as_str())
            }
            Some(Content::Value(value)) => self.text("value").value(value),
            Some(Content::Large(large)) => self.text("large").bytes(&large.digest.0),
            Some(Content::Owner(oid)) => self.text("owner").oid(*oid),
            Some(Content::Roles(roles)) => self.text("roles").roles(roles),
            Some(Content::Setting(setting)) => {
                self.text("setting").number(u64::from(setting.acquire)).roles(&setting.roles)
            }
        }
    }

    fn value(&mut self, value: &Value) -> &mut Self {
        self.text(value.kind());
        match value {
            Value::Null | Value::Block => self,
            Value::Bool(truth) => self.number(u64::from(*truth)),
            Value::Int(number) | Value::Time(number) | Value::Counter(number) => {
                self.number(number.cast_unsigned())
            }
            Value::Float(number) => self.number(number.to_bits()),
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::Reference(oid) => self.oid(*oid),
            Value::Blob(blob) => self.bytes(&blob.digest.0).number(blob.bytes),
            Value::List(items) => {
                items.iter().fold(self.number(items.len() as u64), |print, item| print.value(item))
            }
            Value::Set(items) => {
                items.iter().fold(self.number(items.len() as u64), |print, item| print.value(item))
            }
            Value::Map(map) => map
                .iter()
                .fold(self.number(map.len() as u64), |print, (key, item)| print.text(key).value(item)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    /// A change here makes people settle their conflicts again.
    #[test]
    fn a_fingerprint_is_the_same_in_every_release() {
        let mut print = Fingerprint::new();
        print.oid(Oid::from_u128(1)).cell(&CellKey::Attribute(name("title")));
        print.content(Some(&Content::Value(Value::List(vec!["a".into(), Value::Int(-1)])))).content(None);
        assert_eq!(format!("{:x}", print.finish()), "667f018954848fb1ce37de5be2af533f");
    }
}
