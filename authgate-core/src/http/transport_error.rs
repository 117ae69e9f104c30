//! Finds out how a connection failed.

use std::io::ErrorKind;

use url::Url;

use super::proxy;
use super::tls::{self, Authorities};
use crate::error::{Cause, Error, TransportFailure, causes};
use crate::text;

/// Creates the error for a request without a whole answer.
pub(super) fn transport_error(
    operation: &'static str,
    url: &Url,
    proxy: Option<String>,
    authorities: Option<&Authorities>,
    error: &reqwest::Error,
) -> Error {
    let (failure, source) = match causes(error).find_map(|cause| cause.downcast_ref()) {
        Some(cause) => tls::explain(cause, error.is_connect(), authorities),
        None => proxy::explain(error)
            .or_else(|| explain_long_head(error))
            .unwrap_or_else(|| (failure_of(error, url), Cause::innermost(error))),
    };
    Error::Transport {
        operation,
        url: text::printable_url(url),
        proxy,
        failure,
        source,
    }
}

/// Explains an answer whose headers are too many or too long for us.
fn explain_long_head(error: &reqwest::Error) -> Option<(TransportFailure, Cause)> {
    // hyper offers a method for this question only with its server.
    let is_too_large =
        |error: &hyper::Error| error.is_parse() && error.to_string().contains("too large");
    any_cause(error, is_too_large).then(|| {
        let cause = Cause::with_advice(
            "its answer has too many or too long headers",
            "The server's operator must make it send fewer",
        );
        (TransportFailure::Broken, cause)
    })
}

fn failure_of(error: &reqwest::Error, url: &Url) -> TransportFailure {
    let refused = any_cause(error, |error: &std::io::Error| {
        error.kind() == ErrorKind::ConnectionRefused
    });
    let not_http = url.scheme() == "http" && any_cause(error, hyper::Error::is_parse);
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => TransportFailure::ConnectTimedOut,
        (true, false) if refused => TransportFailure::Refused,
        (true, false) => TransportFailure::Unreachable,
        (false, true) => TransportFailure::AnswerTimedOut,
        (false, false) if not_http => TransportFailure::NotHttp,
        (false, false) => TransportFailure::Broken,
    }
}

/// Returns whether one of the causes is an `E` for which `is_it` is true.
pub(super) fn any_cause<E: std::error::Error + 'static>(
    error: &reqwest::Error,
    is_it: impl Fn(&E) -> bool,
) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(is_it)
}
