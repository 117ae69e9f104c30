//! Answers a request with a fault.

use std::{
    convert::Infallible,
    fmt::Write as _,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
        response::Parts,
    },
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, channel::Channel};
use hyper::body::Frame;
use serde_json::Value;

use crate::fault::Fault;

/// The connection closes after these bytes, without an HTTP answer.
#[derive(Debug, Default, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct Closed(pub(crate) Bytes);

/// Answers with a fault. `processing` gives the request its usual effect and answer; a fault that does not process
/// the request never polls it.
pub(crate) async fn answer_with_fault(
    fault: Fault,
    processing: impl Future<Output = Response>,
) -> Result<Response, Closed> {
    match fault {
        Fault::Delay(duration) => {
            tokio::time::sleep(duration).await;
            Ok(processing.await)
        }
        Fault::Answer {
            status,
            headers,
            body,
        } => Ok(answer(status, &headers, body)),
        Fault::Members(changes) => {
            let (parts, body) = taken_apart(processing.await).await;
            Ok(respond(
                parts.status,
                parts.headers,
                Body::from(change(body, changes)),
            ))
        }
        Fault::Redirect { status, location } => {
            let headers = [(LOCATION.to_string(), location)];
            Ok(answer(status, &headers, Bytes::new()))
        }
        Fault::Drop => Err(Closed::default()),
        Fault::DropAfter => {
            processing.await;
            Err(Closed::default())
        }
        Fault::Hang => pending().await,
        Fault::HeadersThenSilence => {
            let (parts, _) = taken_apart(processing.await).await;
            Ok(respond(parts.status, parts.headers, Body::new(Silence)))
        }
        Fault::Drip { every, bytes } => {
            let (parts, body) = taken_apart(processing.await).await;
            Ok(respond(
                parts.status,
                parts.headers,
                drip(body, every, bytes),
            ))
        }
        Fault::Endless => {
            let kind = [(CONTENT_TYPE, "application/json")];
            Ok((kind, endless()).into_response())
        }
        Fault::Oversized(length) => {
            let (parts, body) = taken_apart(processing.await).await;
            let mut body = Vec::from(body);
            body.resize(length.max(body.len()), b' ');
            Ok(respond(parts.status, parts.headers, Body::from(body)))
        }
        Fault::Truncated => {
            let (parts, body) = taken_apart(processing.await).await;
            Err(Closed(truncated(parts.status, &parts.headers, &body)))
        }
    }
}

/// Splits an answer into its head and body, and removes the `Content-Length`, because the fault may
/// change the length.
async fn taken_apart(answer: Response) -> (Parts, Bytes) {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let body = body.collect().await.map(Collected::to_bytes);
    (parts, body.unwrap_or_default())
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Builds the answer that a test has described, and leaves out headers that HTTP does not allow.
fn answer(status: u16, headers: &[(String, String)], body: Bytes) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value);
    }
    respond(status, map, Body::from(body))
}

fn change(body: Bytes, changes: Vec<(String, Option<Value>)>) -> Bytes {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(&body) else {
        return body;
    };
    for (name, value) in changes {
        match value {
            Some(value) => object.insert(name, value),
            None => object.shift_remove(&name),
        };
    }
    Value::Object(object).to_string().into()
}

fn truncated(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Bytes {
    let mut answer = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        // Writing to a string cannot fail.
        let _ = write!(
            answer,
            "{name}: {}\r\n",
            String::from_utf8_lossy(value.as_bytes())
        );
    }
    let _ = write!(answer, "content-length: {}\r\n\r\n", body.len() + 100);
    [answer.as_bytes(), body].concat().into()
}

fn drip(body: Bytes, every: Duration, piece: usize) -> Body {
    let (mut sender, receiver) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        for piece in body.chunks(piece.max(1)) {
            if sender
                .send_data(Bytes::copy_from_slice(piece))
                .await
                .is_err()
            {
                return; // the client has closed the connection
            }
            tokio::time::sleep(every).await;
        }
    });
    Body::new(receiver)
}

fn endless() -> Body {
    let (mut sender, receiver) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        let spaces = Bytes::from_static(&[b' '; 8192]);
        while sender.send_data(spaces.clone()).await.is_ok() {}
    });
    Body::new(receiver)
}

/// A body that never sends a byte.
struct Silence;

impl hyper::body::Body for Silence {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
