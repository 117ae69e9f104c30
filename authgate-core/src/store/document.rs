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

/// The whole file, borrowed from the bytes that were read. Unchanged parts are not copied, because
/// they may contain tokens.
pub(super) struct Document<'a>(Object<'a>);

impl<'a> Document<'a> {
    pub(super) fn empty() -> Self {
        Self(Object::default())
    }

    /// Parses the file. Returns `None` unless it is an object whose `data`, if any, is an object.
    /// An empty file counts as an empty document, because no program has written to it yet.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.trim_ascii().is_empty() {
            return Some(Self::empty());
        }
        let members = Object::parse(std::str::from_utf8(bytes).ok()?)?;
        // The value was parsed before, so if it begins like an object, it is one.
        let is_ours = members
            .get(ENTRIES)
            .is_none_or(|entries| entries.starts_with('{'));
        is_ours.then_some(Self(members))
    }

    /// Returns the text of the client's entry, if it is a string.
    pub(super) fn entry(&self, client_id: &str) -> Option<Zeroizing<String>> {
        let entry = self
            .part(ENTRIES)
            .get(client_id)
            .map(serde_json::from_str)?;
        entry.ok().map(Zeroizing::new)
    }

    /// Returns whether the client has an entry of any kind. `null` counts as none.
    pub(super) fn has_entry(&self, client_id: &str) -> bool {
        self.part(ENTRIES)
            .get(client_id)
            .is_some_and(|entry| entry != "null")
    }

    /// Returns the JSON text of the client's record.
    pub(super) fn record(&self, client_id: &str) -> Option<Zeroizing<String>> {
        self.part(RECORDS)
            .get(client_id)
            .map(|record| Zeroizing::new(record.to_owned()))
    }

    pub(super) fn set(&mut self, client_id: &str, entry: &str, record: Option<&str>) {
        self.change(ENTRIES, |entries| {
            entries.set(client_id, quoted(entry).to_string());
        });
        match record {
            Some(record) => {
                self.change(RECORDS, |records| records.set(client_id, record.to_owned()));
            }
            None => self.remove_record(client_id),
        }
    }

    /// Removes the client's entry and record. Returns whether there was anything to remove.
    pub(super) fn remove(&mut self, client_id: &str) -> bool {
        let had_record = self.part(RECORDS).get(client_id).is_some();
        self.remove_record(client_id);
        let had_entry = self.part(ENTRIES).get(client_id).is_some();
        if had_entry {
            self.change(ENTRIES, |entries| entries.remove(client_id));
        }
        had_entry || had_record
    }

    /// Returns whether the document means the same to every client as a missing file.
    pub(super) fn is_empty(&self) -> bool {
        self.0.names().all(|name| name == ENTRIES) && self.part(ENTRIES).is_empty()
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_text(0) + "\n")
    }

    fn part(&self, name: &str) -> Object<'_> {
        self.0.get(name).and_then(Object::parse).unwrap_or_default()
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
        if self.part(RECORDS).is_empty() {
            self.0.remove(RECORDS);
        }
    }
}
