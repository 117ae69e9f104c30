//! Fuzzes the file `.env`.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::{folder, fuzz_target};

fuzz_target!(|content: &[u8]| invariants::environment::check(content, folder()));
