//! Reads response bodies, which may be endless.

use crate::error::{Error, Result};
use crate::http::transport_error::transport_error;
use crate::text;

/// The part of a body that [`read_body`] has read.
#[derive(Debug, Clone)]
pub struct Body {
    /// The bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// Why reading stopped.
    pub end: BodyEnd,
}

/// Why reading a body stopped.
#[derive(Debug, Clone)]
pub enum BodyEnd {
    /// We read the body to its end.
    Complete,
    /// The body is longer than the limit; we did not read the rest.
    Truncated,
    /// The connection was lost on the way; the bytes are those that arrived before.
    Lost(Error),
}

impl Body {
    /// Returns the body for display: line breaks and tabs stay, other control, BiDi and invisible
    /// characters become visible escapes, and bytes that are not UTF-8 become U+FFFD.
    pub fn printable(&self) -> String {
        text::printable_body(&self.bytes)
    }
}

/// Reads at most `limit` bytes of a response's body, as they arrive.
///
/// We neither store bytes past the limit nor wait for them, but give up the connection.
pub async fn read_body(response: reqwest::Response, limit: usize) -> Body {
    read("reading the answer", response, limit).await
}

async fn read(operation: &'static str, mut response: reqwest::Response, limit: usize) -> Body {
    let is_announced_longer = response
        .content_length()
        .is_some_and(|length| length > limit as u64);
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
            Err(error) => {
                break BodyEnd::Lost(transport_error(
                    operation,
                    response.url(),
                    None,
                    None,
                    &error,
                ));
            }
        }
    };
    Body { bytes, end }
}

/// Reads the whole body of a protocol answer; returns `None` if it is larger than 1 MiB.
pub(super) async fn read_whole_body(
    operation: &'static str,
    response: reqwest::Response,
) -> Result<Option<Vec<u8>>> {
    /// No document of the protocol is nearly as large.
    const LIMIT: usize = 1024 * 1024;

    let body = read(operation, response, LIMIT).await;
    match body.end {
        BodyEnd::Complete => Ok(Some(body.bytes)),
        BodyEnd::Truncated => Ok(None),
        BodyEnd::Lost(error) => Err(error),
    }
}
