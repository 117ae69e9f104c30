//! Fuzzes the file `.env`.

#![no_main]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| invariants::environment::check(content, folder()));
