//! Visits to the callback address, over real sockets.

use authgate_dev_server::Endpoint;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use url::form_urlencoded::byte_serialize;

use super::cases;
use super::text::hostile;
use crate::invariants::callback::{hold_for_page, hold_for_refusal};
use crate::support::flow::{address, begin_login, log_in, send};

/// A query without the right state.
fn query() -> impl Strategy<Value = String> {
    const PIECES: &[&str] =
        &["code=", "state=", "error=", "iss=", "access_denied", "a", "&", "&", "=", "%", "%00", "+", "wrong"];
    vec(select(PIECES), 0..10).prop_map(|pieces| pieces.concat())
}

/// The beginning of a request that is not the browser's, or of none.
fn request() -> impl Strategy<Value = String> {
    let method = select(&["GET", "HEAD", "POST", "get", "G\0T", ""][..]);
    let target = prop_oneof![
        4 => query().prop_map(|query| format!("/callback?{query}")),
        1 => "[ -~]{0,30}",
        1 => query().prop_map(|query| format!("http://127.0.0.1/callback?{query}")),
    ];
    let version = select(&["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", ""][..]);
    let headers = select(&["Host: {}\r\n", "Host: {}\r\nHost: {}\r\n", "Host: evil.example\r\n", "\0\r\n", ""][..]);
    (method, target, version, headers)
        .prop_map(|(method, target, version, headers)| format!("{method} {target} {version}\r\n{headers}\r\n"))
}

/// cases 75, 76, 83
#[test]
fn nobody_without_the_state_ends_the_wait_and_the_real_one_still_gets_in() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = TestRunner::new(cases(40)).run(&vec(request(), 1..6), |requests| {
        runtime.block_on(async {
            let (server, begun) = begin_login().await;
            let host = address(&begun);
            for request in requests {
                let answer = send(&host, &request.replace("{}", &host)).await;
                let status = hold_for_page(&format!("{}\r\n\r\n{}", answer.head, answer.body));
                assert!(status == 0 || (400..500).contains(&status), "{request}: {status}");
            }
            assert_eq!(server.count(Endpoint::Token), 0);
            log_in(&server, begun).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// cases 77, 78, 80
#[test]
fn whoever_has_the_state_ends_the_login_with_a_code_or_a_harmless_reason() {
    const PARAMETERS: &[&str] = &["error=", "error=access_denied&error_description=", "code=", "code=a&iss=", ""];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = TestRunner::new(cases(40)).run(&(select(PARAMETERS), hostile()), |(parameters, text)| {
        runtime.block_on(async {
            let (server, begun) = begin_login().await;
            let value: String = byte_serialize(text.as_bytes()).collect();
            let answer = begun.come_back_with_state(&format!("{parameters}{value}")).await;
            hold_for_page(&format!("{}\r\n\r\n{}", answer.head, answer.body));
            let error = begun.failure().await;
            if server.count(Endpoint::Token) == 0 {
                hold_for_refusal(&error);
            }
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
