//! Fuzzes text from a server that we show to a person.

#![no_main]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    invariants::text::check_body(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        invariants::text::check(text);
    }
});
