//! One connection. It records each request and answers it, or answers it with a fault.

use std::{error::Error as _, future::poll_fn, net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, header::DATE, request::Parts},
    response::Response,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::{
    answer::{misdirected, too_large, too_many_requests},
    endpoint::Endpoint,
    fault_answer::{Closed, answer_with_fault},
    gate::AuthGate,
    rate_limits::Exceeded,
};

/// The length of the longest body that the server reads: 1 MiB.
const BODY_LIMIT: usize = 1 << 20;

/// The state that the requests of one connection share.
pub(crate) struct Connection {
    gate: Arc<AuthGate>,
    router: Router,
    address: IpAddr,
}

impl Connection {
    pub(crate) fn new(gate: Arc<AuthGate>, router: Router, address: IpAddr) -> Self {
        gate.memory().connections += 1;
        Self {
            gate,
            router,
            address,
        }
    }

    /// Answers requests until either side closes the connection.
    pub(crate) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
        let connection = Arc::new(self);
        let service = service_fn(|request| {
            let connection = Arc::clone(&connection);
            Box::pin(async move { connection.answer(request).await })
        });
        let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // Not `http.await`, which would close the socket before the last bytes of a fault are sent.
        let ended = poll_fn(|context| http.poll_without_shutdown(context)).await;
        let mut stream = http.into_parts().io.into_inner();
        let closed = ended
            .as_ref()
            .err()
            .and_then(|error| error.source()?.downcast_ref::<Closed>());
        if let Some(Closed(bytes)) = closed {
            let _written = stream.write_all(bytes).await;
        }
        let _closed = stream.shutdown().await;
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response, Closed> {
        let (parts, body) = request.into_parts();
        let endpoint = parts
            .uri
            .path()
            .strip_prefix(&self.gate.prefix)
            .and_then(Endpoint::at);
        let body = match self.read(&parts, body).await? {
            Ok(body) => body,
            Err(refusal) => {
                let mut memory = self.gate.memory();
                let number = memory.requests.add(endpoint, &parts, Bytes::new());
                let status = refusal.status().as_u16();
                memory.requests.set_status(number, status);
                return Ok(refusal);
            }
        };
        let (number, fault, barrier) = {
            let mut memory = self.gate.memory();
            let number = memory.requests.add(endpoint, &parts, body.clone());
            let fault = memory.faults.next(endpoint);
            (
                number,
                fault,
                memory
                    .barriers
                    .iter()
                    .find(|barrier| barrier.covers(endpoint))
                    .cloned(),
            )
        };
        if let Some(barrier) = barrier {
            barrier.wait().await;
        }
        let processing = self.process(endpoint, Request::from_parts(parts, Body::from(body)));
        let mut response = match fault {
            Some(fault) => answer_with_fault(fault, processing).await?,
            None => processing.await,
        };
        // hyper would write the system's time, but the server's clock may be ahead of it.
        response
            .headers_mut()
            .entry(DATE)
            .or_insert_with(|| self.gate.clock.http_date());
        self.gate
            .memory()
            .requests
            .set_status(number, response.status().as_u16());
        Ok(response)
    }

    /// Reads the body of a request to this server. Returns the answer if the request is refused before it
    /// has any effect.
    async fn read(&self, parts: &Parts, body: Incoming) -> Result<Result<Bytes, Response>, Closed> {
        if !self.gate.allowed_hosts.allow(parts) {
            return Ok(Err(misdirected()));
        }
        // A length that the client announces is refused before the body is read.
        if body.size_hint().lower() > BODY_LIMIT as u64 {
            return Ok(Err(too_large()));
        }
        match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => Ok(Ok(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Ok(Err(too_large())),
            Err(_) => Err(Closed::default()),
        }
    }

    /// Returns the usual answer.
    async fn process(&self, endpoint: Option<Endpoint>, request: Request) -> Response {
        if let Err(exceeded) = self.check_rate_limit(endpoint, request.method()) {
            return too_many_requests(&exceeded, request.headers());
        }
        match TowerToHyperService::new(self.router.clone())
            .call(request)
            .await
        {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn check_rate_limit(
        &self,
        endpoint: Option<Endpoint>,
        method: &Method,
    ) -> Result<(), Exceeded> {
        let now = self.gate.clock.now();
        let mut memory = self.gate.memory();
        match endpoint {
            Some(endpoint) if memory.settings.rate_limits => {
                memory
                    .rate_limits
                    .check(endpoint, method, self.address, now)
            }
            _ => Ok(()),
        }
    }
}
