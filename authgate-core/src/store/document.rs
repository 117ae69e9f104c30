//! The token file as a JSON document of which only our own part is understood.
//!
//! Other programs keep things in it too, so whatever is not ours stays as the text it was: a
//! document that is parsed into values and written anew would change numbers, escapes and order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::format::quoted;

/// The entries that all clients share: for each client ID a string.
const ENTRIES: &str = "data";

/// What this client keeps beside them: for each client ID an object.
const RECORDS: &str = "authgate-rust";

/// The whole file.
pub(super) struct Document(Object);

impl Document {
    pub(super) fn empty() -> Self {
        Self(Object(Vec::new()))
    }

    /// `None` unless it is an object whose `data`, if any, is an object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let members = Object::parse(text)?;
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
        let mut entries = self.part(ENTRIES);
        entries.set(client_id, quoted(entry).to_string());
        self.0.set(ENTRIES, entries.to_text(1));
        match record {
            Some(record) => {
                let mut records = self.part(RECORDS);
                records.set(client_id, record.to_owned());
                self.0.set(RECORDS, records.to_text(1));
            }
            None => self.remove_record(client_id),
        }
    }

    /// Whether there was anything to remove.
    pub(super) fn remove(&mut self, client_id: &str) -> bool {
        let had_record = self.part(RECORDS).get(client_id).is_some();
        self.remove_record(client_id);
        let mut entries = self.part(ENTRIES);
        let had_entry = entries.remove(client_id);
        if had_entry {
            self.0.set(ENTRIES, entries.to_text(1));
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

    fn part(&self, name: &str) -> Object {
        self.0.get(name).and_then(Object::parse).unwrap_or_else(|| Object(Vec::new()))
    }

    fn remove_record(&mut self, client_id: &str) {
        let mut records = self.part(RECORDS);
        records.remove(client_id);
        if records.0.is_empty() {
            self.0.remove(RECORDS);
        } else {
            self.0.set(RECORDS, records.to_text(1));
        }
    }
}

/// A JSON object whose members are kept as the text they were, in their order.
struct Object(Vec<Member>);

struct Member {
    /// The name with its quotes and escapes.
    key: String,
    name: String,
    value: Zeroizing<String>,
}

impl Object {
    fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Of two members with one name the last counts, as for Python and jq.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|member| member.name == name).map(|member| member.value.as_str())
    }

    fn set(&mut self, name: &str, value: String) {
        let value = Zeroizing::new(value);
        match self.0.iter_mut().rev().find(|member| member.name == name) {
            Some(member) => member.value = value,
            None => self.0.push(Member { key: quoted(name).to_string(), name: name.to_owned(), value }),
        }
    }

    fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|member| member.name != name);
        self.0.len() < before
    }

    /// Indented by two spaces for each level, as the other clients write it.
    fn to_text(&self, level: usize) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let indent = "  ".repeat(level);
        let members: Vec<String> =
            self.0.iter().map(|member| format!("{indent}  {}: {}", member.key, *member.value)).collect();
        format!("{{\n{}\n{indent}}}", members.join(",\n"))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push(Member {
                        key: key.get().to_owned(),
                        // A name that is no text (half a surrogate pair) is nobody's that we know.
                        name: serde_json::from_str(key.get()).unwrap_or_default(),
                        value: Zeroizing::new(value.get().to_owned()),
                    });
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
