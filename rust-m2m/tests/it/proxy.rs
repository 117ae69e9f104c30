use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::Home;
use insta::{allow_duplicates, assert_snapshot};

use crate::support::connect_proxy::ConnectProxy;
use crate::support::{error, service, without_cause};

/// Starts a server whose name cannot be resolved.
async fn server() -> DevServer {
    DevServer::builder()
        .https()
        .issuer_host("auth.example.test")
        .start()
        .await
        .unwrap()
}

async fn server_behind_proxy() -> (DevServer, ConnectProxy, Home) {
    let server = server().await;
    let proxy = ConnectProxy::to(&server).await;
    (server, proxy, Home::new())
}

#[tokio::test]
async fn a_host_that_only_the_proxy_knows_is_reached_through_it() {
    for (variable, scheme) in [
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", ""),
        ("https_proxy", "http://"),
        ("ALL_PROXY", "http://"),
        ("all_proxy", "http://"),
    ] {
        let (server, proxy, home) = server_behind_proxy().await;
        // An empty variable is like one that is not set.
        let ended = service(&home, &server)
            .with("HTTPS_PROXY", "")
            .with(variable, &(scheme.to_owned() + &proxy.place()))
            .end()
            .await;
        assert_eq!(
            (ended.status, ended.stderr.as_str()),
            (Some(0), ""),
            "{variable}"
        );
        let requests = proxy.requests();
        assert!(
            requests[0].starts_with("CONNECT auth.example.test:443 HTTP/1.1\r\n"),
            "{requests:?}"
        );
        assert_eq!(
            (
                requests.len(),
                server.connections(),
                server.count(Endpoint::Any)
            ),
            (1, 1, 3)
        );
    }
}

#[tokio::test]
async fn proxy_credentials_go_to_nobody_but_the_proxy() {
    const CREDENTIALS: &str = "dXNlcjpjYW5hcnlA"; // user:canary@
    let (server, proxy, home) = server_behind_proxy().await;
    let url = format!("http://user:canary%40@{}", proxy.place());
    let ended = service(&home, &server)
        .with("HTTPS_PROXY", &url)
        .end()
        .await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let head = proxy.requests().concat().to_ascii_lowercase();
    assert!(
        head.contains(&format!(
            "proxy-authorization: basic {}",
            CREDENTIALS.to_ascii_lowercase()
        )),
        "{head}"
    );
    for request in server.requests() {
        assert!(request.header("proxy-authorization").is_none());
        let text = format!("{:?}{:?}{}", request.headers, request.body, ended.stdout);
        assert!(
            !text.contains("canary") && !text.contains(CREDENTIALS),
            "{text}"
        );
    }
}

#[tokio::test]
async fn no_proxy_bypasses_the_proxy() {
    let (server, proxy, home) = server_behind_proxy().await;
    for no_proxy in [
        "auth.example.test",
        "auth.example.test:443",
        "example.test",
        ".example.test",
        "*.example.test",
        "*",
    ] {
        let run = service(&home, &server)
            .with("HTTPS_PROXY", &proxy.url())
            .with("NO_PROXY", no_proxy);
        let ended = run.end().await;
        // Only the proxy knows the name.
        ended.fails_with(1, &["cannot reach https://auth.example.test"]);
        assert!(!ended.stderr.contains("through the proxy"), "{ended:?}");
    }
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_credentials() {
    let (server, home) = (server().await, Home::new());
    let mut errors = String::new();
    // A password that is sent again and again may lock the account.
    for (status, requests) in [(403, 3), (407, 1), (502, 3)] {
        let proxy = ConnectProxy::refusing_with(status).await;
        let url = format!("http://user:canary@{}", proxy.place());
        let ended = service(&home, &server)
            .with("HTTPS_PROXY", &url)
            .end()
            .await;
        ended.fails_with(1, &[&proxy.place()]);
        assert_eq!(proxy.requests().len(), requests, "{status}");
        errors += &ended.said();
    }
    assert_snapshot!(errors, @"
    error: discovery: cannot reach https://auth.example.test/.well-known/openid-configuration through the proxy http://127.0.0.1:[port] (tunnel error: unsuccessful). Check the address and the proxy's name and credentials. To bypass the proxy, name this host in NO_PROXY
    error: discovery: cannot reach https://auth.example.test/.well-known/openid-configuration through the proxy http://127.0.0.1:[port] (tunnel error: proxy authorization required). Check the user name and the password in the proxy's URL
    error: discovery: cannot reach https://auth.example.test/.well-known/openid-configuration through the proxy http://127.0.0.1:[port] (tunnel error: unsuccessful). Check the address and the proxy's name and credentials. To bypass the proxy, name this host in NO_PROXY
    ");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_proxy_may_answer_with_long_headers_up_to_a_limit_that_is_told() {
    let (server, home) = (server().await, Home::new());
    let run = |proxy: &ConnectProxy| service(&home, &server).with("HTTPS_PROXY", &proxy.url());
    let proxy = ConnectProxy::with_header(&server, 8000).await;
    assert_eq!(run(&proxy).end().await.status, Some(0));
    let proxy = ConnectProxy::with_header(&server, 12_000).await;
    let ended = run(&proxy).end().await;
    assert_snapshot!(error(&ended), @"error: discovery: cannot reach https://auth.example.test/.well-known/openid-configuration through the proxy http://127.0.0.1:[port] (tunnel error: proxy response headers too long). The proxy's operator must let it answer CONNECT with at most 8 KB of headers. To bypass the proxy, name this host in NO_PROXY");
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn a_cgi_program_ignores_only_the_variable_that_a_request_can_set() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let (server, proxy, home) = server_behind_proxy().await;
        let run = service(&home, &server).with("REQUEST_METHOD", "GET");
        let ended = run.with(variable, &proxy.url()).end().await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(proxy.requests().len(), 1, "{variable}");
    }
    for (variable, is_used) in [("HTTP_PROXY", false), ("http_proxy", true)] {
        let (server, home) = (server().await, Home::new());
        let proxy = ConnectProxy::refusing_with(403).await;
        let run = service(&home, &server)
            .with("AUTHGATE_URL", "http://auth.example.test")
            .with("AUTHGATE_ALLOW_HTTP", "1")
            .with("REQUEST_METHOD", "GET");
        let ended = run.with(variable, &proxy.url()).end().await;
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert_eq!(proxy.requests().is_empty(), !is_used, "{ended:?}");
    }
}

#[tokio::test]
async fn an_absent_proxy_is_named_without_its_credentials() {
    let (server, proxy, home) = server_behind_proxy().await;
    let place = proxy.place();
    proxy.stop().await;
    let ended = service(&home, &server)
        .with("HTTPS_PROXY", &format!("http://user:canary@{place}"))
        .end()
        .await;
    assert_snapshot!(without_cause(&ended), @"error: discovery: cannot reach https://auth.example.test/.well-known/openid-configuration through the proxy http://127.0.0.1:[port] ([cause]). Check that the proxy is running at this address");
    ended.says(&[&place, "onnection refused"]);
}

#[tokio::test]
async fn the_error_about_a_certificate_names_the_proxy() {
    let (server, proxy, home) = server_behind_proxy().await;
    let other = self::server().await;
    let ended = service(&home, &server)
        .trusting(&[&other])
        .with("HTTPS_PROXY", &proxy.url())
        .end()
        .await;
    assert_snapshot!(without_cause(&ended), @"error: discovery: this machine does not trust the certificate of https://auth.example.test/.well-known/openid-configuration through the proxy http://127.0.0.1:[port] ([cause]). If the authority has a new certificate, put that into the file that SSL_CERT_FILE names");
    ended.says(&[&proxy.url()]);
    assert_eq!(server.count(Endpoint::Any), 0);
}

#[tokio::test]
async fn a_proxy_without_tls_is_no_reason_to_give_up_that_of_the_server() {
    let (server, proxy, home) = (server().await, DevServer::start().await, Home::new());
    let ended = service(&home, &server)
        .with("HTTPS_PROXY", &proxy.url().replace("http://", "https://"))
        .end()
        .await;
    assert_snapshot!(without_cause(&ended), @"error: discovery: the server does not use TLS at https://auth.example.test/.well-known/openid-configuration through the proxy https://127.0.0.1:[port] ([cause]). Check the port. Unless the proxy itself uses TLS, begin its URL with http://");
}

#[tokio::test]
async fn an_unusable_proxy_is_an_error_and_not_bypassed() {
    let unusable = [
        "no url",
        "socks5://127.0.0.1:1080",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://user:canary@canary@127.0.0.1:3128",
        // The beginning of these passwords looks like a port.
        "http://user:12#canary@127.0.0.1:3128",
        "http://user:12/canary@127.0.0.1:3128",
        // The HTTP client cannot read these addresses.
        "http://10.0.0.300:3128",
        "squid.1:3128",
        "http://[fe80::1%25eth0]:3128",
    ];
    let (server, home) = (server().await, Home::new());
    for value in unusable {
        for variable in ["HTTPS_PROXY", "all_proxy"] {
            let ended = service(&home, &server).with(variable, value).end().await;
            allow_duplicates! {
                assert_snapshot!(error(&ended).replace(variable, "[variable]"), @"error: [variable] does not name a usable proxy. Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with %40 for an @, %2F for a / and %23 for a # in the password (SOCKS is not supported). To bypass the proxy, name the server in NO_PROXY");
            }
        }
    }
}

#[tokio::test]
async fn an_unusable_proxy_that_is_not_needed_is_ignored() {
    let (server, proxy, home) = server_behind_proxy().await;
    let run = || service(&home, &server).with("ALL_PROXY", "socks5://127.0.0.1:1080");
    let ended = run().with("HTTPS_PROXY", &proxy.url()).end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let ended = run().with("NO_PROXY", "example.test").end().await;
    ended.fails_with(1, &["cannot reach https://auth.example.test"]);
}

#[tokio::test]
async fn loopback_never_takes_a_proxy() {
    let home = Home::new();
    for server in [
        DevServer::start().await,
        DevServer::builder().https().start().await.unwrap(),
    ] {
        let proxy = ConnectProxy::refusing_with(502).await;
        for proxy in [&proxy.url(), "socks5://127.0.0.1:1080"] {
            let run = service(&home, &server)
                .with("HTTP_PROXY", proxy)
                .with("HTTPS_PROXY", proxy);
            let ended = run.with("ALL_PROXY", proxy).end().await;
            assert_eq!(ended.status, Some(0), "{ended:?}");
        }
        assert!(proxy.requests().is_empty());
    }
}
