//! Answers that go wrong, to order.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::endpoint::Endpoint;

/// One way for an answer to go wrong. Where the description says that the request is processed, it
/// has its usual effect: the code is consumed, the token issued or rotated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The usual answer, this much later by Tokio's clock. Processed, after the wait.
    Delay(Duration),
    /// Another answer than the usual one. Not processed.
    Answer {
        /// The status code.
        status: u16,
        /// The headers, `Content-Type` included.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// The usual answer with members of its JSON object set, or removed with `None`. Processed.
    Members(Vec<(String, Option<Value>)>),
    /// A redirect. Not processed.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        location: String,
    },
    /// The connection is closed without an answer. Not processed.
    Drop,
    /// The connection is closed without an answer. Processed: the answer is lost.
    DropAfter,
    /// Nothing comes and the connection stays open. Not processed.
    Hang,
    /// The status and the headers of the usual answer, then nothing more. Processed.
    HeadersThenSilence,
    /// The body of the usual answer in small pieces. Processed.
    Drip {
        /// The pause after each piece, by Tokio's clock.
        every: Duration,
        /// The size of a piece.
        bytes: usize,
    },
    /// 200 and a body of blanks that never ends. Not processed.
    Endless,
    /// The body of the usual answer with as many blanks after it as make it this long: valid, so
    /// that only a limit refuses it. Processed.
    Oversized(usize),
    /// The usual answer, but its `Content-Length` promises 100 bytes more than come before the
    /// connection is closed. Processed.
    Truncated,
}

impl Fault {
    /// An answer with this status and an empty body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// An answer with this status and JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// An answer with this status, content type and body.
    pub fn body(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Answer { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// An OAuth error without a description (RFC 6749 section 5.2).
    pub fn oauth_error(status: u16, error: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": error }))
    }

    /// The same answer with one more header. Only [`Fault::Answer`] has headers of its own: another
    /// fault stays as it is.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The usual JSON answer with one member set to this value.
    pub fn set_member(name: &str, value: impl Into<Value>) -> Self {
        Self::Members(vec![(name.to_owned(), Some(value.into()))])
    }

    /// The usual JSON answer without this member.
    pub fn remove_member(name: &str) -> Self {
        Self::Members(vec![(name.to_owned(), None)])
    }
}

/// How many requests a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The next one.
    Once,
    /// All, until [`DevServer::clear_faults`](crate::DevServer::clear_faults).
    Always,
}

/// The faults to come. At each request the oldest one for its endpoint strikes, so that faults
/// injected one after the other happen one after the other.
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
