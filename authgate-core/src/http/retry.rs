//! Decides when a request is sent again, and how long the pause before it is.

use std::num::IntErrorKind;
use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::Instant;

use super::connections::Connection;
use crate::error::{Error, Result, TransportFailure};

const ATTEMPTS: u32 = 3;
/// A refused connection fails at once, so a third attempt so soon tells us nothing new.
const REFUSED_ATTEMPTS: u32 = 2;
/// No attempt begins later than this after the first, because somebody is waiting. The time in which
/// the first found no connection does not count.
const PATIENCE: Duration = Duration::from_secs(10);
const BASE: Duration = Duration::from_millis(500);
/// AuthGate counts requests by the minute, so coming back sooner is of no use.
const AFTER_TOO_MANY_REQUESTS: Duration = Duration::from_secs(5);
/// We cap the wait that a server asks for at this.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Which failures of a request allow another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The request changes nothing, or sending it twice does no harm.
    Idempotent,
    /// The request uses something up (a refresh token, a code), so we repeat it only if the server
    /// cannot have seen it.
    OnlyUnsent,
    /// We never repeat the request, because the caller will ask again by itself.
    Never,
}

impl Retry {
    pub(super) async fn run<T, F>(
        self,
        operation: &'static str,
        attempt: impl Fn(Connection) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut started = Instant::now();
        // The server may have closed a connection from the pool already, so a request on it may have to
        // be repeated.
        let mut connection = match self {
            Self::Idempotent => Connection::Pooled,
            Self::OnlyUnsent | Self::Never => Connection::New,
        };
        let mut failures = 0;
        loop {
            let error = match attempt(connection).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            failures += 1;
            // Connecting has a limit of its own, which is longer than our patience. There must be
            // time for a second attempt after it.
            if failures == 1 && is_before_sending(&error) {
                started = Instant::now();
            }
            connection = Connection::New;
            match self.pause(&error, failures) {
                Some(pause) if started.elapsed() + pause <= PATIENCE => {
                    tracing::debug!(
                        operation,
                        attempt = failures + 1,
                        wait = pause.as_secs_f64(),
                        %error,
                        "the request failed; sending it again after a pause"
                    );
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Returns the pause before the next attempt; `None` if there is no next attempt.
    fn pause(self, error: &Error, failures: u32) -> Option<Duration> {
        let attempts = match error {
            Error::Transport {
                failure: TransportFailure::Refused,
                ..
            } => REFUSED_ATTEMPTS,
            _ => ATTEMPTS,
        };
        if failures >= attempts || !self.allows(error) {
            return None;
        }
        // Full jitter: clients that failed together must not come back together.
        let backoff = (BASE * 2_u32.pow(failures - 1)).mul_f64(fastrand::f64());
        let least = if error.status() == Some(429) {
            AFTER_TOO_MANY_REQUESTS
        } else {
            Duration::ZERO
        };
        Some(error.retry_after().unwrap_or_default().max(least) + backoff)
    }

    fn allows(self, error: &Error) -> bool {
        match (self, error) {
            (Self::Idempotent, Error::Transport { failure, .. }) => !failure.is_lasting(),
            (Self::OnlyUnsent, Error::Transport { failure, .. }) => {
                is_before_sending(error) && !failure.is_lasting()
            }
            // 408: the server closes an idle connection just as we use it (RFC 9110 section 15.5.9).
            (Self::Idempotent, error) => matches!(error.status(), Some(408 | 429 | 502..=504)),
            (Self::OnlyUnsent | Self::Never, _) => false,
        }
    }
}

fn is_before_sending(error: &Error) -> bool {
    matches!(error, Error::Transport { failure, .. } if failure.is_before_sending())
}

/// Returns how long the server asks us to wait: `Retry-After` in seconds or as a date (RFC 9110
/// section 10.2.3), otherwise, with 429, AuthGate's `X-RateLimit-Reset` in epoch seconds, which
/// many servers send with every answer. We compare dates with the server's own `Date`, so that a
/// wrong local clock does no harm.
pub(super) fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let now = text(&DATE)
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(SystemTime::now);
    let until = |moment: SystemTime| moment.duration_since(now).unwrap_or_default();

    let wait = match text(&RETRY_AFTER) {
        Some(value) => match value.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(LONGEST_WAIT),
            Err(_) => httpdate::parse_http_date(value).ok().map(until),
        },
        None if status != StatusCode::TOO_MANY_REQUESTS => None,
        None => text(&RATE_LIMIT_RESET)
            .and_then(|value| value.parse().ok())
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
            .map(until),
    };
    wait.filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;

    use super::*;
    use crate::error::Cause;

    fn lost(failure: TransportFailure) -> Error {
        let source = Cause::innermost(&io::Error::other("a test"));
        Error::Transport {
            operation: "a test",
            url: String::new(),
            proxy: None,
            failure,
            source,
        }
    }

    fn answered(status: u16) -> Error {
        Error::Response {
            operation: "a test",
            url: String::new(),
            status,
            reason: String::new(),
            retry_after: None,
        }
    }

    /// Returns the connections of a request that fails with `error` after this long each time.
    async fn connections(retry: Retry, error: &Error, after: Duration) -> Vec<Connection> {
        let connections = RefCell::new(Vec::new());
        let outcome: Result<()> = retry
            .run("a test", async |connection| {
                connections.borrow_mut().push(connection);
                tokio::time::sleep(after).await;
                Err(error.clone())
            })
            .await;
        assert!(outcome.is_err());
        connections.into_inner()
    }

    async fn attempts(retry: Retry, error: &Error) -> usize {
        connections(retry, error, Duration::ZERO).await.len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_is_resent_only_where_the_server_cannot_have_seen_it() {
        use TransportFailure::{
            AnswerTimedOut, Broken, Certificate, ConnectTimedOut, Refused, Unreachable,
        };

        for (error, only_unsent, idempotent) in [
            (lost(Refused), 2, 2),
            (lost(Unreachable), 3, 3),
            (lost(ConnectTimedOut), 3, 3),
            (lost(Certificate), 1, 1),
            (lost(AnswerTimedOut), 1, 3),
            (lost(Broken), 1, 3),
            (answered(408), 1, 3),
            (answered(503), 1, 3),
            (answered(500), 1, 1),
            (answered(429), 1, 2),
        ] {
            assert_eq!(
                attempts(Retry::OnlyUnsent, &error).await,
                only_unsent,
                "{error:?}"
            );
            let sent = attempts(Retry::Idempotent, &error).await;
            // Two pauses of at least 5 s do not always fit into the time limit.
            assert!(
                sent == idempotent || error.status() == Some(429) && sent == 3,
                "{error:?}: {sent}"
            );
            assert_eq!(attempts(Retry::Never, &error).await, 1, "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_time_for_another_attempt_after_a_connection_that_took_too_long() {
        use TransportFailure::{AnswerTimedOut, ConnectTimedOut};

        for (failure, seconds, expected) in [
            (ConnectTimedOut, 4, 3),
            (ConnectTimedOut, 15, 2),
            (AnswerTimedOut, 4, 3),
            (AnswerTimedOut, 30, 1),
        ] {
            let after = Duration::from_secs(seconds);
            let connections = connections(Retry::Idempotent, &lost(failure), after).await;
            assert_eq!(connections.len(), expected, "{failure:?} after {after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_request_that_may_be_repeated_takes_a_connection_that_may_be_closed() {
        use Connection::{New, Pooled};

        let refused = lost(TransportFailure::Refused);
        for (retry, expected) in [
            (Retry::Idempotent, vec![Pooled, New]),
            (Retry::OnlyUnsent, vec![New, New]),
            (Retry::Never, vec![New]),
        ] {
            let connections = connections(retry, &refused, Duration::ZERO).await;
            assert_eq!(connections, expected);
        }
    }
}
