//! Fuzzes a server's descriptions of a token: userinfo, tokeninfo, introspection.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core::Secret;
use authgate_core_fuzz::{answer_with, block_on, client, fuzz_target};
use invariants::answers::{ACCESS_TOKEN, CLIENT_SECRET, check_error, check_introspection};

fuzz_target!(|bytes: &[u8]| {
    answer_with(bytes);
    let (client, token) = (client(CLIENT_SECRET), Secret::from(ACCESS_TOKEN));
    let user_info = block_on(client.userinfo(&token));
    let token_info = block_on(client.token_info(&token));
    let introspection = block_on(client.introspect(&token));
    assert_eq!(user_info.is_ok(), token_info.is_ok());
    for error in [user_info.err(), token_info.err()].into_iter().flatten() {
        check_error(&error, &[ACCESS_TOKEN]);
    }
    check_introspection(&introspection);
});
