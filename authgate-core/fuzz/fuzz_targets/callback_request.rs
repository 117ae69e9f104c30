//! Fuzzes requests to the redirect URI: each part between lines of `---` is one request, and
//! the real one follows.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

use authgate_core::fuzzing::Callback;
use authgate_core::{Result, Secret};
use authgate_core_fuzz::{ISSUER, block_on, fuzz_target};
use invariants::callback::{check_page, check_refusal};

const STATE: &str = "the-state-of-this-login";
const REAL: &[u8] = b"GET /callback?code=real&state=the-state-of-this-login HTTP/1.1\r\nHost: 127.0.0.1:8088\r\n\r\n";

fuzz_target!(|bytes: &[u8]| {
    block_on(async {
        let mut callback = Callback::new(STATE, ISSUER);
        let text = String::from_utf8_lossy(bytes);
        let mut parts = text.split("---\n");
        // Send the parts one by one, then the real request, until one of them ends the login.
        let outcome = loop {
            let Some(part) = parts.next() else {
                break send(&mut callback, REAL).await;
            };
            if let Some(outcome) = send(&mut callback, part.as_bytes()).await {
                assert!(
                    decoded(part).contains(STATE),
                    "only a request with the state ends the login"
                );
                break Some(outcome);
            }
        };
        match outcome.expect("the real response is always accepted") {
            Ok(code) => assert!(
                !code.is_empty()
                    && !code
                        .expose()
                        .contains(|character: char| character.is_control())
            ),
            Err(error) => check_refusal(&error),
        }
        assert!(
            send(&mut callback, REAL).await.is_none(),
            "a login is answered once"
        );
    });
});

async fn send(callback: &mut Callback, request: &[u8]) -> Option<Result<Secret>> {
    let (answer, outcome) = callback.send(request).await;
    let status = check_page(&String::from_utf8_lossy(&answer));
    assert_eq!(
        outcome.is_some(),
        status == 503,
        "the browser that ends the login is shown how it ended"
    );
    outcome
}

/// Decodes the escapes of a URL.
fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| format!("{name}={value}&"))
        .collect()
}
