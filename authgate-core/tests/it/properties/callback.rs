//! Requests to the redirect URI, over real sockets.

use authgate_dev_server::Endpoint;
use authgate_test_support::http::{converse, request as request_for};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::net::TcpStream;
use url::form_urlencoded::byte_serialize;

use super::text::hostile;
use super::{for_any, runtime};
use crate::invariants::callback::{check_page, check_refusal};
use crate::support::flow::{begin_login, log_in};

/// Generates a query without the right state.
fn query() -> impl Strategy<Value = String> {
    const PIECES: &str =
        "code= state= error= iss= access_denied a & & &state= &state=a = % %00 + wrong";
    vec(select(PIECES.split(' ').collect::<Vec<_>>()), 0..10).prop_map(|pieces| pieces.concat())
}

/// Generates the beginning of a request that is not the browser's, or of other bytes. Many parts
/// are as a browser writes them, so that the server compares the state.
fn request() -> impl Strategy<Value = String> {
    const RIGHT: &str = "Host: {}\r\n";
    const HEADERS: &[&str] = &[
        RIGHT,
        RIGHT,
        RIGHT,
        "Host: {}\r\nHost: {}\r\n",
        "Host: evil.example\r\n",
        "\0\r\n",
        "",
    ];
    let method = select(&["GET", "GET", "GET", "HEAD", "POST", "get", "G\0T", ""][..]);
    let target = prop_oneof![
        4 => query().prop_map(|query| format!("/callback?{query}")),
        1 => "[ -~]{0,30}",
        1 => query().prop_map(|query| format!("http://127.0.0.1/callback?{query}")),
    ];
    let version = select(
        &[
            "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "",
        ][..],
    );
    let headers = select(HEADERS);
    (method, target, version, headers).prop_map(|(method, target, version, headers)| {
        format!("{method} {target} {version}\r\n{headers}\r\n")
    })
}

#[test]
fn no_request_without_the_state_ends_the_wait() {
    let runtime = runtime();
    for_any(40, vec(request(), 1..6), |requests| {
        runtime.block_on(async {
            let (server, mut begun) = begin_login().await;
            let host = begun.address();
            for request in requests {
                let stream = TcpStream::connect(&host).await.unwrap();
                let status = check_page(&converse(stream, &request.replace("{}", &host)).await);
                assert!(
                    status == 0 || (400..500).contains(&status),
                    "{request}: {status}"
                );
            }
            assert_eq!(server.count(Endpoint::Token), 0);
            log_in(&server, &mut begun).await;
        });
    });
}

#[test]
fn a_callback_with_the_state_ends_in_a_code_or_a_harmless_error() {
    const PARAMETERS: &[&str] = &[
        "error=",
        "error=access_denied&error_description=",
        "code=",
        "code=a&iss=",
        "",
    ];
    let runtime = runtime();
    for_any(40, (select(PARAMETERS), hostile()), |(parameters, text)| {
        runtime.block_on(async {
            let (server, mut begun) = begin_login().await;
            let value: String = byte_serialize(text.as_bytes()).collect();
            let url = format!(
                "{}?state={}&{parameters}{value}",
                begun.redirect_uri,
                begun.state()
            );
            let stream = TcpStream::connect(begun.address()).await.unwrap();
            check_page(&converse(stream, &request_for("GET", &url, &[], "")).await);
            let error = begun.failure().await;
            if server.count(Endpoint::Token) == 0 {
                check_refusal(&error);
            }
        });
    });
}
