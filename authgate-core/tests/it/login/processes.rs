//! Two processes that find one expired login, in many rounds.

use std::time::Duration;

use authgate_core::test_util::TokenStore;
use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::{Home, rounds};
use tokio::time::sleep;

use crate::support::logins::{LONG_AGO, login, strict_server};
use crate::support::store_process::{run, start};
use crate::support::stores::{CLIENT, UnderLock, file_in};

/// The rounds mostly wait for locks and servers, so many pairs take as long as one.
const PAIRS: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_refresh_an_expired_login_once() {
    let pairs: Vec<_> = (0..PAIRS)
        .map(|_| tokio::spawn(refresh_repeatedly(rounds(20) / PAIRS)))
        .collect();
    for pair in pairs {
        pair.await.unwrap();
    }
}

async fn refresh_repeatedly(rounds: u64) {
    let server = strict_server().await;
    // Slow down the first refresh, so that it is not over before the second process begins its own.
    server.inject(
        Endpoint::Token,
        Fault::Delay(Duration::from_millis(5)),
        Times::Always,
    );
    let home = Home::new();
    let store = file_in(&home);
    let mut stored = login(&server, LONG_AGO);
    // With CI set, no flow starts.
    let [mut first, mut second] = [(); 2].map(|()| start(run(&home, "no-keyring").with("CI", "1")));
    let log_in = format!("log-in {}", server.url());
    for round in 1..=rounds {
        stored.expires_at = Some(LONG_AGO);
        store.save(CLIENT, &stored).unwrap();
        // In each round, the second process begins at another moment of the first one's refresh.
        let a_little_later = async {
            sleep(Duration::from_millis(round % 10)).await;
            second.ask(&log_in).await
        };
        let answers = tokio::join!(first.ask(&log_in), a_little_later);

        stored = store.load(CLIENT).unwrap().unwrap();
        let expected = stored.access_token.expose().to_owned();
        assert_eq!(answers, (expected.clone(), expected), "round {round}");
        assert_eq!(server.count(Endpoint::Token) as u64, round);
    }
}
