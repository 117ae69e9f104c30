//! The token file as a JSON document of which we understand only our own part.
//!
//! Other programs store data in it too, so we leave everything else as its original text. If we
//! parsed the document into values and wrote it again, its numbers, escapes and order would change.

use zeroize::Zeroizing;

use super::object::{Object, quoted};

/// The member that all clients share. It has a string for each client ID.
const ENTRIES: &str = "data";

/// The member for this client's own data. It has an object for each client ID.
const RECORDS: &str = "authgate-rust";

/// The whole file.
#[derive(Default)]
pub(super) struct Document {
    /// All members. The two of `entries` and `records` keep their old text until they are written.
    members: Object,
    entries: Object,
    records: Object,
}

impl Document {
    /// Parses the file. Returns `None` unless it is an object whose `data`, if any, is an object.
    /// An empty file counts as an empty document, because no program has written to it yet.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.trim_ascii().is_empty() {
            return Some(Self::default());
        }
        let members = Object::parse(std::str::from_utf8(bytes).ok()?)?;
        let entries = match members.get(ENTRIES) {
            Some(entries) => Object::parse(entries)?,
            None => Object::default(),
        };
        let records = members.get(RECORDS).and_then(Object::parse);
        Some(Self {
            records: records.unwrap_or_default(),
            entries,
            members,
        })
    }

    /// Returns the text of the client's entry, if it is a string.
    pub(super) fn entry(&self, client_id: &str) -> Option<Zeroizing<String>> {
        let entry = serde_json::from_str(self.entries.get(client_id)?);
        entry.ok().map(Zeroizing::new)
    }

    /// Returns whether the client has an entry of any kind. `null` counts as none.
    pub(super) fn has_entry(&self, client_id: &str) -> bool {
        self.entries
            .get(client_id)
            .is_some_and(|entry| entry != "null")
    }

    /// Returns the JSON text of the client's record.
    pub(super) fn record(&self, client_id: &str) -> Option<&str> {
        self.records.get(client_id)
    }

    pub(super) fn set(&mut self, client_id: &str, entry: &str, record: Option<&str>) {
        self.entries.set(client_id, quoted(entry).to_string());
        match record {
            Some(record) => self.records.set(client_id, record.to_owned()),
            None => self.records.remove(client_id),
        }
    }

    /// Removes the client's entry and record. Returns whether there was anything to remove.
    pub(super) fn remove(&mut self, client_id: &str) -> bool {
        let is_found =
            self.entries.get(client_id).is_some() || self.records.get(client_id).is_some();
        self.entries.remove(client_id);
        self.records.remove(client_id);
        is_found
    }

    /// Returns whether the document means the same to every client as a missing file.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.records.is_empty()
            && self
                .members
                .names()
                .all(|name| [ENTRIES, RECORDS].contains(&name))
    }

    pub(super) fn into_text(mut self) -> Zeroizing<String> {
        self.members.set(ENTRIES, self.entries.to_text(1));
        if self.records.is_empty() {
            self.members.remove(RECORDS);
        } else {
            self.members.set(RECORDS, self.records.to_text(1));
        }
        Zeroizing::new(self.members.to_text(0) + "\n")
    }
}
