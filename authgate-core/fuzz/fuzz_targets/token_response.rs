//! Fuzzes the token endpoint's answers to each grant.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core::{ClientAuthentication, Secret};
use authgate_core_fuzz::{answer_with, block_on, client, fuzz_target};
use invariants::answers::{CLIENT_SECRET, REFRESH_TOKEN, check_token};

fuzz_target!(|bytes: &[u8]| {
    answer_with(bytes);
    let client = client(CLIENT_SECRET);
    let result = block_on(client.client_credentials(&[]));
    check_token(&result, &[CLIENT_SECRET]);
    let result_by_basic = block_on(
        client
            .clone()
            .with_client_authentication(ClientAuthentication::Basic)
            .client_credentials(&[]),
    );
    assert_eq!(result.is_ok(), result_by_basic.is_ok());
    if let Ok(mut token) = result {
        token.refresh_token = Some(Secret::from(REFRESH_TOKEN));
        let refreshed = block_on(client.refresh_token(&token));
        check_token(&refreshed, &[CLIENT_SECRET, REFRESH_TOKEN]);
        assert!(
            refreshed.is_ok_and(|token| token.refresh_token.is_some()),
            "the login goes on"
        );
    }
});
