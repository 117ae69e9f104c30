//! Fuzzes the answers to a device: the codes that it shows to a person, and the token that it polls
//! for.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core_fuzz::{answer_with, block_on, client, fuzz_target};
use invariants::answers::{CLIENT_SECRET, check_device, check_token};

fuzz_target!(|bytes: &[u8]| {
    answer_with(bytes);
    let client = client(CLIENT_SECRET);
    let device = block_on(client.request_device_code(&["profile".to_owned()]));
    check_device(&device);
    if let Ok(device) = device {
        check_token(
            &block_on(client.exchange_device_code(&device)),
            &[CLIENT_SECRET],
        );
    }
});
