//! The token file as a JSON document of which only our own part is understood.
//!
//! Other programs keep things in it too, so whatever is not ours stays as the text it was: a
//! document that is parsed into values and written anew would change numbers, escapes and order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::format::quoted;

/// The entries that all clients share: for each client ID a string.
const ENTRIES: &str = "data";

/// What this client keeps beside them: for each client ID an object.
const RECORDS: &str = "authgate-rust";

/// The whole file, over the bytes that were read: what stays as it is is not copied, for there are
/// tokens in it.
pub(super) struct Document<'a>(Object<'a>);

impl<'a> Document<'a> {
    pub(super) fn empty() -> Self {
        Self(Object(Vec::new()))
    }

    /// `None` unless it is an object whose `data`, if any, is an object. An empty file is one that
    /// nobody has written to yet.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.trim_ascii().is_empty() {
            return Some(Self::empty());
        }
        let members = Object::parse(std::str::from_utf8(bytes).ok()?)?;
        // A value that has been read is an object if it begins as one.
        let is_ours = members.get(ENTRIES).is_none_or(|entries| entries.starts_with('{'));
        is_ours.then_some(Self(members))
    }

    /// The text of the client's entry, if it is a string.
    pub(super) fn entry(&self, client_id: &str) -> Option<Zeroizing<String>> {
        let entry = self.part(ENTRIES).get(client_id).map(serde_json::from_str)?;
        entry.ok().map(Zeroizing::new)
    }

    /// The JSON text of the client's record.
    pub(super) fn record(&self, client_id: &str) -> Option<Zeroizing<String>> {
        self.part(RECORDS).get(client_id).map(|record| Zeroizing::new(record.to_owned()))
    }

    pub(super) fn set(&mut self, client_id: &str, entry: &str, record: Option<&str>) {
        self.change(ENTRIES, |entries| entries.set(client_id, quoted(entry).to_string()));
        match record {
            Some(record) => self.change(RECORDS, |records| records.set(client_id, record.to_owned())),
            None => self.remove_record(client_id),
        }
    }

    /// Whether there was anything to remove.
    pub(super) fn remove(&mut self, client_id: &str) -> bool {
        let had_record = self.part(RECORDS).get(client_id).is_some();
        self.remove_record(client_id);
        let had_entry = self.part(ENTRIES).get(client_id).is_some();
        if had_entry {
            self.change(ENTRIES, |entries| entries.remove(client_id));
        }
        had_entry || had_record
    }

    /// Whether the file says no more than none would.
    pub(super) fn is_empty(&self) -> bool {
        self.0.0.iter().all(|member| member.name == ENTRIES) && self.part(ENTRIES).0.is_empty()
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_text(0) + "\n")
    }

    fn part(&self, name: &str) -> Object<'_> {
        self.0.get(name).and_then(Object::parse).unwrap_or_else(|| Object(Vec::new()))
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Object<'_>)) {
        let text = {
            let mut part = self.part(name);
            change(&mut part);
            part.to_text(1)
        };
        self.0.set(name, text);
    }

    fn remove_record(&mut self, client_id: &str) {
        self.change(RECORDS, |records| records.remove(client_id));
        if self.part(RECORDS).0.is_empty() {
            self.0.remove(RECORDS);
        }
    }
}

/// A JSON object whose members are kept as the text they were, in their order.
struct Object<'a>(Vec<Member<'a>>);

struct Member<'a> {
    /// The name with its quotes and escapes.
    key: Cow<'a, str>,
    name: Cow<'a, str>,
    value: Value<'a>,
}

enum Value<'a> {
    Found(&'a str),
    New(Zeroizing<String>),
}

impl Value<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Found(text) => text,
            Self::New(text) => text,
        }
    }
}

impl<'a> Object<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Of two members with one name the last counts, as for Python and jq.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|member| member.name == name).map(|member| member.value.as_str())
    }

    fn set(&mut self, name: &str, value: String) {
        let value = Value::New(Zeroizing::new(value));
        match self.0.iter_mut().rev().find(|member| member.name == name) {
            Some(member) => member.value = value,
            None => self.0.push(Member { key: quoted(name).to_string().into(), name: name.to_owned().into(), value }),
        }
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|member| member.name != name);
    }

    /// Indented by two spaces for each level, as the other clients write it.
    fn to_text(&self, level: usize) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let indent = "  ".repeat(level);
        let members: Vec<String> =
            self.0.iter().map(|member| format!("{indent}  {}: {}", member.key, member.value.as_str())).collect();
        format!("{{\n{}\n{indent}}}", members.join(",\n"))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    let (key, value) = (key.get(), Value::Found(value.get()));
                    members.push(Member { key: key.into(), name: name(key), value });
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The name that a key spells. One that is no text (half a surrogate pair) is nobody's that we know.
fn name(key: &str) -> Cow<'_, str> {
    serde_json::from_str(key)
        .map_or_else(|_| serde_json::from_str(key).map_or(Cow::default(), Cow::Owned), Cow::Borrowed)
}
