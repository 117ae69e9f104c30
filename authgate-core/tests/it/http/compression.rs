//! Answers that a server or a proxy compresses, which we do not ask for and do not read.

use authgate_core::BearerAuth;
use authgate_dev_server::{Endpoint, Fault};

use crate::support::service::Service;
use crate::support::{discover, lines};

/// The beginning of a file that gzip has compressed.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff";

#[tokio::test]
async fn every_request_asks_for_an_answer_that_is_not_compressed() {
    let service = Service::start().await;
    discover(&service.server).await.unwrap();
    let token = service.tokens.token().await.unwrap();
    service.client.userinfo(&token.access_token).await.unwrap();
    let url = format!("{}/api/things", service.server.url());
    let api = BearerAuth::new(service.tokens.clone());
    api.get(&url).send().await.unwrap();
    let requests = service.server.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert_eq!(request.header("accept-encoding"), Some("identity"));
    }

    let call = api.get(&url).header("Accept-Encoding", "gzip");
    call.send().await.unwrap();
    let call = service.server.requests_at(Endpoint::Api).pop().unwrap();
    assert_eq!(call.header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn an_error_names_the_coding_of_an_answer_that_is_compressed() {
    let service = Service::start().await;
    let gzip = |status| {
        Fault::body(status, "application/json", GZIP).with_header("Content-Encoding", "gzip")
    };
    let plain = Fault::body(400, "text/plain", "no").with_header("Content-Encoding", "identity");
    let errors = service.failures([gzip(200), gzip(400), plain]).await;
    insta::assert_snapshot!(lines(errors), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 200, which is not a JSON object (application/json; a body with Content-Encoding gzip, which we did not ask for)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (application/json; a body with Content-Encoding gzip, which we did not ask for)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (text/plain; a body that begins: no)
    ");
}
