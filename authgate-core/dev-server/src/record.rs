//! The requests of the clients, recorded for a test.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
};

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

/// We keep this many requests, so that a server that runs for days does not fill the memory.
const REQUEST_LIMIT: usize = 10_000;
/// We keep this many bytes of their bodies: 64 MiB.
const BODIES_LIMIT: usize = 64 << 20;

/// The latest requests in the order of arrival, and the number of all.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    requests: VecDeque<RecordedRequest>,
    /// The number of the first request in `requests`.
    first: usize,
    /// The bytes in the bodies of `requests`.
    in_bodies: usize,
    counts: HashMap<Option<Endpoint>, usize>,
}

impl RequestLog {
    /// Records a request and returns its number.
    pub(crate) fn add(&mut self, endpoint: Option<Endpoint>, parts: &Parts, body: Bytes) -> usize {
        *self.counts.entry(endpoint).or_default() += 1;
        self.in_bodies += body.len();
        self.requests.push_back(RecordedRequest {
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
        while self.requests.len() > REQUEST_LIMIT || self.in_bodies > BODIES_LIMIT {
            self.forget_first();
        }
        self.first + self.requests.len() - 1
    }

    /// Records the status of an answer, unless the request was forgotten meanwhile.
    pub(crate) fn set_status(&mut self, number: usize, status: u16) {
        let position = number.checked_sub(self.first);
        if let Some(request) = position.and_then(|position| self.requests.get_mut(position)) {
            request.status = Some(status);
        }
    }

    /// Returns the latest requests at an endpoint.
    pub(crate) fn at(&self, endpoint: Endpoint) -> impl Iterator<Item = &RecordedRequest> {
        self.requests
            .iter()
            .filter(move |request| endpoint.covers(request.endpoint))
    }

    /// Returns the number of all requests at an endpoint.
    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        let counts = self.counts.iter();
        let covered = counts.filter(|(counted, _)| endpoint.covers(**counted));
        covered.map(|(_, count)| count).sum()
    }

    pub(crate) fn forget(&mut self) {
        while !self.requests.is_empty() {
            self.forget_first();
        }
        self.counts.clear();
    }

    fn forget_first(&mut self) {
        if let Some(request) = self.requests.pop_front() {
            self.first += 1;
            self.in_bodies -= request.body.len();
        }
    }
}
