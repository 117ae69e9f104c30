//! Many processes of one service at one server, which limits how often it is asked.

use std::time::Duration;

use crate::support::confidential_client;
use authgate_core::TokenSource;
use authgate_dev_server::{DevServer, Endpoint};
use tokio::time::{Instant, pause, sleep};

const REPLICAS: usize = 50;
const LIFETIME: Duration = Duration::from_secs(3600);
/// Every replica begins to renew after this.
const LAST_MINUTE: Duration = Duration::from_secs(3600 - 60);
/// The server says a second less than it is told.
const BEFORE_EXPIRY: Duration = Duration::from_secs(3600 - 2);

/// By then every window of the rate limit that a renewal may have to wait for is over: 20 tokens a
/// minute for 50 replicas.
const ALL_RENEWED: Duration = Duration::from_secs(4 * 60);

/// case 63
#[tokio::test]
async fn fifty_replicas_behind_a_rate_limit_renew_within_minutes_and_nobody_fails_before_expiry() {
    let server = DevServer::start_with(|settings| settings.access_token_lifetime = LIFETIME).await;
    let client = confidential_client(&server).await.unwrap();
    pause();
    let started = Instant::now();
    let replicas: Vec<_> = (0..REPLICAS).map(|_| TokenSource::builder(client.clone()).build()).collect();
    for replica in &replicas {
        replica.header().await.unwrap();
    }
    server.change(|settings| settings.rate_limits = true);
    sleep(LAST_MINUTE).await;

    let asking = replicas.into_iter().map(|replica| {
        tokio::spawn(async move {
            let mut last = false;
            while started.elapsed() < LIFETIME + ALL_RENEWED {
                let outcome = replica.header().await;
                let is_alive = started.elapsed() < BEFORE_EXPIRY;
                assert!(outcome.is_ok() || !is_alive, "{}", outcome.unwrap_err());
                last = outcome.is_ok();
                sleep(Duration::from_millis(250)).await;
            }
            last
        })
    });
    for replica in asking.collect::<Vec<_>>() {
        assert!(replica.await.unwrap(), "it has recovered");
    }
    let refused = server.requests_at(Endpoint::Token).iter().filter(|request| request.status == Some(429)).count();
    // 30 do not come through in the first minute and 10 in the second; and each may come back a
    // little early, because a window's end is named in whole seconds.
    assert!((1..=2 * (30 + 10)).contains(&refused), "{refused} refused");
}
