//! Limits per address and minute.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use axum::{
    Json,
    http::{HeaderMap, HeaderName, Method, StatusCode, header::ACCEPT},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{clock::epoch_seconds, endpoint::Endpoint, page, state::AuthGate};

const WINDOW: Duration = Duration::from_secs(60);
const MESSAGE: &str = "Too many requests. Please try again later.";

/// The requests of the minute that began with the first of them.
#[derive(Debug)]
struct Window {
    requests: u32,
    ends_at: SystemTime,
}

#[derive(Debug, Default)]
pub(crate) struct RateLimits(HashMap<(Endpoint, IpAddr), Window>);

impl AuthGate {
    /// The refusal, when this request is one too many.
    pub(crate) fn over_limit(
        &self,
        endpoint: Option<Endpoint>,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Option<Response> {
        let endpoint = endpoint?;
        let limit = limit(endpoint, method)?;
        let mut memory = self.memory();
        if !memory.settings.rate_limits {
            return None;
        }
        let now = self.clock.now();
        let fresh = || Window { requests: 0, ends_at: self.clock.after(WINDOW) };
        let window = memory.rate_limits.0.entry((endpoint, address)).or_insert_with(fresh);
        if window.ends_at <= now {
            *window = fresh();
        }
        window.requests = window.requests.saturating_add(1);
        (window.requests > limit).then(|| refusal(limit, window.ends_at, headers))
    }
}

fn limit(endpoint: Endpoint, method: &Method) -> Option<u32> {
    match endpoint {
        Endpoint::Token | Endpoint::Introspection => Some(20),
        Endpoint::DeviceAuthorization => Some(10),
        Endpoint::Login if method == Method::POST => Some(5),
        _ => None,
    }
}

/// No `Retry-After`: AuthGate sends none.
fn refusal(limit: u32, ends_at: SystemTime, headers: &HeaderMap) -> Response {
    let limits = [
        (HeaderName::from_static("x-ratelimit-limit"), limit.to_string()),
        (HeaderName::from_static("x-ratelimit-remaining"), "0".to_owned()),
        (HeaderName::from_static("x-ratelimit-reset"), epoch_seconds(ends_at).to_string()),
    ];
    let wants_page =
        headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    if wants_page {
        let page = page::error(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded", MESSAGE);
        return (limits, page).into_response();
    }
    let body = json!({ "error": "rate_limit_exceeded", "error_description": MESSAGE });
    (StatusCode::TOO_MANY_REQUESTS, limits, Json(body)).into_response()
}
