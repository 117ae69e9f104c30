//! Many processes of one service at one server, which limits how often it is asked.

use std::time::Duration;

use authgate_core::TokenSource;
use authgate_dev_server::Endpoint;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::service::{HOUR, MINUTE, Service};

const REPLICAS: usize = 50;
/// Every replica refreshes after this.
const LAST_MINUTE: Duration = Duration::from_secs(3600 - 60);
/// The server says a second less than it is told.
const BEFORE_EXPIRY: Duration = Duration::from_secs(3600 - 2);

/// case 63
#[tokio::test]
async fn fifty_replicas_refresh_behind_a_rate_limit() {
    let service = Service::with_lifetime(HOUR).await;
    let started = Instant::now();
    let replica = || TokenSource::builder(service.client.clone()).build();
    let replicas: Vec<_> = std::iter::repeat_with(replica).take(REPLICAS).collect();
    for replica in &replicas {
        replica.header().await.unwrap();
    }
    service.server.change(|settings| settings.rate_limits = true);
    sleep(LAST_MINUTE).await;

    let asking = replicas.into_iter().map(|replica| async move {
        let mut last = false;
        // By then every window of the rate limit that a refresh may have to wait for is over: 20
        // tokens a minute for 50 replicas.
        while started.elapsed() < HOUR + 4 * MINUTE {
            let outcome = replica.header().await;
            let is_alive = started.elapsed() < BEFORE_EXPIRY;
            assert!(outcome.is_ok() || !is_alive, "{}", outcome.unwrap_err());
            last = outcome.is_ok();
            sleep(Duration::from_millis(250)).await;
        }
        last
    });
    let recovered = asking.collect::<JoinSet<_>>().join_all().await;
    assert!(recovered.iter().all(|recovered| *recovered));
    let requests = service.server.requests_at(Endpoint::Token);
    let refused = requests.iter().filter(|request| request.status == Some(429)).count();
    // 30 do not come through in the first minute and 10 in the second; and each may come back a
    // little early, because a window's end is named in whole seconds.
    assert!((1..=2 * (30 + 10)).contains(&refused), "{refused} refused");
}
