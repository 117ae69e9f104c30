//! Fuzzes the value of `BROWSER`.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::fuzz_target;

fuzz_target!(|variable: &str| invariants::browser_variable::check(variable));
