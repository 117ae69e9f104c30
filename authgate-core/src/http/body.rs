//! Reading bodies that may have no end.

use crate::error::{Error, Result};
use crate::http::transport_error;
use crate::text;

/// What was read of a body by [`read_body`].
#[derive(Debug, Clone)]
pub struct Body {
    /// The bytes, at most as many as were asked for.
    pub bytes: Vec<u8>,
    /// Why reading stopped.
    pub end: BodyEnd,
}

/// Why reading a body stopped.
#[derive(Debug, Clone)]
pub enum BodyEnd {
    /// The body was read to its end.
    Complete,
    /// The body is longer than was asked for; the rest was not read.
    Truncated,
    /// The connection was lost on the way; the bytes are what came before.
    Lost(Error),
}

impl Body {
    /// The body for people to read: [`text::printable_body`] of its bytes.
    pub fn printable(&self) -> String {
        text::printable_body(&self.bytes)
    }
}

/// Reads at most `limit` bytes of a response's body, as they arrive.
///
/// Bytes past the limit are neither kept nor waited for: the connection is given up instead.
pub async fn read_body(response: reqwest::Response, limit: usize) -> Body {
    read("reading the answer", response, limit).await
}

async fn read(operation: &'static str, mut response: reqwest::Response, limit: usize) -> Body {
    let is_announced_longer = response.content_length().is_some_and(|length| length > limit as u64);
    let mut bytes = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = limit - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room || is_announced_longer && bytes.len() == limit {
                    break BodyEnd::Truncated;
                }
            }
            Ok(None) => break BodyEnd::Complete,
            Err(error) => break BodyEnd::Lost(transport_error(operation, response.url(), None, &error)),
        }
    };
    Body { bytes, end }
}

/// Reads a whole body of the protocol; `None` when it is larger than 1 MiB.
pub(super) async fn read_whole_body(operation: &'static str, response: reqwest::Response) -> Result<Option<Vec<u8>>> {
    /// No document of the protocol comes near it.
    const LIMIT: usize = 1024 * 1024;

    let body = read(operation, response, LIMIT).await;
    match body.end {
        BodyEnd::Complete => Ok(Some(body.bytes)),
        BodyEnd::Truncated => Ok(None),
        BodyEnd::Lost(error) => Err(error),
    }
}
