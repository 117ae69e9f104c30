use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long a test waits for one condition.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Returns when the condition is true; fails the test after [`LIMIT`].
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}
