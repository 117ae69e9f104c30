//! Reads JSON of servers and of other clients leniently, because they differ in how they write a
//! member.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Returns whether a value means the same as a missing member: some servers send `"error": false` with
/// a token.
pub(crate) fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_set) => !is_set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Returns a member of an error answer as text, whatever its type.
pub(crate) fn into_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Finds the members of a JSON object; `None` if the text is no object.
pub(crate) fn members(json: &[u8]) -> Option<Vec<(String, &RawValue)>> {
    let Members(members) = serde_json::from_slice(json).ok()?;
    Some(members)
}

/// Reads the value of a member. One that a [`Value`] cannot hold, such as the number `1e400` or half
/// a surrogate pair, becomes `null`: a description must not hide the error code beside it.
pub(crate) fn value(written: &RawValue) -> Value {
    serde_json::from_str(written.get()).unwrap_or_default()
}

/// The members of a JSON object, in their order. A name may repeat, which `serde_json`'s own map does
/// not report.
pub(crate) struct Members<N, V>(pub(crate) Vec<(N, V)>);

impl<'de, N: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Members<N, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<N, V>(PhantomData<(N, V)>);

impl<'de, N: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<N, V> {
    type Value = Members<N, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// Returns a member of an answer if it is a string and not empty. A member of another type counts
/// as missing, and so does an empty one, because servers write it for a value that they do not have.
pub(crate) fn string<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Reads a number of seconds, which some servers write as a string; `None` if it is negative. Ten
/// years stand for every longer time, so that every sum with it is in range.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    const LONGEST: f64 = 10.0 * 365.0 * 24.0 * 60.0 * 60.0;

    let seconds: f64 = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let seconds = Some(seconds).filter(|seconds| seconds.is_finite())?;
    Duration::try_from_secs_f64(seconds.min(LONGEST)).ok()
}
