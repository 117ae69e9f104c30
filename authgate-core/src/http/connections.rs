//! The connections that requests go out on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};

use reqwest::Client;
use tokio::runtime::{self, Handle};

use super::transport_error::any_cause;
use crate::error::Result;

/// A program may start a runtime for each call, and the pools of those that have ended must not fill
/// the memory.
const MOST_RUNTIMES: usize = 64;

/// The connection that a request goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// One from the pool, or a new one if there is none. The server may have closed one from the
    /// pool without our knowing it yet, so this is for requests that may be repeated.
    Pooled,
    /// A new one, which we close after the answer.
    New,
}

/// A pool of connections for each tokio runtime.
///
/// A task of the runtime that opened a connection reads from it and writes to it. That task stops
/// when its runtime ends or when no thread polls it, so a request from another runtime would wait in
/// vain for an answer.
#[derive(Default)]
pub(super) struct Pools(Mutex<VecDeque<(runtime::Id, Client)>>);

impl Pools {
    /// Returns the current runtime's client, whose clones share their connections.
    pub(super) fn current(&self, build: impl FnOnce() -> Result<Client>) -> Result<Client> {
        let current = Handle::current().id();
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = pools.iter().find(|(runtime, _)| *runtime == current) {
            return Ok(client.clone());
        }
        let client = build()?;
        if pools.len() == MOST_RUNTIMES {
            pools.pop_front();
        }
        pools.push_back((current, client.clone()));
        Ok(client)
    }
}

tokio::task_local! {
    /// Whether a connection was opened for the request that this task is sending.
    static OPENED: Cell<bool>;
}

/// Sends a request, and returns whether a connection was opened for it.
pub(super) async fn observe<T>(request: impl Future<Output = T>) -> (T, bool) {
    let observed = async {
        let outcome = request.await;
        (outcome, OPENED.with(Cell::get))
    };
    OPENED.scope(Cell::new(false), observed).await
}

/// Opens a connection, and records it for [`observe`]. If the request takes another connection from
/// the pool meanwhile, this goes on in a task of its own and records nothing.
pub(super) async fn recorded<F: Future>(connecting: F) -> F::Output {
    let connection = connecting.await;
    let _ = OPENED.try_with(|opened| opened.set(true));
    connection
}

/// Returns whether the connection ended before the head of an answer arrived.
pub(super) fn has_died(error: &reqwest::Error) -> bool {
    any_cause(error, hyper::Error::is_incomplete_message)
        || any_cause(error, |error: &io::Error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
            )
        })
}
