//! One connection: its requests are noted, broken to order, and otherwise answered by the routes.

use std::{
    future::poll_fn,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Body, extract::Request, http::header::DATE, response::Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::{endpoint::Endpoint, record::RecordedRequest, state::AuthGate};

/// What the requests of one connection share.
pub(crate) struct Connection {
    pub(crate) gate: Arc<AuthGate>,
    router: Router,
    number: usize,
    address: IpAddr,
    last_words: Mutex<Option<Bytes>>,
}

/// The connection ends here, without an HTTP answer to the request.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct Closed;

impl Connection {
    pub(crate) fn new(gate: Arc<AuthGate>, router: Router, address: IpAddr) -> Self {
        let number = {
            let mut memory = gate.memory();
            memory.connections += 1;
            memory.connections
        };
        Self { gate, router, number, address, last_words: Mutex::default() }
    }

    /// Answers requests until either side closes the connection.
    pub(crate) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
        let connection = Arc::new(self);
        let service = service_fn(|request| {
            let connection = Arc::clone(&connection);
            Box::pin(async move { connection.answer(request).await })
        });
        let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // Not `http.await`, which would close the socket: a fault may have something left to say.
        // How a connection ended is the client's business, so nobody hears of an error.
        let _ended = poll_fn(|context| http.poll_without_shutdown(context)).await;
        let mut stream = http.into_parts().io.into_inner();
        if let Some(bytes) = connection.take_last_words() {
            let _written = stream.write_all(&bytes).await;
        }
        let _closed = stream.shutdown().await;
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response, Closed> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
        let endpoint = parts.uri.path().strip_prefix(&self.gate.prefix).and_then(Endpoint::at);
        let (number, fault, hold) = {
            let mut memory = self.gate.memory();
            memory.requests_so_far += 1;
            let number = memory.requests_so_far;
            let record = RecordedRequest::new(endpoint, &parts, body.clone(), number, self.number);
            memory.requests.push(record);
            let fault = memory.faults.next(endpoint);
            (number, fault, memory.holds.iter().find(|hold| hold.covers(endpoint)).cloned())
        };
        if let Some(hold) = hold {
            hold.wait().await;
        }
        let request = Request::from_parts(parts, Body::from(body));
        let mut response = match fault {
            Some(fault) => self.answer_with_fault(fault, endpoint, request).await?,
            None => self.process(endpoint, request).await,
        };
        // hyper would name the system's time, which is not this server's after its clock was moved.
        response.headers_mut().entry(DATE).or_insert_with(|| self.gate.clock.http_date());
        // A test may have forgotten the request meanwhile.
        if let Some(record) = self.gate.memory().requests.iter_mut().find(|record| record.number == number) {
            record.status = Some(response.status().as_u16());
        }
        Ok(response)
    }

    /// The usual answer.
    pub(crate) async fn process(&self, endpoint: Option<Endpoint>, request: Request) -> Response {
        let over_limit = self.gate.over_limit(endpoint, request.method(), request.headers(), self.address);
        if let Some(refusal) = over_limit {
            return refusal;
        }
        match TowerToHyperService::new(self.router.clone()).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Ends the connection after these bytes, which need not be HTTP.
    pub(crate) fn close_after(&self, bytes: Bytes) -> Closed {
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        Closed
    }

    fn take_last_words(&self) -> Option<Bytes> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
