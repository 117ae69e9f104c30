//! Fuzzes the token file, with anything that other programs have left in it.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::{folder, fuzz_target};

fuzz_target!(|content: &[u8]| invariants::token_file::check(content, folder()));
