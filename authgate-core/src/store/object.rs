//! A JSON object of which we understand only some members.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::json::Members;

/// A JSON object that keeps the original text and order of its members.
#[derive(Default)]
pub(super) struct Object(Vec<Member>);

struct Member {
    /// The name with its quotes and escapes.
    key: String,
    /// The name that the key spells. A key that is not valid text (half a surrogate pair) has an
    /// empty name, which is none that we use.
    name: String,
    /// The JSON text of the value, which may contain tokens.
    value: Zeroizing<String>,
}

impl Object {
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the member. If two members have the same name, the last one counts, as in Python and
    /// jq.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|member| member.name == name)
            .map(|member| member.value.as_str())
    }

    /// Returns the member if it is a non-empty string. All clients treat an empty string like a
    /// missing one.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?)
            .ok()
            .filter(|text: &String| !text.is_empty())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|member| member.name.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        let value = Zeroizing::new(value);
        match self.0.iter_mut().rev().find(|member| member.name == name) {
            Some(member) => member.value = value,
            None => self.0.push(Member {
                key: quoted(name).to_string(),
                name: name.to_owned(),
                value,
            }),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|member| member.name != name);
    }

    /// Formats the object with two spaces of indentation per level, as the other clients do.
    pub(super) fn to_text(&self, level: usize) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let indent = "  ".repeat(level);
        let members: Vec<String> = self
            .0
            .iter()
            .map(|member| format!("{indent}  {}: {}", member.key, member.value.as_str()))
            .collect();
        format!("{{\n{}\n{indent}}}", members.join(",\n"))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members(members) = Members::<&RawValue, &RawValue>::deserialize(deserializer)?;
        let member = |(key, value): (&RawValue, &RawValue)| Member {
            key: key.get().to_owned(),
            name: serde_json::from_str(key.get()).unwrap_or_default(),
            value: Zeroizing::new(value.get().to_owned()),
        };
        Ok(Self(members.into_iter().map(member).collect()))
    }
}

/// Returns `text` as a JSON string.
pub(super) fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}
