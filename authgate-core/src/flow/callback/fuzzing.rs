//! Visits to the callback address without a socket, for fuzzing.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::mpsc;

use super::{Expected, Gate, Visit, converse};
use crate::discovery::Issuer;
use crate::error::Result;
use crate::flow::redirect_uri::RedirectUri;
use crate::secret::Secret;

/// A login that waits for its browser at the default redirect URI.
#[expect(missing_debug_implementations, reason = "a fuzz target shows none")]
pub struct Callback {
    gate: Arc<Gate>,
    visits: mpsc::Receiver<Visit>,
}

/// The result of a visit.
#[derive(Debug)]
pub struct Visited {
    /// The bytes that the visitor was sent.
    pub answer: Vec<u8>,
    /// The code, or the error that ended the login; `None` if the login still waits.
    pub outcome: Option<Result<Secret>>,
}

impl Callback {
    /// Creates a login that waits for a response with `state` and, if the response names an issuer,
    /// with this one.
    pub fn new(state: &str, issuer: &str) -> Self {
        let (announce, visits) = mpsc::channel(2);
        let expected = Expected {
            state: Secret::from(state),
            issuer: Some(Issuer::new(issuer)),
            issuer_required: false,
        };
        let gate = Gate {
            redirect_uri: RedirectUri::default(),
            expected,
            announce,
            warned: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        };
        Self {
            gate: Arc::new(gate),
            visits,
        }
    }

    /// Sends these bytes on one connection. A visitor that brings an outcome gets the page of a
    /// login that was not finished.
    pub async fn visit(&mut self, bytes: &[u8]) -> Visited {
        let (mut browser, server) = duplex(bytes.len().max(64 * 1024));
        let conversation = tokio::spawn(converse(server, self.gate.clone()));
        // The server may close its end before it has read everything.
        let _ = browser.write_all(bytes).await;
        let mut visited = Visited {
            answer: Vec::new(),
            outcome: None,
        };
        {
            let mut reading = pin!(browser.read_to_end(&mut visited.answer));
            loop {
                tokio::select! {
                    _ = &mut reading => break,
                    Some(visit) = self.visits.recv() => {
                        if let Visit::Answer(arrival) = visit {
                            visited.outcome = Some(arrival.outcome);
                        }
                    }
                }
            }
        }
        let _ = conversation.await;
        visited
    }
}
