//! Faults: wrong answers on request.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::endpoint::Endpoint;

/// A wrong answer. If a variant says *processed*, the request has its usual effect: the code is consumed, the
/// token issued or rotated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The usual answer after a delay, by Tokio's clock. Processed after the delay.
    Delay(Duration),
    /// Another answer. Not processed.
    Answer {
        /// The status code.
        status: u16,
        /// The headers, `Content-Type` included.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// The usual answer, with members of its JSON object set to a value or, with `None`, removed. Processed.
    Members(Vec<(String, Option<Value>)>),
    /// A redirect. Not processed.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// The connection closes without an answer. Not processed.
    Drop,
    /// The connection closes without an answer. Processed, so that only the answer is lost.
    DropAfter,
    /// No answer, and the connection stays open. Not processed.
    Hang,
    /// The status and the headers of the usual answer, but never its body. Processed.
    HeadersThenSilence,
    /// The body of the usual answer in small pieces. Processed.
    Drip {
        /// The pause after each piece, by Tokio's clock.
        every: Duration,
        /// The size of a piece.
        bytes: usize,
    },
    /// 200 and a body of spaces that never ends. Not processed.
    Endless,
    /// The usual answer, padded with spaces to this many bytes. It stays valid JSON, so only a size limit refuses
    /// it. Processed.
    Oversized(usize),
    /// The usual answer with a `Content-Length` that is 100 bytes too large, then the connection closes.
    /// Processed.
    Truncated,
}

impl Fault {
    /// Answers with this status and an empty body.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Answers with this status and JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// Answers with this status, content type and body.
    pub fn body(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// Answers with an OAuth error without a description (RFC 6749 section 5.2).
    pub fn oauth_error(status: u16, error: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": error }))
    }

    /// Adds a header to a [`Fault::Answer`]. Other faults stay as they are.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets one member of the usual JSON answer to this value.
    pub fn set_member(name: &str, value: impl Into<Value>) -> Self {
        Self::Members(vec![(name.to_owned(), Some(value.into()))])
    }

    /// Removes this member from the usual JSON answer.
    pub fn remove_member(name: &str) -> Self {
        Self::Members(vec![(name.to_owned(), None)])
    }
}

/// How often a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// At the next request.
    Once,
    /// At every request, until [`DevServer::clear_faults`](crate::DevServer::clear_faults).
    Always,
}

/// The injected faults. Each request gets the oldest one for its endpoint, so that faults happen in the order in
/// which a test has injected them.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan(Vec<(Endpoint, Fault, Times)>);

impl FaultPlan {
    pub(crate) fn add(&mut self, endpoint: Endpoint, fault: Fault, times: Times) {
        self.0.push((endpoint, fault, times));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn next(&mut self, endpoint: Option<Endpoint>) -> Option<Fault> {
        let position = self.0.iter().position(|(at, ..)| at.covers(endpoint))?;
        match self.0[position] {
            (_, ref fault, Times::Always) => Some(fault.clone()),
            (_, _, Times::Once) => Some(self.0.remove(position).1),
        }
    }
}
