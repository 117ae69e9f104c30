//! Fuzzes the answers of a server that refuses: the error, the challenge, and how long it asks to
//! wait.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use std::time::{Duration, SystemTime};

use authgate_core::Secret;
use authgate_core::test_util::{Moment, StoredToken};
use authgate_core_fuzz::{answer_with, block_on, client, fuzz_target};
use invariants::answers::{ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, check_error};
use tokio::time::Instant;

/// No attempt begins later than this after the first.
const PATIENCE: Duration = Duration::from_secs(10);

fuzz_target!(|bytes: &[u8]| {
    answer_with(bytes);
    let client = client(CLIENT_SECRET);
    let mut stored = StoredToken::new(Secret::from(ACCESS_TOKEN));
    stored.refresh_token = Some(Secret::from(REFRESH_TOKEN));
    let token = stored.into_token(Moment::after_start(Duration::ZERO), SystemTime::UNIX_EPOCH);
    block_on(async {
        let started = Instant::now();
        let token_info = client.token_info(&token.access_token).await;
        assert!(started.elapsed() <= PATIENCE, "{token_info:?}");
        let started = Instant::now();
        let refreshed = client.refresh_token(&token).await;
        assert!(
            started.elapsed().is_zero(),
            "a refresh is sent once: {refreshed:?}"
        );
        if let Err(error) = token_info {
            check_error(&error, &[ACCESS_TOKEN]);
        }
        if let Err(error) = refreshed {
            check_error(&error, &[CLIENT_SECRET, REFRESH_TOKEN]);
        }
    });
});
