//! Limits per address and minute.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use axum::http::Method;

use crate::endpoint::Endpoint;

const MINUTE: Duration = Duration::from_secs(60);

/// The requests of each address at each endpoint that has a limit.
#[derive(Debug, Default)]
pub(crate) struct RateLimits(HashMap<(Endpoint, IpAddr), Window>);

/// The minute that began with the first request.
#[derive(Debug, Clone, Copy)]
struct Window {
    requests: u32,
    ends_at: SystemTime,
}

/// The request is over the limit.
#[derive(Debug)]
pub(crate) struct Exceeded {
    pub(crate) limit: u32,
    pub(crate) ends_at: SystemTime,
}

impl RateLimits {
    /// Counts a request.
    pub(crate) fn check(
        &mut self,
        endpoint: Endpoint,
        method: &Method,
        address: IpAddr,
        now: SystemTime,
    ) -> Result<(), Exceeded> {
        let Some(limit) = limit(endpoint, method) else {
            return Ok(());
        };
        let new = Window {
            requests: 0,
            ends_at: now + MINUTE,
        };
        let window = self.0.entry((endpoint, address)).or_insert(new);
        if window.ends_at <= now {
            *window = new;
        }
        window.requests = window.requests.saturating_add(1);
        if window.requests <= limit {
            Ok(())
        } else {
            Err(Exceeded {
                limit,
                ends_at: window.ends_at,
            })
        }
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
