//! Requests to the redirect URI without a socket, for fuzzing.

use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::mpsc;

use super::connections::serve_connection;
use super::{CallbackRequest, ExpectedResponse, RequestHandler};
use crate::discovery::Issuer;
use crate::error::Result;
use crate::flow::redirect_uri::RedirectUri;
use crate::secret::Secret;

/// A login that waits for its browser at the default redirect URI.
#[expect(missing_debug_implementations, reason = "a fuzz target shows none")]
pub struct Callback {
    handler: Arc<RequestHandler>,
    requests: mpsc::UnboundedReceiver<CallbackRequest>,
}

impl Callback {
    /// Creates a login that waits for a response with `state` and, if the response names an issuer,
    /// with this one.
    pub fn new(state: &str, issuer: &str) -> Self {
        let expected = ExpectedResponse {
            state: Secret::from(state),
            issuer: Some(Issuer::new(issuer)),
            issuer_required: false,
            redirect_uri: RedirectUri::default(),
            scope: String::new(),
        };
        let (handler, requests) = RequestHandler::new(expected);
        Self {
            handler: Arc::new(handler),
            requests,
        }
    }

    /// Sends `request` on a new connection. Returns the bytes that come back and, unless the login
    /// still waits, the code or the error that ended it. A browser that ends the login gets the
    /// page of a login that was not finished.
    pub async fn send(&mut self, request: &[u8]) -> (Vec<u8>, Option<Result<Secret>>) {
        let (mut browser, server) = duplex(request.len().max(64 * 1024));
        let connection = serve_connection(server, self.handler.clone(), Arc::default());
        let connection = tokio::spawn(connection);
        // The server may close its end before it has read everything.
        let _ = browser.write_all(request).await;
        let mut answer = Vec::new();
        let mut code = None;
        {
            let mut reading = pin!(browser.read_to_end(&mut answer));
            loop {
                tokio::select! {
                    _ = &mut reading => break,
                    Some(request) = self.requests.recv() => {
                        if let CallbackRequest::Response(response) = request {
                            code = Some(response.code);
                        }
                    }
                }
            }
        }
        let _ = connection.await;
        (answer, code)
    }
}
