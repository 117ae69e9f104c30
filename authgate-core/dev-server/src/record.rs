//! What a client sent, for a test to look at.

use std::fmt;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{endpoint::Endpoint, parameters::Parameters};

/// One request as it arrived.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The endpoint, if the path is one's.
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: Method,
    /// The path, that of the issuer included.
    pub path: String,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The body's parameters, decoded, in their order, when it is a form.
    pub form: Vec<(String, String)>,
    /// The status of the answer; `None` while there is none, or when a fault sent none.
    pub status: Option<u16>,
    pub(crate) number: usize,
    /// The connection that brought it, counted from 1.
    pub connection: usize,
    /// When its body had arrived, by Tokio's clock.
    pub arrived_at: Instant,
}

impl fmt::Display for RecordedRequest {
    /// The request as one line of a log: `POST /oauth/token 200`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} ", self.method, self.path)?;
        match self.status {
            Some(status) => write!(formatter, "{status}"),
            None => formatter.write_str("(no answer)"),
        }
    }
}

impl RecordedRequest {
    pub(crate) fn new(
        endpoint: Option<Endpoint>,
        parts: &axum::http::request::Parts,
        body: Bytes,
        number: usize,
        connection: usize,
    ) -> Self {
        Self {
            endpoint,
            number,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: Parameters::from_query(&parts.uri).into_pairs(),
            headers: parts.headers.clone(),
            form: Parameters::from_form(&parts.headers, &body).into_pairs(),
            body,
            status: None,
            connection,
            arrived_at: Instant::now(),
        }
    }

    /// The value of a header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first value of a form parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.form, name)
    }

    /// The first value of a query parameter.
    pub fn query_parameter(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
