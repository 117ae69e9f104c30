//! Finds a client's tokens in a token file that is damaged.
//!
//! A damaged file cannot be parsed as a whole, but its tokens still work, and a logout must revoke
//! them. So look for the client's ID and try to parse what follows it.

use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::object::quoted;
use super::{StoredToken, format};

/// Returns the tokens of the client that can be found in `content`. There may be others.
pub(super) fn tokens(content: &[u8], client_id: &str) -> Vec<StoredToken> {
    let text = decode(content);
    let values = values(&text, client_id);
    let records: Vec<_> = values
        .iter()
        .filter_map(|text| first::<Value>(text))
        .filter(Value::is_object)
        .map(|record| Zeroizing::new(record.to_string()))
        .collect();
    values
        .iter()
        .filter_map(|text| first(text).map(Zeroizing::<String>::new))
        .filter_map(|entry| format::read(&entry, records.iter().map(|record| record.as_str())))
        .collect()
}

/// Decodes UTF-16, which an editor on Windows may have saved, and otherwise UTF-8.
fn decode(content: &[u8]) -> Zeroizing<String> {
    let unit: fn([u8; 2]) -> u16 = match content {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Zeroizing::new(String::from_utf8_lossy(content).into_owned()),
    };
    let (pairs, _) = content.as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(pairs.iter().copied().map(unit).collect());
    Zeroizing::new(String::from_utf16_lossy(&units))
}

/// Returns the text after each member name that is the client's ID.
fn values<'a>(text: &'a str, client_id: &str) -> Vec<&'a str> {
    let name = quoted(client_id).to_string();
    text.match_indices(&name)
        .map(|(start, name)| &text[start + name.len()..])
        .filter_map(|rest| rest.trim_start().strip_prefix(':'))
        .collect()
}

/// Parses the value at the beginning of `text`.
fn first<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .next()?
        .ok()
}
