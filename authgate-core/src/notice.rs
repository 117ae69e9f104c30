//! Lines for the person about what a login does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::text;

/// One line for the person, which is safe to print.
///
/// It says what happened and what to do next. No program decides by it, so it has no other parts
/// than its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(String);

impl Notice {
    /// Makes `line` safe to print and a sentence: an error's text, with which a line may begin, has
    /// neither a capital letter nor a full stop.
    pub(crate) fn new(line: impl AsRef<str>) -> Self {
        let mut line = text::printable(line.as_ref());
        if let Some(first) = line.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if !line.ends_with(['.', '?', ':']) {
            line.push('.');
        }
        Self(line)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The notices of the stores. A terminal may block, so no store waits for one while it holds a
/// lock: it adds its notices here, and the login shows them afterwards.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// All notices of this run, because each is shown only once.
    added: Vec<Notice>,
    taken: usize,
}

impl Notices {
    /// Adds a notice, unless the same one was added before.
    pub(crate) fn add(&self, line: impl AsRef<str>) {
        let notice = Notice::new(line);
        let mut queue = self.queue();
        if !queue.added.contains(&notice) {
            queue.added.push(notice);
        }
    }

    /// Returns whether this notice was added before.
    pub(crate) fn contains(&self, line: impl AsRef<str>) -> bool {
        self.queue().added.contains(&Notice::new(line))
    }

    /// Returns the notices that were added since the last call.
    pub fn take(&self) -> Vec<Notice> {
        let mut queue = self.queue();
        let new = queue.added[queue.taken..].to_vec();
        queue.taken = queue.added.len();
        new
    }

    /// No change can be half done, so the value is still valid if a panic has poisoned the mutex.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
