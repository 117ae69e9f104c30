//! Fuzzes a URL that a person has written: the server's, an API's, or the redirect URI.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::fuzz_target;

fuzz_target!(|written: &str| invariants::url::check(written));
