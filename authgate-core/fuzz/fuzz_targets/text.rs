//! Fuzzes text from a server that we show to a person.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    invariants::text::check_body(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        invariants::text::check(text);
    }
});
