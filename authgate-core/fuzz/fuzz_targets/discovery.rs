//! Fuzzes the discovery document, read over https and over http.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core::{DiscoveryClient, HttpClient};
use authgate_core_fuzz::{ISSUER, answer_with, block_on, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    answer_with(bytes);
    for issuer in [ISSUER, "http://127.0.0.1:8080"] {
        let discovery =
            DiscoveryClient::new(issuer, HttpClient::default()).expect("a URL that is allowed");
        invariants::answers::check_metadata(&block_on(discovery.fetch()), issuer);
    }
});
