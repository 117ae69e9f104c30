//! The token file as a JSON document of which only our own part is understood.
//!
//! Other programs keep things in it too, so whatever is not ours stays as the text it was: a
//! document that is parsed into values and written anew would change numbers, escapes and order.

use zeroize::Zeroizing;

use super::object::{Object, quoted};

/// The entries that all clients share: for each client ID a string.
const ENTRIES: &str = "data";

/// What this client keeps beside them: for each client ID an object.
const RECORDS: &str = "authgate-rust";

/// The whole file, over the bytes that were read: what stays as it is is not copied, for there are
/// tokens in it.
pub(super) struct Document<'a>(Object<'a>);

impl<'a> Document<'a> {
    pub(super) fn empty() -> Self {
        Self(Object::default())
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
