//! The requests of the clients, recorded for a test.

use std::fmt;

use axum::http::{HeaderMap, Method, request::Parts};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{endpoint::Endpoint, parameters::Parameters};

/// A request as it arrived.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The endpoint, unless the path is unknown.
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: Method,
    /// The path, with the issuer's path.
    pub path: String,
    /// The decoded parameters of the query, in their order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The decoded parameters of a form, in their order.
    pub form: Vec<(String, String)>,
    /// The status of the answer; `None` before the answer, or if a fault sent none.
    pub status: Option<u16>,
    /// When the body had arrived, by Tokio's clock.
    pub arrived_at: Instant,
}

impl RecordedRequest {
    /// Returns the value of a header, if the request has it and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the first value of a form parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for RecordedRequest {
    /// Formats one line, as in a log: `POST /oauth/token 200`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} ", self.method, self.path)?;
        match self.status {
            Some(status) => write!(formatter, "{status}"),
            None => formatter.write_str("(no answer)"),
        }
    }
}

/// The requests in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    requests: Vec<RecordedRequest>,
    forgotten: usize,
}

impl RequestLog {
    /// Records a request and returns its number.
    pub(crate) fn add(&mut self, endpoint: Option<Endpoint>, parts: &Parts, body: Bytes) -> usize {
        self.requests.push(RecordedRequest {
            endpoint,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: Parameters::from_query(&parts.uri).into_pairs(),
            headers: parts.headers.clone(),
            form: Parameters::from_form(&parts.headers, &body).into_pairs(),
            body,
            status: None,
            arrived_at: Instant::now(),
        });
        self.forgotten + self.requests.len() - 1
    }

    /// Records the status of an answer, unless the request was forgotten meanwhile.
    pub(crate) fn set_status(&mut self, number: usize, status: u16) {
        let position = number.checked_sub(self.forgotten);
        if let Some(request) = position.and_then(|position| self.requests.get_mut(position)) {
            request.status = Some(status);
        }
    }

    /// Returns the requests at an endpoint.
    pub(crate) fn at(&self, endpoint: Endpoint) -> impl Iterator<Item = &RecordedRequest> {
        self.requests
            .iter()
            .filter(move |request| endpoint.covers(request.endpoint))
    }

    pub(crate) fn forget(&mut self) {
        self.forgotten += self.requests.len();
        self.requests.clear();
    }
}
