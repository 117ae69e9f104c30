//! Fuzzes the value of `BROWSER`.

#![no_main]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|variable: &str| invariants::browser_variable::check(variable));
